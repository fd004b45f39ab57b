use super::{Measure, Metric, values_of};
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::train::losses::Prediction;

/// 1 − Σ(prediction − target)² / Σ(target − mean)² of each output, the mean over the outputs: the coefficient of
/// determination. 1 is perfect, 0 no better than the targets' mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct R2Score;

impl Metric for R2Score {
    fn name(&self) -> &str {
        "r2_score"
    }

    /// Targets, their squares and squared errors of each output.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let error = graph.subtract(prediction.value, target)?;
        let (error, square) = (graph.multiply(error, error)?, graph.multiply(target, target)?);
        [target, square, error].into_iter().map(|values| graph.sum(values, &[0])).collect()
    }

    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        let outputs = sums.len() / 3;
        let score = |i: usize| {
            let spread = sums[outputs + i] - sums[i] * sums[i] / samples;
            let score = 1.0 - sums[2 * outputs + i] / spread;
            // Keras's rule for targets that are all alike.
            if score.is_infinite() { 0.0 } else { score }
        };
        Measure::Number((0..outputs).map(score).sum::<f64>() / outputs as f64)
    }
}
