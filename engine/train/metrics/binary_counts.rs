use super::{Measure, Metric, ratio, values_of};
use crate::error::{Error, Result};
use crate::graph::{Along, Comparison, Graph, NodeId};
use crate::train::losses::Prediction;

/// Counts of the four cases of yes and no: what precision, recall and the like are made of. Targets other than 0 are
/// yes, predictions above a threshold are.
///
/// ```
/// use gradus::Objective;
/// use gradus::train::metrics::{Precision, Recall};
/// let objective = Objective::new("binary_crossentropy", &["accuracy"])?
///     .metric(Precision::new().threshold(0.8))
///     .metric(Recall::new().threshold(0.8));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryCounts {
    kind: Kind,
    threshold: f32,
    class: Option<usize>,
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
        Self { kind, threshold: 0.5, class: None }
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

    /// What a prediction must be above to be a yes. Default 0.5.
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// The class, along the last axis, that alone is counted: Keras's `class_id`. Default all.
    pub fn class_id(mut self, class: usize) -> Self {
        self.class = Some(class);
        self
    }

    /// The class that is counted, or all.
    fn part(&self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let Some(class) = self.class else { return Ok(x) };
        let last = graph.shape(x).rank() - 1;
        let classes = graph.shape(x).0[last].factor;
        if class >= classes {
            let place = format!("metric {:?}", self.name());
            return Err(Error::argument(place, "class_id", class, format!("below {classes}")));
        }
        graph.slice(x, &[Along::new(last, class, 1)])
    }
}

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

    /// Right yes, said yes, true yes, true no.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let (target, said) = (self.part(graph, target)?, self.part(graph, prediction.value)?);
        let (zero, threshold) = (graph.constant(0.0), graph.constant(self.threshold));
        let yes = graph.compare(Comparison::NotEqual, target, zero)?;
        let no = graph.compare(Comparison::Equal, target, zero)?;
        let said = graph.compare(Comparison::Greater, said, threshold)?;
        let right = graph.multiply(yes, said)?;
        [right, said, yes, no].into_iter().map(|case| graph.sum_all(case)).collect()
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let [right, said, yes, no] = [sums[0], sums[1], sums[2], sums[3]];
        Measure::Number(match self.kind {
            Kind::Precision => ratio(right, said),
            Kind::Recall => ratio(right, yes),
            Kind::TruePositives => right,
            Kind::FalsePositives => said - right,
            Kind::TrueNegatives => no - (said - right),
            Kind::FalseNegatives => yes - right,
        })
    }
}
