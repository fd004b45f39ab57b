use serde_json::{Value, json};

use super::{Loss, Prediction, clip, negative_log_softmax, smoothed};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// −Σ target · log prediction over the classes, for one-hot targets.
///
/// Behind a softmax it is computed from the logits. Any other prediction is divided by its sum over the
/// classes and kept within 1e-7 of 0 and 1, unless it is said to be logits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CategoricalCrossentropy {
    from_logits: bool,
    label_smoothing: f32,
}

impl CategoricalCrossentropy {
    /// For predictions that are probabilities.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether predictions are logits, that is: the model has no softmax. Default false.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// How far targets are moved towards equal shares. Default 0.
    pub fn label_smoothing(mut self, smoothing: f32) -> Self {
        self.label_smoothing = smoothing;
        self
    }
}

impl Loss for CategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "categorical_crossentropy"
    }

    fn options(&self) -> Value {
        json!({ "from_logits": self.from_logits, "label_smoothing": self.label_smoothing })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let last = graph.shape(prediction.value).rank() - 1;
        let classes = graph.shape(prediction.value).0[last].factor;
        let target = smoothed(graph, target, self.label_smoothing, classes)?;
        let cost = match prediction.softmax_logits(self.from_logits) {
            Some(logits) => negative_log_softmax(graph, logits)?,
            None => {
                let sum = graph.sum(prediction.value, &[last])?;
                let share = graph.divide(prediction.value, sum)?;
                let clipped = clip(graph, share)?;
                let log = graph.unary(Unary::Log, clipped);
                graph.unary(Unary::Negate, log)
            }
        };
        let product = graph.multiply(target, cost)?;
        graph.sum(product, &[last])
    }
}
