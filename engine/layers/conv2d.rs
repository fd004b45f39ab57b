use serde_json::{Value, json};

use super::config::{merged, with_base};
use super::kernel_options::KernelOptions;
use super::spatial::{image_shape, window_counts};
use super::{ActivationFunction, Base, Config, Context, Layer, Padding, Size2, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// A convolution: activation(input ∗ kernel + bias), from `[None, height, width, channels]` to
/// `[None, rows, columns, filters]`.
///
/// ```
/// use gradus::layers::Conv2D;
/// let layer = Conv2D::new(32, (3, 3)).padding("same").activation("relu");
/// ```
#[derive(Clone, Debug)]
pub struct Conv2D {
    base: Base,
    filters: usize,
    kernel_size: Size2,
    strides: Size2,
    padding: Padding,
    kernel: KernelOptions,
}

impl Conv2D {
    /// `filters` filters of `kernel_size` (a number, or height and width), one for every pixel, without padding.
    pub fn new(filters: usize, kernel_size: impl Into<Size2>) -> Self {
        Self {
            base: Base::default(),
            filters,
            kernel_size: kernel_size.into(),
            strides: 1.into(),
            padding: Padding::Valid,
            kernel: KernelOptions::default(),
        }
    }

    /// Pixels from one window to the next. Default 1.
    pub fn strides(mut self, strides: impl Into<Size2>) -> Self {
        self.strides = strides.into();
        self
    }

    /// What lies around an image, as [`Padding`] or by name. Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.padding = self.base.option(self.padding, padding);
        self
    }

    /// The function of the sums, as [`ActivationFunction`] or by name. Default linear.
    pub fn activation<A>(mut self, activation: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        self.kernel.activation = self.base.option(self.kernel.activation, activation);
        self
    }

    /// Whether a bias is added. Default true.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.kernel.use_bias = use_bias;
        self
    }

    /// How the kernel starts, as [`Initializer`] or by name. Default `glorot_uniform`.
    pub fn kernel_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.kernel.kernel_initializer = self.base.option(self.kernel.kernel_initializer, initializer);
        self
    }

    /// How the bias starts, as [`Initializer`] or by name. Default `zeros`.
    pub fn bias_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.kernel.bias_initializer = self.base.option(self.kernel.bias_initializer, initializer);
        self
    }

    /// What the kernel adds to the loss, as [`Regularizer`] or by name. Default nothing.
    pub fn kernel_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.kernel_regularizer = self.base.given(regularizer);
        self
    }

    /// What the bias adds to the loss, as [`Regularizer`] or by name. Default nothing.
    pub fn bias_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.bias_regularizer = self.base.given(regularizer);
        self
    }

    /// What the output adds to the loss, as [`Regularizer`] or by name, divided by the number of samples. Default
    /// nothing.
    pub fn activity_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.activity_regularizer = self.base.given(regularizer);
        self
    }

    /// What the kernel is brought back to after each step, as [`Constraint`] or by name. Default nothing.
    pub fn kernel_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.kernel.kernel_constraint = self.base.given(constraint);
        self
    }

    /// What the bias is brought back to after each step, as [`Constraint`] or by name. Default nothing.
    pub fn bias_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.kernel.bias_constraint = self.base.given(constraint);
        self
    }

    /// The layer's name. Default `conv2d`, `conv2d_1`, …
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
        let filters = config.count("filters")?;
        let kernel_size = config.required_size("kernel_size")?;
        config.only("dilation_rate", &[json!(1), json!([1, 1])])?;
        config.only("groups", &[json!(1)])?;
        Ok(Self {
            base,
            filters,
            kernel_size,
            strides: config.size("strides")?.unwrap_or(1.into()),
            padding: config.padding()?,
            kernel: KernelOptions::from_config(config)?,
        })
    }
}

impl Layer for Conv2D {
    fn class_name(&self) -> &'static str {
        "Conv2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Conv2D {}, {}x{}", self.filters, self.kernel_size.height, self.kernel_size.width)
    }

    fn config(&self) -> Value {
        let own = json!({
            "filters": self.filters,
            "kernel_size": self.kernel_size.config(),
            "strides": self.strides.config(),
            "padding": self.padding.name(),
            "data_format": "channels_last",
        });
        with_base(self, merged(own, self.kernel.config()))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        if self.filters == 0 {
            return Err(Error::argument(place, "filters", 0, "at least 1"));
        }
        self.kernel_size.check(&place, "kernel_size")?;
        self.strides.check(&place, "strides")?;
        let image = image_shape(&place, input)?;
        let window = self.padding.window(image, self.kernel_size, self.strides);
        let [rows, columns] = window_counts(&place, image, &window)?;
        self.kernel.activation.output_shape(&place, &[rows, columns, self.filters])
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let channels = input.last().copied().unwrap_or(1);
        let kernel = [self.kernel_size.height, self.kernel_size.width, channels, self.filters];
        self.kernel.weights(&kernel, self.filters)
    }

    fn activity_regularizer(&self) -> Option<Regularizer> {
        self.kernel.activity_regularizer
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let image = image_shape(&self.place(), &context.sample_shape(input))?;
        let window = self.padding.window(image, self.kernel_size, self.strides);
        let kernel = context.weight(0)?;
        let sums = context.graph.conv(input, kernel, window)?;
        self.kernel.finish(context, sums)
    }
}
