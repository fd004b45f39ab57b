use serde_json::{Value, json};

use super::arithmetic::{approach, approach_square, root_raised};
use super::base::{check_from_0, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::{Binary, Graph};
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Adam (Kingma and Ba 2015), in Keras's form, where ε stands beside √v after the correction of the bias.
///
/// m ← m + (1 − β₁)(g − m), v ← v + (1 − β₂)(g² − v), w ← w − α·m / (√v + ε)
/// with α = learning_rate · √(1 − β₂ᵗ) / (1 − β₁ᵗ) in step t.
///
/// ```
/// use gradus::Adam;
/// let optimizer = Adam::new(0.001).beta_1(0.9).beta_2(0.999).epsilon(1e-7);
/// ```
#[derive(Clone, Debug)]
pub struct Adam {
    class_name: &'static str,
    base: Base,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
    amsgrad: bool,
}

/// [`Adam`] with decoupled weight decay (Loshchilov and Hutter 2019).
///
/// ```
/// use gradus::{AdamW, Optimizer};
/// let optimizer = AdamW::new(0.001).weight_decay(0.01).exclude_from_weight_decay(&["bias"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdamW;

#[expect(clippy::new_ret_no_self, reason = "Keras has two names for what is one optimizer here")]
impl AdamW {
    /// Adam with a weight decay of 0.004. Keras's default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Adam {
        Adam { class_name: "AdamW", ..Adam::new(learning_rate).weight_decay(0.004) }
    }
}

impl Default for Adam {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Adam {
    /// Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-7. Keras's default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        let base = Base::new(learning_rate);
        Self { class_name: "Adam", base, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7, amsgrad: false }
    }

    /// How slowly the mean of the gradients forgets. Default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// How slowly the mean of the squared gradients forgets. Default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// What keeps the division from dividing by 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether the largest v so far divides, not the last (Reddi et al. 2018). Default false.
    pub fn amsgrad(mut self, amsgrad: bool) -> Self {
        self.amsgrad = amsgrad;
        self
    }

    pub(super) fn from_config(default: Self, config: &mut Config) -> Result<Self> {
        Ok(Self {
            class_name: default.class_name,
            base: default.base.configured(config)?,
            beta_1: config.number_or("beta_1", default.beta_1)?,
            beta_2: config.number_or("beta_2", default.beta_2)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
            amsgrad: config.flag("amsgrad", default.amsgrad)?,
        })
    }
}

impl Optimizer for Adam {
    fn class_name(&self) -> &'static str {
        self.class_name
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
            "amsgrad": self.amsgrad,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        let names = ["momentum", "velocity", "velocity_hat"];
        names[..if self.amsgrad { 3 } else { 2 }].iter().copied().map(Slot::new).collect()
    }

    fn slots_together(&self) -> usize {
        2
    }

    fn scalars(&self, update: u64, rate: f64) -> Vec<(&'static str, f32)> {
        let update = update as f64;
        let correction = (1.0 - self.beta_2.powf(update)).sqrt() / (1.0 - self.beta_1.powf(update));
        vec![("step_size", (rate * correction) as f32)]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let mean = approach(graph, start.slots[0], start.gradient, 1.0 - self.beta_1)?;
        let square = approach_square(graph, start.slots[1], start.gradient, 1.0 - self.beta_2)?;
        let (mut slots, mut divisor) = (vec![mean, square], square);
        if self.amsgrad {
            divisor = graph.binary(Binary::Maximum, start.slots[2], square)?;
            slots.push(divisor);
        }
        let size = graph.scalar("step_size");
        let change = graph.multiply(mean, size)?;
        let divisor = root_raised(graph, divisor, self.epsilon)?;
        let change = graph.divide(change, divisor)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots })
    }

    fn check(&self) -> Result<()> {
        check_share(self.class_name, "beta_1", self.beta_1)?;
        check_share(self.class_name, "beta_2", self.beta_2)?;
        check_from_0(self.class_name, "epsilon", self.epsilon)
    }
}
