use serde_json::{Value, json};

use super::batch_renormalization::{self, Renorm, RenormClipping};
use super::config::{merged, with_base};
use super::normalization::{Affine, along, check_epsilon, follow, moments, normalized, sample_axes};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::Shape;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Each feature brought to mean 0 and variance 1 over the batch, then scaled and shifted (Ioffe and Szegedy 2015).
/// `[None, …, features]`, and the shape stays.
///
/// Training uses the batch's own mean and variance and moves the averages
/// m ← momentum · m + (1 − momentum) · mean, which evaluation and prediction use. A layer that is not trainable
/// uses the averages in training too, as in Keras 3. Where the input has a mask, masked time steps do not count.
///
/// With `renorm` training normalizes by the averages too: the batch's own normalization is corrected by
/// r = σ / σ' and d = (μ − μ') / σ', with averages μ' and σ' of their own (Ioffe 2017).
///
/// ```
/// use gradus::layers::BatchNormalization;
/// let layer = BatchNormalization::new().momentum(0.9);
/// ```
#[derive(Clone, Debug)]
pub struct BatchNormalization {
    base: Base,
    axis: isize,
    momentum: f64,
    epsilon: f64,
    affine: Affine,
    renorm: Renorm,
    is_synchronized: bool,
    moving_mean_initializer: Initializer,
    moving_variance_initializer: Initializer,
}

impl Default for BatchNormalization {
    fn default() -> Self {
        Self::new()
    }
}

impl BatchNormalization {
    /// Along the last axis, with momentum 0.99 and epsilon 0.001.
    pub fn new() -> Self {
        Self {
            base: Base::default(),
            axis: -1,
            momentum: 0.99,
            epsilon: 1e-3,
            affine: Affine::default(),
            renorm: Renorm::default(),
            is_synchronized: false,
            moving_mean_initializer: Initializer::zeros(),
            moving_variance_initializer: Initializer::ones(),
        }
    }

    /// The axis of the features; −1, the default, is the last, 0 the batch.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// How slowly the averages follow. Default 0.99.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
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

    /// Whether training normalizes by averages of former batches too, which helps where batches are small. Default false.
    ///
    /// ```
    /// use gradus::layers::{BatchNormalization, RenormClipping};
    /// let clipping = RenormClipping { rmax: Some(3.0), rmin: Some(1.0 / 3.0), dmax: Some(5.0) };
    /// let layer = BatchNormalization::new().renorm(true).renorm_clipping(clipping).renorm_momentum(0.9);
    /// ```
    pub fn renorm(mut self, renorm: bool) -> Self {
        self.renorm.on = renorm;
        self
    }

    /// How far `renorm` may correct. Default without bounds.
    pub fn renorm_clipping(mut self, clipping: RenormClipping) -> Self {
        self.renorm.clipping = Some(clipping);
        self
    }

    /// How slowly the averages of `renorm` follow. Default 0.99.
    pub fn renorm_momentum(mut self, momentum: f64) -> Self {
        self.renorm.momentum = momentum;
        self
    }

    /// Whether mean and variance are those of the batch on all devices. A model has one device here, so that it computes the
    /// same either way; the config keeps it for Keras. Default false.
    pub fn synchronized(mut self, synchronized: bool) -> Self {
        self.is_synchronized = synchronized;
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

    /// The layer's name. Default `batch_normalization`, `batch_normalization_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    /// How the average of the means starts. Default `zeros`.
    pub fn moving_mean_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.moving_mean_initializer = self.base.option(self.moving_mean_initializer, initializer);
        self
    }

