use serde_json::{Value, json};

use super::arithmetic::{mixed, raised_root};
use super::base::{check_from_0, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::Graph;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Steps in the unit of the weights (Zeiler 2012): gradients divided by the root of their mean square, times that of
/// the changes before.
///
/// a ← ρ·a + (1 − ρ)·g², δ = −√(d + ε) / √(a + ε) · g, d ← ρ·d + (1 − ρ)·δ², w ← w + learning_rate · δ
///
/// ```
/// use gradus::Adadelta;
/// let optimizer = Adadelta::new(1.0);
/// ```
#[derive(Clone, Debug)]
pub struct Adadelta {
    base: Base,
    rho: f64,
    epsilon: f64,
}

impl Default for Adadelta {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Adadelta {
    /// Adadelta with Keras's defaults. Its default rate is 0.001; the paper's is 1.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), rho: 0.95, epsilon: 1e-7 }
    }

    /// How slowly both mean squares forget. Default 0.95.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
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
            rho: config.number_or("rho", default.rho)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
        })
    }
}

impl Optimizer for Adadelta {
    fn class_name(&self) -> &'static str {
        "Adadelta"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "rho": self.rho,
            "epsilon": self.epsilon,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::new("accumulated_grad"), Slot::new("accumulated_delta_var")]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let shares = [self.rho, 1.0 - self.rho];
        let square = graph.multiply(start.gradient, start.gradient)?;
        let gradients = mixed(graph, shares, [start.slots[0], square])?;
        let up = raised_root(graph, start.slots[1], self.epsilon)?;
        let down = raised_root(graph, gradients, self.epsilon)?;
        let change = graph.multiply(up, start.gradient)?;
        let change = graph.divide(change, down)?;
        let square = graph.multiply(change, change)?;
        let changes = mixed(graph, shares, [start.slots[1], square])?;
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(change, rate)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![gradients, changes] })
    }

    fn check(&self) -> Result<()> {
        check_share("Adadelta", "rho", self.rho)?;
        check_from_0("Adadelta", "epsilon", self.epsilon)
    }
}
