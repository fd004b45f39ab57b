use super::{Config, Dense};
use crate::error::Result;

/// A fully connected layer whose weights are dropped while it trains (Wan et al. 2013): for each sample each weight, and
/// each bias, is 0 with probability `rate`, and 1 / (1 − rate) times itself otherwise.
///
/// [`Dropout`](super::Dropout) sets whole outputs to 0, so that a unit is there or not; here every connection of a unit
/// is there or not, and a unit sees other inputs for each sample. Evaluation and prediction use all weights, the mean of
/// what training sees; the paper draws outputs from a normal distribution of that mean instead.
///
/// ```
/// use gradus::layers::DropConnect;
/// let layer = DropConnect::new(128, 0.5).activation("relu");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DropConnect;

impl DropConnect {
    /// A layer of `units` outputs that drops the share `rate` of its weights. It has all options of [`Dense`].
    #[expect(clippy::new_ret_no_self, reason = "it is a Dense layer that drops weights")]
    pub fn new(units: usize, rate: f64) -> Dense {
        Dense::new(units).dropping(rate)
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Dense> {
        let rate = config.number("rate")?;
        Ok(Dense::from_config(config)?.dropping(rate))
    }
}
