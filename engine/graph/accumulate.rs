//! The sum of what flows to one node. A recurrence reads one array slice by slice and one weight again and again:
//! what flows back is then put side by side, or multiplied at once, in place of a long chain of additions.

use super::op::{Op, Stride};
use super::{Graph, NodeId};
use crate::error::Result;
use crate::tensor::{Dim, Shape};

impl Graph {
    /// The sum of `parts`, all of one shape; `None` if there is none.
    pub(super) fn sum_parts(&mut self, parts: Vec<NodeId>) -> Result<Option<NodeId>> {
        let parts = self.join_products(parts)?;
        let parts = self.join_slices(parts)?;
        let Some((&first, rest)) = parts.split_first() else { return Ok(None) };
        rest.iter().try_fold(first, |sum, &part| self.add(sum, part)).map(Some)
    }

    /// Paddings that fill an axis without meeting each other, as one concatenation.
    fn join_slices(&mut self, parts: Vec<NodeId>) -> Result<Vec<NodeId>> {
        let mut placed: Vec<(usize, usize, NodeId)> =
            parts.iter().filter_map(|&part| self.placed_along(part)).collect();
        let Some(&(axis, ..)) = placed.first() else { return Ok(parts) };
        placed.sort_unstable();
        let mut end = 0;
        let fills = placed.iter().all(|&(along, start, part)| {
            let follows = along == axis && start == end;
            end = start + self.shape(self.node(part).inputs[0]).0[along].factor;
            follows
        });
        if placed.len() < 2 || !fills || Dim::fixed(end) != self.shape(parts[0]).0[axis] {
            return Ok(parts);
        }
        let inputs: Vec<NodeId> = placed.iter().map(|&(.., part)| self.node(part).inputs[0]).collect();
        let joined = self.concat(&inputs, axis)?;
        let others = parts.into_iter().filter(|part| placed.iter().all(|(.., other)| other != part));
        let others: Vec<NodeId> = others.collect();
        Ok([vec![joined], others].concat())
    }

    /// The axis and the place of a value padded along one axis; reshapes after it do not matter.
    fn placed_along(&self, part: NodeId) -> Option<(usize, usize, NodeId)> {
        let Op::Pad { axes } = &self.node(part).op else { return None };
        let mut moved = axes.iter().enumerate().filter(|(k, stride)| {
            **stride != Stride::ALL || self.shape(part).0[*k] != self.shape(self.node(part).inputs[0]).0[*k]
        });
        match (moved.next(), moved.next()) {
            (Some((axis, &Stride { start, step: 1 })), None) => Some((axis, start, part)),
            _ => None,
        }
    }

    /// Σ aᵢᵀ·bᵢ over products of the same weight, one for each time step, as one product over all rows.
    fn join_products(&mut self, parts: Vec<NodeId>) -> Result<Vec<NodeId>> {
        let (products, mut others): (Vec<NodeId>, Vec<NodeId>) =
            parts.into_iter().partition(|&part| self.is_weight_product(part));
        let alike = products.iter().all(|&p| {
            let rows = |product: NodeId| self.shape(self.node(product).inputs[0]).0[0];
            rows(p) == rows(products[0])
        });
        if products.len() < 2 || !alike {
            others.splice(0..0, products);
            return Ok(others);
        }
        let stacked: Vec<NodeId> =
            (0..2).map(|operand| self.stack_operands(&products, operand)).collect::<Result<_>>()?;
        others.push(self.matmul(stacked[0], stacked[1], true, false)?);
        Ok(others)
    }

    /// aᵀ·b of two matrices.
    fn is_weight_product(&self, part: NodeId) -> bool {
        let node = self.node(part);
        node.op == Op::MatMul { transpose_a: true, transpose_b: false } && node.shape.rank() == 2
    }

    /// Operand number `operand` of all `products`, as the rows of one matrix.
    fn stack_operands(&mut self, products: &[NodeId], operand: usize) -> Result<NodeId> {
        let matrix = self.shape(self.node(products[0]).inputs[operand]).0.clone();
        let (rows, columns) = (matrix[0], matrix[1]);
        let row = Shape(vec![rows, Dim::fixed(1), columns]);
        let inputs: Vec<NodeId> = products.iter().rev().map(|&p| self.node(p).inputs[operand]).collect();
        let parts: Vec<NodeId> = inputs.iter().map(|&x| self.reshape(x, &row)).collect::<Result<_>>()?;
        let joined = self.concat(&parts, 1)?;
        let all = Dim { factor: rows.factor * products.len(), batch: rows.batch };
        self.reshape(joined, &Shape(vec![all, columns]))
    }
}
