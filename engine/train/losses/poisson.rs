use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// prediction − target · ln(prediction + 1e-7), for counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Poisson;

impl Loss for Poisson {
    fn name(&self) -> &'static str {
        "poisson"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let epsilon = graph.constant(super::EPSILON);
        let above = graph.add(prediction.value, epsilon)?;
        let log = graph.unary(Unary::Log, above);
        let product = graph.multiply(target, log)?;
        graph.subtract(prediction.value, product)
    }
}
