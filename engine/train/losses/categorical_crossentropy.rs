use serde_json::{Value, json};

use super::{Loss, Prediction, axis_of, clip, negative_log_softmax, smoothed, without_axes};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// −Σ target · log prediction over the classes, for one-hot targets.
///
/// Behind a softmax it is computed from the logits. Any other prediction is divided by its sum over the
/// classes and kept within 1e-7 of 0 and 1, unless it is said to be logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalCrossentropy {
    from_logits: bool,
    label_smoothing: f32,
    axis: isize,
}

impl Default for CategoricalCrossentropy {
    fn default() -> Self {
        Self::new()
    }
}

impl CategoricalCrossentropy {
    /// For predictions that are probabilities.
    pub fn new() -> Self {
        Self { from_logits: false, label_smoothing: 0.0, axis: -1 }
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

    /// The axis of the classes, 0 being the batch. Default −1, the last.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Loss for CategoricalCrossentropy {
    fn name(&self) -> &'static str {
        "categorical_crossentropy"
    }

    fn options(&self) -> Value {
        json!({ "from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let axis = axis_of(graph, self, self.axis, prediction.value)?;
        let last = graph.shape(prediction.value).rank() - 1;
        // Keras's rule: smoothed by the size of the last axis, wherever the classes lie.
        let classes = graph.shape(prediction.value).0[last].factor;
        let target = smoothed(graph, target, self.label_smoothing, classes)?;
        let logits = match axis == last {
            true => prediction.softmax_logits(self.from_logits),
            // What the softmax of another axis was computed from says nothing here.
            false => self.from_logits.then_some(prediction.value),
        };
        let cost = match logits {
            Some(logits) => negative_log_softmax(graph, logits, axis)?,
            None => {
                let sum = graph.sum(prediction.value, &[axis])?;
                let share = graph.divide(prediction.value, sum)?;
                let clipped = clip(graph, share)?;
                let log = graph.unary(Unary::Log, clipped);
                graph.unary(Unary::Negate, log)
            }
        };
        let product = graph.multiply(target, cost)?;
        let sum = graph.sum(product, &[axis])?;
        without_axes(graph, sum, &[axis])
    }
}
