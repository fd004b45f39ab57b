use serde_json::json;

use super::{KerasClass, Metric, best_class, mean_sums, values_of};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::train::losses::Prediction;

/// The share of right predictions: one of the three kinds, chosen from the shapes as Keras does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Accuracy;

/// The share of predictions on the target's side of a threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryAccuracy {
    threshold: f32,
}

/// The share of samples whose largest prediction is where the largest target is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategoricalAccuracy;

/// The share of samples whose largest prediction is at the target's class number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SparseCategoricalAccuracy;

/// The share of predictions that equal their targets: Keras's class `Accuracy`, where the name `accuracy` stands for
/// [`Accuracy`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExactAccuracy;

impl Metric for ExactAccuracy {
    fn name(&self) -> &str {
        "exact_accuracy"
    }

    fn keras(&self) -> Option<KerasClass> {
        Some(KerasClass::new("Accuracy", json!({})))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let hits = graph.compare(Comparison::Equal, target, prediction.value)?;
        mean_sums(graph, self.name(), hits, [prediction.mask, prediction.weight])
    }
}

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    /// Keras's rule: one output is binary, class numbers are sparse, the rest is one-hot.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        if graph.shape(prediction.value).0.last().is_some_and(|d| d.is_one()) {
            BinaryAccuracy::new().sums(graph, target, prediction)
        } else if graph.node(target).element == Element::U32 {
            SparseCategoricalAccuracy.sums(graph, target, prediction)
        } else {
            CategoricalAccuracy.sums(graph, target, prediction)
        }
    }
}

impl Default for BinaryAccuracy {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryAccuracy {
    /// With the threshold ½.
    pub fn new() -> Self {
        Self { threshold: 0.5 }
    }

    /// What a prediction must be above to count as 1. Default 0.5.
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }
}

impl Metric for BinaryAccuracy {
    fn name(&self) -> &str {
        "binary_accuracy"
    }

    fn keras(&self) -> Option<KerasClass> {
        Some(KerasClass::new("BinaryAccuracy", json!({ "threshold": self.threshold })))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let threshold = graph.constant(self.threshold);
        let said = graph.compare(Comparison::Greater, prediction.value, threshold)?;
        let hits = graph.compare(Comparison::Equal, target, said)?;
        mean_sums(graph, self.name(), hits, [prediction.mask, prediction.weight])
    }
}

impl Metric for CategoricalAccuracy {
    fn name(&self) -> &str {
        "categorical_accuracy"
    }

    fn keras(&self) -> Option<KerasClass> {
        Some(KerasClass::new("CategoricalAccuracy", json!({})))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        check_target(graph, self.name(), target, Element::F32)?;
        let (found, wanted) = (best_class(graph, prediction.value)?, best_class(graph, target)?);
        let hits = graph.compare(Comparison::Equal, wanted, found)?;
        mean_sums(graph, self.name(), hits, [prediction.mask, prediction.weight])
    }
}

impl Metric for SparseCategoricalAccuracy {
    fn name(&self) -> &str {
        "sparse_categorical_accuracy"
    }

    fn keras(&self) -> Option<KerasClass> {
        Some(KerasClass::new("SparseCategoricalAccuracy", json!({})))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        check_target(graph, self.name(), target, Element::U32)?;
        let found = best_class(graph, prediction.value)?;
        let hits = graph.compare(Comparison::Equal, target, found)?;
        mean_sums(graph, self.name(), hits, [prediction.mask, prediction.weight])
    }
}

pub(super) fn check_target(graph: &Graph, name: &str, target: NodeId, expected: Element) -> Result<()> {
    if graph.node(target).element == expected {
        return Ok(());
    }
    let expected = "\"accuracy\", or another that fits the loss's targets";
    Err(Error::argument("compile", "metrics", format!("{name:?}"), expected))
}
