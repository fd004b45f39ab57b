use crate::error::{Error, Result};
use crate::model::Logs;

/// Which way a monitored value gets better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// From the value's name: losses and errors fall, accuracies and the like rise.
    #[default]
    Auto,
    /// Smaller is better.
    Min,
    /// Larger is better.
    Max,
}

/// Ends of names of values that rise as a model gets better.
const RISING: [&str; 12] = [
    "accuracy",
    "acc",
    "auc",
    "precision",
    "recall",
    "f1_score",
    "fbeta_score",
    "iou",
    "io_u",
    "r2_score",
    "true_positives",
    "true_negatives",
];

/// Ends of names of values that fall.
const FALLING: [&str; 14] = [
    "loss",
    "error",
    "mse",
    "mae",
    "mape",
    "msle",
    "rmse",
    "crossentropy",
    "hinge",
    "poisson",
    "divergence",
    "logcosh",
    "false_positives",
    "false_negatives",
];

impl Mode {
    /// Whether the value called `name` gets better as it rises.
    ///
    /// # Errors
    /// If the mode is `Auto` and the name says nothing.
    pub(in crate::model) fn rises(self, place: &str, name: &str) -> Result<bool> {
        let ends_in = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        match self {
            Self::Min => Ok(false),
            Self::Max => Ok(true),
            Self::Auto if ends_in(&RISING) => Ok(true),
            Self::Auto if ends_in(&FALLING) => Ok(false),
            Self::Auto => {
                let expected = format!("Min or Max: the name {name:?} does not say which way it gets better");
                Err(Error::argument(place, "mode", "Auto", expected))
            }
        }
    }
}

/// The value that a callback watches, and the best so far.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Monitor {
    callback: &'static str,
    pub name: String,
    pub mode: Mode,
    pub min_delta: f64,
    pub best: Option<f64>,
}

impl Monitor {
    /// Watches `val_loss`, Keras's default.
    pub fn new(callback: &'static str, min_delta: f64) -> Self {
        Self { callback, name: "val_loss".into(), mode: Mode::Auto, min_delta, best: None }
    }

    /// The value in `logs`.
    pub fn value(&self, logs: &Logs) -> Result<f64> {
        logs.get(&self.name).ok_or_else(|| {
            let known: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
            let expected = format!("one of {}; values of validation need validation data", known.join(", "));
            Error::argument(self.callback, "monitor", format!("{:?}", self.name), expected)
        })
    }

    /// Whether `value` is better than `reference` by more than `min_delta`. Anything is better than nothing.
    pub fn improves(&self, value: f64, reference: Option<f64>) -> Result<bool> {
        let rises = self.mode.rises(self.callback, &self.name)?;
        let delta = self.min_delta.abs();
        Ok(reference.is_none_or(|best| if rises { value - delta > best } else { value + delta < best }))
    }

    /// Takes `value` for the best if it is better than that.
    pub fn take_better(&mut self, value: f64) -> Result<bool> {
        let better = self.improves(value, self.best)?;
        if better {
            self.best = Some(value);
        }
        Ok(better)
    }
}
