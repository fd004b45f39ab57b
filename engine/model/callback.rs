use std::ops::ControlFlow;

use super::history::Logs;
use crate::error::Result;

/// What follows a training: a progress bar, a logger, a rule that stops early.
pub trait Callback: Send {
    /// Before the first epoch of `epochs`, of `steps` steps each.
    fn on_train_begin(&mut self, _epochs: usize, _steps: usize) {}

    /// Before epoch `epoch`, counted from 0.
    fn on_epoch_begin(&mut self, _epoch: usize) {}

    /// Whether [`Callback::on_batch_end`] is wanted: the steps of an epoch are then run in several parts.
    fn wants_batches(&self) -> bool {
        false
    }

    /// After some steps, `done` of the epoch by now. `logs` holds the means so far where they are known without
    /// waiting for the device, and is empty elsewhere.
    fn on_batch_end(&mut self, _done: usize, _logs: &Logs) {}

    /// After epoch `epoch`. `Break` ends the training.
    ///
    /// # Errors
    /// Any error ends the training, with that error.
    fn on_epoch_end(&mut self, _epoch: usize, _logs: &Logs) -> Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}
