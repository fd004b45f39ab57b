use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, Layer};
use crate::error::Result;
use crate::graph::NodeId;
use crate::tensor::Shape;

/// All numbers of a sample in one row: from `[None, …]` to `[None, features]`.
#[derive(Clone, Debug, Default)]
pub struct Flatten {
    base: Base,
}

impl Flatten {
    /// The layer; it has no options.
    pub fn new() -> Self {
        Self::default()
    }

    /// The layer's name. Default `flatten`, `flatten_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()? })
    }
}

impl Layer for Flatten {
    fn class_name(&self) -> &'static str {
        "Flatten"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "data_format": "channels_last" }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        Ok(vec![input.iter().product()])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let features = self.output_shape(&context.sample_shape(input))?;
        context.graph.reshape(input, &Shape::batched(&features))
    }
}
