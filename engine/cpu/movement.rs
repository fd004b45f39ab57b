//! Transpositions, and reductions over axes that are neither all leading nor all trailing.

use super::kernels::{Epilogue, for_pieces};
use super::region::{BLOCK, Join};
use super::walk::{Axis, Walk, strides};
use crate::graph::{Op, Reduction, own_rows};
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
            for (i, out) in block[at..at + length].iter_mut().enumerate() {
                *out = x[source + i * stride];
            }
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

/// The rows of `table` called by `numbers`, which are the bits of integers; NaN where there is none.
pub(super) fn gather(table: &[f32], numbers: &[f32], row: usize, out: &mut [f32]) {
    for (out, number) in out.chunks_exact_mut(row).zip(numbers) {
        let start = number.to_bits() as usize * row;
        match table.get(start..start + row) {
            Some(found) => out.copy_from_slice(found),
            None => out.fill(f32::NAN),
        }
    }
}

/// Rows of `values` added to the rows of `out` that `numbers` call, in order; a row that more than 512 call adds
/// up blocks of as many.
fn scatter_add(values: &[f32], numbers: &[f32], row: usize, out: &mut [f32]) {
    let mut calls: Vec<Vec<usize>> = vec![Vec::new(); out.len() / row];
    for (i, number) in numbers.iter().enumerate() {
        if let Some(calls) = calls.get_mut(number.to_bits() as usize) {
            calls.push(i);
        }
    }
    let mut block = vec![0.0; row];
    for (out, calls) in out.chunks_exact_mut(row).zip(&calls) {
        out.fill(0.0);
        for some in calls.chunks(TERMS) {
            block.fill(0.0);
            for &i in some {
                block.iter_mut().zip(&values[i * row..]).for_each(|(sum, value)| *sum += value);
            }
            out.iter_mut().zip(&block).for_each(|(out, sum)| *out += sum);
        }
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

/// Elements of the result that are joined side by side.
const TOGETHER: usize = 256;
/// Terms that are added one after the other; longer sums go in blocks.
const TERMS: usize = 512;

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
            join: Join::of(op),
            first: Walk::new(kept.map(axis)),
            others: Walk::new(axes.iter().map(|&i| axis(i))),
            count,
        }
    }

    pub(super) fn run(&self, batch: usize, x: &[f32], out: &mut [f32], epilogue: Option<Epilogue<'_>>) {
        for_blocks(out, x.len(), epilogue, |start, block| {
            let mut at = 0;
            self.first.runs(batch, start, start + block.len(), |length, source, stride| {
                for (i, out) in block[at..at + length].chunks_mut(TOGETHER).enumerate() {
                    self.join_some(batch, x, [source + i * TOGETHER * stride, stride], out);
                }
                at += length;
            });
        });
    }

    /// Joins the elements behind `first`, `first` + `stride` and so on.
    fn join_some(&self, batch: usize, x: &[f32], [first, stride]: [usize; 2], out: &mut [f32]) {
        let mut lanes = Lanes::new(self.join);
        let count = self.count.at(batch);
        self.others.runs(batch, 0, count, |length, distance, step| {
            for i in 0..length {
                let from = &x[first + distance + i * step..];
                lanes.take(out.len(), |j| from[j * stride]);
            }
        });
        lanes.finish(out);
    }
}

/// Joins under way, side by side.
struct Lanes {
    join: Join,
    /// How many elements each has taken.
    taken: usize,
    /// The sum of the present block, or the extreme so far.
    values: [f32; TOGETHER],
    /// The sums of the blocks before, or the index of the largest as bits.
    totals: [f32; TOGETHER],
}

impl Lanes {
    fn new(join: Join) -> Self {
        let start = match join {
            Join::Reduce(Reduction::Sum) => 0.0,
            Join::Reduce(Reduction::Max) | Join::ArgMax => f32::NEG_INFINITY,
            Join::Reduce(Reduction::Min) => f32::INFINITY,
        };
        Self { join, taken: 0, values: [start; TOGETHER], totals: [0.0; TOGETHER] }
    }

    fn take(&mut self, lanes: usize, of: impl Fn(usize) -> f32) {
        let all = self.values[..lanes].iter_mut().zip(&mut self.totals[..lanes]).enumerate();
        match self.join {
            Join::Reduce(Reduction::Sum) if self.taken.is_multiple_of(TERMS) => {
                all.for_each(|(j, (value, total))| {
                    *total += *value;
                    *value = of(j);
                })
            }
            Join::Reduce(Reduction::Sum) => all.for_each(|(j, (value, _))| *value += of(j)),
            Join::Reduce(Reduction::Max) => all.for_each(|(j, (value, _))| *value = larger(of(j), *value)),
            Join::Reduce(Reduction::Min) => all.for_each(|(j, (value, _))| *value = -larger(-of(j), -*value)),
            Join::ArgMax => all.for_each(|(j, (value, total))| {
                if of(j) > *value {
                    (*value, *total) = (of(j), f32::from_bits(self.taken as u32));
                }
            }),
        }
        self.taken += 1;
    }

    fn finish(&self, out: &mut [f32]) {
        let all = out.iter_mut().zip(self.values.iter().zip(&self.totals));
        match self.join {
            Join::Reduce(Reduction::Sum) => all.for_each(|(out, (value, total))| *out = total + value),
            Join::Reduce(_) => all.for_each(|(out, (value, _))| *out = *value),
            Join::ArgMax => all.for_each(|(out, (_, total))| *out = *total),
        }
    }
}

/// The larger; NaN if either is.
fn larger(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}
