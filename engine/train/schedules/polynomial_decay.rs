use serde_json::{Value, json};

use super::{Schedule, check_rate, check_steps};
use crate::error::Result;
use crate::train::config::Config;

/// From the initial rate to the end's along (1 − step / decay_steps)^power; a line unless told otherwise.
///
/// ```
/// use gradus::{Sgd, train::schedules::PolynomialDecay};
/// let optimizer = Sgd::new(PolynomialDecay::new(0.1, 1000).end_learning_rate(0.01).power(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolynomialDecay {
    initial_learning_rate: f64,
    decay_steps: u64,
    end_learning_rate: f64,
    power: f64,
    cycle: bool,
}

impl PolynomialDecay {
    /// The rate falls from `initial_learning_rate` to 0.0001 in `decay_steps` steps, and stays there.
    pub fn new(initial_learning_rate: f64, decay_steps: u64) -> Self {
        Self { initial_learning_rate, decay_steps, end_learning_rate: 0.0001, power: 1.0, cycle: false }
    }

    /// The rate at the end. Default 0.0001.
    pub fn end_learning_rate(mut self, rate: f64) -> Self {
        self.end_learning_rate = rate;
        self
    }

    /// The polynomial's power. Default 1, a line.
    pub fn power(mut self, power: f64) -> Self {
        self.power = power;
        self
    }

    /// Whether the rate rises again after `decay_steps` steps, and falls to the end's at the next multiple of as
    /// many. Default false.
    pub fn cycle(mut self, cycle: bool) -> Self {
        self.cycle = cycle;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            initial_learning_rate: config.number("initial_learning_rate")?,
            decay_steps: config.count("decay_steps")? as u64,
            end_learning_rate: config.number_or("end_learning_rate", 0.0001)?,
            power: config.number_or("power", 1.0)?,
            cycle: config.flag("cycle", false)?,
        })
    }
}

impl Schedule for PolynomialDecay {
    fn rate(&self, step: u64) -> f64 {
        let cycles = if self.cycle { step.div_ceil(self.decay_steps).max(1) } else { 1 };
        let last = cycles * self.decay_steps;
        let left = 1.0 - step.min(last) as f64 / last as f64;
        (self.initial_learning_rate - self.end_learning_rate) * left.powf(self.power) + self.end_learning_rate
    }

    fn class_name(&self) -> &'static str {
        "PolynomialDecay"
    }

    fn config(&self) -> Value {
        json!({
            "initial_learning_rate": self.initial_learning_rate,
            "decay_steps": self.decay_steps,
            "end_learning_rate": self.end_learning_rate,
            "power": self.power,
            "cycle": self.cycle,
            "name": "PolynomialDecay",
        })
    }

    fn check(&self) -> Result<()> {
        check_rate("PolynomialDecay", "initial_learning_rate", self.initial_learning_rate)?;
        check_rate("PolynomialDecay", "end_learning_rate", self.end_learning_rate)?;
        check_rate("PolynomialDecay", "power", self.power)?;
        check_steps("PolynomialDecay", "decay_steps", self.decay_steps)
    }
}
