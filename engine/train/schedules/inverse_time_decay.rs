use serde_json::{Value, json};

use super::{Schedule, check_rate, check_steps};
use crate::error::Result;
use crate::train::config::Config;

/// initial_learning_rate / (1 + decay_rate · step / decay_steps)
///
/// ```
/// use gradus::{Sgd, train::schedules::InverseTimeDecay};
/// let optimizer = Sgd::new(InverseTimeDecay::new(0.1, 1000, 0.5).staircase(true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InverseTimeDecay {
    initial_learning_rate: f64,
    decay_steps: u64,
    decay_rate: f64,
    staircase: bool,
}

impl InverseTimeDecay {
    /// The rate is divided by 1 + `decay_rate` after `decay_steps` steps, by 1 + 2 · `decay_rate` after twice as many.
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

impl Schedule for InverseTimeDecay {
    fn rate(&self, step: u64) -> f64 {
        let decays = step as f64 / self.decay_steps as f64;
        let decays = if self.staircase { decays.floor() } else { decays };
        self.initial_learning_rate / (1.0 + self.decay_rate * decays)
    }

    fn class_name(&self) -> &'static str {
        "InverseTimeDecay"
    }

    fn config(&self) -> Value {
        json!({
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "decay_rate": self.decay_rate,
            "staircase": self.staircase,
            "name": "InverseTimeDecay",
        })
    }

    fn check(&self) -> Result<()> {
        check_rate("InverseTimeDecay", "initial_learning_rate", self.initial_learning_rate)?;
        check_rate("InverseTimeDecay", "decay_rate", self.decay_rate)?;
        check_steps("InverseTimeDecay", "decay_steps", self.decay_steps)
    }
}
