use serde_json::json;

use super::{KerasClass, Measure, Metric, values_of, weighed};
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::tensor::Tensor;
use crate::train::losses::Prediction;

/// How the scores of the outputs become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClassAggregation {
    /// Not at all: one for each output, in the logs a table `[outputs]`.
    None,
    /// Their mean.
    #[default]
    UniformAverage,
    /// Their mean, each weighed by how much its targets are spread.
    VarianceWeightedAverage,
}

pub(super) const AGGREGATIONS: [(&str, ClassAggregation); 2] = [
    ("uniform_average", ClassAggregation::UniformAverage),
    ("variance_weighted_average", ClassAggregation::VarianceWeightedAverage),
];

/// 1 − Σ(prediction − target)² / Σ(target − mean)² of each output, the mean over the outputs: the coefficient of
/// determination. 1 is perfect, 0 no better than the targets' mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct R2Score {
    aggregation: ClassAggregation,
    regressors: usize,
}

impl R2Score {
    /// The mean over the outputs.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the outputs' scores become one. Default their mean.
    pub fn class_aggregation(mut self, aggregation: ClassAggregation) -> Self {
        self.aggregation = aggregation;
        self
    }

    /// How many independent variables the score is adjusted for, 1 − (1 − R²) · (n − 1) / (n − regressors − 1), n being the
    /// number of targets, as Keras counts them: those of all outputs. With as many targets or fewer it is left as it is.
    /// Default 0.
    pub fn num_regressors(mut self, regressors: usize) -> Self {
        self.regressors = regressors;
        self
    }

    fn adjusted(&self, score: f64, targets: f64) -> f64 {
        let regressors = self.regressors as f64;
        if regressors == 0.0 || regressors >= targets - 1.0 {
            return score;
        }
        1.0 - (1.0 - score) * (targets - 1.0) / (targets - regressors - 1.0)
    }
}

impl Metric for R2Score {
    fn name(&self) -> &str {
        "r2_score"
    }

    fn keras(&self) -> Option<KerasClass> {
        let aggregation =
            AGGREGATIONS.iter().find(|(_, known)| *known == self.aggregation).map(|(name, _)| name);
        let options = json!({ "class_aggregation": aggregation, "num_regressors": self.regressors });
        Some(KerasClass::new("R2Score", options))
    }

    /// Targets, their squares, squared errors and what they weigh, of each output.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let error = graph.subtract(prediction.value, target)?;
        let (error, square) = (graph.multiply(error, error)?, graph.multiply(target, target)?);
        let ones = graph.full(1.0, &graph.shape(target).clone());
        let each = [target, square, error, ones].map(|values| {
            let values = weighed(graph, self.name(), values, prediction.weight)?;
            graph.sum(values, &[0])
        });
        each.into_iter().collect()
    }

    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        let outputs = sums.len() / 4;
        let spread = |i: usize| sums[outputs + i] - sums[i] * sums[i] / sums[3 * outputs + i];
        let score = |i: usize| {
            let score = 1.0 - sums[2 * outputs + i] / spread(i);
            // Keras's rule for targets that are all alike.
            if score.is_infinite() { 0.0 } else { score }
        };
        let targets = samples * outputs as f64;
        let score = match self.aggregation {
            ClassAggregation::None => {
                let scores = (0..outputs).map(|i| self.adjusted(score(i), targets) as f32).collect();
                return Measure::Table(Tensor::f32(&[outputs], scores).expect("one score for each output"));
            }
            ClassAggregation::UniformAverage => (0..outputs).map(score).sum::<f64>() / outputs as f64,
            ClassAggregation::VarianceWeightedAverage => {
                let weighted: f64 = (0..outputs).map(|i| spread(i) * score(i)).sum();
                weighted / (0..outputs).map(spread).sum::<f64>()
            }
        };
        Measure::Number(self.adjusted(score, targets))
    }
}
