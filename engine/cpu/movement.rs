//! Transpositions, and reductions over axes that are neither all leading nor all trailing.

use super::kernels::{Epilogue, Join, Joins, for_pieces, gather, scatter_add, strided};
use super::region::{BLOCK, join_of};
use super::walk::{Axis, Walk, strides};
use crate::graph::{Op, own_rows};
use crate::tensor::{Dim, Shape};

/// Multiply-adds that take as long as an element that is read and written.
const COST: usize = 4;

/// Calls `body` with each block of `out` and the index of its first element, then `epilogue`; `work` elements are read.
fn for_blocks(
    out: &mut [f32],
    work: usize,
    epilogue: Option<Epilogue<'_>>,
    body: impl Fn(usize, &mut [f32]) + Sync,
) {
    for_pieces(out, BLOCK, work * COST, |i, block| {
        body(i * BLOCK, block);
        if let Some(epilogue) = epilogue {
            epilogue(i * BLOCK, block);
        }
    });
}

/// Moves the elements of `x` to where `walk` reads them.
pub(super) fn transpose(
    walk: &Walk,
    batch: usize,
    x: &[f32],
    out: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    for_blocks(out, x.len(), epilogue, |start, block| {
        let mut at = 0;
        walk.runs(batch, start, start + block.len(), |length, source, stride| {
            strided(&x[source..], stride, &mut block[at..at + length]);
            at += length;
        });
    });
}

/// A table whose rows are called by numbers: one that all samples share, or one for each.
pub(super) struct Table {
    /// Elements of a row.
    row: usize,
    /// How many rows, and how many numbers that call them, each sample has of its own.
    own: Option<[usize; 2]>,
}

impl Table {
    pub(super) fn new(table: &Shape, numbers: &Shape) -> Self {
        let own = own_rows(table).map(|rows| [rows, numbers.count().factor]);
        let row = table.0[if own.is_some() { 2 } else { 1 }..].iter().map(|size| size.factor).product();
        Self { row, own }
    }

    pub(super) fn gather(&self, table: &[f32], numbers: &[f32], out: &mut [f32]) {
        let Some([rows, called]) = self.own else { return gather(table, numbers, self.row, out) };
        for_pieces(out, called * self.row, COST * out.len(), |sample, out| {
            let table = &table[sample * rows * self.row..][..rows * self.row];
            gather(table, &numbers[sample * called..][..called], self.row, out);
        });
    }

    pub(super) fn scatter_add(&self, values: &[f32], numbers: &[f32], out: &mut [f32]) {
        let Some([rows, called]) = self.own else { return scatter_add(values, numbers, self.row, out) };
        for_pieces(out, rows * self.row, COST * values.len(), |sample, out| {
            let values = &values[sample * called * self.row..][..called * self.row];
            scatter_add(values, &numbers[sample * called..][..called], self.row, out);
        });
    }
}

/// A reduction or argmax over any axes.
pub(super) struct Joined {
    join: Join,
    /// From elements of the result to the first element that each joins.
    first: Walk,
    /// From the number of a joined element to its distance from the first.
    others: Walk,
    /// How many are joined.
    count: Dim,
}

impl Joined {
    pub(super) fn new(op: &Op, from: &Shape, to: &Shape) -> Self {
        let axes = match op {
            Op::Reduce { axes, .. } => axes.clone(),
            Op::ArgMax { axis } => vec![*axis],
            other => unreachable!("{} joins nothing", other.name()),
        };
        let steps = strides(from);
        let axis = |i: usize| Axis { size: from.0[i], stride: steps[i] };
        let kept = (0..from.rank()).filter(|i| !axes.contains(i));
        let count = Shape(axes.iter().map(|&i| from.0[i]).collect()).count();
        debug_assert_eq!(Shape(kept.clone().map(|i| from.0[i]).collect()).count(), to.count());
        Self {
            join: join_of(op),
            first: Walk::new(kept.map(axis)),
            others: Walk::new(axes.iter().map(|&i| axis(i))),
            count,
        }
    }

    pub(super) fn run(&self, batch: usize, x: &[f32], out: &mut [f32], epilogue: Option<Epilogue<'_>>) {
        for_blocks(out, x.len(), epilogue, |start, block| {
            let mut at = 0;
            self.first.runs(batch, start, start + block.len(), |length, source, stride| {
                for (i, out) in block[at..at + length].chunks_mut(Joins::MOST).enumerate() {
                    self.join_some(batch, x, [source + i * Joins::MOST * stride, stride], out);
                }
                at += length;
            });
        });
    }

    /// Joins the elements behind `first`, `first` + `stride` and so on.
    fn join_some(&self, batch: usize, x: &[f32], [first, stride]: [usize; 2], out: &mut [f32]) {
        let mut joins = Joins::new(self.join);
        let count = self.count.at(batch);
        self.others.runs(batch, 0, count, |length, distance, step| {
            for i in 0..length {
                joins.take(out.len(), &x[first + distance + i * step..], stride);
            }
        });
        joins.finish(out);
    }
}
