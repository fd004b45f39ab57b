use serde_json::{Value, json};

use super::{Convolution, Form};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::layers::config::{merged, with_activity};
use crate::layers::kernel_options::KernelOptions;
use crate::layers::weight_options::{DEPTHWISE, POINTWISE, WeightOptions};
use crate::layers::{ActivationFunction, Base, Config, Context, DataFormat, Layer, Padding, Sizes, Weight};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// A separable convolution over time: a filter for each channel, then a mixture of the channels.
/// `[None, time, channels]` to `[None, steps, filters]`.
///
/// ```
/// use gradus::layers::SeparableConv1D;
/// let layer = SeparableConv1D::new(32, 3).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SeparableConv1D;

/// A separable convolution over images (Chollet 2017): a filter for each channel, then a mixture of the channels, with far
/// fewer weights than a [`Conv2D`](super::Conv2D). `[None, height, width, channels]` to `[None, rows, columns, filters]`.
///
/// ```
/// use gradus::layers::SeparableConv2D;
/// let layer = SeparableConv2D::new(32, 3).padding("same").activation("relu");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SeparableConv2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has two names for what is one layer here")]
impl SeparableConv1D {
    /// `filters` mixtures of what filters of `kernel_size` steps give.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> SeparableConvolution {
        SeparableConvolution::new(1, filters, kernel_size.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has two names for what is one layer here")]
impl SeparableConv2D {
    /// `filters` mixtures of what filters of `kernel_size` (a number, or height and width) give.
    pub fn new(filters: usize, kernel_size: impl Into<Sizes>) -> SeparableConvolution {
        SeparableConvolution::new(2, filters, kernel_size.into())
    }
}

/// A depthwise convolution and one of single pixels behind it: [`SeparableConv1D`] or [`SeparableConv2D`].
#[derive(Clone, Debug)]
pub struct SeparableConvolution {
    base: Base,
    depthwise: Convolution,
    pointwise: Convolution,
}

impl SeparableConvolution {
    fn new(rank: usize, filters: usize, kernel_size: Sizes) -> Self {
        let depthwise = Convolution::new(Form::Depthwise, rank, 1, kernel_size).use_bias(false);
        let pointwise = Convolution::new(Form::Plain, rank, filters, 1.into());
        Self { base: Base::default(), depthwise, pointwise }
    }

    /// Pixels from one window to the next. Default 1.
    pub fn strides(mut self, strides: impl Into<Sizes>) -> Self {
        self.depthwise = self.depthwise.strides(strides);
        self
    }

    /// What lies around an image, as [`Padding`] or by name. Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.depthwise.padding = self.base.option(self.depthwise.padding, padding);
        self
    }

    /// Pixels from one tap of the kernel to the next. Default 1.
    pub fn dilation_rate(mut self, dilation: impl Into<Sizes>) -> Self {
        self.depthwise = self.depthwise.dilation_rate(dilation);
        self
    }

    /// Filters for each channel before the mixture. Default 1.
    pub fn depth_multiplier(mut self, filters: usize) -> Self {
        self.depthwise = self.depthwise.depth_multiplier(filters);
        self
    }

    /// The function of the sums, as [`ActivationFunction`] or by name. Default linear.
    pub fn activation<A>(mut self, activation: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        self.pointwise.kernel.activation = self.base.option(self.pointwise.kernel.activation, activation);
        self
    }

    /// Whether a bias is added. Default true.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.pointwise = self.pointwise.use_bias(use_bias);
        self
    }

