use super::{Measure, Metric, mean_sums, ratio, values_of};
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::train::losses::Prediction;

/// √ of the mean of (prediction − target)²
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RootMeanSquaredError;

impl Metric for RootMeanSquaredError {
    fn name(&self) -> &str {
        "root_mean_squared_error"
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let error = graph.subtract(prediction.value, target)?;
        let square = graph.multiply(error, error)?;
        // Keras's leaves nothing out.
        mean_sums(graph, self.name(), square, [None, prediction.weight])
    }

    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        let count = sums.get(1).copied().unwrap_or(samples);
        Measure::Number(ratio(sums[0], count).sqrt())
    }
}
