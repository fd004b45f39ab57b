//! The options of convolutions, one after the other and as Keras's configs hold them.

use serde_json::{Value, json};

use super::{CLASSES, Convolution, Form};
use crate::error::{Error, Result};
use crate::layers::config::merged;
use crate::layers::kernel_options::KernelOptions;
use crate::layers::weight_options::{DEPTHWISE, KERNEL, Keys};
use crate::layers::{ActivationFunction, Base, Config, DataFormat, Layer, Padding, Sizes};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

impl Convolution {
    pub(super) fn new(form: Form, rank: usize, filters: usize, kernel_size: Sizes) -> Self {
        Self {
            base: Base::default(),
            form,
            rank,
            filters,
            kernel_size,
            strides: 1.into(),
            padding: Padding::Valid,
            dilation: 1.into(),
            groups: 1,
            data_format: DataFormat::default(),
            output_padding: None,
            kernel: KernelOptions::default(),
        }
    }

    /// Pixels from one window to the next. Default 1.
    pub fn strides(mut self, strides: impl Into<Sizes>) -> Self {
        self.strides = strides.into();
        self
    }

    /// What lies around an image, as [`Padding`] or by name: `valid`, `same`, or `causal` for a
    /// [`Conv1D`](super::Conv1D). Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.padding = self.base.option(self.padding, padding);
        self
    }

    /// Pixels from one tap of the kernel to the next. Default 1; larger only with strides of 1.
    pub fn dilation_rate(mut self, dilation: impl Into<Sizes>) -> Self {
        self.dilation = dilation.into();
        self
    }

    /// Into how many groups channels and filters are parted, each filter seeing the channels of its own group. Default 1.
    /// Plain convolutions have it alone.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        let missing = self.form != Form::Plain;
        self.refuse("groups", missing)
    }

    /// Filters for each channel. Default 1. Depthwise convolutions have it alone.
    pub fn depth_multiplier(mut self, filters: usize) -> Self {
        let missing = self.form != Form::Depthwise;
        if !missing {
            self.filters = filters;
        }
        self.refuse("depth_multiplier", missing)
    }

    /// Pixels that the output has more at its end, less than the strides. Default as many as Keras's shape needs.
    /// Transposed convolutions have it alone.
    pub fn output_padding(mut self, padding: impl Into<Sizes>) -> Self {
        self.output_padding = Some(padding.into());
        let missing = self.form != Form::Transposed;
        self.refuse("output_padding", missing)
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
        self.kernel.kernel.initializer = self.base.option(self.kernel.kernel.initializer, initializer);
        self
    }

    /// How the bias starts, as [`Initializer`] or by name. Default `zeros`.
    pub fn bias_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.kernel.bias.initializer = self.base.option(self.kernel.bias.initializer, initializer);
        self
    }

    /// What the kernel adds to the loss, as [`Regularizer`] or by name. Default nothing.
    pub fn kernel_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.kernel.regularizer = self.base.given(regularizer);
        self
    }

    /// What the bias adds to the loss, as [`Regularizer`] or by name. Default nothing.
    pub fn bias_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.kernel.bias.regularizer = self.base.given(regularizer);
        self
    }

    /// What the output adds to the loss, as [`Regularizer`] or by name, divided by the number of samples. Default
    /// nothing.
    pub fn activity_regularizer<R>(self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.with_activity_regularizer(regularizer)
    }

    /// What the kernel is brought back to after each step, as [`Constraint`] or by name. Default nothing.
    pub fn kernel_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.kernel.kernel.constraint = self.base.given(constraint);
        self
    }

    /// What the bias is brought back to after each step, as [`Constraint`] or by name. Default nothing.
    pub fn bias_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.kernel.bias.constraint = self.base.given(constraint);
        self
    }

    /// Where the channels lie, as [`DataFormat`] or by name: `channels_last` or `channels_first`. Default `channels_last`.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        self.data_format = self.base.option(self.data_format, format);
        self
    }

    /// The layer's name. Default `conv2d`, `conv2d_1`, … after the class
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    /// Keeps an error for an option that the layer does not have.
    fn refuse(mut self, option: &str, missing: bool) -> Self {
        if missing {
            let class = self.class_name();
            self.base.refuse(Error::argument(class, option, "given", "a layer that has this option"));
        }
        self
    }

    /// Keras's keys of the kernel's options.
    fn keys(&self) -> &'static Keys {
        if self.form == Form::Depthwise { &DEPTHWISE } else { &KERNEL }
    }

    pub(super) fn options(&self) -> Value {
        let own = json!({
            "kernel_size": self.kernel_size.config(self.rank),
            "strides": self.strides.config(self.rank),
            "padding": self.padding.name(),
            "dilation_rate": self.dilation.config(self.rank),
            "data_format": self.data_format.name(),
        });
        let others = match self.form {
            Form::Plain => json!({ "filters": self.filters, "groups": self.groups }),
            Form::Depthwise => json!({ "depth_multiplier": self.filters }),
            Form::Transposed => {
                let padding = self.output_padding.as_ref().map(|sizes| sizes.config(self.rank));
                json!({ "filters": self.filters, "output_padding": padding })
            }
        };
        merged(merged(own, others), self.kernel.config(self.keys()))
    }

    /// A layer of `class` with the options of `config`.
    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let (form, rank) =
            CLASSES.iter().find(|(name, ..)| *name == class).map_or((Form::Plain, 2), |c| (c.1, c.2));
        let base = config.base()?;
        let filters = match form {
            Form::Depthwise => config.count_or_none("depth_multiplier")?.unwrap_or(1),
            _ => config.count("filters")?,
        };
        let kernel_size = config.required_spatial("kernel_size")?;
        let mut layer = Self { base, ..Self::new(form, rank, filters, kernel_size) };
        layer.strides = config.spatial("strides")?.unwrap_or(1.into());
        layer.dilation = config.spatial("dilation_rate")?.unwrap_or(1.into());
        layer.padding = config.padding()?;
        layer.data_format = DataFormat::from_config(config)?;
        if form == Form::Plain {
            layer.groups = config.count_or_none("groups")?.unwrap_or(1);
        }
        if form == Form::Transposed {
            layer.output_padding = config.spatial("output_padding")?;
        }
        layer.kernel = KernelOptions::from_config(config, layer.keys())?;
        Ok(layer)
    }
}
