//! Operations that pick elements by their place: slices, padding, concatenation, rows of a table.

use super::op::{Element, Op, Stride};
use super::{Graph, NodeId};
use crate::error::{Error, Result};
use crate::tensor::{Dim, Shape};

/// Some positions along one axis, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Along {
    /// The axis.
    pub axis: usize,
    /// Which positions of the larger array.
    pub stride: Stride,
    /// The size of the result along the axis.
    pub size: usize,
}

impl Along {
    /// `size` neighbours from `start` on; for [`Graph::pad`], `start` zeros before, up to `size` in all.
    pub fn new(axis: usize, start: usize, size: usize) -> Self {
        Self { axis, stride: Stride { start, step: 1 }, size }
    }

    /// The same with `step` from one position to the next.
    pub fn every(mut self, step: isize) -> Self {
        self.stride.step = step;
        self
    }
}

impl Graph {
    /// Some positions of `x` along some axes, all along the others.
    ///
    /// # Errors
    /// If a position lies outside of `x`, or the axis is the batch.
    pub fn slice(&mut self, x: NodeId, along: &[Along]) -> Result<NodeId> {
        let from = self.shape(x).clone();
        let (axes, shape) = self.strides("slice", &from, along)?;
        let element = self.node(x).element;
        Ok(self.push(Op::Slice { axes }, &[x], shape, element))
    }

    /// `x` at some positions along some axes of a larger array, zeros elsewhere.
    ///
    /// # Errors
    /// If the larger array has no such position, or the axis is the batch.
    pub fn pad(&mut self, x: NodeId, along: &[Along]) -> Result<NodeId> {
        let from = self.shape(x).clone();
        let (axes, shape) = self.strides("pad", &from, along)?;
        let element = self.node(x).element;
        Ok(self.push(Op::Pad { axes }, &[x], shape, element))
    }

    /// The axis of `x` in reverse order.
    ///
    /// # Errors
    /// If there is no such axis, or it is the batch.
    pub fn reverse(&mut self, x: NodeId, axis: usize) -> Result<NodeId> {
        self.check_axis("reverse", &self.shape(x).clone(), axis)?;
        let size = self.shape(x).0[axis].factor;
        self.slice(x, &[Along::new(axis, size.saturating_sub(1), size).every(-1)])
    }

    /// `parts` side by side along `axis`.
    ///
    /// # Errors
    /// If there is none, or they differ in another axis or in their element type.
    pub fn concat(&mut self, parts: &[NodeId], axis: usize) -> Result<NodeId> {
        let Some(&first) = parts.first() else {
            return Err(Error::argument(self.place("concat"), "number of parts", 0, "at least 1"));
        };
        let (mut shape, element) = (self.shape(first).clone(), self.node(first).element);
        self.check_axis("concat", &shape, axis)?;
        let mut total = 0;
        for &part in parts {
            self.check_element("concat", part, element)?;
            let found = self.shape(part);
            let alike = found.rank() == shape.rank()
                && !found.0[axis].batch
                && (0..shape.rank()).all(|i| i == axis || found.0[i] == shape.0[i]);
            if !alike {
                let (place, expected) = (self.place("concat"), format!("{shape} but for axis {axis}"));
                return Err(Error::shape(place, "a part", found, expected, "give all parts the same rows"));
            }
            total += found.0[axis].factor;
        }
        shape.0[axis] = Dim::fixed(total);
        Ok(self.push(Op::Concat { axis }, parts, shape, element))
    }

    /// Rows of `table` `[rows, …]` by their `numbers`: `[numbers…, …]`. A number that is no row gives NaN. Of a table
    /// `[B, rows, …]` each sample reads its own part, by numbers `[B, …]`.
    ///
    /// # Errors
    /// If the table is not one of floats with fixed rows, or the numbers are no integers.
    pub fn gather(&mut self, table: NodeId, numbers: NodeId) -> Result<NodeId> {
        self.check_element("gather", table, Element::F32)?;
        self.check_element("gather", numbers, Element::U32)?;
        let (rows, called) = (self.shape(table).0.clone(), self.shape(numbers).0.clone());
        let own = own_rows(self.shape(table)).is_some() && called.first() == rows.first();
        if rows.is_empty() || (rows[0].batch && !own) {
            let (place, found) = (self.place("gather"), self.shape(table));
            let remedy = "give it a fixed number of rows, or one table and its numbers for each sample";
            return Err(Error::shape(place, "the table", found, "[rows, …] or [B, rows, …]", remedy));
        }
        let shape = Shape([&called, &rows[if own { 2 } else { 1 }..]].concat());
        self.check_one_batch("gather", &shape)?;
        Ok(self.push(Op::Gather, &[table, numbers], shape, Element::F32))
    }

