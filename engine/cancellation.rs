//! How one thread asks another to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(feature = "interrupt")]
use std::sync::{Mutex, OnceLock, PoisonError};

#[cfg(feature = "interrupt")]
use crate::error::{Error, Result};

/// A request to stop that any thread may make and the work asked looks for between its steps. Clones share it.
///
/// ```
/// use gradus::{CancellationToken, Dense, FitOptions, Sequential, Tensor};
/// let x = Tensor::f32(&[4, 1], vec![0.0, 1.0, 2.0, 3.0])?;
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile("sgd", "mean_squared_error", &[])?;
/// let token = CancellationToken::new();
/// let button = token.clone();
/// let options = FitOptions::new().epochs(1_000_000).verbose(0).cancel_on(token);
/// let training = std::thread::spawn(move || model.fit(&x, &x, options));
/// button.cancel();
/// assert!(training.join().unwrap()?.is_cancelled());
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct CancellationToken {
    flag: Arc<AtomicBool>,
    parent: Option<Arc<CancellationToken>>,
}

impl CancellationToken {
    /// A token that nobody has cancelled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that Ctrl-C cancels, for as long as the process lives. A second Ctrl-C ends the process at once, with exit
    /// code 130.
    ///
    /// # Errors
    /// If something else in this process handles Ctrl-C already.
    #[cfg(feature = "interrupt")]
    pub fn on_interrupt() -> Result<Self> {
        static INTERRUPT: OnceLock<CancellationToken> = OnceLock::new();
        static HANDLER: Mutex<bool> = Mutex::new(false);
        let token = INTERRUPT.get_or_init(Self::new);
        let mut is_set = HANDLER.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_set {
            let handler = || {
                if token.is_cancelled() {
                    std::process::exit(130);
                }
                token.cancel();
            };
            ctrlc::set_handler(handler).map_err(|error| {
                let remedy = "cancel a token of your own where Ctrl-C is handled";
                Error::order("CancellationToken::on_interrupt", error.to_string(), remedy)
            })?;
            *is_set = true;
        }
        Ok(token.child_token())
    }

    /// A token that is cancelled with this one, and alone too.
    pub fn child_token(&self) -> Self {
        Self { flag: Arc::default(), parent: Some(Arc::new(self.clone())) }
    }

    /// Asks for the end. It cannot be taken back.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
    }

    /// Whether someone has asked for the end.
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed) || self.parent.as_ref().is_some_and(|parent| parent.is_cancelled())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_follows_its_parent_and_not_the_other_way() {
        let parent = CancellationToken::new();
        let [first, second] = [parent.child_token(), parent.child_token()];
        first.cancel();
        assert!(first.is_cancelled() && !parent.is_cancelled() && !second.is_cancelled());
        parent.clone().cancel();
        assert!(second.is_cancelled());
    }
}
