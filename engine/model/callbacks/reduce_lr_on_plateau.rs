use serde_json::json;

use super::Callback;
use super::monitor::{Mode, Monitor};
use crate::error::{Error, Result};
use crate::model::{CallbackState, Logs, Training};

/// Lowers the learning rate when a value has stopped getting better, and logs it as `learning_rate`.
///
/// Semantics and defaults are those of [Keras](https://keras.io/api/callbacks/reduce_lr_on_plateau/).
///
/// ```
/// use gradus::{FitOptions, ReduceLROnPlateau};
/// let reduce = ReduceLROnPlateau::new().factor(0.2).patience(5).min_lr(1e-5);
/// let options = FitOptions::new().epochs(100).validation_split(0.2).callback(reduce);
/// ```
#[derive(Clone, Debug)]
pub struct ReduceLROnPlateau {
    monitor: Monitor,
    factor: f64,
    patience: usize,
    cooldown: usize,
    min_lr: f64,
    wait: usize,
    resting: usize,
}

impl Default for ReduceLROnPlateau {
    fn default() -> Self {
        Self::new()
    }
}

impl ReduceLROnPlateau {
    /// Watches `val_loss`: a tenth of the rate after ten epochs without a better value.
    pub fn new() -> Self {
        let monitor = Monitor::new("ReduceLROnPlateau", 1e-4);
        Self { monitor, factor: 0.1, patience: 10, cooldown: 0, min_lr: 0.0, wait: 0, resting: 0 }
    }

    /// The value that is watched. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor.name = name.to_string();
        self
    }

    /// What the rate is multiplied by: above 0 and below 1. Default 0.1.
    pub fn factor(mut self, factor: f64) -> Self {
        self.factor = factor;
        self
    }

    /// After how many epochs without a better value the rate falls. Default 10.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// Which way the value gets better. Default [`Mode::Auto`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// By how much more than this a value must be better to count. Default 0.0001.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// For how many epochs after a reduction nothing is counted. Default 0.
    pub fn cooldown(mut self, epochs: usize) -> Self {
        self.cooldown = epochs;
        self
    }

    /// The least rate. Default 0.
    pub fn min_lr(mut self, rate: f64) -> Self {
        self.min_lr = rate;
        self
    }

    fn reduce(&mut self, training: &mut Training<'_>) -> Result<()> {
        let rate = training.learning_rate()?;
        if rate > self.min_lr {
            training.set_learning_rate((rate * self.factor).max(self.min_lr))?;
            (self.resting, self.wait) = (self.cooldown, 0);
        }
        Ok(())
    }
}

impl Callback for ReduceLROnPlateau {
    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        (self.wait, self.resting, self.monitor.best) = (0, 0, None);
        if self.factor > 0.0 && self.factor < 1.0 {
            return Ok(());
        }
        Err(Error::argument("ReduceLROnPlateau", "factor", self.factor, "a number above 0 and below 1"))
    }

    fn state(&self) -> Option<CallbackState> {
        let best = self.monitor.best.map(f64::to_bits);
        let numbers = json!({ "wait": self.wait, "resting": self.resting, "best": best });
        Some(CallbackState::new("ReduceLROnPlateau", numbers))
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.wait, self.resting) = (state.whole("wait")?, state.whole("resting")?);
        self.monitor.best = state.bits("best")?;
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        logs.insert("learning_rate", training.learning_rate()?);
        let value = self.monitor.value(logs)?;
        if self.resting > 0 {
            self.resting -= 1;
            self.wait = 0;
        }
        if self.monitor.take_better(value)? {
            self.wait = 0;
        } else if self.resting == 0 {
            self.wait += 1;
            if self.wait >= self.patience {
                self.reduce(training)?;
            }
        }
        Ok(())
    }
}
