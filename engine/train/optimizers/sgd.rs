use serde_json::{Value, json};

use super::base::check_share;
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::Graph;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Gradient descent: w ← w − learning_rate · g, or with momentum.
///
/// With momentum μ: v ← μ·v − learning_rate · g, then w ← w + v; in Nesterov's form w ← w + μ·v − learning_rate · g.
///
/// ```
/// use gradus::Sgd;
/// let optimizer = Sgd::new(0.01).momentum(0.9).nesterov(true);
/// ```
#[derive(Clone, Debug)]
pub struct Sgd {
    base: Base,
    momentum: f64,
    nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self::new(0.01)
    }
}

impl Sgd {
    /// Plain gradient descent. Keras's default rate is 0.01.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), momentum: 0.0, nesterov: false }
    }

    /// The share of the last change that goes into the next, from 0 (the default) up to 1.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether momentum looks one step ahead. Default false.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            momentum: config.number_or("momentum", default.momentum)?,
            nesterov: config.flag("nesterov", default.nesterov)?,
        })
    }
}

impl Optimizer for Sgd {
    fn class_name(&self) -> &'static str {
        "SGD"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({ "momentum": self.momentum, "nesterov": self.nesterov })
    }

    fn slots(&self) -> Vec<Slot> {
        if self.momentum == 0.0 { Vec::new() } else { vec![Slot::new("momentum")] }
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(start.gradient, rate)?;
        let &[velocity] = start.slots else {
            return Ok(Update { weights: graph.subtract(start.weights, change)?, slots: Vec::new() });
        };
        let kept = graph.scale(velocity, self.momentum as f32)?;
        let velocity = graph.subtract(kept, change)?;
        let weights = if self.nesterov {
            let ahead = graph.scale(velocity, self.momentum as f32)?;
            let ahead = graph.subtract(ahead, change)?;
            graph.add(start.weights, ahead)?
        } else {
            graph.add(start.weights, velocity)?
        };
        Ok(Update { weights, slots: vec![velocity] })
    }

    fn check(&self) -> Result<()> {
        check_share("SGD", "momentum", self.momentum)
    }
}
