use serde_json::{Value, json};

use super::arithmetic::{mixed, raised_root};
use super::base::{check_from_0, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::Graph;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Gradients divided by the root of their mean square (Hinton 2012).
///
/// v ← ρ·v + (1 − ρ)·g², w ← w − learning_rate · g / √(v + ε); centered, the mean gradient's square is taken off v.
///
/// ```
/// use gradus::RmsProp;
/// let optimizer = RmsProp::new(0.001).momentum(0.9).centered(true);
/// ```
#[derive(Clone, Debug)]
pub struct RmsProp {
    base: Base,
    rho: f64,
    momentum: f64,
    epsilon: f64,
    centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl RmsProp {
    /// RMSprop with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }

    /// How slowly the mean of the squared gradients forgets. Default 0.9.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }

    /// The share of the last change that goes into the next. Default 0.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// What keeps the division from dividing by 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    /// Whether the division is by the variance of the gradients, not their mean square. Default false.
    pub fn centered(mut self, centered: bool) -> Self {
        self.centered = centered;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            rho: config.number_or("rho", default.rho)?,
            momentum: config.number_or("momentum", default.momentum)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
            centered: config.flag("centered", default.centered)?,
        })
    }
}

impl Optimizer for RmsProp {
    fn class_name(&self) -> &'static str {
        "RMSprop"
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
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "centered": self.centered,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        let mut slots = vec![Slot::new("velocity")];
        slots.extend((self.momentum > 0.0).then(|| Slot::new("momentum")));
        slots.extend(self.centered.then(|| Slot::new("average_gradient")));
        slots
    }

    fn slots_together(&self) -> usize {
        1
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let gradient = start.gradient;
        let square = graph.multiply(gradient, gradient)?;
        let shares = [self.rho, 1.0 - self.rho];
        let square = mixed(graph, shares, [start.slots[0], square])?;
        let (mut slots, mut spread) = (vec![square], square);
        let mean = match start.slots.last().filter(|_| self.centered) {
            Some(&mean) => Some(mixed(graph, shares, [mean, gradient])?),
            None => None,
        };
        if let Some(mean) = mean {
            let mean_square = graph.multiply(mean, mean)?;
            spread = graph.subtract(square, mean_square)?;
        }
        let divisor = raised_root(graph, spread, self.epsilon)?;
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(gradient, rate)?;
        let mut change = graph.divide(change, divisor)?;
        if self.momentum > 0.0 {
            let kept = graph.scale(start.slots[1], self.momentum as f32)?;
            change = graph.add(kept, change)?;
            slots.push(change);
        }
        slots.extend(mean);
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots })
    }

    fn check(&self) -> Result<()> {
        check_share("RMSprop", "rho", self.rho)?;
        check_share("RMSprop", "momentum", self.momentum)?;
        check_from_0("RMSprop", "epsilon", self.epsilon)
    }
}
