use serde_json::{Value, json};

use super::config::{merged, with_base};
use super::kernel_options::KernelOptions;
use super::spatial::shown;
use super::weight_options::KERNEL;
use super::{ActivationFunction, Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Graph, NodeId};
use crate::tensor::{Dim, Shape};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

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
    /// The share of the weights that is dropped while training: the layer is then a [`DropConnect`](super::DropConnect).
    drop_rate: Option<f64>,
    kernel: KernelOptions,
}

impl Dense {
    /// A layer of `units` outputs, linear, with a bias.
    pub fn new(units: usize) -> Self {
        Self { base: Base::default(), units, drop_rate: None, kernel: KernelOptions::default() }
    }

    /// Drops the share `rate` of the weights while training.
    pub(super) fn dropping(mut self, rate: f64) -> Self {
        self.drop_rate = Some(rate);
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
            drop_rate: None,
            kernel: KernelOptions::from_config(config, &KERNEL)?,
        })
    }
}

impl Layer for Dense {
    fn class_name(&self) -> &'static str {
        if self.drop_rate.is_some() { "DropConnect" } else { "Dense" }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("{} {}", self.class_name(), self.units)
    }

    fn config(&self) -> Value {
        let mut own = json!({ "units": self.units });
        if let Some(rate) = self.drop_rate {
            own["rate"] = json!(rate);
        }
        with_base(self, merged(own, self.kernel.config(&KERNEL)))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        if self.units == 0 {
            return Err(Error::argument(place, "units", 0, "at least 1"));
        }
        if let Some(rate) = self.drop_rate.filter(|rate| !(0.0..1.0).contains(rate)) {
            return Err(Error::argument(place, "rate", rate, "a share from 0 up to, but not including, 1"));
        }
        match *input {
            [ref rest @ .., features] if features > 0 => {
                self.kernel.activation.output_shape(&place, &[rest, &[self.units]].concat())
            }
            _ => {
                let remedy = "give samples of at least one feature";
                Err(Error::shape(place, "input", shown(input), "[None, …, features]", remedy))
            }
        }
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let features = input.last().copied().unwrap_or(1);
        self.kernel.weights(&[features, self.units], self.units)
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if let Some(rate) = self.drop_rate.filter(|&rate| rate > 0.0 && context.training) {
            return self.call_dropping(context, input, rate);
        }
        let kernel = context.weight(0)?;
        let (rows, output) = self.rows(context, input)?;
        let sums = context.graph.matmul(rows, kernel, false, false)?;
        let sums = context.graph.reshape(sums, &output)?;
        self.kernel.finish(context, sums)
    }
}

impl Dense {
    /// The input as rows of features, and the shape of the output.
    fn rows(&self, context: &mut Context<'_>, input: NodeId) -> Result<(NodeId, Shape)> {
        let sample = context.sample_shape(input);
        let (places, features) = sample.split_at(sample.len() - 1);
        let rows = Shape(vec![Dim::batch(places.iter().product()), Dim::fixed(features[0])]);
        Ok((context.graph.reshape(input, &rows)?, Shape::batched(&[places, &[self.units]].concat())))
    }

    /// activation(Σ mask · weight · x), with masks of its own for each sample, the bias masked too.
    fn call_dropping(&self, context: &mut Context<'_>, input: NodeId, rate: f64) -> Result<NodeId> {
        let kernel = context.weight(0)?;
        let (rows, output) = self.rows(context, input)?;
        let graph = &mut *context.graph;
        let (count, features) = (graph.shape(rows).0[0], graph.shape(rows).0[1]);
        // Units before features, so that each sum runs along neighbours and its terms need no memory.
        let turned = graph.transpose(kernel, &[1, 0])?;
        let products = Shape(vec![count, Dim::fixed(self.units), features]);
        let mask = kept(graph, &products, rate)?;
        let x = graph.reshape(rows, &Shape(vec![count, Dim::fixed(1), features]))?;
        let weights = graph.multiply(mask, turned)?;
        let terms = graph.multiply(weights, x)?;
        let sums = graph.sum(terms, &[2])?;
        let mut sums = graph.reshape(sums, &output)?;
        if self.kernel.use_bias {
            let bias = context.weight(1)?;
            let mask = kept(context.graph, &output, rate)?;
            let bias = context.graph.multiply(mask, bias)?;
            sums = context.graph.add(sums, bias)?;
        }
        context.activate(self.kernel.activation, sums)
    }
}

/// 0 with probability `rate`, else 1 / (1 − rate).
pub(super) fn kept(graph: &mut Graph, shape: &Shape, rate: f64) -> Result<NodeId> {
    let draw = graph.random(shape);
    let bound = graph.constant(rate as f32);
    let kept = graph.compare(Comparison::GreaterEqual, draw, bound)?;
    graph.scale(kept, (1.0 / (1.0 - rate)) as f32)
}
