//! Kernel choice by rule, from shapes and the kind of device alone.

use crate::graph::{Graph, NodeId, Op};
use crate::tensor::Dim;

use super::fuse::{Domain, Group};
use super::program::{LANES, Scratch, Target, Tile, Work};
use super::roots::{Layout, layout};
use super::tuning::{Division, Tuning, WORKGROUP_TILES};

/// Longer sums are split or blocked, so that rounding errors stay within DESIGN section 7's bound.
pub const BLOCK: usize = 512;

/// Workgroups that keep a GPU busy: two on each of 64 compute units.
const ENOUGH_GROUPS: usize = 128;

/// Workgroups that keep the processor behind a software adapter busy. Parts of a sum would have to be added again, which
/// costs there what a product of two groups takes.
const ENOUGH_SOFTWARE_GROUPS: usize = 2;

/// A product by so many elements is worth a larger tile, though it has few rows and takes longer to compile.
const LARGE_OPERAND: usize = 32_768;

/// Rows that fill tiles of 48 though a part of the last is left empty.
const MANY_ROWS: usize = 512;

/// Terms from which on a product takes longer to add than to store.
const LONG_SUM: usize = 128;

/// The most terms that one thread of a software adapter adds: lavapipe ends the loops of a thread after 65,535
/// rounds together, without a word.
const LONGEST_LOOP: usize = 32_768;

/// Words that a processor's second cache keeps: a megabyte.
const CACHED_WORDS: usize = 262_144;

/// What a kernel does besides its region, the scratch it needs, and why.
pub(super) struct Choice {
    pub work: Work,
    pub scratch: Option<Scratch>,
    pub reason: String,
}

impl Choice {
    fn plain(work: Work, reason: impl Into<String>) -> Self {
        Self { work, scratch: None, reason: reason.into() }
    }
}

/// The kernel for a group.
pub(super) fn choose(
    graph: &Graph,
    group: &Group,
    target: Target,
    (max_batch, tuning): (usize, &Tuning),
) -> Choice {
    let Some(node) = group.anchor else {
        return match group.domain {
            Domain::Elements(count) => Choice::plain(Work::Elementwise { count }, "elementwise"),
            Domain::Rows { rows, columns } => {
                Choice::plain(Work::Rows { rows, columns }, rows_reason(columns))
            }
        };
    };
    let tuned = if target == Target::Cpu { None } else { tuning.find(graph, node, max_batch) };
    let rule = Rule { graph, node, target, max_batch, tuned };
    match graph.node(node).op {
        Op::MatMul { .. } => rule.matmul(),
        Op::Conv(_) | Op::ConvInputGradient(_) => rule.conv(),
        Op::ConvFilterGradient(_) => rule.filter_gradient(group.bias),
        Op::Reduce { .. } | Op::ArgMax { .. } => rule.reduce(),
        Op::Transpose { .. } => Choice::plain(Work::Transpose { node }, "moves elements"),
        Op::Gather => Choice::plain(Work::Gather { node }, "reads rows by their numbers"),
        Op::ScatterAdd => Choice::plain(Work::ScatterAdd { node }, "each result looks for what it adds"),
        _ => Choice::plain(Work::Pool { node }, "an element of the result a thread"),
    }
}

fn rows_reason(columns: Dim) -> String {
    format!("reductions along rows of {columns}")
}

struct Rule<'a> {
    graph: &'a Graph,
    node: NodeId,
    target: Target,
    max_batch: usize,
    /// What a search has found to be better.
    tuned: Option<Division>,
}

