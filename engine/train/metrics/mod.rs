//! Metrics: what is reported beside the loss.

use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::train::by_name;

/// A number reported for each epoch, the mean over its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// The share of right predictions: one of the kinds below, chosen from the shapes as Keras does.
    Accuracy,
    /// The share of predictions on the target's side of ½.
    BinaryAccuracy,
    /// The share of samples whose largest prediction is where the largest target is.
    CategoricalAccuracy,
    /// The share of samples whose largest prediction is at the target's class number.
    SparseCategoricalAccuracy,
}

const NAMES: [(&str, Metric); 5] = [
    ("accuracy", Metric::Accuracy),
    ("acc", Metric::Accuracy),
    ("binary_accuracy", Metric::BinaryAccuracy),
    ("categorical_accuracy", Metric::CategoricalAccuracy),
    ("sparse_categorical_accuracy", Metric::SparseCategoricalAccuracy),
];

impl TryFrom<&str> for Metric {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("compile", "metrics", name, &NAMES)
    }
}

impl Metric {
    /// Its key in the history.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::BinaryAccuracy => "binary_accuracy",
            Self::CategoricalAccuracy => "categorical_accuracy",
            Self::SparseCategoricalAccuracy => "sparse_categorical_accuracy",
        }
    }

    /// The mean over the batch, as a scalar.
    ///
    /// # Errors
    /// If the target is of another kind than the metric compares with.
    pub fn mean(self, graph: &mut Graph, target: NodeId, prediction: NodeId) -> Result<NodeId> {
        let hits = match self.kind(graph, target, prediction) {
            Self::BinaryAccuracy => binary_hits(graph, target, prediction)?,
            Self::SparseCategoricalAccuracy => {
                self.check_target(graph, target, Element::U32)?;
                let found = best_class(graph, prediction)?;
                graph.compare(Comparison::Equal, target, found)?
            }
            _ => {
                self.check_target(graph, target, Element::F32)?;
                let (found, wanted) = (best_class(graph, prediction)?, best_class(graph, target)?);
                graph.compare(Comparison::Equal, wanted, found)?
            }
        };
        graph.mean_all(hits)
    }

    /// Keras's rule for `accuracy`: one output is binary, class numbers are sparse, the rest is one-hot.
    fn kind(self, graph: &Graph, target: NodeId, prediction: NodeId) -> Self {
        let shape = graph.shape(prediction);
        match self {
            Self::Accuracy if shape.0.last().is_some_and(|d| d.is_one()) => Self::BinaryAccuracy,
            Self::Accuracy if graph.node(target).element == Element::U32 => Self::SparseCategoricalAccuracy,
            Self::Accuracy => Self::CategoricalAccuracy,
            named => named,
        }
    }

    fn check_target(self, graph: &Graph, target: NodeId, expected: Element) -> Result<()> {
        if graph.node(target).element == expected {
            return Ok(());
        }
        let expected = "\"accuracy\", which chooses the kind that fits the loss's targets";
        Err(Error::argument("compile", "metrics", format!("{:?}", self.name()), expected))
    }
}

fn binary_hits(graph: &mut Graph, target: NodeId, prediction: NodeId) -> Result<NodeId> {
    let half = graph.constant(0.5);
    let said = graph.compare(Comparison::Greater, prediction, half)?;
    let target = graph.cast(target, Element::F32);
    graph.compare(Comparison::Equal, target, said)
}

fn best_class(graph: &mut Graph, scores: NodeId) -> Result<NodeId> {
    let last = graph.shape(scores).rank() - 1;
    graph.argmax(scores, last)
}
