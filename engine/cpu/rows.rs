//! Regions with reductions along rows: whole rows at a time where they fit in a register, else pass by pass.

use std::collections::HashMap;
use std::ops::Range;

use super::kernels::Join;
use super::memory::{Arena, Context};
use super::prepare::{for_each, stores};
use super::region::{BLOCK, Compiler, Extent, Region, Span, join_of, reserve};
use super::walk::product;
use crate::graph::{NodeId, Op};
use crate::schedule::{Kernel, Program};
use crate::tensor::Dim;

/// A kernel of [`Work::Rows`](crate::schedule::Work::Rows).
pub(super) struct Rows {
    rows: Dim,
    columns: Dim,
    way: Way,
}

enum Way {
    /// Blocks of whole rows, each run once.
    Whole(Region),
    /// Rows longer than a block.
    Passes(Passes),
}

/// Each pass walks over all parts of all rows; the reductions that it finishes are known to the next.
struct Passes {
    /// The passes that end in reductions.
    reducing: Vec<Pass>,
    /// The pass that stores.
    last: Region,
    /// All reductions, in the order in which they are finished.
    joins: Vec<Join>,
    /// The value of each part of each row for each reduction, and for argmax its index in the row.
    parts: Arena,
    indices: Arena,
    /// The result of each reduction for each row: all results of a row side by side.
    results: Arena,
}

/// A pass that finishes the reductions `numbers`.
struct Pass {
    region: Region,
    numbers: Range<usize>,
}

impl Rows {
    pub(super) fn new(program: &Program, kernel: &Kernel, rows: Dim, columns: Dim) -> Self {
        let extent = Extent { full: product(rows, columns), rows: Some((rows, columns)) };
        let way = if columns.at(program.max_batch) <= BLOCK {
            Way::Whole(storing(program, kernel, extent, &[]))
        } else {
            Way::Passes(Passes::new(program, kernel, extent))
        };
        Self { rows, columns, way }
    }

    pub(super) fn reserve(&self) {
        match &self.way {
            Way::Whole(region) => reserve(region),
            Way::Passes(passes) => passes.regions().for_each(reserve),
        }
    }

    pub(super) fn run(&self, context: &Context<'_>) {
        let (rows, columns) = (self.rows.at(context.batch()), self.columns.at(context.batch()));
        match &self.way {
            Way::Whole(region) => run_whole(region, context, rows, columns),
            Way::Passes(passes) => passes.run(context, rows, columns),
        }
    }
}

/// The region that stores, which knows the results of `known`.
fn storing(program: &Program, kernel: &Kernel, extent: Extent, known: &[NodeId]) -> Region {
    let mut compiler = Compiler::new(program, &kernel.region, None, extent, known);
    for (node, to) in stores(program, kernel) {
        compiler.store(node, Some(to));
    }
    compiler.finish()
}

fn run_whole(region: &Region, context: &Context<'_>, rows: usize, columns: usize) {
    let together = (BLOCK / columns).max(1);
    for_each(rows.div_ceil(together), rows * columns * region.weight(), |block| {
        let row = block * together;
        let rows = together.min(rows - row);
        let span = Span { start: row * columns, len: rows * columns, row, rows, leads: true };
        region.run(context, span, &mut []);
    });
}

impl Passes {
    fn new(program: &Program, kernel: &Kernel, extent: Extent) -> Self {
        let found = reductions(program, kernel);
        let nodes: Vec<NodeId> = found.iter().map(|&(_, node)| node).collect();
        let mut reducing = Vec::new();
        let mut start = 0;
        for same_depth in found.chunk_by(|a, b| a.0 == b.0) {
            let numbers = start..start + same_depth.len();
            let mut compiler = Compiler::new(program, &kernel.region, None, extent, &nodes[..start]);
            numbers.clone().for_each(|number| compiler.partial(nodes[number], number));
            start = numbers.end;
            reducing.push(Pass { region: compiler.finish(), numbers });
        }
        let (rows, columns) = extent.rows.expect("a region with reductions along rows");
        let (rows, columns) = (rows.at(program.max_batch), columns.at(program.max_batch));
        let words = nodes.len() * rows * columns.div_ceil(BLOCK);
        Self {
            reducing,
            last: storing(program, kernel, extent, &nodes),
            joins: nodes.iter().map(|&node| join_of(&program.graph.node(node).op)).collect(),
            parts: Arena::new(words),
            indices: Arena::new(words),
            results: Arena::new(nodes.len() * rows),
        }
    }

