use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};

/// −cos of the angle between target and prediction along the last axis: −1 where they point the same way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CosineSimilarity;

impl Loss for CosineSimilarity {
    fn name(&self) -> &'static str {
        "cosine_similarity"
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let last = graph.shape(prediction.value).rank() - 1;
        let target = direction(graph, target, last)?;
        let prediction = direction(graph, prediction.value, last)?;
        let product = graph.multiply(target, prediction)?;
        let cosine = graph.sum(product, &[last])?;
        Ok(graph.unary(Unary::Negate, cosine))
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
