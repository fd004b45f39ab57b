//! Where a training stands: what a run that goes on needs beside weights and optimizer.

use std::sync::Arc;

use serde_json::Value;

use super::pass::Pass;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// What a [`Callback`](super::Callback) has gathered so far, for a training that is stopped and goes on later.
#[derive(Clone, Debug, PartialEq)]
pub struct CallbackState {
    /// The callback's type: a state goes back to the first callback of its kind that has none yet.
    pub kind: String,
    /// Numbers and texts.
    pub numbers: Value,
    /// Arrays, such as the best weights.
    pub arrays: Arc<Vec<Tensor>>,
}

impl CallbackState {
    /// Numbers alone.
    pub fn new(kind: &str, numbers: Value) -> Self {
        Self { kind: kind.into(), numbers, arrays: Arc::default() }
    }

    /// The whole number called `key`.
    ///
    /// # Errors
    /// If there is none.
    pub fn whole(&self, key: &str) -> Result<usize> {
        let number = self.numbers[key].as_u64().and_then(|number| usize::try_from(number).ok());
        number.ok_or_else(|| self.wrong(key, "a whole number"))
    }

    /// The number called `key` as its bits, which every number survives, or nothing if there is none.
    ///
    /// # Errors
    /// If it is something else.
    pub fn bits(&self, key: &str) -> Result<Option<f64>> {
        let value = &self.numbers[key];
        let number = value.as_u64().map(f64::from_bits);
        if number.is_none() && !value.is_null() {
            Err(self.wrong(key, "the bits of a number"))
        } else {
            Ok(number)
        }
    }

    fn wrong(&self, key: &str, expected: &str) -> Error {
        Error::argument(format!("state of {}", self.kind), key, &self.numbers[key], expected)
    }
}

/// A training between two of its steps.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Checkpoint {
    pub seed: u64,
    pub shuffle: bool,
    pub batch_size: usize,
    pub rows: usize,
    /// How many steps of an epoch are done; 0 between two epochs.
    pub done: usize,
    /// What those steps have reported, by the outputs' names.
    pub outputs: Vec<(String, Vec<f32>)>,
    pub callbacks: Vec<CallbackState>,
}

impl Checkpoint {
    /// Whether an epoch of `pass` can go on from here.
    pub fn check(&self, pass: &Pass, shuffle: bool, seed: u64) -> Result<()> {
        if self.done == 0 {
            return Ok(());
        }
        let compared = [
            ("number of samples", self.rows.to_string(), pass.rows().to_string()),
            ("batch_size", self.batch_size.to_string(), pass.batch_size().to_string()),
            ("shuffle", self.shuffle.to_string(), shuffle.to_string()),
            ("seed", self.seed.to_string(), seed.to_string()),
        ];
        if let Some((what, before, now)) = compared.into_iter().find(|(_, before, now)| before != now) {
            let expected = format!("{before}, as in the first {} steps of the epoch", self.done);
            return Err(Error::argument("fit: resume", what, now, expected));
        }
        if self.done > pass.count() {
            let expected = format!("at most {}", pass.count());
            return Err(Error::argument("fit: resume", "steps done", self.done, expected));
        }
        Ok(())
    }

    /// Puts the reports of the steps that are done over `outputs`, whose rows have `steps` of them.
    pub fn put_reports(&self, names: &[String], steps: usize, outputs: &mut [Vec<f32>]) -> Result<()> {
        for (name, values) in names.iter().zip(outputs) {
            let Some((_, earlier)) = self.outputs.iter().find(|(known, _)| known == name) else { continue };
            let count = values.len() / steps * self.done;
            if earlier.len() != count {
                let what = format!("reports of {name:?}");
                return Err(Error::argument("fit: resume", what, earlier.len(), count.to_string()));
            }
            values[..count].copy_from_slice(earlier);
        }
        Ok(())
    }
}
