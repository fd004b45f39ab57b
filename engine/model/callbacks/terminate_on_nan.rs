use super::Callback;
use crate::error::{Error, Result};
use crate::model::{Logs, Training};

/// Ends the training when a step's loss is NaN or infinite; [`History::stop_reason`](crate::History::stop_reason) says which
/// step that was.
///
/// As in [Keras](https://keras.io/api/callbacks/terminate_on_nan/), but for one thing: the losses of an epoch's steps
/// are looked at when the epoch is over, so that the device is never waited for in between. The epoch is thus run to
/// its end.
///
/// ```
/// use gradus::{FitOptions, TerminateOnNaN};
/// let options = FitOptions::new().epochs(100).callback(TerminateOnNaN::new().locate(true).limit(1e6));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TerminateOnNaN {
    raise_error: bool,
    locate: bool,
    limit: f32,
}

impl Default for TerminateOnNaN {
    fn default() -> Self {
        Self { raise_error: false, locate: false, limit: f32::MAX }
    }
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

    /// Whether the reason names the layer: each step then finds the largest magnitude of what every layer gives and of every
    /// weight's gradient, which takes time and memory. Default false.
    pub fn locate(mut self, locate: bool) -> Self {
        self.locate = locate;
        self
    }

    /// The magnitude above which an output or a gradient counts as exploded; needs [`TerminateOnNaN::locate`]. Default the
    /// largest number that there is.
    pub fn limit(mut self, limit: f32) -> Self {
        self.limit = limit;
        self
    }
}

impl Callback for TerminateOnNaN {
    fn watches_layers(&self) -> bool {
        self.locate
    }

    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        if self.limit > 0.0 && (self.locate || self.limit == f32::MAX) {
            return Ok(());
        }
        let expected = "a number above 0, together with locate(true)";
        Err(Error::argument("TerminateOnNaN", "limit", self.limit, expected))
    }

    fn on_epoch_end(&mut self, epoch: usize, _logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        let Some(trouble) = training.trouble(self.limit) else { return Ok(()) };
        let (what, value) = (trouble.what, trouble.value);
        let reached = if value.is_nan() { "is NaN".to_string() } else { format!("reaches {value:e}") };
        let problem = format!("{what} {reached} in step {} of epoch {epoch}", trouble.step);
        let mut remedy = "lower the learning rate, or clip gradients".to_string();
        if !self.locate {
            remedy += "; TerminateOnNaN::locate finds the layer";
        }
        if self.raise_error {
            return Err(Error::data("TerminateOnNaN", problem, remedy));
        }
        training.stop_because(&format!("{problem}: {remedy}"));
        Ok(())
    }
}
