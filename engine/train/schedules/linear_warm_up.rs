use serde_json::{Value, json};

use super::{LearningRate, Schedule, check_steps};
use crate::error::Result;
use crate::train::config::Config;

/// A line from 0 to the first rate of another schedule, which then begins (Goyal et al. 2017). Keras has a warm-up in
/// [`CosineDecay`](super::CosineDecay) alone.
///
/// ```
/// use gradus::{Sgd, train::schedules::LinearWarmUp};
/// let optimizer = Sgd::new(LinearWarmUp::new(500, 0.1));
/// ```
#[derive(Clone, Debug)]
pub struct LinearWarmUp {
    warmup_steps: u64,
    then: LearningRate,
}

impl LinearWarmUp {
    /// `warmup_steps` steps that lead to `then`, a number or a schedule.
    pub fn new(warmup_steps: u64, then: impl Into<LearningRate>) -> Self {
        Self { warmup_steps, then: then.into() }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let warmup_steps = config.count("warmup_steps")? as u64;
        let then = config.take("then").unwrap_or_default();
        Ok(Self { warmup_steps, then: LearningRate::from_config(&then)? })
    }
}

impl Schedule for LinearWarmUp {
    fn rate(&self, step: u64) -> f64 {
        match step.checked_sub(self.warmup_steps) {
            Some(after) => self.then.at(after),
            None => self.then.at(0) * step as f64 / self.warmup_steps as f64,
        }
    }

    fn class_name(&self) -> &'static str {
        "LinearWarmUp"
    }

    fn config(&self) -> Value {
        json!({ "warmup_steps": self.warmup_steps, "then": self.then.config() })
    }

    fn check(&self) -> Result<()> {
        check_steps("LinearWarmUp", "warmup_steps", self.warmup_steps)?;
        self.then.check("LinearWarmUp")
    }
}
