//! Callbacks: what follows a training and may change its course, with Keras's names and defaults.

mod csv_logger;
mod early_stopping;
mod file_name;
mod lambda_callback;
mod learning_rate_scheduler;
mod model_checkpoint;
mod monitor;
mod reduce_lr_on_plateau;
// A browser has no clock.
#[cfg(not(target_arch = "wasm32"))]
mod tensor_board;
mod terminate_on_nan;
#[cfg(all(test, feature = "cpu"))]
mod tests;

pub use csv_logger::CSVLogger;
pub use early_stopping::EarlyStopping;
pub use lambda_callback::LambdaCallback;
pub use learning_rate_scheduler::LearningRateScheduler;
pub use model_checkpoint::{ModelCheckpoint, SaveFreq};
pub use monitor::Mode;
pub use reduce_lr_on_plateau::ReduceLROnPlateau;
#[cfg(not(target_arch = "wasm32"))]
pub use tensor_board::TensorBoard;
pub use terminate_on_nan::TerminateOnNaN;

use super::checkpoint::CallbackState;
use super::history::Logs;
use super::training::Training;
use crate::error::Result;

/// What follows a training: a progress bar, a logger, a rule that stops early. Every method does nothing unless it is
/// given a body; any error ends the training, with that error. Callbacks are called in the order in which
/// [`FitOptions::callback`](super::FitOptions::callback) was given them.
///
/// ```
/// use gradus::{Callback, Dense, FitOptions, Logs, Result, Sequential, Tensor, Training};
///
/// /// Ends the training at a loss that is good enough.
/// struct GoodEnough(f64);
///
/// impl Callback for GoodEnough {
///     fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
///         if logs.get("loss").is_some_and(|loss| loss < self.0) {
///             training.stop();
///         }
///         Ok(())
///     }
/// }
///
/// let x = Tensor::f32(&[4, 1], vec![0.0, 1.0, 2.0, 3.0])?;
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile("sgd", "mean_squared_error", &[])?;
/// let history = model.fit(&x, &x, FitOptions::new().epochs(500).verbose(0).callback(GoodEnough(1e-3)))?;
/// assert!(history.epochs().len() < 500);
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Callback: Send {
    /// Before the first epoch.
    ///
    /// # Errors
    /// Such as an option outside its range.
    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// Before epoch `epoch`, counted from 0.
    ///
    /// # Errors
    /// Any error ends the training.
    fn on_epoch_begin(&mut self, _epoch: usize, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// Instead of [`Callback::on_epoch_begin`], where a training goes on within epoch `epoch`, `done` of whose steps were
    /// done in another run.
    ///
    /// # Errors
    /// Any error ends the training.
    fn on_epoch_resume(&mut self, epoch: usize, _done: usize, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_begin(epoch, training)
    }

    /// What the callback has gathered, to be saved with the model. `None`, the default, is nothing.
    fn state(&self) -> Option<CallbackState> {
        None
    }

    /// Goes on from what [`Callback::state`] gave in the run before; called after [`Callback::on_train_begin`].
    ///
    /// # Errors
    /// If it is no such state.
    fn restore(&mut self, _state: CallbackState) -> Result<()> {
        Ok(())
    }

    /// Whether each step is to find the largest magnitude of what every layer gives and of every weight's gradient.
    fn watches_layers(&self) -> bool {
        false
    }

    /// In how many steps [`Callback::on_batch_end`] is wanted next: at least 1. `None`, the default, is never. The
    /// steps of an epoch are then handed to the device in several parts.
    fn next_batch(&self) -> Option<usize> {
        None
    }

    /// After some steps, `done` of the epoch by now: when this callback or another has asked for it.
    /// [`Training::logs`] knows the means so far.
    ///
    /// # Errors
    /// Any error ends the training.
    fn on_batch_end(&mut self, _done: usize, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After epoch `epoch`. What is put into `logs` is part of the history, and the callbacks behind see it.
    ///
    /// # Errors
    /// Any error ends the training.
    fn on_epoch_end(&mut self, _epoch: usize, _logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }

    /// After the last epoch, unless an error has ended the training.
    ///
    /// # Errors
    /// Any error is what `fit` returns.
    fn on_train_end(&mut self, _training: &mut Training<'_>) -> Result<()> {
        Ok(())
    }
}