    /// How the kernel of the filters starts. Default `glorot_uniform`.
    pub fn depthwise_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        let kernel = &mut self.depthwise.kernel;
        kernel.kernel.initializer = self.base.option(kernel.kernel.initializer, initializer);
        self
    }

    /// How the kernel of the mixtures starts. Default `glorot_uniform`.
    pub fn pointwise_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        let kernel = &mut self.pointwise.kernel;
        kernel.kernel.initializer = self.base.option(kernel.kernel.initializer, initializer);
        self
    }

    /// What the kernel of the filters adds to the loss. Default nothing.
    pub fn depthwise_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.depthwise.kernel.kernel.regularizer = self.base.given(regularizer);
        self
    }

    /// What the kernel of the mixtures adds to the loss. Default nothing.
    pub fn pointwise_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.pointwise.kernel.kernel.regularizer = self.base.given(regularizer);
        self
    }

    /// What the kernel of the filters is brought back to after each step. Default nothing.
    pub fn depthwise_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.depthwise.kernel.kernel.constraint = self.base.given(constraint);
        self
    }

    /// What the kernel of the mixtures is brought back to after each step. Default nothing.
    pub fn pointwise_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.pointwise.kernel.kernel.constraint = self.base.given(constraint);
        self
    }

    /// Where the channels lie, as [`DataFormat`] or by name: `channels_last` or `channels_first`. Default `channels_last`.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        let format = self.base.option(self.depthwise.data_format, format);
        (self.depthwise.data_format, self.pointwise.data_format) = (format, format);
        self
    }

    /// The layer's name. Default `separable_conv2d`, `separable_conv2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let rank = if class == "SeparableConv1D" { 1 } else { 2 };
        let base = config.base()?;
        let (filters, kernel_size) = (config.count("filters")?, config.required_spatial("kernel_size")?);
        let mut layer = Self { base, ..Self::new(rank, filters, kernel_size) };
        layer.depthwise.strides = config.spatial("strides")?.unwrap_or(1.into());
        layer.depthwise.dilation = config.spatial("dilation_rate")?.unwrap_or(1.into());
        layer.depthwise.padding = config.padding()?;
        let format = DataFormat::from_config(config)?;
        (layer.depthwise.data_format, layer.pointwise.data_format) = (format, format);
        layer.depthwise.filters = config.count_or_none("depth_multiplier")?.unwrap_or(1);
        layer.pointwise.kernel = KernelOptions::from_config(config, &POINTWISE)?;
        let start = layer.depthwise.kernel.kernel.initializer;
        layer.depthwise.kernel.kernel = WeightOptions::from_config(config, &DEPTHWISE, start)?;
        Ok(layer)
    }

    /// The shape between the two.
    fn between(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.depthwise.output_shape(input).map_err(|error| error.at(&self.place()))
    }
}

impl Layer for SeparableConvolution {
    fn class_name(&self) -> &'static str {
        if self.depthwise.rank == 1 { "SeparableConv1D" } else { "SeparableConv2D" }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        let size = self.depthwise.kernel_size.title(self.depthwise.rank);
        format!("{} {}, {size}", self.class_name(), self.pointwise.filters)
    }

    fn config(&self) -> Value {
        let (depthwise, rank) = (&self.depthwise, self.depthwise.rank);
        let own = json!({
            "filters": self.pointwise.filters,
            "kernel_size": depthwise.kernel_size.config(rank),
            "strides": depthwise.strides.config(rank),
            "padding": depthwise.padding.name(),
            "dilation_rate": depthwise.dilation.config(rank),
            "depth_multiplier": depthwise.filters,
            "data_format": depthwise.data_format.name(),
        });
        let kernel = depthwise.kernel.kernel.config(&DEPTHWISE);
        with_activity(self, merged(merged(own, kernel), self.pointwise.kernel.config(&POINTWISE)))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check(&self.place())?;
        self.pointwise.output_shape(&self.between(input)?)
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let (depthwise, format) = (&self.depthwise, self.depthwise.data_format);
        let channels = depthwise.outputs(format.channels(input));
        let between = format.joined(&vec![1; depthwise.rank], channels);
        let mut weights = depthwise.weights(input);
        weights.extend(self.pointwise.weights(&between));
        for (weight, name) in weights.iter_mut().zip(["depthwise_kernel", "pointwise_kernel"]) {
            weight.name = name;
        }
        weights
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let filtered = context.within(&[0], |context| self.depthwise.call(context, input))?;
        let rest: Vec<usize> = (1..context.weights.len()).collect();
        context.within(&rest, |context| self.pointwise.call(context, filtered))
    }
}
