use std::fmt;
use std::path::Path;

use super::Parameters;
use super::parameters::bare;
use crate::error::Result;
use crate::formats::write_file;
use crate::model::callbacks::Mode;
use crate::model::{History, Model};

/// A candidate and how it did.
#[derive(Clone, Debug, PartialEq)]
pub struct Trial {
    /// The candidate.
    pub parameters: Parameters,
    /// The score of each fold's test part.
    pub scores: Vec<f64>,
    /// Their mean.
    pub mean_test_score: f64,
    /// Their standard deviation, divided by their number as in scikit-learn.
    pub std_test_score: f64,
    /// 1 for the best. Equal means share a rank; NaN ranks last.
    pub rank_test_score: usize,
    /// How long each fold was trained, in seconds.
    pub fit_times: Vec<f64>,
    /// How long each fold was tested, in seconds.
    pub score_times: Vec<f64>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn deviation(values: &[f64]) -> f64 {
    let middle = mean(values);
    let squares: Vec<f64> = values.iter().map(|value| (value - middle).powi(2)).collect();
    mean(&squares).sqrt()
}

impl Trial {
    pub(super) fn new(parameters: Parameters) -> Self {
        Self {
            parameters,
            scores: Vec::new(),
            mean_test_score: f64::NAN,
            std_test_score: f64::NAN,
            rank_test_score: 1,
            fit_times: Vec::new(),
            score_times: Vec::new(),
        }
    }

    pub(super) fn finish(&mut self) {
        self.mean_test_score = mean(&self.scores);
        self.std_test_score = deviation(&self.scores);
    }

    /// Mean and standard deviation of the seconds of training.
    pub fn fit_time(&self) -> (f64, f64) {
        (mean(&self.fit_times), deviation(&self.fit_times))
    }

    /// Mean and standard deviation of the seconds of testing.
    pub fn score_time(&self) -> (f64, f64) {
        (mean(&self.score_times), deviation(&self.score_times))
    }
}

impl fmt::Display for Trial {
    /// `rate=0.1, units=8: 0.9500 ± 0.0100 (1.2 s a fold)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mean, deviation, time) = (self.mean_test_score, self.std_test_score, self.fit_time().0);
        write!(f, "{}: {mean:.4} ± {deviation:.4} ({time:.1} s a fold)", self.parameters)
    }
}

/// What a search has found: a table of all candidates, and the best model.
#[derive(Debug)]
pub struct SearchResults {
    trials: Vec<Trial>,
    scoring: String,
    pub(super) refitted: Option<(Model, History, f64)>,
}

impl SearchResults {
    /// Ranks `trials`, of which there is at least one.
    pub(super) fn new(mut trials: Vec<Trial>, scoring: &str, mode: Mode) -> Self {
        let sign = if mode == Mode::Max { -1.0 } else { 1.0 };
        let keys: Vec<f64> = trials.iter().map(|trial| sign * trial.mean_test_score).collect();
        let better = |a: f64, b: f64| a < b || (b.is_nan() && !a.is_nan());
        for (trial, &own) in trials.iter_mut().zip(&keys) {
            trial.rank_test_score = 1 + keys.iter().filter(|&&other| better(other, own)).count();
        }
        Self { trials, scoring: scoring.to_string(), refitted: None }
    }

    /// All candidates, in the order in which they were tested.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// The first candidate of rank 1.
    pub fn best(&self) -> &Trial {
        let best = self.trials.iter().find(|trial| trial.rank_test_score == 1);
        // Some candidate is always first; without candidates there would be no results.
        best.unwrap_or(&self.trials[0])
    }

    /// The best model, trained on all samples; `None` without a refit.
    pub fn best_model(&mut self) -> Option<&mut Model> {
        self.refitted.as_mut().map(|(model, ..)| model)
    }

    /// The same, to be kept.
    pub fn into_best_model(self) -> Option<Model> {
        self.refitted.map(|(model, ..)| model)
    }

    /// The course of the refit's training.
    pub fn history(&self) -> Option<&History> {
        self.refitted.as_ref().map(|(_, history, _)| history)
    }

    /// How long the refit took, in seconds.
    pub fn refit_time(&self) -> Option<f64> {
        self.refitted.as_ref().map(|(.., time)| *time)
    }

    /// A line for each candidate, with the columns of scikit-learn's `cv_results_`.
    pub fn to_csv(&self) -> String {
        let names = self.names();
        let splits = self.best().scores.len();
        let mut columns =
            ["mean_fit_time", "std_fit_time", "mean_score_time", "std_score_time"].map(String::from).to_vec();
        columns.extend(names.iter().map(|name| quoted(&format!("param_{name}"))));
        columns.extend((0..splits).map(|split| format!("split{split}_test_score")));
        columns.extend(["mean_test_score", "std_test_score", "rank_test_score"].map(String::from));
        let mut text = columns.join(",") + "\n";
        for trial in &self.trials {
            let ((fit, fit_spread), (score, score_spread)) = (trial.fit_time(), trial.score_time());
            let mut cells: Vec<String> =
                [fit, fit_spread, score, score_spread].map(|t| t.to_string()).to_vec();
            cells.extend(trial.parameters.iter().map(|(_, value)| quoted(&bare(value))));
            cells.extend(trial.scores.iter().map(f64::to_string));
            cells.extend([trial.mean_test_score, trial.std_test_score].map(|score| score.to_string()));
            cells.push(trial.rank_test_score.to_string());
            text += &(cells.join(",") + "\n");
        }
        text
    }

    /// Writes [`SearchResults::to_csv`] to `path`, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path, self.to_csv().as_bytes())
    }

    fn names(&self) -> Vec<&str> {
        self.best().parameters.iter().map(|(name, _)| name).collect()
    }

    /// The table's rows, the best first, under a row of names.
    fn table(&self) -> Vec<Vec<String>> {
        let mut head = vec!["rank".to_string()];
        head.extend(self.names().into_iter().map(String::from));
        head.extend([format!("mean {}", self.scoring), "std".into(), "fit time".into()]);
        let mut ranked: Vec<&Trial> = self.trials.iter().collect();
        ranked.sort_by_key(|trial| trial.rank_test_score);
        let row = |trial: &&Trial| {
            let mut cells = vec![trial.rank_test_score.to_string()];
            cells.extend(trial.parameters.iter().map(|(_, value)| bare(value)));
            cells.extend([trial.mean_test_score, trial.std_test_score].map(|score| format!("{score:.4}")));
            cells.push(format!("{:.2} s", trial.fit_time().0));
            cells
        };
        std::iter::once(head).chain(ranked.iter().map(row)).collect()
    }
}

/// A cell of a CSV file, in quotes where it needs them.
fn quoted(cell: &str) -> String {
    if cell.contains([',', '"', '\n']) {
        format!("\"{}\"", cell.replace('"', "\"\""))
    } else {
        cell.to_string()
    }
}

impl fmt::Display for SearchResults {
    /// A table, the best candidate first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.table();
        let columns = rows[0].len();
        let widths: Vec<usize> = (0..columns)
            .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &rows {
            let cells: Vec<String> =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
            writeln!(f, "{}", cells.join("  "))?;
        }
        Ok(())
    }
}
