use serde_json::json;

use super::thresholds::{counts, row, truth, within_one};
use super::{KerasClass, Measure, Metric, ratio, values_of, weight_of_rows};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, Graph, NodeId, Unary};
use crate::tensor::{Dim, Shape};
use crate::train::losses::Prediction;

/// Which curve the area lies under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Curve {
    /// The share of yes found over the share of no taken for yes.
    #[default]
    Roc,
    /// Precision over recall.
    PrecisionRecall,
    /// Precision gain over recall gain: both measured from what saying yes to all gives (Flach and Kull 2015).
    PrecisionRecallGain,
}

/// How the area between two thresholds is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summation {
    /// Halfway; under precision and recall by the formula of Davis and Goadrich 2006.
    #[default]
    Interpolation,
    /// The lower end.
    Minoring,
    /// The upper end.
    Majoring,
}

pub(super) const CURVES: [(&str, Curve); 6] = [
    ("ROC", Curve::Roc),
    ("PR", Curve::PrecisionRecall),
    ("PRGAIN", Curve::PrecisionRecallGain),
    ("roc", Curve::Roc),
    ("pr", Curve::PrecisionRecall),
    ("prgain", Curve::PrecisionRecallGain),
];

pub(super) const SUMMATIONS: [(&str, Summation); 6] = [
    ("interpolation", Summation::Interpolation),
    ("minoring", Summation::Minoring),
    ("majoring", Summation::Majoring),
    ("Interpolation", Summation::Interpolation),
    ("Minoring", Summation::Minoring),
    ("Majoring", Summation::Majoring),
];

/// The area under the curve that a threshold draws as it goes from 0 to 1, for targets of 0 and other numbers, which are yes,
/// and predictions between: Keras's `AUC`. Outputs of several classes are taken together, or one by one and the mean.
#[derive(Clone, Debug, PartialEq)]
pub struct Auc {
    thresholds: Thresholds,
    curve: Curve,
    summation: Summation,
    from_logits: bool,
    multi_label: bool,
    num_labels: Option<usize>,
    label_weights: Option<Vec<f32>>,
}

#[derive(Clone, Debug, PartialEq)]
enum Thresholds {
    /// So many, spread evenly.
    Number(usize),
    /// These, and one below 0 and one above 1.
    Given(Vec<f32>),
}

/// How far the outer thresholds lie outside of 0 and 1.
const EPSILON: f32 = 1e-7;

const PLACE: &str = "metric \"auc\"";

impl Default for Auc {
    fn default() -> Self {
        Self::new()
    }
}

impl Auc {
    /// Under the ROC curve, by 200 thresholds.
    pub fn new() -> Self {
        Self {
            thresholds: Thresholds::Number(200),
            curve: Curve::Roc,
            summation: Summation::Interpolation,
            from_logits: false,
            multi_label: false,
            num_labels: None,
            label_weights: None,
        }
    }

    /// How many thresholds there are, at least 2. Default 200.
    pub fn num_thresholds(mut self, thresholds: usize) -> Self {
        self.thresholds = Thresholds::Number(thresholds);
        self
    }

    /// The thresholds between 0 and 1, which are added, in any order. Default [`Auc::num_thresholds`] of them, evenly spread.
    pub fn thresholds(mut self, thresholds: &[f32]) -> Self {
        let mut sorted = thresholds.to_vec();
        sorted.sort_by(f32::total_cmp);
        self.thresholds = Thresholds::Given(sorted);
        self
    }

    /// The curve. Default ROC.
    pub fn curve(mut self, curve: Curve) -> Self {
        self.curve = curve;
        self
    }

    /// How areas between thresholds are taken. Default interpolation.
    pub fn summation_method(mut self, summation: Summation) -> Self {
        self.summation = summation;
        self
    }

    /// Whether predictions are logits, that is: the model has no sigmoid. Default false.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// Whether each class of outputs `[B, classes]` has an area of its own, of which the mean is taken. Default false: all
    /// classes are taken together.
    pub fn multi_label(mut self, multi_label: bool) -> Self {
        self.multi_label = multi_label;
        self
    }

    /// How many classes there are, with [`Auc::multi_label`]. Default as many as the output has.
    pub fn num_labels(mut self, labels: usize) -> Self {
        self.num_labels = Some(labels);
        self
    }

