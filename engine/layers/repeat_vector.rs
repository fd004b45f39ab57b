use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::Shape;

/// The same features at each of `n` time steps: `[None, features]` to `[None, n, features]`.
///
/// ```
/// use gradus::layers::RepeatVector;
/// let layer = RepeatVector::new(3);
/// ```
#[derive(Clone, Debug)]
pub struct RepeatVector {
    base: Base,
    n: usize,
}

impl RepeatVector {
    /// `n` time steps.
    pub fn new(n: usize) -> Self {
        Self { base: Base::default(), n }
    }

    /// The layer's name. Default `repeat_vector`, `repeat_vector_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, n: config.count("n")? })
    }
}

impl Layer for RepeatVector {
    fn class_name(&self) -> &'static str {
        "RepeatVector"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "n": self.n }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        match *input {
            [features] if self.n > 0 => Ok(vec![self.n, features]),
            [_] => Err(Error::argument(self.place(), "n", 0, "at least 1")),
            _ => {
                let remedy = "let the recurrent layer before it give its last output alone";
                Err(Error::shape(self.place(), "input", shown(input), "[None, features]", remedy))
            }
        }
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let features = context.sample_shape(input)[0];
        let row = context.graph.reshape(input, &Shape::batched(&[1, features]))?;
        context.graph.broadcast(row, &Shape::batched(&[self.n, features]))
    }
}
