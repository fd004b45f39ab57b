use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Comparison, NodeId, Reduction};
use crate::tensor::Shape;

/// Masks the time steps of `[None, time, features]` in which every feature is `mask_value`: recurrent layers skip
/// them, and they become zero.
///
/// ```
/// use gradus::layers::Masking;
/// let layer = Masking::new().mask_value(-1.0);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Masking {
    base: Base,
    mask_value: f64,
}

impl Masking {
    /// Masks what is 0 throughout.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number that stands for nothing. Default 0.
    pub fn mask_value(mut self, mask_value: f64) -> Self {
        self.mask_value = mask_value;
        self
    }

    /// The layer's name. Default `masking`, `masking_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, mask_value: config.number_or("mask_value", 0.0)? })
    }
}

impl Layer for Masking {
    fn class_name(&self) -> &'static str {
        "Masking"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "mask_value": self.mask_value }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if let [_, _, ..] = input {
            return Ok(input.to_vec());
        }
        let remedy = "give time steps of features";
        Err(Error::shape(self.place(), "input", shown(input), "[None, time, features]", remedy))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let graph = &mut *context.graph;
        let shape = graph.shape(input).clone();
        let value = graph.constant(self.mask_value as f32);
        let other = graph.compare(Comparison::NotEqual, input, value)?;
        let any = graph.reduce(Reduction::Max, other, &[shape.rank() - 1])?;
        let zero = graph.constant(0.0);
        let output = graph.select(any, input, zero)?;
        let mask = graph.reshape(any, &Shape(shape.0[..shape.rank() - 1].to_vec()))?;
        context.set_mask(output, mask);
        Ok(output)
    }
}