    /// A table of `rows` rows, each the sum of the rows of `values` `[numbers…, …]` whose number calls it.
    ///
    /// # Errors
    /// If the numbers are no integers, or do not number the values.
    pub fn scatter_add(&mut self, values: NodeId, numbers: NodeId, rows: Dim) -> Result<NodeId> {
        self.check_element("scatter_add", values, Element::F32)?;
        self.check_element("scatter_add", numbers, Element::U32)?;
        let (found, leading) = (self.shape(values), self.shape(numbers).0.clone());
        let Some(row) = found.0.strip_prefix(leading.as_slice()) else {
            let (place, expected) =
                (self.place("scatter_add"), format!("{} and the axes of a row", self.shape(numbers)));
            return Err(Error::shape(place, "the values", found, expected, "give one row for each number"));
        };
        let shape = Shape([&[rows], row].concat());
        self.check_one_batch("scatter_add", &shape)?;
        Ok(self.push(Op::ScatterAdd, &[values, numbers], shape, Element::F32))
    }

    /// The gradient of [`Graph::gather`] for its table.
    pub(super) fn gather_derivative(&mut self, table: NodeId, numbers: NodeId, g: NodeId) -> Result<NodeId> {
        let shape = self.shape(table).clone();
        match own_rows(&shape) {
            None => self.scatter_add(g, numbers, shape.0[0]),
            Some(_) => Ok(self.push(Op::ScatterAdd, &[g, numbers], shape, Element::F32)),
        }
    }

    pub(super) fn slice_derivative(&mut self, axes: &[Stride], x: NodeId, g: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push(Op::Pad { axes: axes.to_vec() }, &[g], shape, Element::F32)
    }

    pub(super) fn pad_derivative(&mut self, axes: &[Stride], x: NodeId, g: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push(Op::Slice { axes: axes.to_vec() }, &[g], shape, Element::F32)
    }

    pub(super) fn concat_derivative(
        &mut self,
        axis: usize,
        parts: &[NodeId],
        g: NodeId,
    ) -> Result<Vec<NodeId>> {
        let mut start = 0;
        let slice = |&part: &NodeId| {
            let size = self.shape(part).0[axis].factor;
            start += size;
            self.slice(g, &[Along::new(axis, start - size, size)])
        };
        parts.iter().map(slice).collect()
    }

    /// The positions along every axis, and the shape of the result of `operation`.
    fn strides(&self, operation: &str, from: &Shape, along: &[Along]) -> Result<(Vec<Stride>, Shape)> {
        let (mut axes, mut shape) = (vec![Stride::ALL; from.rank()], from.clone());
        for &Along { axis, stride, size } in along {
            self.check_axis(operation, from, axis)?;
            // A slice's positions lie in the input, those of a padded array in the result.
            let (count, within) = match operation {
                "slice" => (size, from.0[axis].factor),
                _ => (from.0[axis].factor, size),
            };
            let last = count.checked_sub(1).and_then(|last| stride.position(last));
            let inside = |position: Option<usize>| position.is_some_and(|p| p < within);
            if from.0[axis].batch || stride.step == 0 || !inside(Some(stride.start)) || !inside(last) {
                let found = format!("{count} from {} on by {}", stride.start, stride.step);
                let expected = format!("positions of a fixed axis of {within}");
                return Err(Error::argument(self.place(operation), format!("axis {axis}"), found, expected));
            }
            (axes[axis], shape.0[axis]) = (stride, Dim::fixed(size));
        }
        Ok((axes, shape))
    }
}

/// How many rows each sample has in a table `[B, rows, …]`; `None` for a table that all share.
pub fn own_rows(table: &Shape) -> Option<usize> {
    match table.0.as_slice() {
        [samples, rows, ..] if *samples == Dim::batch(1) => Some(rows.factor),
        _ => None,
    }
}

