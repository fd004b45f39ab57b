use std::sync::Arc;

use crate::error::{Error, Result};
use crate::train::losses::Loss;
use crate::train::metrics::{self, Metric};

/// What one output of a model is trained for: its loss, the loss's weight in the sum, and metrics.
///
/// ```
/// use gradus::Objective;
/// let scores = Objective::new("sparse_categorical_crossentropy", &["accuracy"])?;
/// let age = Objective::new("mean_squared_error", &["mae"])?.weight(0.1);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct Objective {
    pub(super) loss: Option<Box<dyn Loss>>,
    pub(super) weight: f64,
    pub(super) metrics: Vec<Arc<dyn Metric>>,
    pub(super) weighted_metrics: Vec<Arc<dyn Metric>>,
}

impl Objective {
    /// A loss of weight 1, and metrics; each as a value or by Keras's name.
    ///
    /// # Errors
    /// If a name is unknown.
    pub fn new<L>(loss: L, metrics: &[&str]) -> Result<Self>
    where
        L: TryInto<Box<dyn Loss>, Error: Into<Error>>,
    {
        let loss = loss.try_into().map_err(Into::into)?;
        let metrics = all_by_name(metrics)?;
        Ok(Self { loss: Some(loss), weight: 1.0, metrics, weighted_metrics: Vec::new() })
    }

    /// For an output that is trained for nothing: it has no targets.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a metric.
    pub fn metric(mut self, metric: impl Metric + 'static) -> Self {
        self.metrics.push(Arc::new(metric));
        self
    }

    /// Adds metrics by Keras's names in which each sample counts as much as it weighs, by `sample_weight` or by
    /// `class_weight`, as in the loss: Keras's `weighted_metrics`. One of the name of another metric is called
    /// `weighted_accuracy` and so on in the logs.
    ///
    /// ```
    /// use gradus::{Dense, Objective, Sequential};
    /// let scores = Objective::new("binary_crossentropy", &["accuracy"])?.weighted_metrics(&["accuracy", "auc"])?;
    /// let mut model = Sequential::new().add(Dense::new(1).activation("sigmoid"));
    /// model.compile_each("adam", [scores])?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown.
    pub fn weighted_metrics(mut self, names: &[&str]) -> Result<Self> {
        self.weighted_metrics.extend(all_by_name(names)?);
        Ok(self)
    }

    /// Adds a metric in which each sample counts as much as it weighs.
    pub fn weighted_metric(mut self, metric: impl Metric + 'static) -> Self {
        self.weighted_metrics.push(Arc::new(metric));
        self
    }

    /// What the loss is multiplied by in the sum of all losses: Keras's `loss_weights`. Default 1.
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

fn all_by_name(names: &[&str]) -> Result<Vec<Arc<dyn Metric>>> {
    names.iter().map(|name| metrics::by_name(name)).collect()
}

impl Objective {
    /// All metrics, each under its name in the logs, and whether it is a weighted one.
    pub(super) fn all_metrics(&self) -> impl Iterator<Item = (String, &Arc<dyn Metric>, bool)> {
        let plain = self.metrics.iter().map(|metric| (metric.name().to_string(), metric, false));
        let weighted = self.weighted_metrics.iter().map(|metric| {
            let taken = self.metrics.iter().any(|plain| plain.name() == metric.name());
            (format!("{}{}", if taken { "weighted_" } else { "" }, metric.name()), metric, true)
        });
        plain.chain(weighted)
    }

    pub(super) fn check_metrics(&self) -> Result<()> {
        let names: Vec<String> = self.all_metrics().map(|(name, ..)| name).collect();
        let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) else { return Ok(()) };
        let expected = "each name once: give the second another by `named`";
        Err(Error::argument("compile", "metrics", format!("{:?}, given twice", names[i]), expected))
    }
}