    /// How much each class counts: its area in the mean, or its samples if the classes are taken together. Default 1 each.
    pub fn label_weights(mut self, weights: &[f32]) -> Self {
        self.label_weights = Some(weights.to_vec());
        self
    }

    fn count(&self) -> usize {
        match &self.thresholds {
            Thresholds::Number(number) => *number,
            Thresholds::Given(given) => given.len() + 2,
        }
    }

    /// All thresholds `[thresholds]`.
    fn all_thresholds(&self, graph: &mut Graph) -> Result<NodeId> {
        match &self.thresholds {
            Thresholds::Number(number) => evenly_spread(graph, *number),
            Thresholds::Given(given) => {
                row(graph, &[&[-EPSILON], given.as_slice(), &[1.0 + EPSILON]].concat())
            }
        }
    }

    fn check(&self, shape: &Shape) -> Result<()> {
        let classes = shape.0.last().map_or(1, |dim| dim.factor);
        if self.count() < 2 {
            return Err(Error::argument(PLACE, "num_thresholds", self.count(), "at least 2"));
        }
        if let Thresholds::Given(given) = &self.thresholds
            && let Some(wrong) = given.iter().find(|t| !(0.0..=1.0).contains(*t))
        {
            return Err(Error::argument(PLACE, "thresholds", wrong, "numbers from 0 to 1"));
        }
        if self.multi_label && shape.rank() != 2 {
            let remedy = "flatten it, or leave multi_label out";
            return Err(Error::shape(PLACE, "the output", shape, "[B, classes] for multi_label", remedy));
        }
        if let Some(labels) = self.num_labels.filter(|&labels| !self.multi_label || labels != classes) {
            let expected = match self.multi_label {
                true => format!("{classes}, the classes of the output"),
                false => "absent: it goes with multi_label".into(),
            };
            return Err(Error::argument(PLACE, "num_labels", labels, expected));
        }
        if let Some(weights) = self.label_weights.as_ref().filter(|weights| weights.len() != classes) {
            let expected = format!("{classes}, one for each class of the output");
            return Err(Error::argument(PLACE, "number of label_weights", weights.len(), expected));
        }
        Ok(())
    }

    /// How much each of `flat` counts, the classes of `shape` one after the other.
    fn weight(
        &self,
        graph: &mut Graph,
        of_samples: Option<NodeId>,
        [shape, flat]: [&Shape; 2],
    ) -> Result<Option<NodeId>> {
        let of_labels = match self.label_weights.as_ref().filter(|_| !self.multi_label) {
            Some(weights) => {
                let weights = row(graph, weights)?;
                let weights = graph.broadcast(weights, shape)?;
                Some(graph.reshape(weights, flat)?)
            }
            None => None,
        };
        let Some(weight) = of_samples else { return Ok(of_labels) };
        let weight = weight_of_rows(graph, self.name(), weight, shape.count())?;
        let weight = graph.reshape(weight, flat)?;
        of_labels.map_or(Ok(weight), |labels| graph.multiply(labels, weight)).map(Some)
    }

    fn height(&self, a: f64, b: f64) -> f64 {
        match self.summation {
            Summation::Interpolation => (a + b) / 2.0,
            Summation::Minoring => a.min(b),
            Summation::Majoring => a.max(b),
        }
    }

    /// The area of one class, with `right[i]` of `said[i]` yes right at threshold i.
    fn area(&self, [yes, no]: [f64; 2], right: &[f64], said: &[f64]) -> f64 {
        if self.curve == Curve::PrecisionRecall && self.summation == Summation::Interpolation {
            return interpolated(right, said, yes);
        }
        let point = |i: usize| {
            let (right, wrong) = (right[i], said[i] - right[i]);
            match self.curve {
                Curve::Roc => (ratio(wrong, no), ratio(right, yes)),
                Curve::PrecisionRecall => (ratio(right, yes), ratio(right, said[i])),
                // Keras's choice where nothing is right.
                Curve::PrecisionRecallGain if right == 0.0 => (0.0, 1.0),
                Curve::PrecisionRecallGain => {
                    let gain = |missed: f64| 1.0 - ratio(yes, no) * missed / right;
                    (gain(yes - right).max(0.0), gain(wrong))
                }
            }
        };
        let part = |i: usize| {
            let ((x, y), (next_x, next_y)) = (point(i), point(i + 1));
            (x - next_x) * self.height(y, next_y)
        };
        (0..right.len() - 1).map(part).sum()
    }
}

