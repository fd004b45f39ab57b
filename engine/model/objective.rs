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
        let metrics = metrics.iter().map(|name| metrics::by_name(name)).collect::<Result<_>>()?;
        Ok(Self { loss: Some(loss), weight: 1.0, metrics })
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

    /// What the loss is multiplied by in the sum of all losses: Keras's `loss_weights`. Default 1.
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

impl Objective {
    pub(super) fn check_metrics(&self) -> Result<()> {
        let names: Vec<&str> = self.metrics.iter().map(|metric| metric.name()).collect();
        let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) else { return Ok(()) };
        let expected = "each name once: give the second another by `named`";
        Err(Error::argument("compile", "metrics", format!("{:?}, given twice", names[i]), expected))
    }
}
