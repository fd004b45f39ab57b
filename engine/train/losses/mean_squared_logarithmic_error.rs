use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};

/// (ln(1 + target) − ln(1 + prediction))², numbers below 1e-7 taken for 1e-7.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MeanSquaredLogarithmicError;

impl Loss for MeanSquaredLogarithmicError {
    fn name(&self) -> &'static str {
        "mean_squared_logarithmic_error"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let of_target = log_of_next(graph, target)?;
        let of_prediction = log_of_next(graph, prediction.value)?;
        let difference = graph.subtract(of_prediction, of_target)?;
        graph.multiply(difference, difference)
    }
}

/// ln(1 + x), where x is at least 1e-7.
fn log_of_next(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let (least, one) = (graph.constant(super::EPSILON), graph.constant(1.0));
    let x = graph.binary(Binary::Maximum, x, least)?;
    let next = graph.add(x, one)?;
    Ok(graph.unary(Unary::Log, next))
}
