use serde_json::{Value, json};

use super::arithmetic::raised_root;
use super::base::check_from_0;
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::Graph;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Gradients divided by the root of the sum of all squares so far (Duchi et al. 2011).
///
/// a ← a + g², w ← w − learning_rate · g / √(a + ε)
///
/// ```
/// use gradus::Adagrad;
/// let optimizer = Adagrad::new(0.01).initial_accumulator_value(0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Adagrad {
    base: Base,
    initial_accumulator_value: f64,
    epsilon: f64,
}

impl Default for Adagrad {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Adagrad {
    /// Adagrad with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), initial_accumulator_value: 0.1, epsilon: 1e-7 }
    }

    /// The sum of squares before the first step. Default 0.1.
    pub fn initial_accumulator_value(mut self, initial_accumulator_value: f64) -> Self {
        self.initial_accumulator_value = initial_accumulator_value;
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
            initial_accumulator_value: config
                .number_or("initial_accumulator_value", default.initial_accumulator_value)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
        })
    }
}

impl Optimizer for Adagrad {
    fn class_name(&self) -> &'static str {
        "Adagrad"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "initial_accumulator_value": self.initial_accumulator_value,
            "epsilon": self.epsilon,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot { name: "accumulator", start: self.initial_accumulator_value as f32 }]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let square = graph.multiply(start.gradient, start.gradient)?;
        let sum = graph.add(start.slots[0], square)?;
        let divisor = raised_root(graph, sum, self.epsilon)?;
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(start.gradient, rate)?;
        let change = graph.divide(change, divisor)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![sum] })
    }

    fn check(&self) -> Result<()> {
        check_from_0("Adagrad", "initial_accumulator_value", self.initial_accumulator_value)?;
        check_from_0("Adagrad", "epsilon", self.epsilon)
    }
}
