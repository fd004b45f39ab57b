use serde_json::{Value, json};

use super::config::{merged, with_base};
use super::weight_options::{ALPHA, WeightOptions};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::{NodeId, Unary};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// x above 0, alpha · x below, with a learned alpha for each number of a sample: He et al. 2015.
///
/// ```
/// use gradus::layers::PReLU;
/// // One alpha for each channel of images.
/// let layer = PReLU::new().shared_axes(&[1, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct PReLU {
    base: Base,
    shared_axes: Vec<usize>,
    alpha: WeightOptions,
}

impl Default for PReLU {
    fn default() -> Self {
        Self::new()
    }
}

impl PReLU {
    /// Alphas that start at 0, one for each number of a sample.
    pub fn new() -> Self {
        let alpha = WeightOptions::new(Initializer::zeros());
        Self { base: Base::default(), shared_axes: Vec::new(), alpha }
    }

    /// The axes, counted from 1, along which all numbers share an alpha. Default none.
    pub fn shared_axes(mut self, axes: &[usize]) -> Self {
        self.shared_axes = axes.to_vec();
        self
    }

    /// How the alphas start. Default `zeros`.
    pub fn alpha_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.alpha.initializer = self.base.option(self.alpha.initializer, initializer);
        self
    }

    /// What the alphas add to the loss. Default nothing.
    pub fn alpha_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.alpha.regularizer = self.base.given(regularizer);
        self
    }

    /// What the alphas are brought back to after each step. Default nothing.
    pub fn alpha_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.alpha.constraint = self.base.given(constraint);
        self
    }

    /// The layer's name. Default `p_re_lu`, `p_re_lu_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the alphas learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            base: config.base()?,
            shared_axes: config.counts_or_none("shared_axes")?.unwrap_or_default(),
            alpha: WeightOptions::from_config(config, &ALPHA, Initializer::zeros())?,
        })
    }
}

impl Layer for PReLU {
    fn class_name(&self) -> &'static str {
        "PReLU"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let shared = (!self.shared_axes.is_empty()).then_some(&self.shared_axes);
        with_base(self, merged(json!({ "shared_axes": shared }), self.alpha.config(&ALPHA)))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        if let Some(axis) = self.shared_axes.iter().find(|axis| !(1..=input.len()).contains(*axis)) {
            let expected = format!("axes from 1 to {}", input.len());
            return Err(Error::argument(place, "shared_axes", axis, expected));
        }
        Ok(input.to_vec())
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let size = |(i, &size): (usize, &usize)| if self.shared_axes.contains(&(i + 1)) { 1 } else { size };
        let shape: Vec<usize> = input.iter().enumerate().map(size).collect();
        vec![self.alpha.weight("alpha", &shape)]
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let alpha = context.weight(0)?;
        let graph = &mut *context.graph;
        let above = graph.unary(Unary::Relu, input);
        let negative = graph.unary(Unary::Negate, input);
        let below = graph.unary(Unary::Relu, negative);
        let below = graph.multiply(alpha, below)?;
        graph.subtract(above, below)
    }
}
