//! What training reported.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::error::Result;
use crate::formats::write_file;
use crate::tensor::Tensor;
use crate::train::metrics::Measure;

/// Loss and metrics by name, in alphabetical order, as Keras reports them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs {
    numbers: BTreeMap<String, f64>,
    tables: BTreeMap<String, Tensor>,
}

impl Logs {
    /// The value called `name`, such as `loss`, `accuracy` or `val_loss`.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.numbers.get(name).copied()
    }

    /// The table called `name`, of a metric that is not one number, such as `confusion_matrix`.
    pub fn table(&self, name: &str) -> Option<&Tensor> {
        self.tables.get(name)
    }

    /// All tables with their names.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tables.iter().map(|(name, table)| (name.as_str(), table))
    }

    /// All names and values; tables are not among them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.numbers.iter().map(|(name, &value)| (name.as_str(), value))
    }

    /// Sets the value called `name`.
    pub fn insert(&mut self, name: &str, value: f64) {
        self.numbers.insert(name.to_string(), value);
    }

    pub(super) fn insert_measure(&mut self, name: &str, measure: Measure) {
        match measure {
            Measure::Number(value) => self.insert(name, value),
            Measure::Table(table) => {
                self.tables.insert(name.to_string(), table);
            }
        }
    }

    /// Adds all of `others` as `val_…`.
    pub(super) fn insert_validation(&mut self, others: Self) {
        let numbers = others.numbers.into_iter().map(|(name, value)| (name, Measure::Number(value)));
        let tables = others.tables.into_iter().map(|(name, table)| (name, Measure::Table(table)));
        numbers.chain(tables).for_each(|(name, value)| self.insert_measure(&format!("val_{name}"), value));
    }
}

impl fmt::Display for Logs {
    /// `accuracy: 0.9500 - loss: 0.1234`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (name, value)) in self.iter().enumerate() {
            let dash = if i == 0 { "" } else { " - " };
            // Keras's rule: small numbers in powers of ten.
            if value.abs() > 1e-3 || value == 0.0 || !value.is_finite() {
                write!(f, "{dash}{name}: {value:.4}")?;
            } else {
                write!(f, "{dash}{name}: {value:.4e}")?;
            }
        }
        Ok(())
    }
}

/// The course of a training: for each epoch loss and metrics, of the training and of the validation samples.
///
/// ```
/// use gradus::{Dense, FitOptions, Sequential, Tensor};
/// let x = Tensor::f32(&[8, 1], (0..8).map(|i| i as f32 / 8.0).collect())?;
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile("adam", "mean_squared_error", &["mean_absolute_error"])?;
/// let history = model.fit(&x, &x, FitOptions::new().epochs(3).validation_split(0.25).verbose(0))?;
/// assert_eq!(history.get("val_mean_absolute_error").map(|values| values.len()), Some(3));
/// let last = &history.epochs()[2];
/// assert!(last.get("loss").is_some() && last.get("val_loss").is_some());
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    epochs: Vec<Logs>,
    step_losses: Vec<f32>,
    cancelled: bool,
    pub(super) stop_reason: Option<String>,
}

impl History {
    /// The values called `name`, such as `loss` or `val_accuracy`, one for each epoch; `None` if there are none.
    pub fn get(&self, name: &str) -> Option<Vec<f64>> {
        self.epochs.iter().map(|logs| logs.get(name)).collect::<Option<Vec<f64>>>().filter(|v| !v.is_empty())
    }

    /// One report for each epoch.
    pub fn epochs(&self) -> &[Logs] {
        &self.epochs
    }

    /// The loss of each step's own batch, before its update.
    pub fn step_losses(&self) -> &[f32] {
        &self.step_losses
    }

    /// Whether the training was cancelled. An epoch that was not finished has no report; its steps have their losses.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled
    }

    /// Why a callback has ended the training early, if it said so.
    pub fn stop_reason(&self) -> Option<&str> {
        self.stop_reason.as_deref()
    }

    /// A line for each epoch under a line of names, as Keras's `CSVLogger` writes it.
    pub fn to_csv(&self) -> String {
        let mut text = String::from("epoch");
        for (name, _) in self.epochs.iter().take(1).flat_map(Logs::iter) {
            text += &format!(",{name}");
        }
        text.push('\n');
        for (epoch, logs) in self.epochs.iter().enumerate() {
            let values: Vec<String> = logs.iter().map(|(_, value)| format!(",{value}")).collect();
            text += &format!("{epoch}{}\n", values.concat());
        }
        text
    }

    /// Writes [`History::to_csv`] to `path`, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: impl AsRef<Path>) -> Result<()> {
        write_file(path, self.to_csv().as_bytes())
    }

    pub(super) fn cancel(&mut self, step_losses: &[f32]) {
        self.cancelled = true;
        self.step_losses.extend_from_slice(step_losses);
    }

    pub(super) fn push(&mut self, logs: Logs, step_losses: &[f32]) {
        self.epochs.push(logs);
        self.step_losses.extend_from_slice(step_losses);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printed_like_keras() {
        let mut logs = Logs::default();
        logs.insert("loss", 1.84321);
        logs.insert("accuracy", 0.2);
        logs.insert("val_loss", 0.00012);
        assert_eq!(logs.to_string(), "accuracy: 0.2000 - loss: 1.8432 - val_loss: 1.2000e-4");
        let mut history = History::default();
        history.push(logs, &[2.0, 1.7]);
        assert_eq!(history.to_csv(), "epoch,accuracy,loss,val_loss\n0,0.2,1.84321,0.00012\n");
        assert_eq!(history.get("loss"), Some(vec![1.84321]));
        assert_eq!(history.get("val_accuracy"), None);
    }
}
