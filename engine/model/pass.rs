//! Steps over a data set, and the means of what they report.

use std::ops::Range;

use super::examples::Examples;
use super::history::Logs;
use super::session::{Loaded, Session};
use crate::error::Result;
use crate::graph::random::Key;
use crate::schedule::{BindingId, Step};

/// A program bound to a data set.
#[derive(Debug)]
pub(super) struct Pass {
    pub loaded: Loaded,
    pub binding: BindingId,
    rows: usize,
    batch_size: usize,
}

impl Pass {
    pub fn new(
        session: &mut Session,
        loaded: Loaded,
        examples: &Examples,
        batch_size: usize,
    ) -> Result<Self> {
        let rows = examples.rows();
        let steps = rows.div_ceil(batch_size);
        let binding = session.engine().bind(loaded.id, &examples.tensors(), steps)?;
        Ok(Self { loaded, binding, rows, batch_size })
    }

    /// How many samples there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many steps there are.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(self.batch_size)
    }

    /// The number of samples in step `i`: fewer in the last.
    fn batch(&self, i: usize) -> usize {
        self.batch_size.min(self.rows - i * self.batch_size)
    }

    /// The steps numbered `range`, which `first` steps have come before. `scalars` gives the numbers of the step
    /// that so many have come before.
    pub fn steps(
        &self,
        range: Range<usize>,
        seed: u64,
        first: u64,
        scalars: impl Fn(u64) -> Result<Vec<f32>>,
    ) -> Result<Vec<Step>> {
        let start = range.start;
        let step = |i: usize| {
            let number = first + (i - start) as u64;
            let key = Key { seed, step: number as u32 };
            let scalars = scalars(number)?;
            Ok(Step { batch: self.batch(i), offset: i * self.batch_size, row: i, key, scalars })
        };
        range.map(step).collect()
    }

    /// Runs all steps without scalars: an evaluation or a prediction.
    pub async fn run(&self, session: &mut Session) -> Result<Vec<Vec<f32>>> {
        let steps = self.steps(0..self.count(), 0, 0, |_| Ok(Vec::new()))?;
        session.engine().run(self.binding, &steps).await?;
        session.engine().outputs(self.binding).await
    }

    /// The means over the samples of the first `done` steps: every sample weighs alike.
    pub fn means(&self, outputs: &[Vec<f32>], done: usize) -> Logs {
        let samples: usize = (0..done).map(|i| self.batch(i)).sum();
        let mut logs = Logs::default();
        for (name, values) in self.loaded.outputs.iter().zip(outputs) {
            let weighted = values.iter().take(done).enumerate();
            let sum: f64 = weighted.map(|(i, &value)| f64::from(value) * self.batch(i) as f64).sum();
            logs.insert(name, sum / samples as f64);
        }
        logs
    }
}
