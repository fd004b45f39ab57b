use serde_json::{Value, json};

use super::config::{merged, with_base};
use super::normalization::{Affine, along, check_epsilon, moments, sample_axes};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Each sample brought to mean 0 and variance 1 along some axes, then scaled and shifted (Ba et al. 2016).
/// `[None, …, features]`, and the shape stays.
///
/// ```
/// use gradus::layers::LayerNormalization;
/// let layer = LayerNormalization::new().epsilon(1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct LayerNormalization {
    base: Base,
    axis: Vec<isize>,
    epsilon: f64,
    affine: Affine,
}

impl Default for LayerNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl LayerNormalization {
    /// Along the last axis, with epsilon 0.001.
    pub fn new() -> Self {
        Self { base: Base::default(), axis: vec![-1], epsilon: 1e-3, affine: Affine::default() }
    }

    /// The axes that are normalized together; −1, the default, is the last, 0 the batch.
    pub fn axis(mut self, axis: &[isize]) -> Self {
        self.axis = axis.to_vec();
        self
    }

    /// What is added to the variance, so that nothing is divided by 0. Default 0.001.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether an offset is learned. Default true.
    pub fn center(mut self, center: bool) -> Self {
        self.affine.center = center;
        self
    }

    /// Whether a scale is learned. Default true.
    pub fn scale(mut self, scale: bool) -> Self {
        self.affine.scale = scale;
        self
    }

    /// How the offset starts. Default `zeros`.
    pub fn beta_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.affine.beta.initializer = self.base.option(self.affine.beta.initializer, initializer);
        self
    }

    /// What the offset adds to the loss. Default nothing.
    pub fn beta_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.affine.beta.regularizer = self.base.given(regularizer);
        self
    }

    /// What the offset is brought back to after each step. Default nothing.
    pub fn beta_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.affine.beta.constraint = self.base.given(constraint);
        self
    }

    /// How the scale starts. Default `ones`.
    pub fn gamma_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.affine.gamma.initializer = self.base.option(self.affine.gamma.initializer, initializer);
        self
    }

    /// What the scale adds to the loss. Default nothing.
    pub fn gamma_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.affine.gamma.regularizer = self.base.given(regularizer);
        self
    }

    /// What the scale is brought back to after each step. Default nothing.
    pub fn gamma_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.affine.gamma.constraint = self.base.given(constraint);
        self
    }

    /// The layer's name. Default `layer_normalization`, `layer_normalization_1`, …
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
        config.only("rms_scaling", &[json!(false)])?;
        let (axis, epsilon) = (config.axes("axis")?, config.number_or("epsilon", 1e-3)?);
        Ok(Self { base, axis, epsilon, affine: Affine::from_config(config)? })
    }
}

impl Layer for LayerNormalization {
    fn class_name(&self) -> &'static str {
        "LayerNormalization"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let axis = if let [axis] = self.axis[..] { json!(axis) } else { json!(self.axis) };
        with_base(self, merged(json!({ "axis": axis, "epsilon": self.epsilon }), self.affine.config()))
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
        self.affine.weights(&axes.iter().map(|&axis| input[axis]).collect::<Vec<_>>())
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let axes = sample_axes(&self.place(), &self.axis, &sample)?;
        let reduced: Vec<usize> = axes.iter().map(|axis| axis + 1).collect();
        let moments = moments(context.graph, input, &reduced)?;
        self.affine.normalize(context, input, moments, self.epsilon, &along(&sample, &axes))
    }
}
