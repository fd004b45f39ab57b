//! What a pass over a data set reports, and how it follows from the graph's outputs.

use std::sync::Arc;

use super::compiled::Goal;
use super::network::{Model, Purpose};
use super::objective::Objective;
use super::watch::watched;
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
    fn mean(name: &str) -> Self {
        Self { name: name.to_string(), metric: None }
    }

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
    /// What a pass for `purpose` reports, whose graph's outputs are called `outputs`.
    pub(super) fn reports(&self, purpose: Purpose, outputs: &[String]) -> Vec<Report> {
        match self.compiled.as_ref().filter(|_| purpose != Purpose::Prediction).map(|c| &c.goal) {
            None => Vec::new(),
            Some(Goal::Custom(_)) => {
                let reported = outputs.iter().filter(|name| watched(name).is_none());
                reported.map(|name| Report::mean(name)).collect()
            }
            Some(Goal::Objectives(objectives)) => self.reports_of(objectives),
        }
    }

    fn reports_of(&self, objectives: &[Objective]) -> Vec<Report> {
        let names = self.output_names();
        let mut reports = vec![Report::mean("loss")];
        // A lone loss is the sum.
        let parts = objectives.iter().filter(|objective| objective.loss.is_some()).count() > 1;
        for (objective, name) in objectives.iter().zip(&names).filter(|(o, _)| o.loss.is_some()) {
            let prefix = if names.len() > 1 { format!("{name}_") } else { String::new() };
            reports.extend(parts.then(|| Report::mean(&format!("{prefix}loss"))));
            reports.extend(objective.all_metrics().map(|(name, metric, _)| Report {
                name: format!("{prefix}{name}"),
                metric: Some(Arc::clone(metric)),
            }));
        }
        reports
    }
}
