use serde_json::json;

use super::{KerasClass, Measure, Metric, values_of, weighed};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Graph, NodeId, Reduction, Unary};
use crate::tensor::Tensor;
use crate::train::losses::Prediction;

/// How the scores of the classes become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FScoreAverage {
    /// One for each class.
    #[default]
    None,
    /// All classes counted as one.
    Micro,
    /// The mean of the classes.
    Macro,
    /// The mean of the classes, each weighed by its number of samples.
    Weighted,
}

pub(super) const AVERAGES: [(&str, FScoreAverage); 3] =
    [("micro", FScoreAverage::Micro), ("macro", FScoreAverage::Macro), ("weighted", FScoreAverage::Weighted)];

/// (1 + β²) · precision · recall / (β² · precision + recall) of each class, for one-hot targets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FBetaScore {
    name: &'static str,
    beta: f64,
    average: FScoreAverage,
    threshold: Option<f32>,
}

/// The harmonic mean of precision and recall: [`FBetaScore`] with β = 1.
#[derive(Clone, Copy, Debug)]
pub struct F1Score;

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one β")]
impl F1Score {
    /// A score for each class.
    pub fn new() -> FBetaScore {
        FBetaScore { name: "f1_score", ..FBetaScore::new(1.0) }
    }
}

/// Keras's smallest denominator.
const EPSILON: f64 = 1e-7;

impl FBetaScore {
    /// A score for each class, recall weighing β times as much as precision.
    pub fn new(beta: f64) -> Self {
        Self { name: "fbeta_score", beta, average: FScoreAverage::None, threshold: None }
    }

    /// How the classes' scores become one. Default not at all.
    pub fn average(mut self, average: FScoreAverage) -> Self {
        self.average = average;
        self
    }

    /// What a prediction must be above to be a yes. Default the largest of each sample alone is.
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = Some(threshold);
        self
    }

    fn said(&self, graph: &mut Graph, prediction: NodeId) -> Result<NodeId> {
        if let Some(threshold) = self.threshold {
            let threshold = graph.constant(threshold);
            return graph.compare(Comparison::Greater, prediction, threshold);
        }
        let last = graph.shape(prediction).rank() - 1;
        let best = graph.reduce(Reduction::Max, prediction, &[last])?;
        let best = graph.compare(Comparison::GreaterEqual, prediction, best)?;
        // Nothing is said where all is 0.
        let (size, least) = (graph.unary(Unary::Abs, prediction), graph.constant(1e-9));
        let nonzero = graph.compare(Comparison::Greater, size, least)?;
        graph.multiply(best, nonzero)
    }

    fn score(&self, right: f64, said: f64, yes: f64) -> f64 {
        let (precision, recall) = (right / (said + EPSILON), right / (yes + EPSILON));
        let square = self.beta * self.beta;
        (1.0 + square) * precision * recall / (square * precision + recall + EPSILON)
    }
}

impl Metric for FBetaScore {
    fn name(&self) -> &str {
        self.name
    }

    fn keras(&self) -> Option<KerasClass> {
        let average = AVERAGES.iter().find(|(_, known)| *known == self.average).map(|(name, _)| name);
        let mut options = json!({ "average": average, "threshold": self.threshold });
        if self.name == "f1_score" {
            return Some(KerasClass::new("F1Score", options));
        }
        options["beta"] = json!(self.beta);
        Some(KerasClass::new("FBetaScore", options))
    }

    /// Right yes, said yes and true yes of each class.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let place = || format!("metric {:?}", self.name);
        if self.beta.is_nan() || self.beta <= 0.0 {
            return Err(Error::argument(place(), "beta", self.beta, "above 0"));
        }
        if let Some(threshold) = self.threshold.filter(|&threshold| threshold.is_nan() || threshold <= 0.0) {
            return Err(Error::argument(place(), "threshold", threshold, "above 0"));
        }
        let yes = values_of(graph, self.name, target, prediction.value)?;
        let said = self.said(graph, prediction.value)?;
        let right = graph.multiply(yes, said)?;
        let axes: Vec<usize> = (0..graph.shape(yes).rank() - 1).collect();
        let each = [right, said, yes].map(|case| {
            let case = weighed(graph, self.name, case, prediction.weight)?;
            graph.sum(case, &axes)
        });
        each.into_iter().collect()
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let classes = sums.len() / 3;
        let (right, others) = sums.split_at(classes);
        let (said, yes) = others.split_at(classes);
        let total = |counts: &[f64]| counts.iter().sum::<f64>();
        let scores: Vec<f64> = (0..classes).map(|c| self.score(right[c], said[c], yes[c])).collect();
        match self.average {
            FScoreAverage::None => {
                let values = scores.iter().map(|&score| score as f32).collect();
                Measure::Table(Tensor::f32(&[classes], values).expect("one score for each class"))
            }
            FScoreAverage::Micro => Measure::Number(self.score(total(right), total(said), total(yes))),
            FScoreAverage::Macro => Measure::Number(total(&scores) / classes as f64),
            FScoreAverage::Weighted => {
                let weighted: Vec<f64> = scores.iter().zip(yes).map(|(score, count)| score * count).collect();
                Measure::Number(total(&weighted) / (total(yes) + EPSILON))
            }
        }
    }
}
