//! Reverse-mode differentiation: walks the nodes backwards and adds up what flows to each.

use super::op::{Element, Op, Unary};
use super::{Graph, NodeId};
use crate::error::{Error, Result};
use crate::tensor::Dim;

impl Graph {
    /// The gradients of the scalar `loss` with respect to each node of `targets`, as new nodes.
    ///
    /// # Errors
    /// If `loss` has more than one element, or a gradient would have to flow through an operation
    /// that has none of second order (max pooling).
    pub fn gradients(&mut self, loss: NodeId, targets: &[NodeId]) -> Result<Vec<NodeId>> {
        if self.shape(loss).count() != Dim::fixed(1) {
            let remedy = "reduce it to one number first";
            return Err(Error::shape("gradients", "the loss", self.shape(loss), "[]", remedy));
        }
        let shape = self.shape(loss).clone();
        let seed = self.full(1.0, &shape);
        self.gradients_from(loss, seed, targets)
    }

    /// The gradients of Σ `y`·`cotangent` with respect to each node of `targets`.
    ///
    /// # Errors
    /// If `cotangent` has not the shape of `y`, and as [`Graph::gradients`].
    pub fn gradients_from(
        &mut self,
        y: NodeId,
        cotangent: NodeId,
        targets: &[NodeId],
    ) -> Result<Vec<NodeId>> {
        if self.shape(cotangent) != self.shape(y) {
            let remedy = "broadcast it first";
            let (found, expected) = (self.shape(cotangent), self.shape(y));
            return Err(Error::shape("gradients", "the cotangent", found, expected, remedy));
        }
        let wanted = self.depends_on(targets, y);
        let mut flowing: Vec<Vec<NodeId>> = vec![Vec::new(); y.0 + 1];
        let mut gradients: Vec<Option<NodeId>> = vec![None; y.0 + 1];
        flowing[y.0].push(cotangent);
        for i in (0..=y.0).rev().filter(|&i| wanted[i]) {
            let of = &self.nodes[i].scope;
            let scope = if of.is_empty() { "gradient".to_string() } else { format!("{of}'") };
            let outer = self.enter(&scope);
            gradients[i] = self.sum_parts(std::mem::take(&mut flowing[i]))?;
            let parts = gradients[i].map(|gradient| self.derivative(NodeId(i), gradient)).transpose()?;
            for (input, part) in parts.into_iter().flatten().filter(|(input, _)| wanted[input.0]) {
                flowing[input.0].push(part);
            }
            self.enter(&outer);
        }
        Ok(targets.iter().map(|&t| self.flowing_or_zero(gradients.get(t.0).copied().flatten(), t)).collect())
    }

    fn flowing_or_zero(&mut self, gradient: Option<NodeId>, target: NodeId) -> NodeId {
        let shape = self.shape(target).clone();
        gradient.unwrap_or_else(|| self.full(0.0, &shape))
    }

    /// For every node up to `last`: whether it is computed from a target, in floats.
    pub(crate) fn depends_on(&self, targets: &[NodeId], last: NodeId) -> Vec<bool> {
        let mut depends = vec![false; last.0 + 1];
        for i in 0..=last.0 {
            let node = &self.nodes[i];
            let inherits = node.inputs.iter().any(|n| depends[n.0]) && node.element == Element::F32;
            depends[i] = targets.contains(&NodeId(i)) || inherits;
        }
        depends
    }

    /// What the gradient `g` of node `id` adds to the gradient of each of its inputs.
    fn derivative(&mut self, id: NodeId, g: NodeId) -> Result<Vec<(NodeId, NodeId)>> {
        let (op, inputs) = (self.node(id).op.clone(), self.node(id).inputs.clone());
        let parts = match (&op, inputs.as_slice()) {
            (Op::Unary(f), &[x]) => {
                return Ok(self.unary_derivative(*f, x, id, g)?.map(|d| (x, d)).into_iter().collect());
            }
            (Op::Binary(f), &[a, b]) => self.binary_derivative(*f, [a, b], id, g)?.to_vec(),
            (Op::Select, &[c, a, b]) => {
                let [da, db] = self.select_derivative([c, a, b], g)?;
                return Ok(vec![(a, da), (b, db)]);
            }
            (Op::Broadcast, &[x]) => {
                let shape = self.shape(x).clone();
                vec![self.unbroadcast(g, &shape)?]
            }
            (Op::Reduce { kind, axes }, &[x]) => vec![self.reduce_derivative(*kind, axes, x, id, g)?],
            (Op::MatMul { transpose_a, transpose_b }, &[a, b]) => {
                self.matmul_derivative((*transpose_a, *transpose_b), [a, b], g)?.to_vec()
            }
            (Op::Conv(_) | Op::ConvInputGradient(_) | Op::ConvFilterGradient(_), &[a, b]) => {
                self.conv_derivative(&op, [a, b], g)?.to_vec()
            }
            (Op::MaxPool(window), &[x]) => vec![self.max_pool_derivative(*window, x, g)],
            (Op::AveragePool(window), &[x]) => vec![self.average_pool_derivative(*window, x, g)],
            (Op::AveragePoolGradient(window), _) => vec![self.average_pool(g, *window)?],
            (Op::Reshape, &[x]) => {
                let shape = self.shape(x).clone();
                vec![self.reshape(g, &shape)?]
            }
            (Op::Slice { axes }, &[x]) => vec![self.slice_derivative(axes, x, g)],
            (Op::Pad { axes }, &[x]) => vec![self.pad_derivative(axes, x, g)],
            (Op::Concat { axis }, parts) => self.concat_derivative(*axis, parts, g)?,
            (Op::Gather, &[table, numbers]) => {
                return Ok(vec![(table, self.gather_derivative(table, numbers, g)?)]);
            }
            (Op::ScatterAdd, &[values, numbers]) => return Ok(vec![(values, self.gather(g, numbers)?)]),
            (Op::Transpose { order }, _) => vec![self.transpose_derivative(order, g)?],
            (Op::MaxPoolGradient(_) | Op::Pack { .. }, _) => {
                let expected = "a graph differentiated once through it";
                return Err(Error::argument("gradients", "operation", op.name(), expected));
            }
            // Leaves end the walk; comparisons, casts and indices are constant almost everywhere.
            _ => Vec::new(),
        };
        Ok(inputs.into_iter().zip(parts).collect())
    }

    /// x, through which no gradient flows.
    pub fn detach(&mut self, x: NodeId) -> NodeId {
        self.unary(Unary::Detach, x)
    }
}
