use serde_json::json;

use super::thresholds::{counts, evenly, row, truth, within_one};
use super::{KerasClass, Measure, Metric, class_part, ratio, values_of, weight_of_rows};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::tensor::{Dim, Shape};
use crate::train::losses::Prediction;

/// The best of one measure over all thresholds at which another is at least so much; 0 if there are none.
///
/// ```
/// use gradus::Objective;
/// use gradus::train::metrics::RecallAtPrecision;
/// let objective = Objective::new("binary_crossentropy", &[])?.metric(RecallAtPrecision::new(0.9));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AtThreshold {
    kind: Kind,
    least: f64,
    thresholds: usize,
    class: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    SensitivityAtSpecificity,
    SpecificityAtSensitivity,
    PrecisionAtRecall,
    RecallAtPrecision,
}

/// The share of the true yes that are found, where so large a share of the true no is.
#[derive(Clone, Copy, Debug)]
pub struct SensitivityAtSpecificity;

/// The share of the true no that are found, where so large a share of the true yes is.
#[derive(Clone, Copy, Debug)]
pub struct SpecificityAtSensitivity;

/// The share of the predicted yes that are right, where so large a share of the true yes is found.
#[derive(Clone, Copy, Debug)]
pub struct PrecisionAtRecall;

/// The share of the true yes that are found, where so large a share of the predicted yes is right.
#[derive(Clone, Copy, Debug)]
pub struct RecallAtPrecision;

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind")]
impl SensitivityAtSpecificity {
    /// At a specificity of `least` or more, over 200 thresholds.
    pub fn new(least: f64) -> AtThreshold {
        AtThreshold::of(Kind::SensitivityAtSpecificity, least)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind")]
impl SpecificityAtSensitivity {
    /// At a sensitivity of `least` or more, over 200 thresholds.
    pub fn new(least: f64) -> AtThreshold {
        AtThreshold::of(Kind::SpecificityAtSensitivity, least)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind")]
impl PrecisionAtRecall {
    /// At a recall of `least` or more, over 200 thresholds.
    pub fn new(least: f64) -> AtThreshold {
        AtThreshold::of(Kind::PrecisionAtRecall, least)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras's name for one kind")]
impl RecallAtPrecision {
    /// At a precision of `least` or more, over 200 thresholds.
    pub fn new(least: f64) -> AtThreshold {
        AtThreshold::of(Kind::RecallAtPrecision, least)
    }
}

impl AtThreshold {
    fn of(kind: Kind, least: f64) -> Self {
        Self { kind, least, thresholds: 200, class: None }
    }

    /// How many thresholds there are, evenly spread from 0 to 1; one is ½. Default 200.
    pub fn num_thresholds(mut self, thresholds: usize) -> Self {
        self.thresholds = thresholds;
        self
    }

    /// The class, along the last axis, that alone is counted. Default all.
    pub fn class_id(mut self, class: usize) -> Self {
        self.class = Some(class);
        self
    }

    /// What is measured, and what must be at least so much.
    fn measures(&self, [yes, no, right, said]: [f64; 4]) -> (f64, f64) {
        let (recall, precision) = (ratio(right, yes), ratio(right, said));
        let specificity = ratio(no - (said - right), no);
        match self.kind {
            Kind::SensitivityAtSpecificity => (recall, specificity),
            Kind::SpecificityAtSensitivity => (specificity, recall),
            Kind::PrecisionAtRecall => (precision, recall),
            Kind::RecallAtPrecision => (recall, precision),
        }
    }

    /// Keras's class, and its key for the least value.
    fn class(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::SensitivityAtSpecificity => ("SensitivityAtSpecificity", "specificity"),
            Kind::SpecificityAtSensitivity => ("SpecificityAtSensitivity", "sensitivity"),
            Kind::PrecisionAtRecall => ("PrecisionAtRecall", "recall"),
            Kind::RecallAtPrecision => ("RecallAtPrecision", "precision"),
        }
    }
}

impl Metric for AtThreshold {
    fn name(&self) -> &str {
        match self.kind {
            Kind::SensitivityAtSpecificity => "sensitivity_at_specificity",
            Kind::SpecificityAtSensitivity => "specificity_at_sensitivity",
            Kind::PrecisionAtRecall => "precision_at_recall",
            Kind::RecallAtPrecision => "recall_at_precision",
        }
    }

    fn keras(&self) -> Option<KerasClass> {
        let (class, key) = self.class();
        let mut options = json!({ "num_thresholds": self.thresholds, "class_id": self.class });
        options[key] = json!(self.least);
        Some(KerasClass::new(class, options))
    }

    /// True yes, true no; and for each threshold right yes and said yes.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let place = format!("metric {:?}", self.name());
        if self.thresholds == 0 {
            return Err(Error::argument(place, "num_thresholds", 0, "at least 1"));
        }
        if !(0.0..=1.0).contains(&self.least) {
            return Err(Error::argument(place, self.class().1, self.least, "from 0 to 1"));
        }
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let (mut yes, mut scores) = (truth(graph, target)?, within_one(graph, prediction.value)?);
        if let Some(class) = self.class {
            yes = class_part(graph, self.name(), yes, class)?;
            scores = class_part(graph, self.name(), scores, class)?;
        }
        let flat = Shape(vec![graph.shape(yes).count(), Dim::fixed(1)]);
        let (yes, scores) = (graph.reshape(yes, &flat)?, graph.reshape(scores, &flat)?);
        let thresholds = if self.thresholds == 1 { vec![0.5] } else { evenly(self.thresholds) };
        let thresholds = row(graph, &thresholds)?;
        let weight = prediction.weight.map(|weight| weight_of_rows(graph, self.name(), weight, flat.0[0]));
        counts(graph, [yes, scores], thresholds, weight.transpose()?)
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let (right, said) = sums[2..].split_at((sums.len() - 2) / 2);
        let points = right.iter().zip(said);
        let points = points.map(|(&right, &said)| self.measures([sums[0], sums[1], right, said]));
        // Keras compares in single precision.
        let good = points.filter(|(_, other)| *other as f32 >= self.least as f32).map(|(measure, _)| measure);
        Measure::Number(good.fold(0.0, f64::max))
    }
}