/// `number` thresholds, the first just below 0 and the last just above 1.
fn evenly_spread(graph: &mut Graph, number: usize) -> Result<NodeId> {
    let numbers = graph.iota(&Shape::fixed(&[number]), 0)?;
    let numbers = graph.cast(numbers, Element::F32);
    let steps = graph.constant((number - 1) as f32);
    let inner = graph.divide(numbers, steps)?;
    let (zero, below, above) = (graph.constant(0.0), graph.constant(-EPSILON), graph.constant(1.0 + EPSILON));
    let first = graph.compare(Comparison::Equal, numbers, zero)?;
    let inner = graph.select(first, below, inner)?;
    let end = graph.compare(Comparison::Equal, numbers, steps)?;
    graph.select(end, above, inner)
}

/// The area under precision over recall, between thresholds with `right[i]` of `said[i]` yes right.
fn interpolated(right: &[f64], said: &[f64], yes: f64) -> f64 {
    let part = |i: usize| {
        let slope = ratio(right[i] - right[i + 1], (said[i] - said[i + 1]).max(0.0));
        let intercept = right[i + 1] - slope * said[i + 1];
        let grows = said[i] > 0.0 && said[i + 1] > 0.0;
        let logarithm = if grows { (said[i] / said[i + 1]).ln() } else { 0.0 };
        ratio(slope * (right[i] - right[i + 1] + intercept * logarithm), yes)
    };
    (0..right.len() - 1).map(part).sum()
}

impl Metric for Auc {
    fn name(&self) -> &str {
        "auc"
    }

    fn keras(&self) -> Option<KerasClass> {
        let name =
            |value, table: &[(&'static str, _)]| table.iter().find(|(_, known)| *known == value).map(|e| e.0);
        let summation = SUMMATIONS.iter().find(|(_, known)| *known == self.summation).map(|(name, _)| name);
        let mut options = json!({ "num_thresholds": self.count(), "curve": name(self.curve, &CURVES),
            "summation_method": summation, "multi_label": self.multi_label, "num_labels": self.num_labels,
            "label_weights": self.label_weights, "from_logits": self.from_logits });
        if let Thresholds::Given(given) = &self.thresholds {
            options["thresholds"] = json!(given);
        }
        Some(KerasClass::new("AUC", options))
    }

    /// True yes and true no of each class; and for each class, one after the other, right yes and said yes at each threshold.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let shape = graph.shape(target).clone();
        self.check(&shape)?;
        let said =
            if self.from_logits { graph.unary(Unary::Sigmoid, prediction.value) } else { prediction.value };
        let (yes, said) = (truth(graph, target)?, within_one(graph, said)?);
        let mut last = shape.clone();
        last.0.push(Dim::fixed(1));
        let flat = if self.multi_label { last } else { Shape(vec![shape.count(), Dim::fixed(1)]) };
        let weight = self.weight(graph, prediction.weight, [&shape, &flat])?;
        let (yes, said) = (graph.reshape(yes, &flat)?, graph.reshape(said, &flat)?);
        let thresholds = self.all_thresholds(graph)?;
        counts(graph, [yes, said], thresholds, weight)
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let thresholds = self.count();
        let classes = sums.len() / (2 + 2 * thresholds);
        let (yes, rest) = sums.split_at(classes);
        let (no, rest) = rest.split_at(classes);
        let (right, said) = rest.split_at(classes * thresholds);
        let areas = right.chunks(thresholds).zip(said.chunks(thresholds)).zip(yes.iter().zip(no));
        let areas: Vec<f64> =
            areas.map(|((right, said), (&yes, &no))| self.area([yes, no], right, said)).collect();
        let weights: Vec<f64> = match &self.label_weights {
            Some(weights) if self.multi_label => weights.iter().map(|&weight| f64::from(weight)).collect(),
            _ => vec![1.0; classes],
        };
        let total: f64 = areas.iter().zip(&weights).map(|(area, weight)| area * weight).sum();
        Measure::Number(ratio(total, weights.iter().sum()))
    }
}
