use std::fmt;

use super::Parameters;
use crate::data::KFold;
use crate::error::Result;
use crate::model::FitOptions;
use crate::model::callbacks::Mode;

type MakeFit = Box<dyn Fn(&Parameters) -> Result<FitOptions>>;

/// How a search tests its candidates.
///
/// ```
/// use gradus::{data::KFold, search::SearchOptions};
/// let options = SearchOptions::new().folds(KFold::stratified(3).shuffle(7)).scoring("accuracy");
/// ```
pub struct SearchOptions {
    pub(super) folds: KFold,
    pub(super) scoring: String,
    pub(super) mode: Mode,
    pub(super) refit: bool,
    pub(super) fit: MakeFit,
    pub(super) verbose: u8,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for SearchOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SearchOptions({:?}, scoring {:?})", self.folds, self.scoring)
    }
}

impl SearchOptions {
    /// Five folds without shuffling, the loss as the score, a refit of the best.
    pub fn new() -> Self {
        Self {
            folds: KFold::new(5),
            scoring: "loss".into(),
            mode: Mode::Auto,
            refit: true,
            fit: Box::new(|_| Ok(FitOptions::new().verbose(0))),
            verbose: 0,
        }
    }

    /// How the samples are parted. Default five folds of neighbouring rows.
    pub fn folds(mut self, folds: KFold) -> Self {
        self.folds = folds;
        self
    }

    /// The name of the score among what `evaluate` reports: `loss`, the default, or a metric of the model.
    pub fn scoring(mut self, name: &str) -> Self {
        self.scoring = name.to_string();
        self
    }

    /// Which way the score gets better. Default [`Mode::Auto`]: from its name.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Whether the best candidate is built once more and trained on all samples. Default true.
    pub fn refit(mut self, refit: bool) -> Self {
        self.refit = refit;
        self
    }

    /// How a candidate is trained. Parameters called `epochs` and `batch_size` are set in any case. Default
    /// [`FitOptions::new`] without output.
    pub fn fit(mut self, make: impl Fn(&Parameters) -> Result<FitOptions> + 'static) -> Self {
        self.fit = Box::new(make);
        self
    }

    /// 0, the default, prints nothing, 1 a line for each candidate.
    pub fn verbose(mut self, verbose: u8) -> Self {
        self.verbose = verbose;
        self
    }
}