    /// How the average of the variances starts. Default `ones`.
    pub fn moving_variance_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.moving_variance_initializer = self.base.option(self.moving_variance_initializer, initializer);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let axes = config.axes("axis")?;
        let &[axis] = axes.as_slice() else {
            return Err(Error::argument(
                "config of BatchNormalization",
                "axis",
                format!("{axes:?}"),
                "one axis",
            ));
        };
        Ok(Self {
            base,
            axis,
            momentum: config.number_or("momentum", 0.99)?,
            epsilon: config.number_or("epsilon", 1e-3)?,
            affine: Affine::from_config(config)?,
            renorm: Renorm::from_config(config)?,
            is_synchronized: config.flag("synchronized", false)?,
            moving_mean_initializer: config.initializer("moving_mean_initializer", Initializer::zeros())?,
            moving_variance_initializer: config
                .initializer("moving_variance_initializer", Initializer::ones())?,
        })
    }

    /// The features of `input`: their axis in a sample.
    fn feature_axis(&self, input: &[usize]) -> Result<usize> {
        Ok(sample_axes(&self.place(), &[self.axis], input)?[0])
    }

    /// `input` normalized by its own mean and variance along `axes`, which the averages follow.
    fn learned(&self, context: &mut Context<'_>, input: NodeId, axes: &[usize]) -> Result<NodeId> {
        let moments = match context.mask(input) {
            Some(mask) => masked_moments(context, input, mask, axes)?,
            None => moments(context.graph, input, axes)?,
        };
        let first = self.affine.weights(&[]).len();
        let y = normalized(context.graph, input, moments, self.epsilon)?;
        if self.renorm.on {
            let [r, d] = self.renorm.correct(context, first, moments, (self.momentum, self.epsilon))?;
            let stretched = context.graph.multiply(y, r)?;
            return context.graph.add(stretched, d);
        }
        for (i, moment) in moments.into_iter().enumerate() {
            follow(context, first + i, moment, self.momentum)?;
        }
        Ok(y)
    }

    /// `input` normalized by the averages.
    fn known(&self, context: &mut Context<'_>, input: NodeId, along: &[usize]) -> Result<NodeId> {
        let first = self.affine.weights(&[]).len();
        let averages = [context.weight(first)?, context.weight(first + 1)?];
        let graph = &mut *context.graph;
        let [mean, variance] = averages.map(|state| graph.reshape(state, &Shape::fixed(along)));
        normalized(graph, input, [mean?, variance?], self.epsilon)
    }
}

/// Mean and variance of the time steps that `mask` `[B, time]` lets count.
fn masked_moments(context: &mut Context<'_>, x: NodeId, mask: NodeId, axes: &[usize]) -> Result<[NodeId; 2]> {
    let graph = &mut *context.graph;
    let mut sizes = graph.shape(mask).clone();
    sizes.0.resize(graph.shape(x).rank(), crate::tensor::Dim::fixed(1));
    let mask = graph.reshape(mask, &sizes)?;
    let weights = graph.broadcast(mask, &graph.shape(x).clone())?;
    let total = graph.sum(weights, axes)?;
    // Keras's epsilon, for a batch in which nothing counts.
    let epsilon = graph.constant(1e-7);
    let total = graph.add(total, epsilon)?;
    let weighted = graph.multiply(x, weights)?;
    let sum = graph.sum(weighted, axes)?;
    let mean = graph.divide(sum, total)?;
    let centred = graph.subtract(x, mean)?;
    let square = graph.multiply(centred, centred)?;
    let weighted = graph.multiply(square, weights)?;
    let sum = graph.sum(weighted, axes)?;
    Ok([mean, graph.divide(sum, total)?])
}

impl Layer for BatchNormalization {
    fn class_name(&self) -> &'static str {
        "BatchNormalization"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let own = json!({
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "moving_mean_initializer": self.moving_mean_initializer.config(),
            "moving_variance_initializer": self.moving_variance_initializer.config(),
            "synchronized": self.is_synchronized,
        });
        with_base(self, merged(merged(own, self.affine.config()), self.renorm.config()))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_epsilon(&place, self.epsilon)?;
        if !(0.0..=1.0).contains(&self.momentum) {
            return Err(Error::argument(place, "momentum", self.momentum, "a share from 0 to 1"));
        }
        self.renorm.check(&place)?;
        self.feature_axis(input)?;
        Ok(input.to_vec())
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        self.affine.weights(&[self.feature_axis(input).map_or(1, |axis| input[axis])])
    }

    fn states(&self, input: &[usize]) -> Vec<Weight> {
        let shape = vec![self.feature_axis(input).map_or(1, |axis| input[axis])];
        let mean = ("moving_mean", self.moving_mean_initializer);
        let variance = ("moving_variance", self.moving_variance_initializer);
        let mut states = vec![mean, variance];
        if self.renorm.on {
            let [moving_stddev, renorm_mean, renorm_stddev] = batch_renormalization::STATES;
            states.extend([(moving_stddev, variance.1), (renorm_mean, mean.1), (renorm_stddev, variance.1)]);
        }
        states.into_iter().map(|(name, initializer)| Weight::new(name, &shape, initializer)).collect()
    }

    /// Deviations start as the roots of what the variance starts as.
    fn adjust(&self, weight: &Weight, values: &mut [f32]) {
        let [moving_stddev, _, renorm_stddev] = batch_renormalization::STATES;
        if [moving_stddev, renorm_stddev].contains(&weight.name) {
            values.iter_mut().for_each(|value| *value = value.sqrt());
        }
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let axis = self.feature_axis(&sample)?;
        let along = along(&sample, &[axis]);
        let axes: Vec<usize> = (0..=sample.len()).filter(|&i| i != axis + 1).collect();
        let y = match context.learns() {
            true => self.learned(context, input, &axes)?,
            false => self.known(context, input, &along)?,
        };
        self.affine.scaled(context, y, &along)
    }
}
