//! Sums and extremes over axes. The reduced axes stay, with size 1.

use super::op::{Comparison, Element, Op, Reduction, Unary};
use super::{Graph, NodeId};
use crate::error::Result;
use crate::tensor::{Dim, Shape};

impl Graph {
    /// Joins the elements of `x` along `axes`, which stay with size 1.
    ///
    /// # Errors
    /// If there is no such axis, or the elements are no floats.
    pub fn reduce(&mut self, kind: Reduction, x: NodeId, axes: &[usize]) -> Result<NodeId> {
        self.check_element("reduce", x, Element::F32)?;
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        axes.dedup();
        let mut shape = self.shape(x).clone();
        for &axis in &axes {
            self.check_axis("reduce", &shape, axis)?;
            shape.0[axis] = Dim::fixed(1);
        }
        if axes.is_empty() {
            return Ok(x);
        }
        Ok(self.push(Op::Reduce { kind, axes }, &[x], shape, Element::F32))
    }

    /// Σ along `axes`.
    ///
    /// # Errors
    /// As [`Graph::reduce`].
    pub fn sum(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId> {
        self.reduce(Reduction::Sum, x, axes)
    }

    /// Σ of all elements, as a scalar.
    ///
    /// # Errors
    /// If the elements are no floats.
    pub fn sum_all(&mut self, x: NodeId) -> Result<NodeId> {
        let axes: Vec<usize> = (0..self.shape(x).rank()).collect();
        let sum = self.sum(x, &axes)?;
        self.reshape(sum, &Shape::scalar())
    }

    /// The mean of all elements, as a scalar: over the samples that the batch really has.
    ///
    /// # Errors
    /// If the elements are no floats.
    pub fn mean_all(&mut self, x: NodeId) -> Result<NodeId> {
        let count = self.shape(x).count();
        let sum = self.sum_all(x)?;
        self.divide_by(sum, count)
    }

    /// The mean along `axes`, which stay with size 1; over the samples that the batch really has.
    ///
    /// # Errors
    /// As [`Graph::reduce`].
    pub fn mean(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId> {
        let sum = self.sum(x, axes)?;
        let sizes: Vec<Dim> = axes.iter().map(|&axis| self.shape(x).0[axis]).collect();
        self.divide_by(sum, Shape(sizes).count())
    }

    fn divide_by(&mut self, sum: NodeId, count: Dim) -> Result<NodeId> {
        let mean = self.scale(sum, 1.0 / count.factor as f32)?;
        if !count.batch {
            return Ok(mean);
        }
        let batch = self.batch_size();
        self.divide(mean, batch)
    }

    /// The index of the first largest value along `axis`, which stays with size 1.
    ///
    /// # Errors
    /// As [`Graph::reduce`].
    pub fn argmax(&mut self, x: NodeId, axis: usize) -> Result<NodeId> {
        self.check_element("argmax", x, Element::F32)?;
        let mut shape = self.shape(x).clone();
        self.check_axis("argmax", &shape, axis)?;
        shape.0[axis] = Dim::fixed(1);
        Ok(self.push(Op::ArgMax { axis }, &[x], shape, Element::U32))
    }

    /// Σ: every element takes the sum's gradient. Max, min: the extreme elements share it.
    pub(super) fn reduce_derivative(
        &mut self,
        kind: Reduction,
        axes: &[usize],
        x: NodeId,
        y: NodeId,
        g: NodeId,
    ) -> Result<NodeId> {
        let shape = self.shape(x).clone();
        if kind == Reduction::Sum {
            return self.broadcast(g, &shape);
        }
        let extreme = self.compare(Comparison::Equal, x, y)?;
        let extreme = self.unary(Unary::Detach, extreme);
        let ties = self.sum(extreme, axes)?;
        let share = self.divide(g, ties)?;
        self.multiply(extreme, share)
    }
}