impl Rule<'_> {
    fn matmul(&self) -> Choice {
        let Op::MatMul { transpose_a, .. } = self.graph.node(self.node).op else { unreachable!() };
        let a = &self.graph.shape(self.graph.node(self.node).inputs[0]).0;
        let c = self.graph.shape(self.node).at(self.max_batch);
        let (stack, m, n) = (c[..c.len() - 2].iter().product(), c[c.len() - 2], c[c.len() - 1]);
        let k = if transpose_a { a[a.len() - 2] } else { a[a.len() - 1] };
        let (tile, splits, reason) = self.tile_and_splits(stack, m, n, k);
        let work = Work::MatMul { node: self.node, tile, splits };
        Choice { work, scratch: partial_sums(splits, stack * m * n), reason }
    }

    /// A convolution's rows are pixels, its columns filters.
    fn conv(&self) -> Choice {
        let c = self.graph.shape(self.node).at(self.max_batch);
        let w = self.graph.shape(self.graph.node(self.node).inputs[1]).at(1);
        let k = match self.graph.node(self.node).op {
            Op::Conv(_) => w[0] * w[1] * w[2],
            _ => w[0] * w[1] * w[3],
        };
        let (tile, reason) = self.tile(1, c[0] * c[1] * c[2], c[3], k.into());
        Choice::plain(Work::Conv { node: self.node, tile }, reason)
    }

    /// The rows are filter taps times channels, the terms of the sum all pixels of the batch.
    fn filter_gradient(&self, bias: Option<NodeId>) -> Choice {
        let w = self.graph.shape(self.node).at(self.max_batch);
        let dy = &self.graph.shape(self.graph.node(self.node).inputs[1]).0;
        let pixels = dy[0].factor * dy[1].factor * dy[2].factor;
        let (m, n, k) = (w[0] * w[1] * w[2], w[3], Dim { factor: pixels, batch: dy[0].batch });
        let (tile, splits, reason) = self.tile_and_splits(1, m, n, k);
        let work = Work::ConvFilterGradient { node: self.node, bias, tile, splits };
        let rows = m + usize::from(bias.is_some());
        Choice { work, scratch: partial_sums(splits, rows * n), reason }
    }

    fn is_product(&self) -> bool {
        matches!(self.graph.node(self.node).op, Op::MatMul { .. })
    }

    /// A filter gradient gives each thread of a subgroup other channels or another row of taps: half of them must have some.
    fn fills_subgroups(&self) -> bool {
        let w = self.graph.shape(self.node).at(1);
        let is_filter_gradient = matches!(self.graph.node(self.node).op, Op::ConvFilterGradient(_));
        !is_filter_gradient || w[0] * w[2].div_ceil(4) >= LANES / 2
    }

    fn reduce(&self) -> Choice {
        let node = self.node;
        let Layout::Columns { rows, columns } = (match layout(self.graph, node) {
            Layout::Rows { .. } => unreachable!("row reductions have no kernel of their own"),
            other => other,
        }) else {
            return Choice::plain(Work::Reduce { node }, "an element of the result a thread");
        };
        let most = rows.at(self.max_batch);
        let splits = if self.target == Target::Cpu { 1 } else { most.div_ceil(BLOCK).min(256) };
        let reason = format!("sums of {rows} rows in {splits} parts");
        let scratch = partial_sums(splits, columns.at(self.max_batch));
        Choice { work: Work::Columns { node, rows, columns, splits }, scratch, reason }
    }

    /// The tile, and how many parts the inner sum needs to keep the device busy.
    fn tile_and_splits(&self, stack: usize, m: usize, n: usize, k: Dim) -> (Tile, usize, String) {
        let (tile, reason) = self.tile(stack, m, n, k);
        let k = k.at(self.max_batch);
        if self.target == Target::Cpu {
            return (tile, 1, reason);
        }
        let software = self.target.is_software();
        let least = if software { k.div_ceil(LONGEST_LOOP) } else { 1 };
        if let Some(Division { splits, .. }) = self.tuned {
            return (tile, splits.max(least), reason);
        }
        let enough = if software { ENOUGH_SOFTWARE_GROUPS } else { ENOUGH_GROUPS };
        let most = k.div_ceil(BLOCK / 2).clamp(1, 256);
        let wanted = (enough / groups(tile, stack, m, n)).clamp(1, most);
        let splits = wanted.max(least).max(self.cached_parts(tile));
        let reason = if splits > 1 { format!("{reason}; the sum of {k} in {splits} parts") } else { reason };
        (tile, splits, reason)
    }

    /// For a filter gradient in subgroups, parts whose operands a processor's cache keeps while all tiles read them, if the
    /// partial sums are no more than the operands' words. Measured on lavapipe: up to twice as fast.
    fn cached_parts(&self, tile: Tile) -> usize {
        let node = self.graph.node(self.node);
        if !matches!((&node.op, tile), (Op::ConvFilterGradient(_), Tile::Subgroup { .. })) {
            return 1;
        }
        let words = |id| self.graph.shape(id).count().at(self.max_batch);
        let operands: usize = node.inputs.iter().map(|&id| words(id)).sum();
        operands.div_ceil(CACHED_WORDS).min(operands / words(self.node).max(1)).clamp(1, 256)
    }

    /// Software adapters keep a tile in registers: workgroup memory is plain memory to them. Measured on lavapipe, sixteen
    /// columns are up to 1.6 times as fast as eight; 20 pixels of a convolution are up to twice as fast as ten; and small
    /// products of many shapes, as in recurrent networks, take a sixth of the time to compile with tiles of four rows.
    fn register_tile(&self, stack: usize, m: usize, n: usize, k: usize) -> (Tile, String) {
        let op = &self.graph.node(self.node).op;
        let pixels = matches!(op, Op::Conv(_) | Op::ConvInputGradient(_));
        let scattered = matches!(op, Op::MatMul { transpose_a: true, .. });
        let few_rows = m <= 64;
        // Gradients of weights have no epilogue to compile.
        let rows = match (few_rows, pixels) {
            (true, _) if k * n < LARGE_OPERAND => 4,
            (true, _) if !scattered => 8,
            (true, _) => 16,
            (false, true) => 24,
            (false, false) => 16,
        };
        let wide = Tile::Registers { rows, columns: 16 };
        let enough = !few_rows || (rows > 4 && groups(wide, stack, m, n) >= ENOUGH_SOFTWARE_GROUPS);
        let columns = match n {
            n if enough && (n.is_multiple_of(16) || n > 64) => 16,
            n if n.is_multiple_of(8) || n > 16 => 8,
            _ => 4,
        };
        let tile = Tile::Registers { rows, columns };
        (tile, format!("software adapter: {rows}x{columns} results a thread, no workgroup memory"))
    }

    /// The largest tile that leaves enough workgroups and computes little that nobody stores. Measured on lavapipe, 32x32 is
    /// the best of most products, and 48 rows are a tenth faster where there are many and sums are long; the smallest take
    /// as long in any. Convolutions, whose pixels fit by themselves, take 48x32, which AMD's registers hold, or 64x16.
    fn subgroup_tile(&self, stack: usize, [m, n, k]: [usize; 3]) -> (Tile, String) {
        let columns = if n > 16 { 32 } else { 16 };
        let product = self.is_product();
        let fits = |&(rows, columns): &(usize, usize)| {
            let enough = groups(Tile::Subgroup { rows, columns }, stack, m, n) >= ENOUGH_SOFTWARE_GROUPS;
            let spare = m.next_multiple_of(rows) - m;
            let long = rows < 48 || (m >= MANY_ROWS && k >= LONG_SUM);
            enough && (!product || (long && 4 * spare <= m))
        };
        let tiles = [(64, 16), (48, columns), (32, columns), (32, 16)].into_iter();
        let (rows, columns) = tiles
            .skip(usize::from(product || columns > 16))
            .find(fits)
            .unwrap_or((if m > 8 { 16 } else { 8 }, 16));
        (Tile::Subgroup { rows, columns }, format!("software adapter: {rows}x{columns} results a subgroup"))
    }

    fn tile(&self, stack: usize, m: usize, n: usize, k: Dim) -> (Tile, String) {
        if let Some(Division { tile, .. }) = self.tuned {
            return (tile, format!("{tile:?}, as measured on this adapter"));
        }
        match self.target {
            Target::Cpu => (Tile::Registers { rows: 14, columns: 32 }, "host kernel".into()),
            Target::Software { subgroups: true } if self.fills_subgroups() => {
                self.subgroup_tile(stack, [m, n, k.at(self.max_batch)])
            }
            Target::Software { .. } => self.register_tile(stack, m, n, k.at(self.max_batch)),
            Target::Gpu => workgroup_tile(stack, m, n, k),
        }
    }
}

