//! Learning-rate schedules: how large each step is.
//!
//! Wherever an optimizer takes a learning rate, it takes a number or a [`Schedule`]:
//!
//! ```
//! use gradus::Adam;
//! use gradus::train::schedules::{CosineDecay, LinearWarmUp};
//! let constant = Adam::new(0.001);
//! let falling = Adam::new(LinearWarmUp::new(500, CosineDecay::new(0.001, 10_000)));
//! ```

mod cosine_decay;
mod cosine_decay_restarts;
mod exponential_decay;
mod inverse_time_decay;
mod linear_warm_up;
mod piecewise_constant_decay;
mod polynomial_decay;
#[cfg(test)]
mod tests;

pub use cosine_decay::CosineDecay;
pub use cosine_decay_restarts::CosineDecayRestarts;
pub use exponential_decay::ExponentialDecay;
pub use inverse_time_decay::InverseTimeDecay;
pub use linear_warm_up::LinearWarmUp;
pub use piecewise_constant_decay::PiecewiseConstantDecay;
pub use polynomial_decay::PolynomialDecay;

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::train::by_name;
use crate::train::config::{Config, object, parts};

/// A learning rate that changes from step to step.
pub trait Schedule: Send + Sync + Debug {
    /// The rate of step `step`, counted from 0.
    fn rate(&self, step: u64) -> f64;

    /// Keras's name of the class, such as `CosineDecay`.
    fn class_name(&self) -> &'static str;

    /// The options, under Keras's keys.
    fn config(&self) -> Value;

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the number and its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }
}

/// How large an optimizer's steps are: always alike, or as a schedule says.
#[derive(Clone, Debug)]
pub enum LearningRate {
    /// A number.
    Constant(f64),
    /// A rate for each step.
    Schedule(Arc<dyn Schedule>),
}

impl From<f64> for LearningRate {
    fn from(rate: f64) -> Self {
        Self::Constant(rate)
    }
}

impl<S: Schedule + 'static> From<S> for LearningRate {
    fn from(schedule: S) -> Self {
        Self::Schedule(Arc::new(schedule))
    }
}

impl LearningRate {
    /// The rate of step `step`, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        match self {
            Self::Constant(rate) => *rate,
            Self::Schedule(schedule) => schedule.rate(step),
        }
    }

    /// Whether it makes sense as the rate of `place`.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the number and its range.
    pub(crate) fn check(&self, place: &str) -> Result<()> {
        match self {
            Self::Schedule(schedule) => schedule.check(),
            Self::Constant(rate) if *rate > 0.0 && rate.is_finite() => Ok(()),
            Self::Constant(rate) => {
                Err(Error::argument(place, "learning_rate", rate, "a number above 0, such as 0.01"))
            }
        }
    }

    /// A number, or a schedule as Keras's configs hold it.
    pub(crate) fn config(&self) -> Value {
        match self {
            Self::Constant(rate) => json!(rate),
            Self::Schedule(schedule) => {
                object("keras.optimizers.schedules", schedule.class_name(), schedule.config())
            }
        }
    }

    /// What [`LearningRate::config`] gives.
    pub(crate) fn from_config(value: &Value) -> Result<Self> {
        if let Some(rate) = value.as_f64() {
            return Ok(Self::Constant(rate));
        }
        let (class_name, mut config) = parts(value)?;
        let make = by_name("from_config", "class_name", &class_name, &CLASSES)?;
        // Names of schedules are seen nowhere.
        config.take("name");
        let schedule = make(&mut config)?;
        config.finish()?;
        Ok(schedule)
    }
}

type Make = fn(&mut Config) -> Result<LearningRate>;

const CLASSES: [(&str, Make); 7] = [
    ("CosineDecay", |c| CosineDecay::from_config(c).map(Into::into)),
    ("CosineDecayRestarts", |c| CosineDecayRestarts::from_config(c).map(Into::into)),
    ("ExponentialDecay", |c| ExponentialDecay::from_config(c).map(Into::into)),
    ("InverseTimeDecay", |c| InverseTimeDecay::from_config(c).map(Into::into)),
    ("LinearWarmUp", |c| LinearWarmUp::from_config(c).map(Into::into)),
    ("PiecewiseConstantDecay", |c| PiecewiseConstantDecay::from_config(c).map(Into::into)),
    ("PolynomialDecay", |c| PolynomialDecay::from_config(c).map(Into::into)),
];

/// Steps must number at least one.
fn check_steps(place: &str, argument: &str, steps: u64) -> Result<()> {
    if steps > 0 {
        return Ok(());
    }
    Err(Error::argument(place, argument, steps, "at least 1"))
}

/// A rate must be a number of at least 0.
fn check_rate(place: &str, argument: &str, rate: f64) -> Result<()> {
    if rate >= 0.0 && rate.is_finite() {
        return Ok(());
    }
    Err(Error::argument(place, argument, rate, "a number of at least 0, such as 0.01"))
}
