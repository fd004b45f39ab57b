use serde_json::{Value, json};

use super::config::{merged, with_base};
use super::normalization::{Affine, along, check_epsilon, moments, sample_axes};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::{Dim, Shape};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Each group of features of a sample brought to mean 0 and variance 1, then scaled and shifted, feature by feature
/// (Wu and He 2018). `[None, …, features]`, and the shape stays.
///
/// ```
/// use gradus::layers::GroupNormalization;
/// let layer = GroupNormalization::new(8);
/// ```
#[derive(Clone, Debug)]
pub struct GroupNormalization {
    base: Base,
    groups: isize,
    axis: isize,
    epsilon: f64,
    affine: Affine,
}

impl GroupNormalization {
    /// `groups` groups along the last axis, with epsilon 0.001; −1 makes each feature a group. Keras's default is 32.
    pub fn new(groups: isize) -> Self {
        Self { base: Base::default(), groups, axis: -1, epsilon: 1e-3, affine: Affine::default() }
    }

    /// The axis of the features; −1, the default, is the last, 0 the batch.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
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

    /// The layer's name. Default `group_normalization`, `group_normalization_1`, …
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
        let groups = config.number_or("groups", 32.0)? as isize;
        let (axes, epsilon) = (config.axes("axis")?, config.number_or("epsilon", 1e-3)?);
        let &[axis] = axes.as_slice() else {
            return Err(Error::argument(
                "config of GroupNormalization",
                "axis",
                format!("{axes:?}"),
                "one axis",
            ));
        };
        Ok(Self { base, groups, axis, epsilon, affine: Affine::from_config(config)? })
    }

    /// The axis of the features, how many there are, and in how many groups.
    fn features(&self, input: &[usize]) -> Result<(usize, usize, usize)> {
        let axis = sample_axes(&self.place(), &[self.axis], input)?[0];
        let features = input[axis];
        let groups = if self.groups == -1 { features } else { usize::try_from(self.groups).unwrap_or(0) };
        if groups == 0 || !features.is_multiple_of(groups) {
            let expected =
                format!("a number that divides the {features} features of {}", super::shown(input));
            return Err(Error::argument(self.place(), "groups", self.groups, expected));
        }
        Ok((axis, features, groups))
    }
}

impl Layer for GroupNormalization {
    fn class_name(&self) -> &'static str {
        "GroupNormalization"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let own = json!({ "groups": self.groups, "axis": self.axis, "epsilon": self.epsilon });
        with_base(self, merged(own, self.affine.config()))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_epsilon(&place, self.epsilon)?;
        self.features(input)?;
        Ok(input.to_vec())
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        self.affine.weights(&[self.features(input).map_or(1, |(_, features, _)| features)])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let (axis, features, groups) = self.features(&sample)?;
        let mut split = context.graph.shape(input).clone();
        split.0.splice(axis + 1..=axis + 1, [Dim::fixed(groups), Dim::fixed(features / groups)]);
        let axes: Vec<usize> = (1..split.rank()).filter(|&i| i != axis + 1).collect();
        let grouped = context.graph.reshape(input, &split)?;
        let moments = moments(context.graph, grouped, &axes)?;
        let mut along = along(&sample, &[axis]);
        along.splice(axis..=axis, [groups, features / groups]);
        let y = self.affine.normalize(context, grouped, moments, self.epsilon, &along)?;
        context.graph.reshape(y, &Shape::batched(&sample))
    }
}