/// The largest tile that still gives enough workgroups. Sums of more than one block take registers twice: in the largest
/// tile of all so many that too few threads are left to hide the memory's latency.
fn workgroup_tile(stack: usize, m: usize, n: usize, k: Dim) -> (Tile, String) {
    let [small, .., huge] = WORKGROUP_TILES;
    let sides = |tile| match tile {
        Tile::Registers { rows, columns }
        | Tile::Subgroup { rows, columns }
        | Tile::Workgroup { rows, columns, .. } => (rows, columns),
    };
    let mut fitting = WORKGROUP_TILES.into_iter().rev().filter(|&tile| {
        let (rows, columns) = sides(tile);
        groups(tile, stack, m, n) >= ENOUGH_GROUPS && m >= rows / 2 && n >= columns / 2
    });
    let Some(largest) = fitting.next() else {
        return (small, format!("{m}x{n} is small: 32x32 tiles"));
    };
    let long = k.batch || k.factor > BLOCK;
    let (tile, why) = match fitting.next() {
        Some(next) if long && largest == huge => {
            (next, format!(", save one too full of registers for sums longer than {BLOCK}"))
        }
        _ => (largest, String::new()),
    };
    let ((rows, columns), count) = (sides(tile), groups(tile, stack, m, n));
    (tile, format!("{rows}x{columns} is the largest tile with {ENOUGH_GROUPS} workgroups ({count}){why}"))
}

/// The workgroups of a kernel: one for each tile, for each 32 that threads hold in registers, for each 2 of subgroups.
fn groups(tile: Tile, stack: usize, m: usize, n: usize) -> usize {
    let (rows, columns, each) = match tile {
        Tile::Registers { rows, columns } => (rows, columns, 32),
        Tile::Subgroup { rows, columns } => (rows, columns, 2),
        Tile::Workgroup { rows, columns, .. } => (rows, columns, 1),
    };
    (stack * m.div_ceil(rows) * n.div_ceil(columns)).div_ceil(each)
}

fn partial_sums(splits: usize, results: usize) -> Option<Scratch> {
    (splits > 1).then_some(Scratch { words: splits * results, offset: 0 })
}
