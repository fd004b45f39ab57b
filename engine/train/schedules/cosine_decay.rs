use serde_json::{Value, json};

use super::{Schedule, check_rate, check_steps};
use crate::error::Result;
use crate::train::config::Config;

/// Half a cosine wave, from the initial rate to `alpha` times it (Loshchilov and Hutter 2017), after a linear
/// warm-up if there is one.
///
/// ```
/// use gradus::{AdamW, train::schedules::CosineDecay};
/// let optimizer = AdamW::new(CosineDecay::new(0.0, 1000).warm_up(0.001, 100));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineDecay {
    initial_learning_rate: f64,
    decay_steps: u64,
    alpha: f64,
    warmup_target: Option<f64>,
    warmup_steps: u64,
}

impl CosineDecay {
    /// The rate falls from `initial_learning_rate` to 0 in `decay_steps` steps.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        Self { initial_learning_rate, decay_steps, alpha: 0.0, warmup_target: None, warmup_steps: 0 }
    }

    /// The last rate, as a share of the highest. Default 0.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    /// The rate first rises in a line, from the initial one to `target` in `steps` steps. Default no.
    pub fn warm_up(mut self, target: f64, steps: u64) -> Self {
        (self.warmup_target, self.warmup_steps) = (Some(target), steps);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: config.number("initial_learning_rate")?,
            decay_steps: config.count("decay_steps")? as u64,
            alpha: config.number_or("alpha", 0.0)?,
            warmup_target: config.number_or_none("warmup_target")?,
            warmup_steps: config.count_or_none("warmup_steps")?.unwrap_or(0) as u64,
        })
    }
}

impl Schedule for CosineDecay {
    fn rate(&self, step: u64) -> f64 {
        let (highest, first) = match self.warmup_target {
            Some(target) => (target, self.warmup_steps),
            None => (self.initial_learning_rate, 0),
        };
        if step < first {
            let share = step as f64 / first as f64;
            return self.initial_learning_rate + share * (highest - self.initial_learning_rate);
        }
        let share = (step - first).min(self.decay_steps) as f64 / self.decay_steps as f64;
        let wave = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        highest * ((1.0 - self.alpha) * wave + self.alpha)
    }

    fn class_name(&self) -> &'static str {
        "CosineDecay"
    }

    fn config(&self) -> Value {
        json!({
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "alpha": self.alpha,
            "name": "CosineDecay",
            "warmup_target": self.warmup_target,
            "warmup_steps": self.warmup_steps,
        })
    }

    fn check(&self) -> Result<()> {
        check_rate("CosineDecay", "initial_learning_rate", self.initial_learning_rate)?;
        check_rate("CosineDecay", "alpha", self.alpha)?;
        check_rate("CosineDecay", "warmup_target", self.warmup_target.unwrap_or(0.0))?;
        check_steps("CosineDecay", "decay_steps", self.decay_steps)
    }
}
