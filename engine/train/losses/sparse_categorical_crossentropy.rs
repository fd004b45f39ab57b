use serde_json::{Value, json};

use super::{Loss, Prediction, Targets, clip, negative_log_softmax};
use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId, Unary};
use crate::tensor::{Dim, Shape};

/// −log of the prediction for the target's class, for targets that are class numbers.
///
/// Behind a softmax it is computed from the logits. The logarithm of any other prediction, kept within 1e-7
/// of 0 and 1, takes the logits' place, unless it is said to be logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SparseCategoricalCrossentropy {
    from_logits: bool,
    ignore_class: Option<u32>,
}

impl SparseCategoricalCrossentropy {
    /// For predictions that are probabilities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether predictions are logits, that is: the model has no softmax. Default false.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// The label of samples that do not count: the loss is the mean over the others. Default none.
    pub fn ignore_class(mut self, class: u32) -> Self {
        self.ignore_class = Some(class);
        self
    }
}

impl Loss for SparseCategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "sparse_categorical_crossentropy"
    }

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn options(&self) -> Value {
        json!({ "from_logits": self.from_logits, "ignore_class": self.ignore_class })
    }

    fn mask(&self, graph: &mut Graph, target: NodeId, values: NodeId) -> Result<Option<NodeId>> {
        let Some(class) = self.ignore_class else { return Ok(None) };
        let labels = graph.cast(target, Element::F32);
        let labels = graph.reshape(labels, &graph.shape(values).clone())?;
        let class = graph.constant(class as f32);
        graph.compare(Comparison::NotEqual, labels, class).map(Some)
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let shape = graph.shape(prediction.value).clone();
        let last = shape.rank() - 1;
        let logits = match prediction.softmax_logits(self.from_logits) {
            Some(logits) => logits,
            None => {
                let clipped = clip(graph, prediction.value)?;
                graph.unary(Unary::Log, clipped)
            }
        };
        let cost = negative_log_softmax(graph, logits, last)?;
        let chosen = one_hot(graph, target, &shape)?;
        let product = graph.multiply(chosen, cost)?;
        graph.sum(product, &[last])
    }
}

/// 1.0 at the label's class, 0.0 elsewhere, of `shape`.
pub(super) fn one_hot(graph: &mut Graph, labels: NodeId, shape: &Shape) -> Result<NodeId> {
    let last = shape.rank() - 1;
    let mut classes = Shape(vec![Dim::fixed(1); shape.rank()]);
    classes.0[last] = shape.0[last];
    let classes = graph.iota(&classes, last)?;
    graph.compare(Comparison::Equal, labels, classes)
}
