//! Cross-validation of candidates.

use std::sync::Arc;
use std::time::Instant;

use super::results::{SearchResults, Trial};
use super::{Parameters, SearchOptions};
use crate::data::Fold;
use crate::error::{Error, Result};
use crate::model::callbacks::Mode;
use crate::model::{FitOptions, Model};
use crate::tensor::Tensor;

pub(super) fn search<M: Into<Model>>(
    candidates: &[Parameters],
    x: &Arc<Tensor>,
    y: &Arc<Tensor>,
    options: &SearchOptions,
    mut build: impl FnMut(&Parameters) -> Result<M>,
) -> Result<SearchResults> {
    let rises = options.mode.rises("search", &options.scoring)?;
    let folds =
        options.folds.split(y)?.iter().map(|fold| Parts::new(x, y, fold)).collect::<Result<Vec<_>>>()?;
    let mut trials = Vec::new();
    for parameters in candidates {
        let mut trial = Trial::new(parameters.clone());
        for parts in &folds {
            parts.test(&mut build(parameters)?.into(), options, &mut trial)?;
        }
        trial.finish();
        if options.verbose > 0 {
            println!("{}/{}: {trial}", trials.len() + 1, candidates.len());
        }
        trials.push(trial);
    }
    let mode = if rises { Mode::Max } else { Mode::Min };
    let mut results = SearchResults::new(trials, &options.scoring, mode);
    if options.refit {
        let best = &results.best().parameters;
        let (mut model, start) = (build(best)?.into(), Instant::now());
        let history = model.fit(Arc::clone(x), Arc::clone(y), fit_options(options, best)?)?;
        results.refitted = Some((model, history, start.elapsed().as_secs_f64()));
    }
    Ok(results)
}

/// What one fold trains and tests on.
struct Parts {
    train: [Arc<Tensor>; 2],
    test: [Arc<Tensor>; 2],
}

impl Parts {
    fn new(x: &Tensor, y: &Tensor, fold: &Fold) -> Result<Self> {
        if x.rows() != y.rows() {
            let expected = format!("{} rows, as y", y.rows());
            return Err(Error::shape("search", "x", x.rows(), expected, "give one target for each sample"));
        }
        let part =
            |rows: &[usize]| Ok::<_, Error>([Arc::new(x.select_rows(rows)?), Arc::new(y.select_rows(rows)?)]);
        Ok(Self { train: part(&fold.train)?, test: part(&fold.test)? })
    }

    /// Trains `model` on this fold, and adds its score and times to `trial`.
    fn test(&self, model: &mut Model, options: &SearchOptions, trial: &mut Trial) -> Result<()> {
        let fit = fit_options(options, &trial.parameters)?;
        let (batch_size, start) = (fit.batch_size, Instant::now());
        let ([x, y], [test_x, test_y]) = (self.train.clone(), self.test.clone());
        model.fit(x, y, fit)?;
        let trained = Instant::now();
        let logs = model.evaluate(test_x, test_y, batch_size)?;
        let score = logs.get(&options.scoring).ok_or_else(|| {
            let known: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
            let expected = format!("one of {}", known.join(", "));
            Error::argument("search", "scoring", format!("{:?}", options.scoring), expected)
        })?;
        trial.scores.push(score);
        trial.fit_times.push((trained - start).as_secs_f64());
        trial.score_times.push(trained.elapsed().as_secs_f64());
        Ok(())
    }
}

/// How a candidate is trained.
fn fit_options(options: &SearchOptions, parameters: &Parameters) -> Result<FitOptions> {
    let mut fit = (options.fit)(parameters)?;
    if parameters.get("epochs").is_some() {
        fit = fit.epochs(parameters.count("epochs")?);
    }
    if parameters.get("batch_size").is_some() {
        fit = fit.batch_size(parameters.count("batch_size")?);
    }
    Ok(fit)
}
