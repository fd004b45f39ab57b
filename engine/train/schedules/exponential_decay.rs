use serde_json::{Value, json};

use super::{Schedule, check_rate, check_steps};
use crate::error::Result;
use crate::train::config::Config;

/// initial_learning_rate · decay_rate^(step / decay_steps)
///
/// ```
/// use gradus::{Sgd, train::schedules::ExponentialDecay};
/// let optimizer = Sgd::new(ExponentialDecay::new(0.1, 1000, 0.96).staircase(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExponentialDecay {
    initial_learning_rate: f64,
    decay_steps: u64,
    decay_rate: f64,
    staircase: bool,
}

impl ExponentialDecay {
    /// The rate falls to the share `decay_rate` of itself in `decay_steps` steps.
    pub fn new(initial_learning_rate: f64, decay_steps: u64, decay_rate: f64) -> Self {
        Self { initial_learning_rate, decay_steps, decay_rate, staircase: false }
    }

    /// Whether the rate falls every `decay_steps` steps alone. Default false.
    pub fn staircase(mut self, staircase: bool) -> Self {
        self.staircase = staircase;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: config.number("initial_learning_rate")?,
            decay_steps: config.count("decay_steps")? as u64,
            decay_rate: config.number("decay_rate")?,
            staircase: config.flag("staircase", false)?,
        })
    }
}

impl Schedule for ExponentialDecay {
    fn rate(&self, step: u64) -> f64 {
        let decays = step as f64 / self.decay_steps as f64;
        let decays = if self.staircase { decays.floor() } else { decays };
        self.initial_learning_rate * self.decay_rate.powf(decays)
    }

    fn class_name(&self) -> &'static str {
        "ExponentialDecay"
    }

    fn config(&self) -> Value {
        json!({
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": "ExponentialDecay",
        })
    }

    fn check(&self) -> Result<()> {
        check_rate("ExponentialDecay", "initial_learning_rate", self.initial_learning_rate)?;
        check_rate("ExponentialDecay", "decay_rate", self.decay_rate)?;
        check_steps("ExponentialDecay", "decay_steps", self.decay_steps)
    }
}
