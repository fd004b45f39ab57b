use serde_json::{Value, json};

use super::config::{merged, with_activity};
use super::weight_options::{EMBEDDINGS, WeightOptions};
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, NodeId};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// A learned vector for each of `input_dim` numbers: `[None, …]` integers to `[None, …, output_dim]`.
///
/// A number that is not below `input_dim` gives NaN, which the loss then shows.
///
/// ```
/// use gradus::layers::Embedding;
/// let layer = Embedding::new(10_000, 64).mask_zero(true);
/// ```
#[derive(Clone, Debug)]
pub struct Embedding {
    base: Base,
    input_dim: usize,
    output_dim: usize,
    embeddings: WeightOptions,
    mask_zero: bool,
}

/// How vectors start unless told otherwise.
const START: Initializer = Initializer::random_uniform(-0.05, 0.05);

impl Embedding {
    /// Vectors of `output_dim` numbers for the numbers below `input_dim`.
    pub fn new(input_dim: usize, output_dim: usize) -> Self {
        let embeddings = WeightOptions::new(START);
        Self { base: Base::default(), input_dim, output_dim, embeddings, mask_zero: false }
    }

    /// Whether the number 0 stands for nothing: its time steps are masked. Default false.
    pub fn mask_zero(mut self, mask_zero: bool) -> Self {
        self.mask_zero = mask_zero;
        self
    }

    /// How the vectors start. Default `random_uniform`: within ±0.05.
    pub fn embeddings_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.embeddings.initializer = self.base.option(self.embeddings.initializer, initializer);
        self
    }

    /// What the vectors add to the loss. Default nothing.
    pub fn embeddings_regularizer<R>(mut self, regularizer: R) -> Self
    where
        R: TryInto<Regularizer, Error: Into<Error>>,
    {
        self.embeddings.regularizer = self.base.given(regularizer);
        self
    }

    /// What the vectors are brought back to after each step. Default nothing.
    pub fn embeddings_constraint<C>(mut self, constraint: C) -> Self
    where
        C: TryInto<Constraint, Error: Into<Error>>,
    {
        self.embeddings.constraint = self.base.given(constraint);
        self
    }

    /// The layer's name. Default `embedding`, `embedding_1`, …
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
            input_dim: config.count("input_dim")?,
            output_dim: config.count("output_dim")?,
            embeddings: WeightOptions::from_config(config, &EMBEDDINGS, START)?,
            mask_zero: config.flag("mask_zero", false)?,
        })
    }
}

impl Layer for Embedding {
    fn class_name(&self) -> &'static str {
        "Embedding"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Embedding {} of {}", self.input_dim, self.output_dim)
    }

    fn config(&self) -> Value {
        let own = json!({
            "input_dim": self.input_dim,
            "output_dim": self.output_dim,
            "mask_zero": self.mask_zero,
        });
        with_activity(self, merged(own, self.embeddings.config(&EMBEDDINGS)))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        for (name, size) in [("input_dim", self.input_dim), ("output_dim", self.output_dim)] {
            if size == 0 {
                return Err(Error::argument(place, name, 0, "at least 1"));
            }
        }
        Ok([input, &[self.output_dim]].concat())
    }

    fn weights(&self, _input: &[usize]) -> Vec<Weight> {
        let shape = [self.input_dim, self.output_dim];
        vec![self.embeddings.weight("embeddings", &shape)]
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let table = context.weight(0)?;
        let graph = &mut *context.graph;
        let numbers = graph.cast(input, Element::U32);
        let output = graph.gather(table, numbers)?;
        if self.mask_zero {
            let (number, zero) = (graph.cast(input, Element::F32), graph.constant(0.0));
            let mask = graph.compare(Comparison::NotEqual, number, zero)?;
            context.set_mask(output, mask);
        }
        Ok(output)
    }
}
