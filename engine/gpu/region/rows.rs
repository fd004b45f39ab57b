//! Kernels with reductions along rows: a thread a row, or a workgroup a row where rows are long or few.

use super::emit::Emitter;
use super::functions::{head, library};
use super::index::{Index, Level, broadcast, size};
use super::{entry, indented};
use crate::error::Result;
use crate::gpu::shader::{Grid, Shader};
use crate::graph::{NodeId, Op, Reduction};
use crate::schedule::{Kernel, Program, Store};
use crate::tensor::{Dim, Shape};

/// The most terms that one running sum takes.
pub const BLOCK: usize = 512;

/// Rows that keep a GPU busy with a thread each.
const MANY_ROWS: usize = 16_384;

/// How threads share the rows.
#[derive(Clone, Copy)]
struct Plan {
    rows: Dim,
    columns: Dim,
    /// Threads of a workgroup.
    workgroup: usize,
    /// Threads that share a row: 1, or the workgroup.
    lanes: usize,
    /// Whether a thread's sum of a row has more terms than a block.
    blocks: bool,
}

impl Plan {
    fn new(program: &Program, rows: Dim, columns: Dim) -> Self {
        let (most_rows, most_columns) = (rows.at(program.max_batch), columns.at(program.max_batch));
        let software = program.target.is_software();
        let alone = most_columns <= 64 || most_rows >= if software { 256 } else { MANY_ROWS };
        let workgroup = if alone || most_columns <= 256 { 64 } else { 256 };
        let lanes = if alone { 1 } else { workgroup };
        Self { rows, columns, workgroup, lanes, blocks: most_columns > BLOCK * lanes }
    }

    /// Repeats `body` for every column of this thread, as `column`, with `i` the element.
    fn sweep(&self, body: &[String], blocks: &[(String, String)]) -> Vec<String> {
        let (columns, lanes) = (size(self.columns), self.lanes);
        let first = if lanes == 1 { "0u".to_string() } else { "lane".into() };
        let mut inner = vec![format!("let i = row * {columns} + column;")];
        inner.extend_from_slice(body);
        let inner = inner.into_iter().map(|line| format!("    {line}"));
        if !self.blocks || blocks.is_empty() {
            let head = format!("for (var column = {first}; column < {columns}; column += {lanes}u) {{");
            return std::iter::once(head).chain(inner).chain(["}".to_string()]).collect();
        }
        let step = BLOCK * lanes;
        let mut lines = vec![format!("for (var start = 0u; start < {columns}; start += {step}u) {{")];
        lines.extend(blocks.iter().map(|(block, _)| format!("    var {block} = 0.0;")));
        lines.push(format!("    let end = min(start + {step}u, {columns});"));
        lines.push(format!("    for (var column = start + {first}; column < end; column += {lanes}u) {{"));
        lines.extend(inner.map(|line| format!("    {line}")));
        lines.push("    }".into());
        lines.extend(blocks.iter().map(|(block, total)| format!("    {total} += {block};")));
        lines.push("}".into());
        lines
    }
}

/// The shader of a region with reductions along `rows` rows of `columns` elements.
///
/// # Errors
/// If the region reads or writes more buffers than adapters allow, or a value that is in none.
pub fn rows(program: &Program, kernel: &Kernel, rows: Dim, columns: Dim) -> Result<Shader> {
    let plan = Plan::new(program, rows, columns);
    let mut emitter = Emitter::new(program, &kernel.region, 1);
    emitter.row = Some(broadcast(&Shape(vec![rows, Dim::fixed(1)]), &Shape(vec![rows, columns])));
    let mut lines = start(&plan);
    for stage in stages(program, kernel) {
        reduce_stage(&mut emitter, &plan, &stage, &mut lines)?;
    }
    store_stage(&mut emitter, &plan, &kernel.region.stores, &mut lines)?;
    emitter.check_bindings(&kernel.name, 0)?;

    let body = indented(&lines, 1);
    let shared = joins(&body, plan.workgroup);
    let threads = if plan.lanes == 1 { "a thread" } else { "a workgroup" };
    let comment = format!("{}: {rows} rows of {columns}, {threads} a row.", kernel.name);
    let wgsl = format!(
        "{}{}\n{}{shared}{}",
        head(&comment),
        emitter.bindings.declarations(0, 1),
        library(&format!("{body}{shared}"), 1),
        entry(plan.workgroup, &body)
    );
    let grid = Grid::Linear { count: rows, each: plan.workgroup / plan.lanes };
    Ok(Shader { name: kernel.name.clone(), wgsl, bindings: emitter.bindings.numbered(0, 1), grid })
}

