use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Comparison, NodeId};

/// While training, sets each number to 0 with probability `rate` and multiplies the others by 1 / (1 − rate);
/// else it changes nothing.
#[derive(Clone, Debug)]
pub struct Dropout {
    base: Base,
    rate: f64,
}

impl Dropout {
    /// Drops the share `rate` of all numbers, from 0 to 1.
    pub fn new(rate: f64) -> Self {
        Self { base: Base::default(), rate }
    }

    /// The layer's name. Default `dropout`, `dropout_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, rate: config.number("rate")? })
    }
}

impl Layer for Dropout {
    fn class_name(&self) -> &'static str {
        "Dropout"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Dropout {}", self.rate)
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "rate": self.rate }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if (0.0..=1.0).contains(&self.rate) {
            return Ok(input.to_vec());
        }
        Err(Error::argument(self.place(), "rate", self.rate, "a share from 0 to 1"))
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training || self.rate == 0.0 {
            return Ok(input);
        }
        let graph = &mut *context.graph;
        let shape = graph.shape(input).clone();
        let draw = graph.random(&shape);
        let rate = graph.constant(self.rate as f32);
        let kept = graph.compare(Comparison::GreaterEqual, draw, rate)?;
        // At rate 1 nothing is kept, and an infinite factor would turn the gradient's zeros into NaN.
        let factor = if self.rate < 1.0 { 1.0 / (1.0 - self.rate) } else { 0.0 };
        let scaled = graph.scale(input, factor as f32)?;
        let zero = graph.constant(0.0);
        graph.select(kept, scaled, zero)
    }
}
