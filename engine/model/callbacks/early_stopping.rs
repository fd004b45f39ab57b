use std::sync::Arc;

use serde_json::json;

use super::Callback;
use super::monitor::{Mode, Monitor};
use crate::error::Result;
use crate::model::{CallbackState, Logs, Training};
use crate::tensor::Tensor;

/// Ends the training when a value has stopped getting better.
///
/// Semantics and defaults are those of [Keras](https://keras.io/api/callbacks/early_stopping/).
///
/// ```
/// use gradus::{EarlyStopping, FitOptions};
/// let stop = EarlyStopping::new().patience(5).restore_best_weights(true);
/// let options = FitOptions::new().epochs(500).validation_split(0.2).callback(stop);
/// ```
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    monitor: Monitor,
    patience: usize,
    baseline: Option<f64>,
    restore_best_weights: bool,
    start_from_epoch: usize,
    wait: usize,
    best_weights: Option<Arc<Vec<Tensor>>>,
}

impl Default for EarlyStopping {
    fn default() -> Self {
        Self::new()
    }
}

impl EarlyStopping {
    /// Watches `val_loss` without patience.
    pub fn new() -> Self {
        Self {
            monitor: Monitor::new("EarlyStopping", 0.0),
            patience: 0,
            baseline: None,
            restore_best_weights: false,
            start_from_epoch: 0,
            wait: 0,
            best_weights: None,
        }
    }

    /// The value that is watched. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor.name = name.to_string();
        self
    }

    /// By how much more than this a value must be better to count. Default 0.
    pub fn min_delta(mut self, min_delta: f64) -> Self {
        self.monitor.min_delta = min_delta;
        self
    }

    /// After how many epochs without a better value the training ends. Default 0: after the first that is not.
    pub fn patience(mut self, patience: usize) -> Self {
        self.patience = patience;
        self
    }

    /// Which way the value gets better. Default [`Mode::Auto`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// Patience runs on until a value is better than this, too. Default none.
    pub fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Whether the model ends with the weights of the best epoch, also when the training was not ended early.
    /// Each better epoch then reads the weights back. Default false: the weights of the last step.
    pub fn restore_best_weights(mut self, restore: bool) -> Self {
        self.restore_best_weights = restore;
        self
    }

    /// The epoch, counted from 0, from which on the value is watched. Default 0.
    pub fn start_from_epoch(mut self, epoch: usize) -> Self {
        self.start_from_epoch = epoch;
        self
    }
}

impl Callback for EarlyStopping {
    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        (self.wait, self.monitor.best, self.best_weights) = (0, None, None);
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let value = self.monitor.value(logs)?;
        if epoch < self.start_from_epoch {
            return Ok(());
        }
        self.wait += 1;
        let better = self.monitor.take_better(value)?;
        if better {
            if self.restore_best_weights {
                self.best_weights = Some(Arc::new(training.weights()?));
            }
            if self.baseline.is_none() || self.monitor.improves(value, self.baseline)? {
                self.wait = 0;
            }
        } else if self.wait >= self.patience && epoch > 0 {
            training.stop();
        }
        Ok(())
    }

    fn state(&self) -> Option<CallbackState> {
        let numbers = json!({ "wait": self.wait, "best": self.monitor.best.map(f64::to_bits) });
        let arrays = self.best_weights.clone().unwrap_or_default();
        Some(CallbackState { arrays, ..CallbackState::new("EarlyStopping", numbers) })
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.wait, self.monitor.best) = (state.whole("wait")?, state.bits("best")?);
        self.best_weights = (!state.arrays.is_empty()).then_some(state.arrays);
        Ok(())
    }

    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        // A training that was cancelled may go on: it keeps the weights that its optimizer works on.
        if training.is_cancelled() {
            return Ok(());
        }
        self.best_weights.take().map_or(Ok(()), |weights| training.set_weights(&weights))
    }
}
