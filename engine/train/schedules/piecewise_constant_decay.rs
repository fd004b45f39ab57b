use serde_json::{Value, json};

use super::{Schedule, check_rate};
use crate::error::{Error, Result};
use crate::train::config::Config;

/// One rate up to and with the first boundary, another up to and with the second, and so on.
///
/// ```
/// use gradus::{Sgd, train::schedules::PiecewiseConstantDecay};
/// let optimizer = Sgd::new(PiecewiseConstantDecay::new(&[1000, 2000], &[0.1, 0.01, 0.001]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct PiecewiseConstantDecay {
    boundaries: Vec<u64>,
    values: Vec<f64>,
}

impl PiecewiseConstantDecay {
    /// `values`, one more than there are `boundaries`, which rise.
    pub fn new(boundaries: &[u64], values: &[f64]) -> Self {
        Self { boundaries: boundaries.to_vec(), values: values.to_vec() }
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let boundaries = config.numbers("boundaries")?.into_iter().map(|b| b as u64).collect();
        Ok(Self { boundaries, values: config.numbers("values")? })
    }
}

impl Schedule for PiecewiseConstantDecay {
    fn rate(&self, step: u64) -> f64 {
        self.values[self.boundaries.partition_point(|&boundary| boundary < step)]
    }

    fn class_name(&self) -> &'static str {
        "PiecewiseConstantDecay"
    }

    fn config(&self) -> Value {
        json!({ "boundaries": self.boundaries, "values": self.values, "name": "PiecewiseConstant" })
    }

    fn check(&self) -> Result<()> {
        let place = "PiecewiseConstantDecay";
        if self.values.len() != self.boundaries.len() + 1 {
            let expected = format!("{}, one more than there are boundaries", self.boundaries.len() + 1);
            return Err(Error::argument(place, "number of values", self.values.len(), expected));
        }
        if !self.boundaries.is_sorted() {
            let found = format!("{:?}", self.boundaries);
            return Err(Error::argument(place, "boundaries", found, "steps in ascending order"));
        }
        self.values.iter().try_for_each(|&rate| check_rate(place, "a value", rate))
    }
}
