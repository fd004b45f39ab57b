//! Reductions over any axes, transpositions, rows by their numbers: an element of the result a thread, the region behind it.

use super::elementwise::store_all;
use super::emit::Emitter;
use super::functions::{head, library};
use super::index::{Index, Level, reduction, size, text, times, transposition};
use super::rows::{BEST, BLOCK, accumulate, neutral};
use super::{entry, indented};
use crate::error::{Error, Result};
use crate::gpu::shader::{Grid, Shader};
use crate::graph::{NodeId, Op, Reduction, own_rows};
use crate::schedule::{Kernel, Program};
use crate::tensor::{Dim, Shape};

const WORKGROUP: usize = 64;

/// The shader of a reduction, argmax, transposition, or of rows read or added by their numbers, with the region that follows it.
///
/// # Errors
/// If the region reads or writes more buffers than adapters allow, or a value that is in none.
pub fn reduce(program: &Program, kernel: &Kernel, anchor: NodeId) -> Result<Shader> {
    let node = program.graph.node(anchor);
    let (operand, count) = (node.inputs[0], node.shape.count());
    let mut emitter = Emitter::new(program, &kernel.region, 1);
    let source = |at: String| Index::new(at, Level::Element, false);
    let shape = program.graph.shape(operand);
    let mut lines = Vec::new();
    match &node.op {
        Op::Transpose { order } => {
            let at = text(&transposition(shape, order), "i");
            let value = emitter.load(operand, &source(at))?;
            lines.push(format!("let anchor = {value};"));
        }
        Op::Gather => {
            let (row, rows) = table_size(shape);
            let number = emitter.load(node.inputs[1], &source(format!("i / {row}u")))?;
            // Each sample's own table starts behind those of the samples before it.
            let own = own_rows(shape).map(|_| {
                let each = row * program.graph.shape(node.inputs[1]).count().factor;
                format!("i / {each}u * {}u + ", row * rows)
            });
            let own = own.unwrap_or_default();
            let value = emitter.load(operand, &source(format!("{own}number * {row}u + i % {row}u")))?;
            lines.push(format!("let number = {number};"));
            // Without a branch the load would read at a place that is in no table.
            lines.push("var anchor = real_from(0x7fc00000u);".into());
            lines.push(format!("if (number < {rows}u) {{ anchor = {value}; }}"));
        }
        Op::ScatterAdd => {
            let (row, rows) = table_size(&node.shape);
            let mut numbers = program.graph.shape(node.inputs[1]).count();
            let mut first = "0u".to_string();
            if own_rows(&node.shape).is_some() {
                numbers = Dim::fixed(numbers.factor);
                first = format!("i / {}u * {}u", row * rows, numbers.factor);
            }
            check_rounds(program, kernel, emitter.most(numbers))?;
            let number = emitter.load(node.inputs[1], &source("r".into()))?;
            let value = emitter.load(operand, &source(format!("r * {row}u + column")))?;
            lines.extend(scatter([row, rows], [&first, &size(numbers)], &number, &value));
        }
        Op::Reduce { kind, axes } => {
            let value = emitter.load(operand, &source("first + further".into()))?;
            lines.extend(sweep(&emitter, shape, axes, Some(*kind), &value));
        }
        Op::ArgMax { axis } => {
            let value = emitter.load(operand, &source("first + further".into()))?;
            lines.extend(sweep(&emitter, shape, &[*axis], None, &value));
        }
        op => {
            let problem = format!("{} is no reduction and no transposition", op.name());
            return Err(Error::device("gpu", problem, "report it as a bug of the schedule"));
        }
    }
    emitter.given.insert(anchor, "anchor".into());
    store_all(&mut emitter, &kernel.region.stores, count, &source("i".into()))?;
    emitter.check_bindings(&kernel.name, 0)?;
    lines.extend(emitter.take(Level::Row));
    lines.extend(emitter.take(Level::Element));
    Ok(assemble(kernel, &emitter, count, &node.op.name(), &lines))
}

/// Elements of a row of a table, and how many rows there are, or each sample has of its own.
fn table_size(table: &Shape) -> (usize, usize) {
    let rows = usize::from(own_rows(table).is_some());
    (table.0[rows + 1..].iter().map(|size| size.factor).product(), table.0[rows].factor)
}

