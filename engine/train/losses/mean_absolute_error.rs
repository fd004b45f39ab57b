use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// |prediction − target|
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanAbsoluteError;

impl Loss for MeanAbsoluteError {
    fn name(&self) -> &'static str {
        "mean_absolute_error"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let difference = graph.subtract(prediction.value, target)?;
        Ok(graph.unary(Unary::Abs, difference))
    }
}