    fn regions(&self) -> impl Iterator<Item = &Region> {
        self.reducing.iter().map(|pass| &pass.region).chain([&self.last])
    }

    fn run(&self, context: &Context<'_>, rows: usize, columns: usize) {
        let parts = columns.div_ceil(BLOCK);
        for pass in &self.reducing {
            self.walk(
                &pass.region,
                context,
                [rows, columns],
                pass.numbers.start,
                |number, row, part, values| {
                    self.reduce_part(number, (number * rows + row) * parts + part, part, values);
                },
            );
            for row in 0..rows {
                for number in pass.numbers.clone() {
                    let at = (number * rows + row) * parts;
                    let result = self.join_parts(number, at..at + parts);
                    self.results
                        .write(row * self.joins.len() + number..row * self.joins.len() + number + 1)[0] =
                        result;
                }
            }
        }
        self.walk(&self.last, context, [rows, columns], self.joins.len(), |_, _, _, _| {});
    }

    /// Runs `region` over every part of every row; `reduce` gets the number of a reduction, the row, the part and its
    /// values.
    fn walk(
        &self,
        region: &Region,
        context: &Context<'_>,
        [rows, columns]: [usize; 2],
        known: usize,
        reduce: impl Fn(usize, usize, usize, &[f32]) + Sync,
    ) {
        let parts = columns.div_ceil(BLOCK);
        for_each(rows * parts, rows * columns * region.weight(), |i| {
            let (row, part) = (i / parts, i % parts);
            let from = part * BLOCK;
            let len = BLOCK.min(columns - from);
            let span = Span { start: row * columns + from, len, row, rows: 1, leads: part == 0 };
            let first = row * self.joins.len();
            let known = self.results.read(first..first + known);
            region
                .run_pass(context, span, &mut [], known, |number, values| reduce(number, row, part, values));
        });
    }

    fn reduce_part(&self, number: usize, at: usize, part: usize, values: &[f32]) {
        let result = self.joins[number].apply(values);
        let part_of = |arena: &Arena, value| arena.write(at..at + 1)[0] = value;
        if self.joins[number] == Join::ArgMax {
            let index = result.to_bits() as usize;
            part_of(&self.indices, f32::from_bits((part * BLOCK + index) as u32));
            part_of(&self.parts, values[index]);
        } else {
            part_of(&self.parts, result);
        }
    }

    fn join_parts(&self, number: usize, parts: Range<usize>) -> f32 {
        let result = self.joins[number].apply(self.parts.read(parts.clone()));
        match self.joins[number] {
            Join::ArgMax => self.indices.read(parts)[result.to_bits() as usize],
            _ => result,
        }
    }
}

/// The reductions of a region, each with the number of passes that must have run when it is known: in that order.
fn reductions(program: &Program, kernel: &Kernel) -> Vec<(usize, NodeId)> {
    let mut depths: HashMap<NodeId, usize> = HashMap::new();
    let mut found = Vec::new();
    for &id in &kernel.region.nodes {
        let node = program.graph.node(id);
        let inputs = node.inputs.iter().map(|&input| program.storage(input));
        let mut depth = inputs.filter_map(|input| depths.get(&input).copied()).max().unwrap_or(0);
        if matches!(node.op, Op::Reduce { .. } | Op::ArgMax { .. }) {
            depth += 1;
            found.push((depth, id));
        }
        depths.insert(program.storage(id), depth);
    }
    found.sort();
    found
}