/// lavapipe ends the loops of a thread after 65,535 rounds without a word: rather no result than a wrong one.
fn check_rounds(program: &Program, kernel: &Kernel, rounds: usize) -> Result<()> {
    const MOST: usize = 65_535;
    if rounds <= MOST || !program.target.is_software() {
        return Ok(());
    }
    let expected =
        format!("at most {MOST} rows a step on a software adapter: choose a smaller batch, or the CPU");
    Err(Error::argument(&kernel.name, "rows read by their numbers", rounds, expected))
}

/// Adds what belongs to row `i / row` of its table in the order of the `count` numbers from `first` on, in blocks.
fn scatter([row, rows]: [usize; 2], [first, count]: [&str; 2], number: &str, value: &str) -> Vec<String> {
    vec![
        format!("let own = i / {row}u % {rows}u;"),
        format!("let first = {first};"),
        format!("let column = i % {row}u;"),
        "var anchor = 0.0;".into(),
        "var block = 0.0;".into(),
        "var added = 0u;".into(),
        format!("for (var r = first; r < first + {count}; r++) {{"),
        format!("    if ({number} == own) {{"),
        format!("        block += {value};"),
        "        added += 1u;".into(),
        format!("        if (added == {BLOCK}u) {{ anchor += block; block = 0.0; added = 0u; }}"),
        "    }".into(),
        "}".into(),
        "anchor += block;".into(),
    ]
}

fn assemble(kernel: &Kernel, emitter: &Emitter<'_>, count: Dim, operation: &str, lines: &[String]) -> Shader {
    let mut body = format!("    let i = group_index * {WORKGROUP}u + lane;\n");
    body += &format!("    if (i >= {}) {{ return; }}\n", size(count));
    body += &indented(lines, 1);
    let best = if body.contains("Best(") { BEST } else { "" };
    let wgsl = format!(
        "{}{}\n{}{best}{}",
        head(&format!("{}: {operation}, {count} results, one a thread.", kernel.name)),
        emitter.bindings.declarations(0, 1),
        library(&body, 1),
        entry(WORKGROUP, &body)
    );
    let grid = Grid::Linear { count, each: WORKGROUP };
    Shader { name: kernel.name.clone(), wgsl, bindings: emitter.bindings.numbered(0, 1), grid }
}

/// Joins the operands of result `i` in the order of their indices, sums in blocks; `None` is argmax.
fn sweep(
    emitter: &Emitter<'_>,
    operand: &Shape,
    axes: &[usize],
    kind: Option<Reduction>,
    value: &str,
) -> Vec<String> {
    let [first, further] = reduction(operand, axes);
    let terms = axes.iter().fold(Dim::fixed(1), |n, &axis| times(n, operand.0[axis]));
    let each = format!("let further = {};", text(&further, "r"));
    let start = format!("let first = {};", text(&first, "i"));
    let all = format!("for (var r = 0u; r < {}; r++) {{", size(terms));
    let lines: Vec<String> = match kind {
        None => vec![
            start,
            "var best = Best(real_from(0xff800000u), 0u);".into(),
            all,
            format!("    {each}"),
            format!("    let value = {value};"),
            "    if (value > best.value) { best = Best(value, r); }".into(),
            "}".into(),
            "let anchor = best.index;".into(),
        ],
        Some(Reduction::Sum) if emitter.most(terms) > BLOCK => vec![
            start,
            "var anchor = 0.0;".into(),
            format!("for (var start = 0u; start < {}; start += {BLOCK}u) {{", size(terms)),
            "    var block = 0.0;".into(),
            format!("    for (var r = start; r < min(start + {BLOCK}u, {}); r++) {{", size(terms)),
            format!("        {each}"),
            format!("        block += {value};"),
            "    }".into(),
            "    anchor += block;".into(),
            "}".into(),
        ],
        Some(kind) => vec![
            start,
            format!("var anchor = {};", neutral(kind)),
            all,
            format!("    {each}"),
            format!("    {}", accumulate(kind, "anchor", value)),
            "}".into(),
        ],
    };
    lines
}
