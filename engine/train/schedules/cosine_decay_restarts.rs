use serde_json::{Value, json};

use super::{Schedule, check_rate, check_steps};
use crate::error::{Error, Result};
use crate::train::config::Config;

/// Cosine waves, each longer than the one before (Loshchilov and Hutter 2017).
///
/// ```
/// use gradus::{Sgd, train::schedules::CosineDecayRestarts};
/// let optimizer = Sgd::new(CosineDecayRestarts::new(0.1, 1000).t_mul(2.0).m_mul(0.9));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CosineDecayRestarts {
    initial_learning_rate: f64,
    first_decay_steps: u64,
    t_mul: f64,
    m_mul: f64,
    alpha: f64,
}

impl CosineDecayRestarts {
    /// The rate falls from `initial_learning_rate` to 0 in `first_decay_steps` steps, then again in twice as many.
    pub fn new(initial_learning_rate: f64, first_decay_steps: u64) -> Self {
        Self { initial_learning_rate, first_decay_steps, t_mul: 2.0, m_mul: 1.0, alpha: 0.0 }
    }

    /// How many times longer each wave is than the one before, at least 1. Default 2.
    pub fn t_mul(mut self, t_mul: f64) -> Self {
        self.t_mul = t_mul;
        self
    }

    /// How many times higher each wave starts than the one before. Default 1.
    pub fn m_mul(mut self, m_mul: f64) -> Self {
        self.m_mul = m_mul;
        self
    }

    /// The lowest rate, as a share of the initial one. Default 0.
    pub fn alpha(mut self, alpha: f64) -> Self {
        self.alpha = alpha;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: config.number("initial_learning_rate")?,
            first_decay_steps: config.count("first_decay_steps")? as u64,
            t_mul: config.number_or("t_mul", 2.0)?,
            m_mul: config.number_or("m_mul", 1.0)?,
            alpha: config.number_or("alpha", 0.0)?,
        })
    }

    /// The number of the wave at `step`, and the share of it that is over.
    fn wave(&self, step: u64) -> (f64, f64) {
        let waves = step as f64 / self.first_decay_steps as f64;
        if self.t_mul == 1.0 {
            return (waves.floor(), waves.fract());
        }
        let (mut number, mut left, mut length) = (0.0, waves, 1.0);
        while left >= length {
            left -= length;
            length *= self.t_mul;
            number += 1.0;
        }
        (number, left / length)
    }
}

impl Schedule for CosineDecayRestarts {
    fn rate(&self, step: u64) -> f64 {
        let (number, share) = self.wave(step);
        let wave = 0.5 * self.m_mul.powf(number) * (1.0 + (std::f64::consts::PI * share).cos());
        self.initial_learning_rate * ((1.0 - self.alpha) * wave + self.alpha)
    }

    fn class_name(&self) -> &'static str {
        "CosineDecayRestarts"
    }

    fn config(&self) -> Value {
        json!({
            "initial_learning_rate": self.initial_learning_rate,
            "first_decay_steps": self.first_decay_steps,
            "t_mul": self.t_mul,
            "m_mul": self.m_mul,
            "alpha": self.alpha,
            "name": "SGDRDecay",
        })
    }

    fn check(&self) -> Result<()> {
        let place = "CosineDecayRestarts";
        check_rate(place, "initial_learning_rate", self.initial_learning_rate)?;
        check_rate(place, "m_mul", self.m_mul)?;
        check_rate(place, "alpha", self.alpha)?;
        check_steps(place, "first_decay_steps", self.first_decay_steps)?;
        if self.t_mul >= 1.0 && self.t_mul.is_finite() {
            return Ok(());
        }
        Err(Error::argument(
            place,
            "t_mul",
            self.t_mul,
            "at least 1: shorter and shorter waves come to an end",
        ))
    }
}