/// Where an element of a slice, a padded array or a concatenation comes from: one input's part of the result.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Piece {
    /// The number of the input.
    pub input: usize,
    /// The part along each axis of the result.
    pub axes: Vec<PieceAxis>,
}

/// Position `first + every·i` of the result holds position `start + step·i` of the input, for i below `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PieceAxis {
    /// The size of the result.
    pub size: Dim,
    /// The size of the input.
    pub from: Dim,
    /// The first position in the result.
    pub first: usize,
    /// From one position in the result to the next.
    pub every: usize,
    /// How many.
    pub count: Dim,
    /// The first position in the input.
    pub start: usize,
    /// From one position in the input to the next.
    pub step: isize,
}

impl PieceAxis {
    /// Whether the input lies along this axis as the result does.
    pub fn is_whole(&self) -> bool {
        self.size == self.from && self.covers() && self.start == 0 && self.step == 1
    }

    /// Whether every position of the result is in the piece.
    pub fn covers(&self) -> bool {
        self.first == 0 && self.every == 1 && self.count == self.size
    }

    /// Whether neighbours of the input stay neighbours.
    pub fn is_dense(&self) -> bool {
        self.every == 1 && self.step == 1
    }

    /// Whether this axis and the next inner one can be walked as one.
    fn joins(&self, inner: &Self) -> bool {
        inner.is_whole() && (self.is_whole() || (self.is_dense() && !inner.size.batch))
    }

    /// This axis and the next inner one as one.
    fn joined(&self, inner: &Self) -> Self {
        let by = inner.size;
        let times = |a: Dim| Dim { factor: a.factor * by.factor, batch: a.batch || by.batch };
        Self {
            size: times(self.size),
            from: times(self.from),
            count: times(self.count),
            first: self.first * by.factor,
            start: self.start * by.factor,
            ..*inner
        }
    }
}

impl Graph {
    /// The parts of a slice, a padded array or a concatenation, in as few axes as do. No two parts meet.
    pub fn pieces(&self, id: NodeId) -> Vec<Piece> {
        let mut pieces = self.whole_pieces(id);
        let rank = pieces.iter().map(|piece| piece.axes.len()).min().unwrap_or(0);
        for inner in (1..rank).rev() {
            if pieces.iter().all(|piece| piece.axes[inner - 1].joins(&piece.axes[inner])) {
                for piece in &mut pieces {
                    let axis = piece.axes.remove(inner);
                    piece.axes[inner - 1] = piece.axes[inner - 1].joined(&axis);
                }
            }
        }
        pieces
    }

    fn whole_pieces(&self, id: NodeId) -> Vec<Piece> {
        let node = self.node(id);
        let to = &node.shape.0;
        let from = |input: usize| &self.shape(node.inputs[input]).0;
        match &node.op {
            Op::Slice { axes } => {
                let axis = |(k, stride): (usize, &Stride)| sliced(to[k], from(0)[k], *stride);
                vec![Piece { input: 0, axes: axes.iter().enumerate().map(axis).collect() }]
            }
            Op::Pad { axes } => {
                let axis = |(k, stride): (usize, &Stride)| padded(to[k], from(0)[k], *stride);
                vec![Piece { input: 0, axes: axes.iter().enumerate().map(axis).collect() }]
            }
            Op::Concat { axis } => {
                let mut first = 0;
                let piece = |input: usize| {
                    let mut axes: Vec<PieceAxis> =
                        to.iter().map(|&size| sliced(size, size, Stride::ALL)).collect();
                    let count = from(input)[*axis];
                    axes[*axis] = PieceAxis { from: count, first, count, ..axes[*axis] };
                    first += count.factor;
                    Piece { input, axes }
                };
                (0..node.inputs.len()).map(piece).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn sliced(size: Dim, from: Dim, stride: Stride) -> PieceAxis {
    PieceAxis { size, from, first: 0, every: 1, count: size, start: stride.start, step: stride.step }
}

/// A padded array walks forwards: along an axis that goes backwards the input is read from its end.
fn padded(size: Dim, from: Dim, stride: Stride) -> PieceAxis {
    let every = stride.step.unsigned_abs();
    let last = from.factor.saturating_sub(1);
    let (first, start, step) = match stride.step > 0 {
        true => (stride.start, 0, 1),
        false => (stride.start - last * every, last, -1),
    };
    PieceAxis { size, from, first, every, count: from, start, step }
}
