//! Slices, padding and concatenation: runs of memory read from other places than they are wanted at.

use crate::cpu::memory::{Address, Context, address};
use crate::cpu::walk::strides;
use crate::graph::{NodeId, PieceAxis};
use crate::schedule::Program;
use crate::tensor::{Dim, Shape};

/// A value put together from parts of others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Moved {
    parts: Vec<Part>,
    /// The axis along which the parts of a concatenation follow each other.
    along: Option<usize>,
    /// Whether every element is in a part.
    covered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Part {
    from: Address,
    count: Dim,
    axes: Vec<PieceAxis>,
    /// How far apart neighbours of the input lie.
    strides: Vec<Dim>,
}

impl Moved {
    /// The slice, padded array or concatenation `node`.
    pub(super) fn new(program: &Program, node: NodeId) -> Self {
        let inputs = &program.graph.node(node).inputs;
        let part = |piece: crate::graph::Piece| {
            let input = inputs[piece.input];
            let strides = strides(&Shape(piece.axes.iter().map(|axis| axis.from).collect()));
            let count = program.graph.shape(input).count();
            Part { from: address(program, input), count, axes: piece.axes, strides }
        };
        let parts: Vec<Part> = program.graph.pieces(node).into_iter().map(part).collect();
        // A concatenation has no gap; of others, a part that covers each axis leaves none.
        let covered = parts.len() > 1 || parts.iter().all(|p| p.axes.iter().all(PieceAxis::covers));
        let along = parts.get(1).and_then(|part| part.axes.iter().position(|axis| axis.first > 0));
        Self { parts, along, covered }
    }

    /// What lies at `from`, moved nowhere.
    #[cfg(test)]
    pub(super) fn unmoved(from: Address) -> Self {
        let part = Part { from, count: Dim::fixed(1), axes: vec![], strides: vec![] };
        Self { parts: vec![part], along: None, covered: true }
    }

    /// Where its parts lie.
    pub(super) fn parts(&self) -> impl Iterator<Item = Address> {
        self.parts.iter().map(|part| part.from)
    }

    /// Elements `start..`.
    pub(super) fn fill(&self, context: &Context<'_>, start: usize, out: &mut [f32]) {
        if let Some(along) = self.along {
            return self.concatenate(along, context, start, out);
        }
        if !self.covered {
            out.fill(0.0);
        }
        self.parts.iter().for_each(|part| part.fill(context, start, out));
    }

    /// Elements `start..` of a concatenation: for each index along the axes before `along`, one run of each part.
    fn concatenate(&self, along: usize, context: &Context<'_>, start: usize, out: &mut [f32]) {
        let batch = context.batch();
        let step = self.parts[0].strides[along].at(batch);
        let all = self.parts[0].axes[along].size.at(batch) * step;
        let mut at = 0;
        while at < out.len() {
            let (outer, within) = ((start + at) / all, (start + at) % all);
            let after = self.parts.partition_point(|part| part.axes[along].first * step <= within);
            let part = &self.parts[after - 1];
            let (first, count) = (part.axes[along].first * step, part.axes[along].count.at(batch) * step);
            let length = (first + count - within).min(out.len() - at);
            let source = outer * count + within - first;
            out[at..at + length].copy_from_slice(context.read(part.from, source..source + length));
            at += length;
        }
    }
}

impl Part {
    fn fill(&self, context: &Context<'_>, start: usize, out: &mut [f32]) {
        let batch = context.batch();
        let from = context.read(self.from, 0..self.count.at(batch));
        let Some((inner, outer)) = self.axes.split_last() else {
            return out.copy_from_slice(from);
        };
        let size = inner.size.at(batch);
        let (mut row, mut within, mut at) = (start / size, start % size, 0);
        while at < out.len() {
            let length = (size - within).min(out.len() - at);
            if let Some(source) = self.row_source(outer, batch, row) {
                fill_run(inner, batch, &from[source..], within, &mut out[at..at + length]);
            }
            (row, within, at) = (row + 1, 0, at + length);
        }
    }

    /// Where row `row` of the result starts in the input; `None` if it is in no part of it.
    fn row_source(&self, outer: &[PieceAxis], batch: usize, mut row: usize) -> Option<usize> {
        let mut source = 0;
        for (i, (axis, stride)) in outer.iter().zip(&self.strides).enumerate().rev() {
            let mut place = row;
            if i > 0 {
                let size = axis.size.at(batch);
                (row, place) = (row / size, row % size);
            }
            let distance = place.checked_sub(axis.first)?;
            let index = numbers_below(axis, distance);
            if index * axis.every != distance || index >= axis.count.at(batch) {
                return None;
            }
            source += position(axis, index) * stride.at(batch);
        }
        Some(source)
    }
}

/// How many of a piece's elements lie less than `distance` behind its first.
fn numbers_below(axis: &PieceAxis, distance: usize) -> usize {
    // Nearly every axis takes all, and a division as long as a dozen elements.
    if axis.every == 1 { distance } else { distance.div_ceil(axis.every) }
}

/// Columns `within..` of a row: those that the part holds.
fn fill_run(axis: &PieceAxis, batch: usize, from: &[f32], within: usize, out: &mut [f32]) {
    let number = |column: usize| numbers_below(axis, column.saturating_sub(axis.first));
    let (first, end) = (number(within), number(within + out.len()).min(axis.count.at(batch)));
    if first >= end {
        return;
    }
    let to = axis.first + axis.every * first - within;
    if axis.is_dense() {
        let source = axis.start + first;
        out[to..to + end - first].copy_from_slice(&from[source..source + end - first]);
    } else {
        for i in first..end {
            out[to + axis.every * (i - first)] = from[position(axis, i)];
        }
    }
}

/// Position number `index` of the input.
fn position(axis: &PieceAxis, index: usize) -> usize {
    let distance = index * axis.step.unsigned_abs();
    if axis.step > 0 { axis.start + distance } else { axis.start - distance }
}
