use serde_json::{Value, json};

use super::{Loss, Prediction, clip, mean_along, smoothed};
use crate::error::Result;
use crate::graph::{Comparison, Graph, NodeId, Unary};

/// −target · log prediction − (1 − target) · log(1 − prediction), for targets between 0 and 1.
///
/// Behind a sigmoid it is computed from the logits. Any other prediction is kept within 1e-7 of 0 and 1,
/// unless it is said to be logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryCrossentropy {
    from_logits: bool,
    label_smoothing: f32,
    axis: isize,
}

impl Default for BinaryCrossentropy {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryCrossentropy {
    /// For predictions that are probabilities.
    pub fn new() -> Self {
        Self { from_logits: false, label_smoothing: 0.0, axis: -1 }
    }

    /// Whether predictions are logits, that is: the model has no sigmoid. Default false.
    pub fn from_logits(mut self, from_logits: bool) -> Self {
        self.from_logits = from_logits;
        self
    }

    /// How far targets are moved towards ½. Default 0.
    pub fn label_smoothing(mut self, smoothing: f32) -> Self {
        self.label_smoothing = smoothing;
        self
    }

    /// The axis that a loss is the mean along, 0 being the batch. Default −1, the last. It changes sums and what sample
    /// weights stretch over, not the mean of all.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

impl Loss for BinaryCrossentropy {
    fn name(&self) -> &'static str {
        "binary_crossentropy"
    }

    fn options(&self) -> Value {
        json!({ "from_logits": self.from_logits, "label_smoothing": self.label_smoothing, "axis": self.axis })
    }

    fn averages_last(&self) -> bool {
        self.axis == -1
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let target = smoothed(graph, target, self.label_smoothing, 2)?;
        let values = match prediction.sigmoid_logits(self.from_logits) {
            Some(logits) => from_logits(graph, target, logits)?,
            None => from_probabilities(graph, target, prediction.value)?,
        };
        mean_along(graph, self, self.axis, values)
    }
}

/// max(z, 0) − z·target + ln(1 + e^−|z|): nothing overflows and nothing cancels.
fn from_logits(graph: &mut Graph, target: NodeId, logits: NodeId) -> Result<NodeId> {
    let zero = graph.constant(0.0);
    // Selections, not relu and abs: at 0 the derivative of the sum is then ½ − target, as it should be.
    let positive = graph.compare(Comparison::GreaterEqual, logits, zero)?;
    let relu = graph.select(positive, logits, zero)?;
    let negated = graph.unary(Unary::Negate, logits);
    let below = graph.select(positive, negated, logits)?;
    let product = graph.multiply(logits, target)?;
    let difference = graph.subtract(relu, product)?;
    let rest = graph.unary(Unary::Softplus, below);
    graph.add(difference, rest)
}

fn from_probabilities(graph: &mut Graph, target: NodeId, probability: NodeId) -> Result<NodeId> {
    let one = graph.constant(1.0);
    let yes = clip(graph, probability)?;
    let no = graph.subtract(one, yes)?;
    let (log_yes, log_no) = (graph.unary(Unary::Log, yes), graph.unary(Unary::Log, no));
    let rest = graph.subtract(one, target)?;
    let yes = graph.multiply(target, log_yes)?;
    let no = graph.multiply(rest, log_no)?;
    let sum = graph.add(yes, no)?;
    Ok(graph.unary(Unary::Negate, sum))
}
