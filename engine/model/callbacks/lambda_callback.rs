use std::fmt;

use super::Callback;
use crate::error::Result;
use crate::model::{Logs, Training};

type OnTrain = Box<dyn FnMut(&mut Training<'_>) -> Result<()> + Send>;
type OnEpochEnd = Box<dyn FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + Send>;

/// A callback of closures, for what is too short for a [`Callback`] of its own.
///
/// ```
/// use gradus::{FitOptions, LambdaCallback};
/// let print = LambdaCallback::new().on_epoch_end(|epoch, logs, _| {
///     println!("{epoch}: {logs}");
///     Ok(())
/// });
/// let options = FitOptions::new().epochs(3).callback(print);
/// ```
#[derive(Default)]
pub struct LambdaCallback {
    on_train_begin: Option<OnTrain>,
    on_epoch_end: Option<OnEpochEnd>,
    on_train_end: Option<OnTrain>,
}

impl LambdaCallback {
    /// A callback that does nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is done before the first epoch.
    pub fn on_train_begin(
        mut self,
        body: impl FnMut(&mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_train_begin = Some(Box::new(body));
        self
    }

    /// What is done after each epoch, with its number from 0 and its logs.
    pub fn on_epoch_end(
        mut self,
        body: impl FnMut(usize, &mut Logs, &mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_epoch_end = Some(Box::new(body));
        self
    }

    /// What is done after the last epoch.
    pub fn on_train_end(
        mut self,
        body: impl FnMut(&mut Training<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        self.on_train_end = Some(Box::new(body));
        self
    }
}

impl fmt::Debug for LambdaCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LambdaCallback")
    }
}

impl Callback for LambdaCallback {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.on_train_begin.as_mut().map_or(Ok(()), |body| body(training))
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        self.on_epoch_end.as_mut().map_or(Ok(()), |body| body(epoch, logs, training))
    }

    fn on_train_end(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.on_train_end.as_mut().map_or(Ok(()), |body| body(training))
    }
}
