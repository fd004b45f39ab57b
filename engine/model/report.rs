//! What a pass over a data set reports, and how it follows from the graph's outputs.

use std::sync::Arc;

use super::network::{Model, Purpose};
use crate::train::metrics::{Measure, Metric};

/// A loss, or a metric.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// Its key in the logs.
    pub name: String,
    /// Adds up its sums; a loss is a mean over each batch.
    metric: Option<Arc<dyn Metric>>,
}

impl Report {
    /// Whether the graph's output `output` is one of its sums: called as the report, or `NAME/1` and so on.
    pub fn holds(&self, output: &str) -> bool {
        output.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether its output is the mean over a batch, not a sum.
    pub fn is_mean(&self) -> bool {
        self.metric.is_none()
    }

    /// What follows from the sums over all batches.
    pub fn measure(&self, sums: &[f64], samples: f64) -> Measure {
        match &self.metric {
            Some(metric) => metric.result(sums, samples),
            None => Measure::Number(sums[0] / samples),
        }
    }
}

/// The name of sum number `sum` of the metric called `name`.
pub(super) fn sum_name(name: &str, sum: usize) -> String {
    if sum == 0 { name.to_string() } else { format!("{name}/{sum}") }
}

impl Model {
    /// What a pass for `purpose` reports.
    pub(super) fn reports(&self, purpose: Purpose) -> Vec<Report> {
        let compiled = self.compiled.as_ref().filter(|_| purpose != Purpose::Prediction);
        let Some(compiled) = compiled else { return Vec::new() };
        let names = self.output_names();
        let mut reports = vec![Report { name: "loss".to_string(), metric: None }];
        let scored = compiled.objectives.iter().filter(|objective| objective.loss.is_some());
        // A lone loss is the sum.
        let parts = scored.count() > 1;
        for (objective, name) in compiled.objectives.iter().zip(&names) {
            let prefix = if names.len() > 1 { format!("{name}_") } else { String::new() };
            if parts && objective.loss.is_some() {
                reports.push(Report { name: format!("{prefix}loss"), metric: None });
            }
            for metric in objective.metrics.iter().filter(|_| objective.loss.is_some()) {
                let name = format!("{prefix}{}", metric.name());
                reports.push(Report { name, metric: Some(Arc::clone(metric)) });
            }
        }
        reports
    }
}
