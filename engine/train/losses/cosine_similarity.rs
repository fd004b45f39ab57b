use serde_json::{Value, json};

use super::{Loss, Prediction, axis_of, without_axes};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};

/// −cos of the angle between target and prediction along an axis: −1 where they point the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CosineSimilarity {
    axis: isize,
}

impl Default for CosineSimilarity {
    fn default() -> Self {
        Self::new()
    }
}

impl CosineSimilarity {
    /// Along the last axis.
    pub fn new() -> Self {
        Self { axis: -1 }
    }

    /// The axis of the vectors, 0 being the batch. Default −1, the last.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Loss for CosineSimilarity {
    fn name(&self) -> &'static str {
        "cosine_similarity"
    }

    /// Keras takes the axis, though its own configs leave it out.
    fn options(&self) -> Value {
        if self.axis == -1 { json!({}) } else { json!({ "axis": self.axis }) }
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let axis = axis_of(graph, self, self.axis, prediction.value)?;
        let target = direction(graph, target, axis)?;
        let prediction = direction(graph, prediction.value, axis)?;
        let product = graph.multiply(target, prediction)?;
        let cosine = graph.sum(product, &[axis])?;
        let loss = graph.unary(Unary::Negate, cosine);
        without_axes(graph, loss, &[axis])
    }
}

/// x / |x|, lengths below 1e-7 taken for 1e-7.
fn direction(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let square = graph.multiply(x, x)?;
    let sum = graph.sum(square, &[axis])?;
    let least = graph.constant(super::EPSILON * super::EPSILON);
    let sum = graph.binary(Binary::Maximum, sum, least)?;
    let length = graph.unary(Unary::Sqrt, sum);
    graph.divide(x, length)
}
