use std::fmt;

use super::Callback;
use crate::error::Result;
use crate::model::{Logs, Training};

/// Sets the learning rate before each epoch, and logs it as `learning_rate`.
///
/// Semantics are those of [Keras](https://keras.io/api/callbacks/learning_rate_scheduler/).
///
/// ```
/// use gradus::{FitOptions, LearningRateScheduler};
/// // As it is for ten epochs, then less and less.
/// let schedule = |epoch: usize, rate: f64| if epoch < 10 { rate } else { rate * (-0.1_f64).exp() };
/// let options = FitOptions::new().epochs(15).callback(LearningRateScheduler::new(schedule));
/// ```
pub struct LearningRateScheduler {
    schedule: Box<dyn FnMut(usize, f64) -> f64 + Send>,
}

impl LearningRateScheduler {
    /// `schedule` makes an epoch's rate of its number, counted from 0, and the rate before.
    pub fn new(schedule: impl FnMut(usize, f64) -> f64 + Send + 'static) -> Self {
        Self { schedule: Box::new(schedule) }
    }
}

impl fmt::Debug for LearningRateScheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LearningRateScheduler")
    }
}

impl Callback for LearningRateScheduler {
    fn on_epoch_begin(&mut self, epoch: usize, training: &mut Training<'_>) -> Result<()> {
        let rate = (self.schedule)(epoch, training.learning_rate()?);
        training.set_learning_rate(rate)
    }

    /// The rate of the epoch is set already.
    fn on_epoch_resume(&mut self, _epoch: usize, _done: usize, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        logs.insert("learning_rate", training.learning_rate()?);
        Ok(())
    }
}
