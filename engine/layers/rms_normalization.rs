use serde_json::{Value, json};

use super::config::with_base;
use super::normalization::{along, check_epsilon, deviation, sample_axes};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::Result;
use crate::graph::NodeId;
use crate::tensor::Shape;
use crate::train::initializers::Initializer;

/// x / √(mean of x² + epsilon) · scale, along some axes of each sample (Zhang and Sennrich 2019).
/// `[None, …, features]`, and the shape stays.
///
/// ```
/// use gradus::layers::RMSNormalization;
/// let layer = RMSNormalization::new();
/// ```
#[derive(Clone, Debug)]
pub struct RMSNormalization {
    base: Base,
    axis: Vec<isize>,
    epsilon: f64,
}

impl Default for RMSNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl RMSNormalization {
    /// Along the last axis, with epsilon 1e-6.
    pub fn new() -> Self {
        Self { base: Base::default(), axis: vec![-1], epsilon: 1e-6 }
    }

    /// The axes that are normalized together; −1, the default, is the last, 0 the batch.
    pub fn axis(mut self, axis: &[isize]) -> Self {
        self.axis = axis.to_vec();
        self
    }

    /// What is added to the mean square, so that nothing is divided by 0. Default 1e-6.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// The layer's name. Default `rms_normalization`, `rms_normalization_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        Ok(Self { base, axis: config.axes("axis")?, epsilon: config.number_or("epsilon", 1e-6)? })
    }
}

impl Layer for RMSNormalization {
    fn class_name(&self) -> &'static str {
        "RMSNormalization"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let axis = if let [axis] = self.axis[..] { json!(axis) } else { json!(self.axis) };
        with_base(self, json!({ "axis": axis, "epsilon": self.epsilon }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_epsilon(&place, self.epsilon)?;
        sample_axes(&place, &self.axis, input)?;
        Ok(input.to_vec())
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let axes = sample_axes(&self.place(), &self.axis, input).unwrap_or_default();
        let shape: Vec<usize> = axes.iter().map(|&axis| input[axis]).collect();
        vec![Weight::new("scale", &shape, Initializer::ones())]
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let axes = sample_axes(&self.place(), &self.axis, &sample)?;
        let scale = context.weight(0)?;
        let graph = &mut *context.graph;
        let scale = graph.reshape(scale, &Shape::fixed(&along(&sample, &axes)))?;
        let square = graph.multiply(input, input)?;
        let reduced: Vec<usize> = axes.iter().map(|axis| axis + 1).collect();
        let mean = graph.mean(square, &reduced)?;
        let deviation = deviation(graph, mean, self.epsilon)?;
        let y = graph.divide(input, deviation)?;
        graph.multiply(y, scale)
    }
}
