//! What one time step computes.

use super::super::{ActivationFunction, Context};
use super::Recurrent;
use crate::error::Result;
use crate::graph::{Along, Comparison, Element, Graph, NodeId, Unary};
use crate::tensor::Shape;

/// A kind of cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    Simple,
    /// Whether the forget gate starts open, with a bias of 1.
    Lstm {
        unit_forget_bias: bool,
    },
    /// Whether the reset gate acts on the state's product, as cuDNN has it, or on the state.
    Gru {
        reset_after: bool,
    },
}

impl Cell {
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Simple => "SimpleRNN",
            Self::Lstm { .. } => "LSTM",
            Self::Gru { .. } => "GRU",
        }
    }

    /// How many values each unit takes from the input.
    pub fn gates(self) -> usize {
        match self {
            Self::Simple => 1,
            Self::Lstm { .. } => 4,
            Self::Gru { .. } => 3,
        }
    }

    /// What a unit hands on to the next time step.
    pub fn state_names(self) -> &'static [&'static str] {
        match self {
            Self::Lstm { .. } => &["state_h", "state_c"],
            _ => &["state_h"],
        }
    }

    pub fn bias_shape(self, width: usize) -> Vec<usize> {
        match self {
            Self::Gru { reset_after: true } => vec![2, width],
            _ => vec![width],
        }
    }
}

/// The weights of a pass, as its steps need them.
pub(super) struct Weights {
    pub recurrent: NodeId,
    /// The second bias of a GRU that resets after the product.
    pub recurrent_bias: Option<NodeId>,
    /// What the state is multiplied by before each product, while training with recurrent dropout.
    pub state_mask: Option<NodeId>,
}

impl Recurrent {
    /// The states after a time step with the input's product `x` `[None, gates·units]`; the first is the output.
    pub(super) fn step(
        &self,
        context: &mut Context<'_>,
        weights: &Weights,
        x: NodeId,
        states: &[NodeId],
    ) -> Result<Vec<NodeId>> {
        let graph = &mut *context.graph;
        let h = match weights.state_mask {
            Some(mask) => graph.multiply(states[0], mask)?,
            None => states[0],
        };
        match self.cell {
            Cell::Simple => {
                let product = graph.matmul(h, weights.recurrent, false, false)?;
                let sum = graph.add(product, x)?;
                Ok(vec![self.activation.apply(graph, sum)?])
            }
            Cell::Lstm { .. } => self.lstm_step(graph, weights, x, [h, states[1]]),
            Cell::Gru { reset_after } => self.gru_step(graph, weights, x, h, reset_after),
        }
    }

    fn lstm_step(
        &self,
        graph: &mut Graph,
        weights: &Weights,
        x: NodeId,
        [h, c]: [NodeId; 2],
    ) -> Result<Vec<NodeId>> {
        let product = graph.matmul(h, weights.recurrent, false, false)?;
        let z = graph.add(product, x)?;
        let [i, f, candidate, o] = self.lstm_gates(graph, z)?;
        let (kept, new) = (graph.multiply(f, c)?, graph.multiply(i, candidate)?);
        let c = graph.add(kept, new)?;
        let bent = self.activation.apply(graph, c)?;
        Ok(vec![graph.multiply(o, bent)?, c])
    }

    fn lstm_gates(&self, graph: &mut Graph, z: NodeId) -> Result<[NodeId; 4]> {
        let plain = (ActivationFunction::Tanh, ActivationFunction::Sigmoid);
        if (self.activation, self.recurrent_activation) == plain {
            return self.joint_gates(graph, z);
        }
        let mut gates = [z; 4];
        for (k, gate) in gates.iter_mut().enumerate() {
            let part = self.gate(graph, z, k)?;
            let function = if k == 2 { self.activation } else { self.recurrent_activation };
            *gate = function.apply(graph, part)?;
        }
        Ok(gates)
    }

    /// All four gates by one tanh over the whole of `z`, which is then the only value that the backward pass needs:
    /// σ(z) = ½ tanh(z/2) + ½, exact to 2⁻²⁴ as tanh is.
    fn joint_gates(&self, graph: &mut Graph, z: NodeId) -> Result<[NodeId; 4]> {
        let width = Shape::fixed(&[4 * self.units]);
        let number = graph.iota(&width, 0)?;
        let number = graph.cast(number, Element::F32);
        let (first, end) = (graph.constant(2.0 * self.units as f32), graph.constant(3.0 * self.units as f32));
        let (from, below) = (
            graph.compare(Comparison::GreaterEqual, number, first)?,
            graph.compare(Comparison::Less, number, end)?,
        );
        let candidate = graph.multiply(from, below)?;
        let (whole, half) = (graph.full(1.0, &width), graph.full(0.5, &width));
        let scale = graph.select(candidate, whole, half)?;
        let scaled = graph.multiply(z, scale)?;
        let t = graph.unary(Unary::Tanh, scaled);
        let mut gates = [t; 4];
        for (k, gate) in gates.iter_mut().enumerate() {
            *gate = self.gate(graph, t, k)?;
            if k != 2 {
                let halved = graph.scale(*gate, 0.5)?;
                let half = graph.constant(0.5);
                *gate = graph.add(halved, half)?;
            }
        }
        Ok(gates)
    }

    fn gru_step(
        &self,
        graph: &mut Graph,
        weights: &Weights,
        x: NodeId,
        h: NodeId,
        reset_after: bool,
    ) -> Result<Vec<NodeId>> {
        let units = self.units;
        let kernel = |graph: &mut Graph, gate: usize, count: usize| {
            graph.slice(weights.recurrent, &[Along::new(1, gate * units, count * units)])
        };
        let inner = if reset_after {
            let product = graph.matmul(h, weights.recurrent, false, false)?;
            weights.recurrent_bias.map_or(Ok(product), |bias| graph.add(product, bias))?
        } else {
            let gates = kernel(graph, 0, 2)?;
            graph.matmul(h, gates, false, false)?
        };
        let along = [Along::new(1, 0, 2 * units)];
        let (of_x, of_h) = (graph.slice(x, &along)?, graph.slice(inner, &along)?);
        let sum = graph.add(of_x, of_h)?;
        let gates = self.recurrent_activation.apply(graph, sum)?;
        let (z, r) = (self.gate(graph, gates, 0)?, self.gate(graph, gates, 1)?);
        let candidate = if reset_after {
            let product = self.gate(graph, inner, 2)?;
            graph.multiply(r, product)?
        } else {
            let reset = graph.multiply(r, h)?;
            let last = kernel(graph, 2, 1)?;
            graph.matmul(reset, last, false, false)?
        };
        let of_x = self.gate(graph, x, 2)?;
        let sum = graph.add(of_x, candidate)?;
        let candidate = self.activation.apply(graph, sum)?;
        // z·h + (1 − z)·candidate
        let difference = graph.subtract(h, candidate)?;
        let kept = graph.multiply(z, difference)?;
        Ok(vec![graph.add(kept, candidate)?])
    }

    /// Part number `index` of `values` `[None, gates·units]`.
    fn gate(&self, graph: &mut Graph, values: NodeId, index: usize) -> Result<NodeId> {
        graph.slice(values, &[Along::new(1, index * self.units, self.units)])
    }
}
