use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};

/// Σ target · ln(target / prediction) over the classes, both kept within 1e-7 and 1: Kullback and Leibler's divergence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KLDivergence;

impl Loss for KLDivergence {
    fn name(&self) -> &'static str {
        "kl_divergence"
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let last = graph.shape(prediction.value).rank() - 1;
        let [p, q] = [probability(graph, target)?, probability(graph, prediction.value)?];
        let ratio = graph.divide(p, q)?;
        let log = graph.unary(Unary::Log, ratio);
        let product = graph.multiply(p, log)?;
        graph.sum(product, &[last])
    }
}

/// x kept within 1e-7 and 1.
fn probability(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let (low, high) = (graph.constant(super::EPSILON), graph.constant(1.0));
    let above = graph.binary(Binary::Maximum, x, low)?;
    graph.binary(Binary::Minimum, above, high)
}
