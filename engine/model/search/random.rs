use std::sync::Arc;

use serde_json::Value;

use super::run::search;
use super::{GridSearch, Parameters, SearchOptions, SearchResults};
use crate::data::permutation;
use crate::error::{Error, Result};
use crate::graph::random::philox;
use crate::model::Model;
use crate::tensor::Tensor;

/// The last word of the counter keeps these draws apart from all others.
const DOMAIN: u32 = 3;

/// Some combinations, drawn at random.
///
/// If all parameters are lists, no combination is tested twice, as with scikit-learn's `ParameterSampler`; ranges are drawn
/// from independently for each candidate.
///
/// ```
/// use gradus::search::RandomSearch;
/// let search = RandomSearch::new(20)
///     .seed(7)
///     .parameter("activation", ["relu", "tanh"])
///     .whole("units", 4, 64)
///     .log_uniform("rate", 1e-4, 1e-1);
/// assert_eq!(search.candidates()?.len(), 20);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RandomSearch {
    count: usize,
    seed: u64,
    spaces: Vec<(String, Space)>,
}

/// What a parameter is drawn from.
#[derive(Clone, Debug)]
enum Space {
    Choice(Vec<Value>),
    Whole(u64, u64),
    Uniform(f64, f64),
    LogUniform(f64, f64),
}

impl Space {
    fn is_sound(&self) -> bool {
        match self {
            Self::Choice(values) => !values.is_empty(),
            Self::Whole(from, to) => from <= to,
            Self::Uniform(from, to) => from <= to && (to - from).is_finite(),
            Self::LogUniform(from, to) => *from > 0.0 && from <= to && to.is_finite(),
        }
    }

    /// The value at `share` of the way, a number from 0 to 1.
    fn at(&self, share: f64) -> Value {
        let index = |count: f64| (share * count).min(count - 1.0).floor();
        match self {
            Self::Choice(values) => values[index(values.len() as f64) as usize].clone(),
            Self::Whole(from, to) => (from + index((to - from) as f64 + 1.0) as u64).into(),
            Self::Uniform(from, to) => (from + share * (to - from)).into(),
            Self::LogUniform(from, to) => (from.ln() + share * (to / from).ln()).exp().into(),
        }
    }
}

impl RandomSearch {
    /// Draws `count` candidates.
    pub fn new(count: usize) -> Self {
        Self { count, seed: 0, spaces: Vec::new() }
    }

    /// What the draws depend on. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// One of `values`, all equally likely.
    pub fn parameter<V: Into<Value>>(self, name: &str, values: impl IntoIterator<Item = V>) -> Self {
        self.space(name, Space::Choice(values.into_iter().map(Into::into).collect()))
    }

    /// A whole number from `from` to `to`, both included.
    pub fn whole(self, name: &str, from: usize, to: usize) -> Self {
        self.space(name, Space::Whole(from as u64, to as u64))
    }

    /// A number from `from` to `to`.
    pub fn uniform(self, name: &str, from: f64, to: f64) -> Self {
        self.space(name, Space::Uniform(from, to))
    }

    /// A number from `from` to `to`, both above 0, whose logarithm is uniform: for learning rates.
    pub fn log_uniform(self, name: &str, from: f64, to: f64) -> Self {
        self.space(name, Space::LogUniform(from, to))
    }

    fn space(mut self, name: &str, space: Space) -> Self {
        self.spaces.push((name.to_string(), space));
        self
    }

    /// All candidates, in the order in which they are tested: fewer than asked for if there are no more combinations.
    ///
    /// # Errors
    /// If none are asked for, a parameter has no values, or is given twice.
    pub fn candidates(&self) -> Result<Vec<Parameters>> {
        if self.count == 0 {
            return Err(Error::argument("RandomSearch", "count", 0, "at least 1"));
        }
        for (i, (name, space)) in self.spaces.iter().enumerate() {
            if !space.is_sound() || self.spaces[..i].iter().any(|(known, _)| known == name) {
                let expected = "given once, with at least one value or the smaller bound first";
                return Err(Error::argument("RandomSearch", name, format!("{space:?}"), expected));
            }
        }
        match self.grid() {
            Some(grid) => self.some_of(&grid.candidates()?),
            None => Ok((0..self.count as u32).map(|number| self.draw(number)).collect()),
        }
    }

    /// The grid of all combinations, if there are finitely many.
    fn grid(&self) -> Option<GridSearch> {
        self.spaces.iter().try_fold(GridSearch::new(), |grid, (name, space)| match space {
            Space::Choice(values) => Some(grid.parameter(name, values.clone())),
            _ => None,
        })
    }

    fn some_of(&self, all: &[Parameters]) -> Result<Vec<Parameters>> {
        let order = permutation(all.len(), self.seed, DOMAIN);
        Ok(order.into_iter().take(self.count).map(|at| all[at as usize].clone()).collect())
    }

    fn draw(&self, number: u32) -> Parameters {
        let key = [self.seed as u32, (self.seed >> 32) as u32];
        let share = |i: usize| {
            let [word, ..] = philox([number, i as u32, 0, DOMAIN], key);
            (f64::from(word) + 0.5) / 4_294_967_296.0
        };
        let spaces = self.spaces.iter().enumerate();
        spaces.fold(Parameters::new(), |drawn, (i, (name, space))| drawn.with(name, space.at(share(i))))
    }

    /// Tests the candidates as [`GridSearch::fit`] does.
    ///
    /// # Errors
    /// As [`GridSearch::fit`].
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
