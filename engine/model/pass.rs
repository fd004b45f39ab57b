//! Steps over a data set, and the means of what they report.

use std::ops::Range;

use super::history::Logs;
use super::report::Report;
use super::samples::Samples;
use super::session::{Loaded, Session};
use super::watch::watched;
use crate::cancellation::CancellationToken;
use crate::data::shuffled;
use crate::error::Result;
use crate::graph::random::Key;
use crate::schedule::{BindingId, Step};

/// A program bound to a data set.
#[derive(Debug)]
pub(super) struct Pass {
    pub loaded: Loaded,
    pub binding: BindingId,
    reports: Vec<Report>,
    rows: usize,
    block: usize,
    batch_size: usize,
}

impl Pass {
    pub fn new(
        session: &mut Session,
        loaded: Loaded,
        reports: Vec<Report>,
        samples: &Samples,
        batch_size: usize,
    ) -> Result<Self> {
        let (rows, block) = (samples.rows(), samples.block());
        let steps = rows.div_ceil(batch_size);
        let binding = samples.bind(session.engine(), loaded.id, steps)?;
        Ok(Self { loaded, binding, reports, rows, block, batch_size })
    }

    /// The order in which epoch number `epoch` takes the samples.
    pub fn order(&self, seed: u64, epoch: u32) -> Vec<u32> {
        shuffled(self.rows, self.block, seed, epoch)
    }

    /// How many samples there are.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Samples in a step but the last.
    pub fn batch_size(&self) -> usize {
        self.batch_size
    }

    /// How many steps there are.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(self.batch_size)
    }

    /// The number of samples in step `i`: fewer in the last.
    pub fn batch(&self, i: usize) -> usize {
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

    /// Runs all steps without scalars, unless `token` is cancelled: an evaluation or a prediction.
    pub async fn run(&self, session: &mut Session, token: &CancellationToken) -> Result<Vec<Vec<f32>>> {
        let steps = self.steps(0..self.count(), 0, 0, |_| Ok(Vec::new()))?;
        session.engine().run_until(self.binding, &steps, token).await?;
        session.engine().outputs(self.binding).await
    }

    /// What is watched, and its largest magnitude in each step.
    pub fn watched(&self, outputs: &[Vec<f32>]) -> Vec<(String, Vec<f32>)> {
        let outputs = self.loaded.outputs.iter().zip(outputs);
        outputs.filter_map(|(name, values)| Some((watched(name)?.to_string(), values.clone()))).collect()
    }

    /// What is reported of the samples of the first `done` steps: every sample weighs alike.
    pub fn logs(&self, outputs: &[Vec<f32>], done: usize) -> Logs {
        let samples: usize = (0..done).map(|i| self.batch(i)).sum();
        let mut logs = Logs::default();
        for report in &self.reports {
            let own = self.loaded.outputs.iter().zip(outputs).filter(|(name, _)| report.holds(name));
            let sums: Vec<f64> = own.flat_map(|(_, values)| self.sums(report, values, done)).collect();
            logs.insert_measure(&report.name, report.measure(&sums, samples as f64));
        }
        logs
    }

    /// The sums of an output over the first `done` steps.
    fn sums(&self, report: &Report, values: &[f32], done: usize) -> Vec<f64> {
        let mut sums = vec![0.0; values.len() / self.count()];
        for (i, row) in values.chunks(sums.len()).take(done).enumerate() {
            let weight = if report.is_mean() { self.batch(i) as f64 } else { 1.0 };
            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value) * weight);
        }
        sums
    }
}