fn start(plan: &Plan) -> Vec<String> {
    let row = match plan.lanes {
        1 => format!("let row = group_index * {}u + lane;", plan.workgroup),
        _ => "let row = group_index;".into(),
    };
    vec![row, format!("if (row >= {}) {{ return; }}", size(plan.rows))]
}

/// The reductions of the region, those first that need no other.
fn stages(program: &Program, kernel: &Kernel) -> Vec<Vec<NodeId>> {
    let mut depth = vec![0; program.graph.nodes.len()];
    let mut stages: Vec<Vec<NodeId>> = Vec::new();
    for &id in &kernel.region.nodes {
        let node = program.graph.node(id);
        // A reshape of what is computed here is no node of the region.
        let before = node.inputs.iter().map(|&n| depth[program.storage(n).0]).max().unwrap_or(0);
        depth[id.0] = before;
        if matches!(node.op, Op::Reduce { .. } | Op::ArgMax { .. }) {
            depth[id.0] = before + 1;
            stages.resize(stages.len().max(before + 1), Vec::new());
            stages[before].push(id);
        }
    }
    stages
}

/// One sweep over the row for the reductions `stage`, whose results every thread of the row knows after.
fn reduce_stage(
    emitter: &mut Emitter<'_>,
    plan: &Plan,
    stage: &[NodeId],
    lines: &mut Vec<String>,
) -> Result<()> {
    let index = Index::new("i", Level::Element, false);
    let mut blocks = Vec::new();
    let mut joined = Vec::new();
    let mut declared = Vec::new();
    for &id in stage {
        let node = emitter.node(id);
        let value = emitter.value(node.inputs[0], &index)?;
        let number = emitter.fresh();
        let total = format!("total_{number}");
        let (name, join) = (format!("r{number}"), join_name(&node.op));
        match &node.op {
            Op::ArgMax { .. } => {
                declared.push(format!("var {total} = Best(real_from(0xff800000u), 0u);"));
                emitter.line(
                    Level::Element,
                    format!("if ({value} > {total}.value) {{ {total} = Best({value}, column); }}"),
                );
            }
            Op::Reduce { kind: Reduction::Sum, .. } if plan.blocks => {
                let block = format!("block_{number}");
                declared.push(format!("var {total} = 0.0;"));
                emitter.line(Level::Element, format!("{block} += {value};"));
                blocks.push((block, total.clone()));
            }
            Op::Reduce { kind, .. } => {
                declared.push(format!("var {total} = {};", neutral(*kind)));
                emitter.line(Level::Element, accumulate(*kind, &total, &value));
            }
            _ => continue,
        }
        let result = if plan.lanes == 1 { total } else { format!("{join}(lane, {total})") };
        let field = if matches!(node.op, Op::ArgMax { .. }) { ".index" } else { "" };
        joined.push(format!("let {name} = {result}{field};"));
        emitter.given.insert(id, name);
    }
    let body = emitter.take(Level::Element);
    lines.extend(emitter.take(Level::Row));
    lines.extend(declared);
    lines.extend(plan.sweep(&body, &blocks));
    lines.extend(joined);
    Ok(())
}

