use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId};

/// (prediction − target)²
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    fn name(&self) -> &'static str {
        "mean_squared_error"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let difference = graph.subtract(prediction.value, target)?;
        graph.multiply(difference, difference)
    }
}
