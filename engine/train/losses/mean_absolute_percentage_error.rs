use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};

/// 100 · |target − prediction| / |target|, a target nearer to 0 than 1e-7 taken for 1e-7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanAbsolutePercentageError;

impl Loss for MeanAbsolutePercentageError {
    fn name(&self) -> &'static str {
        "mean_absolute_percentage_error"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let difference = graph.subtract(target, prediction.value)?;
        let size = graph.unary(Unary::Abs, target);
        let least = graph.constant(super::EPSILON);
        let size = graph.binary(Binary::Maximum, size, least)?;
        let share = graph.divide(difference, size)?;
        let share = graph.unary(Unary::Abs, share);
        graph.scale(share, 100.0)
    }
}
