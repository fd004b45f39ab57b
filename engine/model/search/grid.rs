use std::sync::Arc;

use serde_json::Value;

use super::run::search;
use super::{Parameters, SearchOptions, SearchResults};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::tensor::Tensor;

/// Every combination of the values given.
///
/// ```
/// use gradus::search::{GridSearch, SearchOptions};
/// use gradus::{Dense, FitOptions, Sequential, Sgd, Tensor, data::KFold};
/// let x = Tensor::f32(&[8, 1], (0..8).map(|i| i as f32 / 8.0).collect())?;
/// let grid = GridSearch::new().parameter("rate", [0.001, 0.1]).parameter("epochs", [5, 20]);
/// let results = grid.fit(&x, &x, SearchOptions::new().folds(KFold::new(4)), |parameters| {
///     let mut model = Sequential::new().add(Dense::new(1));
///     model.compile(Sgd::new(parameters.number("rate")?), "mean_squared_error", &[])?;
///     Ok(model)
/// })?;
/// println!("{results}");
/// assert_eq!(results.best().parameters.count("epochs")?, 20);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct GridSearch {
    values: Vec<(String, Vec<Value>)>,
}

impl GridSearch {
    /// A grid without parameters: one candidate.
    pub fn new() -> Self {
        Self::default()
    }

    /// The values of parameter `name`: numbers, texts, flags or lists. The last parameter varies fastest.
    pub fn parameter<V: Into<Value>>(mut self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.values.push((name.to_string(), values.into_iter().map(Into::into).collect()));
        self
    }

    /// All candidates, in the order in which they are tested.
    ///
    /// # Errors
    /// If a parameter has no values, or is given twice.
    pub fn candidates(&self) -> Result<Vec<Parameters>> {
        let mut candidates = vec![Parameters::new()];
        for (i, (name, values)) in self.values.iter().enumerate() {
            let twice = self.values[..i].iter().any(|(known, _)| known == name);
            if values.is_empty() || twice {
                let found = if twice { "given twice" } else { "without values" };
                return Err(Error::argument("search", name, found, "given once, with at least one value"));
            }
            let extend = |candidate: &Parameters| {
                let candidate = candidate.clone();
                values
                    .iter()
                    .map(move |value| candidate.clone().with(name, value.clone()))
                    .collect::<Vec<_>>()
            };
            candidates = candidates.iter().flat_map(extend).collect();
        }
        Ok(candidates)
    }

    /// Tests every candidate by cross-validation and, unless told otherwise, trains the best on all samples. `build`
    /// makes a compiled model of a candidate; it is called anew for each fold.
    ///
    /// # Errors
    /// If the grid or the folds make no sense, or a model cannot be built, trained or scored.
    pub fn fit<M: Into<Model>>(
        &self,
        x: impl Into<Arc<Tensor>>,
        y: impl Into<Arc<Tensor>>,
        options: SearchOptions,
        build: impl FnMut(&Parameters) -> Result<M>,
    ) -> Result<SearchResults> {
        search(&self.candidates()?, &x.into(), &y.into(), &options, build)
    }
}
