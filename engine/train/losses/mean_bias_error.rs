use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId};

/// prediction − target: on which side, and how far, predictions lie on average.
///
/// Errors of both signs cancel, so that 0 does not mean right; and as a loss it has no least value: training on it
/// drives predictions to −∞. It says something beside another loss, as a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanBiasError;

impl Loss for MeanBiasError {
    fn name(&self) -> &'static str {
        "mean_bias_error"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        graph.subtract(prediction.value, target)
    }
}
