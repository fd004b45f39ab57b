use serde_json::{Value, json};

use super::arithmetic::{approach, raised};
use super::base::{check_from_0, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::{Binary, Graph, Unary};
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Adam with the largest gradient in the place of the mean square (Kingma and Ba 2015, section 7).
///
/// m ← m + (1 − β₁)(g − m), u ← max(β₂·u, |g|), w ← w − learning_rate / (1 − β₁ᵗ) · m / (u + ε)
///
/// ```
/// use gradus::Adamax;
/// let optimizer = Adamax::new(0.001).beta_1(0.8);
/// ```
#[derive(Clone, Debug)]
pub struct Adamax {
    base: Base,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Adamax {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Adamax {
    /// Adamax with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// How slowly the mean of the gradients forgets. Default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// How slowly the largest gradient is forgotten. Default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// What keeps the division from dividing by 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            beta_1: config.number_or("beta_1", default.beta_1)?,
            beta_2: config.number_or("beta_2", default.beta_2)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
        })
    }
}

impl Optimizer for Adamax {
    fn class_name(&self) -> &'static str {
        "Adamax"
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
            "epsilon": self.epsilon,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::new("momentum"), Slot::new("norm")]
    }

    fn scalars(&self, update: u64, rate: f64) -> Vec<(&'static str, f32)> {
        vec![("step_size", (rate / (1.0 - self.beta_1.powf(update as f64))) as f32)]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let mean = approach(graph, start.slots[0], start.gradient, 1.0 - self.beta_1)?;
        let faded = graph.scale(start.slots[1], self.beta_2 as f32)?;
        let size = graph.unary(Unary::Abs, start.gradient);
        let largest = graph.binary(Binary::Maximum, faded, size)?;
        let divisor = raised(graph, largest, self.epsilon)?;
        let rate = graph.scalar("step_size");
        let change = graph.multiply(mean, rate)?;
        let change = graph.divide(change, divisor)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![mean, largest] })
    }

    fn check(&self) -> Result<()> {
        check_share("Adamax", "beta_1", self.beta_1)?;
        check_share("Adamax", "beta_2", self.beta_2)?;
        check_from_0("Adamax", "epsilon", self.epsilon)
    }
}
