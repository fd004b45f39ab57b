use std::sync::Arc;

use super::lower::Compiled;
use crate::error::{Error, Result};
use crate::train::losses::Loss;
use crate::train::metrics::{self, Metric};
use crate::train::optimizers::{self, Optimizer};

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
    fn check_metrics(&self) -> Result<()> {
        let names: Vec<&str> = self.metrics.iter().map(|metric| metric.name()).collect();
        let Some(i) = (1..names.len()).find(|&i| names[..i].contains(&names[i])) else { return Ok(()) };
        let expected = "each name once: give the second another by `named`";
        Err(Error::argument("compile", "metrics", format!("{:?}, given twice", names[i]), expected))
    }
}

impl Compiled {
    /// Checks an optimizer and one objective for each of `outputs`.
    pub fn new(optimizer: Box<dyn Optimizer>, objectives: Vec<Objective>, outputs: usize) -> Result<Self> {
        optimizers::check(optimizer.as_ref())?;
        if objectives.len() != outputs {
            let expected = format!("{outputs}, one for each output: give them to `compile_each`");
            return Err(Error::argument("compile", "number of objectives", objectives.len(), expected));
        }
        if let Some(objective) = objectives.iter().find(|objective| !objective.weight.is_finite()) {
            return Err(Error::argument("compile", "weight", objective.weight, "a finite number"));
        }
        objectives.iter().try_for_each(Objective::check_metrics)?;
        if objectives.iter().all(|objective| objective.loss.is_none()) {
            return Err(Error::argument(
                "compile",
                "objectives",
                "without a loss",
                "a loss for one output at least",
            ));
        }
        Ok(Self { optimizer, objectives })
    }
}
