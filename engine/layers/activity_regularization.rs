use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::regularizers::Regularizer;

/// Adds l1 · Σ|x| + l2 · Σx² over a batch, divided by the number of samples, to the loss; the numbers stay as they are.
///
/// ```
/// use gradus::layers::ActivityRegularization;
/// let layer = ActivityRegularization::new(0.01, 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct ActivityRegularization {
    base: Base,
    l1: f64,
    l2: f64,
}

impl ActivityRegularization {
    /// With these factors. Keras's defaults are 0.
    pub fn new(l1: f64, l2: f64) -> Self {
        Self { base: Base::default(), l1, l2 }
    }

    /// The layer's name. Default `activity_regularization`, `activity_regularization_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        Ok(Self { base, l1: config.number_or("l1", 0.0)?, l2: config.number_or("l2", 0.0)? })
    }
}

impl Layer for ActivityRegularization {
    fn class_name(&self) -> &'static str {
        "ActivityRegularization"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "l1": self.l1, "l2": self.l2 }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check_not_regularized(&self.place(), "absent: l1 and l2 say it")?;
        for (name, factor) in [("l1", self.l1), ("l2", self.l2)] {
            if !(factor >= 0.0 && factor.is_finite()) {
                return Err(Error::argument(self.place(), name, factor, "a number of at least 0"));
            }
        }
        Ok(input.to_vec())
    }

    fn activity_regularizer(&self) -> Option<Regularizer> {
        Some(Regularizer::L1L2 { l1: self.l1, l2: self.l2 })
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, _context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        Ok(input)
    }
}
