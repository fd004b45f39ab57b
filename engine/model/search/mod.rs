//! Search for hyperparameters by cross-validation, as scikit-learn's `GridSearchCV` and `RandomizedSearchCV`.

mod grid;
mod options;
mod parameters;
mod random;
mod results;
mod run;
#[cfg(all(test, feature = "cpu"))]
mod tests;

pub use grid::GridSearch;
pub use options::SearchOptions;
pub use parameters::Parameters;
pub use random::RandomSearch;
pub use results::{SearchResults, Trial};
