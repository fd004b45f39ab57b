use super::Callback;
use crate::error::{Error, Result};
use crate::model::{Logs, Training};

/// Ends the training when a step's loss is NaN or infinite.
///
/// As in [Keras](https://keras.io/api/callbacks/terminate_on_nan/), but for one thing: the losses of an epoch's steps
/// are looked at when the epoch is over, so that the device is never waited for in between. The epoch is thus run to
/// its end.
///
/// ```
/// use gradus::{FitOptions, TerminateOnNaN};
/// let options = FitOptions::new().epochs(100).callback(TerminateOnNaN::new());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminateOnNaN {
    raise_error: bool,
}

impl TerminateOnNaN {
    /// Ends the training as if its epochs were over.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether `fit` fails instead. Default false.
    pub fn raise_error(mut self, raise_error: bool) -> Self {
        self.raise_error = raise_error;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn on_epoch_end(&mut self, epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let losses = training.step_losses();
        let Some(step) = losses.iter().position(|loss| !loss.is_finite()) else { return Ok(()) };
        if self.raise_error {
            let problem = format!("the loss of epoch {epoch}, step {step}, is {}", losses[step]);
            return Err(Error::data("TerminateOnNaN", problem, "lower the learning rate, or clip gradients"));
        }
        training.stop();
        Ok(())
    }
}
