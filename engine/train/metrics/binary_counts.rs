use serde_json::json;

use super::thresholds::{are_even, counts, row, truth, within_one};
use super::top_k::among_best;
use super::{KerasClass, Measure, Metric, class_part, ratio, values_of, weight_of_rows};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::tensor::{Dim, Shape, Tensor};
use crate::train::losses::Prediction;

/// Counts of the four cases of yes and no: what precision, recall and the like are made of. Targets other than 0 are
/// yes, predictions above a threshold are. Of several thresholds each has a number: in the logs a table,
/// [`Logs::table`](crate::Logs::table).
///
/// ```
/// use gradus::Objective;
/// use gradus::train::metrics::{Precision, Recall};
/// let objective = Objective::new("binary_crossentropy", &["accuracy"])?
///     .metric(Precision::new().threshold(0.8))
///     .metric(Recall::new().threshold(0.8));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryCounts {
    kind: Kind,
    thresholds: Option<Vec<f32>>,
    class: Option<usize>,
    top_k: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Precision,
    Recall,
    TruePositives,
    FalsePositives,
    TrueNegatives,
    FalseNegatives,
}

/// The share of the predicted yes that are right.
#[derive(Clone, Copy, Debug)]
pub struct Precision;

/// The share of the true yes that are found.
#[derive(Clone, Copy, Debug)]
pub struct Recall;

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind of count")]
impl Precision {
    /// With the threshold ½, over all classes.
    pub fn new() -> BinaryCounts {
        BinaryCounts::of(Kind::Precision)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind of count")]
impl Recall {
    /// With the threshold ½, over all classes.
    pub fn new() -> BinaryCounts {
        BinaryCounts::of(Kind::Recall)
    }
}

impl BinaryCounts {
    fn of(kind: Kind) -> Self {
        Self { kind, thresholds: None, class: None, top_k: None }
    }

    /// How many yes are found.
    pub fn true_positives() -> Self {
        Self::of(Kind::TruePositives)
    }

    /// How many no are taken for yes.
    pub fn false_positives() -> Self {
        Self::of(Kind::FalsePositives)
    }

    /// How many no are found.
    pub fn true_negatives() -> Self {
        Self::of(Kind::TrueNegatives)
    }

    /// How many yes are taken for no.
    pub fn false_negatives() -> Self {
        Self::of(Kind::FalseNegatives)
    }

    /// What a prediction must be above to be a yes. Default 0.5; with [`BinaryCounts::top_k`] any of the best is.
    pub fn threshold(self, threshold: f32) -> Self {
        self.thresholds(&[threshold])
    }

    /// Several thresholds, each with a result of its own: in the logs a table `[thresholds]`.
    pub fn thresholds(mut self, thresholds: &[f32]) -> Self {
        self.thresholds = Some(thresholds.to_vec());
        self
    }

    /// The class, along the last axis, that alone is counted: Keras's `class_id`. Default all.
    pub fn class_id(mut self, class: usize) -> Self {
        self.class = Some(class);
        self
    }

    /// How many of the best predictions along the last axis may be a yes; of equal ones the first. Default all.
    pub fn top_k(mut self, k: usize) -> Self {
        self.top_k = Some(k);
        self
    }

    fn all_thresholds(&self) -> Vec<f32> {
        let default = if self.top_k.is_some() { NEVER } else { 0.5 };
        self.thresholds.clone().unwrap_or_else(|| vec![default])
    }

    fn check(&self, thresholds: &[f32]) -> Result<()> {
        let place = || format!("metric {:?}", self.name());
        if thresholds.is_empty() {
            return Err(Error::argument(place(), "number of thresholds", 0, "at least 1"));
        }
        match self.thresholds.iter().flatten().find(|t| !(0.0..=1.0).contains(*t)) {
            Some(wrong) => Err(Error::argument(place(), "thresholds", wrong, "numbers from 0 to 1")),
            None => Ok(()),
        }
    }

    fn number(&self, [yes, no, right, said]: [f64; 4]) -> f64 {
        match self.kind {
            Kind::Precision => ratio(right, said),
            Kind::Recall => ratio(right, yes),
            Kind::TruePositives => right,
            Kind::FalsePositives => said - right,
            Kind::TrueNegatives => no - (said - right),
            Kind::FalseNegatives => yes - right,
        }
    }
}

/// Keras's score of what is not among the best: below every threshold.
const NEVER: f32 = -1e10;

impl Metric for BinaryCounts {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Precision => "precision",
            Kind::Recall => "recall",
            Kind::TruePositives => "true_positives",
            Kind::FalsePositives => "false_positives",
            Kind::TrueNegatives => "true_negatives",
            Kind::FalseNegatives => "false_negatives",
        }
    }

    fn keras(&self) -> Option<KerasClass> {
        let class = match self.kind {
            Kind::Precision => "Precision",
            Kind::Recall => "Recall",
            Kind::TruePositives => "TruePositives",
            Kind::FalsePositives => "FalsePositives",
            Kind::TrueNegatives => "TrueNegatives",
            Kind::FalseNegatives => "FalseNegatives",
        };
        let thresholds = match self.thresholds.as_deref() {
            Some([one]) => json!(one),
            several => json!(several),
        };
        let mut options = json!({ "thresholds": thresholds });
        if matches!(self.kind, Kind::Precision | Kind::Recall) {
            options["top_k"] = json!(self.top_k);
            options["class_id"] = json!(self.class);
        }
        Some(KerasClass::new(class, options))
    }

    /// True yes, true no; and for each threshold right yes and said yes.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let thresholds = self.all_thresholds();
        self.check(&thresholds)?;
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let (yes, mut scores) = (truth(graph, target)?, prediction.value);
        if are_even(&thresholds) {
            scores = within_one(graph, scores)?;
        }
        if let Some(k) = self.top_k {
            let best = among_best(graph, scores, k)?;
            let never = graph.constant(NEVER);
            scores = graph.select(best, scores, never)?;
        }
        let [yes, scores] = [yes, scores].map(|x| match self.class {
            Some(class) => class_part(graph, self.name(), x, class),
            None => Ok(x),
        });
        let (yes, scores) = (yes?, scores?);
        let flat = Shape(vec![graph.shape(yes).count(), Dim::fixed(1)]);
        let (yes, scores) = (graph.reshape(yes, &flat)?, graph.reshape(scores, &flat)?);
        let thresholds = row(graph, &thresholds)?;
        let weight = prediction.weight.map(|weight| weight_of_rows(graph, self.name(), weight, flat.0[0]));
        counts(graph, [yes, scores], thresholds, weight.transpose()?)
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let (right, said) = sums[2..].split_at((sums.len() - 2) / 2);
        let numbers =
            right.iter().zip(said).map(|(&right, &said)| self.number([sums[0], sums[1], right, said]));
        match numbers.collect::<Vec<f64>>().as_slice() {
            [one] => Measure::Number(*one),
            several => {
                let numbers = several.iter().map(|&number| number as f32).collect();
                Measure::Table(Tensor::f32(&[several.len()], numbers).expect("one number for each threshold"))
            }
        }
    }
}
