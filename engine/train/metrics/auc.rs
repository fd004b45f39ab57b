use super::{Measure, Metric, ratio, values_of};
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

/// The area under the curve that a threshold draws as it goes from 0 to 1, for targets of 0 and 1 and predictions
/// between: Keras's `AUC`. Outputs of several classes are taken together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Auc {
    thresholds: usize,
    curve: Curve,
    summation: Summation,
    from_logits: bool,
}

/// How far the outer thresholds lie outside of 0 and 1.
const EPSILON: f32 = 1e-7;

impl Default for Auc {
    fn default() -> Self {
        Self::new()
    }
}

impl Auc {
    /// Under the ROC curve, by 200 thresholds.
    pub fn new() -> Self {
        Self { thresholds: 200, curve: Curve::Roc, summation: Summation::Interpolation, from_logits: false }
    }

    /// How many thresholds there are, at least 2. Default 200.
    pub fn num_thresholds(mut self, thresholds: usize) -> Self {
        self.thresholds = thresholds;
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

    /// The thresholds `[1, thresholds]`.
    fn thresholds(&self, graph: &mut Graph) -> Result<NodeId> {
        if self.thresholds < 2 {
            return Err(Error::argument("metric \"auc\"", "num_thresholds", self.thresholds, "at least 2"));
        }
        let last = self.thresholds - 1;
        let number = graph.iota(&Shape::fixed(&[1, self.thresholds]), 1)?;
        let number = graph.cast(number, Element::F32);
        let steps = graph.constant(last as f32);
        let inner = graph.divide(number, steps)?;
        let (zero, below, above) =
            (graph.constant(0.0), graph.constant(-EPSILON), graph.constant(1.0 + EPSILON));
        let first = graph.compare(Comparison::Equal, number, zero)?;
        let inner = graph.select(first, below, inner)?;
        let end = graph.compare(Comparison::Equal, number, steps)?;
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

    fn height(&self, a: f64, b: f64) -> f64 {
        match self.summation {
            Summation::Interpolation => (a + b) / 2.0,
            Summation::Minoring => a.min(b),
            Summation::Majoring => a.max(b),
        }
    }
}

impl Metric for Auc {
    fn name(&self) -> &str {
        "auc"
    }

    /// True yes, true no; and for each threshold right yes and said yes.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let yes = values_of(graph, self.name(), target, prediction.value)?;
        let said =
            if self.from_logits { graph.unary(Unary::Sigmoid, prediction.value) } else { prediction.value };
        let flat = Shape(vec![graph.shape(yes).count(), Dim::fixed(1)]);
        let (yes, said) = (graph.reshape(yes, &flat)?, graph.reshape(said, &flat)?);
        let thresholds = self.thresholds(graph)?;
        let said = graph.compare(Comparison::Greater, said, thresholds)?;
        let right = graph.multiply(yes, said)?;
        let one = graph.constant(1.0);
        let no = graph.subtract(one, yes)?;
        [yes, no, right, said].into_iter().map(|case| graph.sum(case, &[0])).collect()
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let (yes, no) = (sums[0], sums[1]);
        let (right, said) = sums[2..].split_at(self.thresholds);
        if self.curve == Curve::PrecisionRecall && self.summation == Summation::Interpolation {
            return Measure::Number(Self::interpolated(right, said, yes));
        }
        let point = |i: usize| match self.curve {
            Curve::Roc => (ratio(said[i] - right[i], no), ratio(right[i], yes)),
            Curve::PrecisionRecall => (ratio(right[i], yes), ratio(right[i], said[i])),
        };
        let area = |i: usize| {
            let ((x, y), (next_x, next_y)) = (point(i), point(i + 1));
            (x - next_x) * self.height(y, next_y)
        };
        Measure::Number((0..self.thresholds - 1).map(area).sum())
    }
}
