//! Random small graphs differentiate correctly: what single operations cannot show, their joints do.

use super::choices::Choices;
use super::differences::{check, shape};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Reduction, Unary};
use crate::tensor::{Dim, Shape};

/// Nodes of [B, 3] and [3, 3], to which every operation below returns.
struct Builder<'a> {
    graph: &'a mut Graph,
    choices: Choices,
    rows: Vec<NodeId>,
    square: NodeId,
}

impl Builder<'_> {
    fn row(&mut self) -> NodeId {
        self.choices.of(&self.rows)
    }

    /// Values kept small: tanh bends them and bounds them.
    fn step(&mut self) -> Result<NodeId> {
        let x = self.row();
        let y = match self.choices.below(6) {
            0 => self.unary(x),
            1 => self.binary(x)?,
            2 => self.graph.matmul(x, self.square, false, self.choices.is_odd())?,
            3 => self.gram(x)?,
            4 => self.reduction(x)?,
            _ => self.moved(x)?,
        };
        Ok(self.graph.unary(Unary::Tanh, y))
    }

    fn unary(&mut self, x: NodeId) -> NodeId {
        let f = self.choices.of(&[Unary::Negate, Unary::Exp, Unary::Sigmoid, Unary::Softplus, Unary::Sqrt]);
        let positive = matches!(f, Unary::Sqrt);
        let x = if positive { self.graph.unary(Unary::Softplus, x) } else { x };
        self.graph.unary(f, x)
    }

    fn binary(&mut self, x: NodeId) -> Result<NodeId> {
        let f = self.choices.of(&[Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide]);
        let mut other = self.row();
        if self.choices.below(2) == 0 {
            let axis = self.choices.below(2);
            other = self.graph.sum(other, &[axis])?;
        }
        if f == Binary::Divide {
            let (positive, one) = (self.graph.unary(Unary::Softplus, other), self.graph.constant(1.0));
            other = self.graph.add(positive, one)?;
        }
        self.graph.binary(f, x, other)
    }

    /// x · (xᵀ · y): a product over the batch.
    fn gram(&mut self, x: NodeId) -> Result<NodeId> {
        let y = self.row();
        let gram = self.graph.matmul(x, y, true, false)?;
        self.graph.matmul(x, gram, false, false)
    }

    /// x less its sum, largest or smallest value along an axis.
    fn reduction(&mut self, x: NodeId) -> Result<NodeId> {
        let kind = self.choices.of(&[Reduction::Sum, Reduction::Max, Reduction::Min]);
        let axis = self.choices.below(2);
        let reduced = self.graph.reduce(kind, x, &[axis])?;
        self.graph.subtract(x, reduced)
    }

    /// The same elements through another shape, the axes turned on the way.
    fn moved(&mut self, x: NodeId) -> Result<NodeId> {
        let flat = self.graph.reshape(x, &Shape(vec![Dim::batch(3)]))?;
        let turned = self.graph.reshape(flat, &Shape(vec![Dim::fixed(3), Dim::batch(1)]))?;
        self.graph.transpose(turned, &[1, 0])
    }
}

fn random_graph(graph: &mut Graph, leaves: &[NodeId], seed: u32) -> Result<NodeId> {
    let choices = Choices::new(seed, 1);
    let first = graph.matmul(leaves[0], leaves[1], false, false)?;
    let mut builder = Builder { graph, choices, rows: vec![leaves[0], first], square: leaves[1] };
    for _ in 0..5 {
        let made = builder.step()?;
        builder.rows.push(made);
    }
    // The last nodes together, and the leaves, so that each has some influence.
    let mut sum = leaves[0];
    for &row in &builder.rows[1..] {
        sum = builder.graph.add(sum, row)?;
    }
    Ok(sum)
}

#[test]
fn random_graphs_differentiate() {
    for seed in 0..40 {
        check(&[shape(&[0, 3]), shape(&[3, 3])], |g, x| random_graph(g, x, seed));
    }
}
