use serde_json::{Value, json};

use super::config::{initializer_config, with_base};
use super::spatial::shown;
use super::{ActivationFunction, Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::{Dim, Shape};
use crate::train::initializers::Initializer;

/// A fully connected layer: activation(input · kernel + bias), from `[None, …, features]` to `[None, …, units]`.
///
/// ```
/// use gradus::layers::Dense;
/// let hidden = Dense::new(128).activation("relu");
/// ```
#[derive(Clone, Debug)]
pub struct Dense {
    base: Base,
    units: usize,
    activation: ActivationFunction,
    use_bias: bool,
    kernel_initializer: Initializer,
    bias_initializer: Initializer,
}

impl Dense {
    /// A layer of `units` outputs, linear, with a bias.
    pub fn new(units: usize) -> Self {
        Self {
            base: Base::default(),
            units,
            activation: ActivationFunction::Linear,
            use_bias: true,
            kernel_initializer: Initializer::GlorotUniform,
            bias_initializer: Initializer::Zeros,
        }
    }

    /// The function of the sums, as [`ActivationFunction`] or by name. Default linear.
    pub fn activation<A>(mut self, activation: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        self.activation = self.base.option(self.activation, activation);
        self
    }

    /// Whether a bias is added. Default true.
    pub fn use_bias(mut self, use_bias: bool) -> Self {
        self.use_bias = use_bias;
        self
    }

    /// How the kernel starts, as [`Initializer`] or by name. Default `glorot_uniform`.
    pub fn kernel_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.kernel_initializer = self.base.option(self.kernel_initializer, initializer);
        self
    }

    /// How the bias starts, as [`Initializer`] or by name. Default `zeros`.
    pub fn bias_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.bias_initializer = self.base.option(self.bias_initializer, initializer);
        self
    }

    /// The layer's name. Default `dense`, `dense_1`, …
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
        Ok(Self {
            base: config.base()?,
            units: config.count("units")?,
            activation: config.activation()?,
            use_bias: config.flag("use_bias", true)?,
            kernel_initializer: config.initializer("kernel_initializer", Initializer::GlorotUniform)?,
            bias_initializer: config.initializer("bias_initializer", Initializer::Zeros)?,
        })
    }
}

impl Layer for Dense {
    fn class_name(&self) -> &'static str {
        "Dense"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Dense {}", self.units)
    }

    fn config(&self) -> Value {
        let own = json!({
            "units": self.units,
            "activation": self.activation.config(),
            "use_bias": self.use_bias,
            "kernel_initializer": initializer_config(self.kernel_initializer),
            "bias_initializer": initializer_config(self.bias_initializer),
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        if self.units == 0 {
            return Err(Error::argument(place, "units", 0, "at least 1"));
        }
        match *input {
            [ref rest @ .., features] if features > 0 => Ok([rest, &[self.units]].concat()),
            _ => {
                let remedy = "give samples of at least one feature";
                Err(Error::shape(place, "input", shown(input), "[None, …, features]", remedy))
            }
        }
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let shape = input.last().copied().into_iter().chain([self.units]).collect();
        let mut weights = vec![Weight { name: "kernel", shape, initializer: self.kernel_initializer }];
        if self.use_bias {
            weights.push(Weight {
                name: "bias",
                shape: vec![self.units],
                initializer: self.bias_initializer,
            });
        }
        weights
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let kernel = context.weight(0)?;
        let sample = context.sample_shape(input);
        let (places, features) = sample.split_at(sample.len() - 1);
        let rows = Shape(vec![Dim::batch(places.iter().product()), Dim::fixed(features[0])]);
        let rows = context.graph.reshape(input, &rows)?;
        let sums = context.graph.matmul(rows, kernel, false, false)?;
        let mut sums = context.graph.reshape(sums, &Shape::batched(&[places, &[self.units]].concat()))?;
        if self.use_bias {
            let bias = context.weight(1)?;
            sums = context.graph.add(sums, bias)?;
        }
        context.activate(self.activation, sums)
    }
}
