use serde_json::{Value, json};

use super::{BinaryCrossentropy, Loss, Prediction, axis_of, clip, mean_along, smoothed, without_axes};
use crate::error::Result;
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::layers::softmax;

/// Binary cross-entropy that weighs each number by (1 − p)^γ, p being what the prediction gives to the truth: what is
/// hard counts more (Lin et al. 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryFocalCrossentropy {
    alpha: f32,
    gamma: f32,
    apply_class_balancing: bool,
    from_logits: bool,
    label_smoothing: f32,
    axis: isize,
}

impl Default for BinaryFocalCrossentropy {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryFocalCrossentropy {
    /// With α 0.25, which counts only with class balancing, and γ 2.
    pub fn new() -> Self {
        let (alpha, gamma, label_smoothing, axis) = (0.25, 2.0, 0.0, -1);
        Self { alpha, gamma, apply_class_balancing: false, from_logits: false, label_smoothing, axis }
    }

    /// The weight of class 1, that of class 0 being 1 − α. Default 0.25.
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    /// How much more the hard ones count. Default 2.
    pub fn gamma(mut self, gamma: f32) -> Self {
        self.gamma = gamma;
        self
    }

    /// Whether α weighs the classes. Default false.
    pub fn apply_class_balancing(mut self, apply: bool) -> Self {
        self.apply_class_balancing = apply;
        self
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

impl Loss for BinaryFocalCrossentropy {
    fn name(&self) -> &'static str {
        "binary_focal_crossentropy"
    }

    fn options(&self) -> Value {
        json!({ "alpha": self.alpha, "gamma": self.gamma, "apply_class_balancing": self.apply_class_balancing,
            "from_logits": self.from_logits, "label_smoothing": self.label_smoothing,
            "axis": self.axis })
    }

    fn averages_last(&self) -> bool {
        self.axis == -1
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let target = smoothed(graph, target, self.label_smoothing, 2)?;
        let one = graph.constant(1.0);
        let losses =
            BinaryCrossentropy::new().from_logits(self.from_logits).values(graph, target, prediction)?;
        let yes = match self.from_logits {
            true => graph.unary(Unary::Sigmoid, prediction.value),
            false => prediction.value,
        };
        let (no, other) = (graph.subtract(one, yes)?, graph.subtract(one, target)?);
        // 1 − p = target · (1 − yes) + (1 − target) · yes
        let (of_yes, of_no) = (graph.multiply(target, no)?, graph.multiply(other, yes)?);
        let hard = graph.add(of_yes, of_no)?;
        let factor = power(graph, hard, self.gamma)?;
        let losses = graph.multiply(factor, losses)?;
        if !self.apply_class_balancing {
            return mean_along(graph, self, self.axis, losses);
        }
        let (of_one, of_zero) = (graph.scale(target, self.alpha)?, graph.scale(other, 1.0 - self.alpha)?);
        let weight = graph.add(of_one, of_zero)?;
        let losses = graph.multiply(weight, losses)?;
        mean_along(graph, self, self.axis, losses)
    }
}

/// Categorical cross-entropy that weighs each class by α · (1 − p)^γ, p being its prediction (Lin et al. 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalFocalCrossentropy {
    alpha: f32,
    gamma: f32,
    from_logits: bool,
    label_smoothing: f32,
    axis: isize,
}

impl Default for CategoricalFocalCrossentropy {
    fn default() -> Self {
        Self::new()
    }
}

impl CategoricalFocalCrossentropy {
    /// With α 0.25 and γ 2.
    pub fn new() -> Self {
        Self { alpha: 0.25, gamma: 2.0, from_logits: false, label_smoothing: 0.0, axis: -1 }
    }

    /// What all classes are weighed by. Default 0.25.
    pub fn alpha(mut self, alpha: f32) -> Self {
        self.alpha = alpha;
        self
    }

    /// How much more the hard ones count. Default 2.
    pub fn gamma(mut self, gamma: f32) -> Self {
        self.gamma = gamma;
        self
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

impl Loss for CategoricalFocalCrossentropy {
    fn name(&self) -> &'static str {
        "categorical_focal_crossentropy"
    }

    fn options(&self) -> Value {
        json!({ "alpha": self.alpha, "gamma": self.gamma, "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing, "axis": self.axis })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let shape = graph.shape(prediction.value).clone();
        let axis = axis_of(graph, self, self.axis, prediction.value)?;
        let last = shape.rank() - 1;
        // Keras's rule: smoothed by the size of the last axis, wherever the classes lie.
        let target = smoothed(graph, target, self.label_smoothing, shape.0[last].factor)?;
        let value = match self.from_logits {
            true => softmax(graph, prediction.value, &[axis])?,
            false => prediction.value,
        };
        let sum = graph.sum(value, &[axis])?;
        let share = graph.divide(value, sum)?;
        let share = clip(graph, share)?;
        let log = graph.unary(Unary::Log, share);
        let loss = graph.multiply(target, log)?;
        let one = graph.constant(1.0);
        let hard = graph.subtract(one, share)?;
        let factor = power(graph, hard, self.gamma)?;
        let weight = graph.scale(factor, -self.alpha)?;
        let loss = graph.multiply(weight, loss)?;
        let sum = graph.sum(loss, &[axis])?;
        without_axes(graph, sum, &[axis])
    }
}

/// x^exponent for x from 0 to 1; what is below 1e-30 is taken for that, whose powers are as good as 0.
fn power(graph: &mut Graph, x: NodeId, exponent: f32) -> Result<NodeId> {
    if exponent == 2.0 {
        return graph.multiply(x, x);
    }
    let least = graph.constant(1e-30);
    let x = graph.binary(Binary::Maximum, x, least)?;
    let log = graph.unary(Unary::Log, x);
    let scaled = graph.scale(log, exponent)?;
    Ok(graph.unary(Unary::Exp, scaled))
}