/// The sweep that writes what has an element a column, then what has one a row, then single values.
fn store_stage(
    emitter: &mut Emitter<'_>,
    plan: &Plan,
    stores: &[Store],
    lines: &mut Vec<String>,
) -> Result<()> {
    let full = super::index::times(plan.rows, plan.columns);
    let element = Index::new("i", Level::Element, false);
    let row = Index::new("row", Level::Row, false);
    // Of a row of one column either may be meant: they are the same element.
    let (wide, narrow): (Vec<&Store>, Vec<&Store>) =
        stores.iter().partition(|s| emitter.count_of(s.node) == full && full != plan.rows);
    let mut values = Vec::new();
    for store in &wide {
        values.push(emitter.value(store.node, &element)?);
    }
    for (store, value) in wide.iter().zip(values) {
        let text = emitter.store(store, &element, &value)?;
        emitter.line(Level::Element, text);
    }
    let mut ends = Vec::new();
    for store in narrow {
        let single = emitter.count_of(store.node).is_one() && !plan.rows.is_one();
        let index = if single { Index::zero() } else { row.clone() };
        let value = emitter.value(store.node, &index)?;
        let text = emitter.store(store, &index, &value)?;
        ends.push(if single { format!("if (row == 0u) {{ {text} }}") } else { text });
    }
    let body = emitter.take(Level::Element);
    lines.extend(emitter.take(Level::Row));
    if !wide.is_empty() {
        lines.extend(plan.sweep(&body, &[]));
    }
    if plan.lanes > 1 && !ends.is_empty() {
        ends = vec!["if (lane == 0u) {".into(), indented(&ends, 1).trim_end().to_string(), "}".into()];
    }
    lines.extend(ends);
    Ok(())
}

/// What a reduction of nothing gives.
pub fn neutral(kind: Reduction) -> &'static str {
    match kind {
        Reduction::Sum => "0.0",
        Reduction::Max => "real_from(0xff800000u)",
        Reduction::Min => "real_from(0x7f800000u)",
    }
}

/// The statement that joins `value` to `total`.
pub fn accumulate(kind: Reduction, total: &str, value: &str) -> String {
    match kind {
        Reduction::Sum => format!("{total} += {value};"),
        Reduction::Max => format!("{total} = maximum({total}, {value});"),
        Reduction::Min => format!("{total} = minimum({total}, {value});"),
    }
}

fn join_name(op: &Op) -> &'static str {
    match op {
        Op::Reduce { kind: Reduction::Sum, .. } => "join_sum",
        Op::Reduce { kind: Reduction::Max, .. } => "join_max",
        Op::Reduce { kind: Reduction::Min, .. } => "join_min",
        _ => "join_best",
    }
}

/// A reduction's value and where it was found.
pub const BEST: &str = "
struct Best { value: f32, index: u32 }
";

/// The functions by which a workgroup joins what its threads found: a tree, in an order that never changes.
fn joins(body: &str, workgroup: usize) -> String {
    let combined = |name: &str| match name {
        "join_sum" => "a + b",
        "join_max" => "maximum(a, b)",
        "join_min" => "minimum(a, b)",
        // The first of equals: only where the value is larger, or as large and earlier.
        _ => "Best(select(a.value, b.value, later), select(a.index, b.index, later))",
    };
    let mut text = if body.contains("Best(") { BEST.to_string() } else { String::new() };
    for name in ["join_sum", "join_max", "join_min", "join_best"] {
        if !body.contains(&format!("{name}(")) {
            continue;
        }
        let kind = if name == "join_best" { "Best" } else { "f32" };
        let later = match name {
            "join_best" => {
                "\n            let later = b.value > a.value || (b.value == a.value && b.index < a.index);"
            }
            _ => "",
        };
        text += &format!(
            "
var<workgroup> shared_{name}: array<{kind}, {workgroup}>;

fn {name}(lane: u32, found: {kind}) -> {kind} {{
    shared_{name}[lane] = found;
    workgroupBarrier();
    for (var half = {}u; half > 0u; half >>= 1u) {{
        if (lane < half) {{
            let a = shared_{name}[lane];
            let b = shared_{name}[lane + half];{later}
            shared_{name}[lane] = {};
        }}
        workgroupBarrier();
    }}
    let joined = shared_{name}[0];
    workgroupBarrier();
    return joined;
}}
",
            workgroup / 2,
            combined(name)
        );
    }
    text
}
