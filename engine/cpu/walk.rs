//! Which element of a source each element of a result comes from: broadcasts, transpositions, reductions.

use crate::tensor::{Dim, Shape};

/// One axis of the result: its size, and how far apart its neighbours lie in the source (0 where it is stretched).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Axis {
    pub(super) size: Dim,
    pub(super) stride: Dim,
}

/// A map from linear indices of a result to linear indices of a source, with as few axes as do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Walk {
    outer: Vec<Axis>,
    inner: Axis,
}

/// The product of two sizes of one shape, of which at most one contains the batch.
pub(super) fn product(a: Dim, b: Dim) -> Dim {
    let factor = a.factor * b.factor;
    Dim { factor, batch: factor != 0 && (a.batch || b.batch) }
}

/// How far apart the neighbours along each axis lie.
pub(super) fn strides(shape: &Shape) -> Vec<Dim> {
    let mut strides = vec![Dim::fixed(1); shape.rank()];
    for i in (1..shape.rank()).rev() {
        strides[i - 1] = product(strides[i], shape.0[i]);
    }
    strides
}

impl Walk {
    /// The map of these axes, the outermost first.
    pub(super) fn new(axes: impl IntoIterator<Item = Axis>) -> Self {
        let mut outer: Vec<Axis> = Vec::new();
        for axis in axes.into_iter().filter(|axis| !axis.size.is_one()) {
            match outer.last_mut() {
                Some(last) if last.stride == product(axis.stride, axis.size) => {
                    *last = Axis { size: product(last.size, axis.size), stride: axis.stride };
                }
                _ => outer.push(axis),
            }
        }
        let inner = outer.pop().unwrap_or(Axis { size: Dim::fixed(1), stride: Dim::fixed(1) });
        Self { outer, inner }
    }

    /// NumPy's broadcasting of `from` to `to`.
    pub(super) fn broadcast(from: &Shape, to: &Shape) -> Self {
        let (extra, steps) = (to.rank() - from.rank(), strides(from));
        Self::new(to.0.iter().enumerate().map(|(i, &size)| match i.checked_sub(extra) {
            Some(j) if !from.0[j].is_one() => Axis { size, stride: steps[j] },
            _ => Axis { size, stride: Dim::fixed(0) },
        }))
    }

    /// The map from the result of a transposition of `from` to its input.
    pub(super) fn transpose(from: &Shape, order: &[usize]) -> Self {
        let steps = strides(from);
        Self::new(order.iter().map(|&i| Axis { size: from.0[i], stride: steps[i] }))
    }

    /// Whether each of `rows` values is repeated `columns` times.
    pub(super) fn repeats_rows(&self, rows: Dim, columns: Dim) -> bool {
        let row = Axis { size: rows, stride: Dim::fixed(1) };
        let column = Axis { size: columns, stride: Dim::fixed(0) };
        *self == Self::new([row, column])
    }

    /// Calls `visit` with each run of elements `start..end` along the innermost axis: how many, the source of
    /// the first, and the stride.
    #[inline]
    pub(super) fn runs(
        &self,
        batch: usize,
        start: usize,
        end: usize,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let (size, stride) = (self.inner.size.at(batch), self.inner.stride.at(batch));
        let (mut outer, mut within) = (start / size, start % size);
        let mut at = start;
        while at < end {
            let length = (size - within).min(end - at);
            visit(length, self.outer_source(batch, outer) + within * stride, stride);
            (outer, within) = (outer + 1, 0);
            at += length;
        }
    }

    fn outer_source(&self, batch: usize, mut index: usize) -> usize {
        let mut source = 0;
        for (i, axis) in self.outer.iter().enumerate().rev() {
            let stride = axis.stride.at(batch);
            if i == 0 {
                return source + index * stride;
            }
            let size = axis.size.at(batch);
            source += index % size * stride;
            index /= size;
        }
        source
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(walk: &Walk, batch: usize, count: usize) -> Vec<usize> {
        let mut sources = Vec::new();
        walk.runs(batch, 0, count, |length, first, stride| {
            sources.extend((0..length).map(|i| first + i * stride));
        });
        sources
    }

    #[test]
    fn broadcasts() {
        let to = Shape(vec![Dim::batch(1), Dim::fixed(2), Dim::fixed(3)]);
        let bias = Walk::broadcast(&Shape::fixed(&[3]), &to);
        assert_eq!(sources(&bias, 2, 12), [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
        let rows = Walk::broadcast(&Shape(vec![Dim::batch(1), Dim::fixed(1), Dim::fixed(1)]), &to);
        assert_eq!(sources(&rows, 2, 12), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        assert!(
            rows.repeats_rows(Dim::batch(1), Dim::fixed(6))
                && !bias.repeats_rows(Dim::batch(1), Dim::fixed(6))
        );
        let middle = Walk::broadcast(&Shape::fixed(&[2, 1]), &to);
        assert_eq!(sources(&middle, 2, 12), [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn transposes_and_runs() {
        let walk = Walk::transpose(&Shape(vec![Dim::fixed(2), Dim::batch(1)]), &[1, 0]);
        assert_eq!(sources(&walk, 3, 6), [0, 3, 1, 4, 2, 5]);
        let mut runs = Vec::new();
        walk.runs(3, 1, 5, |length, source, stride| runs.push((length, source, stride)));
        assert_eq!(runs, [(1, 3, 3), (2, 1, 3), (1, 2, 3)]);
    }
}
