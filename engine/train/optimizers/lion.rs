use serde_json::{Value, json};

use super::arithmetic::mixed;
use super::base::{check_positive, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::{Graph, Unary};
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Steps of one size, along the signs of the momentum (Chen et al. 2023).
///
/// w ← w − learning_rate · sign(β₁·m + (1 − β₁)·g), m ← β₂·m + (1 − β₂)·g
///
/// ```
/// use gradus::Lion;
/// let optimizer = Lion::new(0.0001).beta_2(0.99);
/// ```
#[derive(Clone, Debug)]
pub struct Lion {
    base: Base,
    beta_1: f64,
    beta_2: f64,
}

impl Default for Lion {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Lion {
    /// Lion with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), beta_1: 0.9, beta_2: 0.99 }
    }

    /// The share of the momentum in a step, above 0. Default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// How slowly the momentum forgets. Default 0.99.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            beta_1: config.number_or("beta_1", default.beta_1)?,
            beta_2: config.number_or("beta_2", default.beta_2)?,
        })
    }
}

impl Optimizer for Lion {
    fn class_name(&self) -> &'static str {
        "Lion"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::new("momentum")]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let terms = [start.slots[0], start.gradient];
        let direction = mixed(graph, [self.beta_1, 1.0 - self.beta_1], terms)?;
        let sign = graph.unary(Unary::Sign, direction);
        let momentum = mixed(graph, [self.beta_2, 1.0 - self.beta_2], terms)?;
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(sign, rate)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![momentum] })
    }

    fn check(&self) -> Result<()> {
        // Without a share of the momentum these are the gradient's signs alone.
        check_positive("Lion", "beta_1", self.beta_1)?;
        check_share("Lion", "beta_1", self.beta_1)?;
        check_share("Lion", "beta_2", self.beta_2)
    }
}
