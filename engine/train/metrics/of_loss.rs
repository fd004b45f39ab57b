use serde_json::json;

use super::{KerasClass, Metric, mean_sums, spread};
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, NodeId};
use crate::train::losses::{self, Loss, Prediction, Reduction, Targets};

/// The mean of a loss, such as the mean squared error of a model that is trained for another.
#[derive(Debug)]
pub struct OfLoss {
    loss: Box<dyn Loss>,
    sign: f32,
}

/// The losses that Keras has as classes of metrics of the same name.
pub(super) const METRICS: [&str; 14] = [
    "BinaryCrossentropy",
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "KLDivergence",
    "Poisson",
    "MeanSquaredError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredLogarithmicError",
    "CosineSimilarity",
    "Hinge",
    "SquaredHinge",
    "CategoricalHinge",
    "LogCosh",
];

impl OfLoss {
    /// The mean of `loss` over the samples.
    pub fn new(loss: impl Into<Box<dyn Loss>>) -> Self {
        Self { loss: loss.into(), sign: 1.0 }
    }

    /// The negative mean of `loss`, where more is better.
    pub fn negated(loss: impl Into<Box<dyn Loss>>) -> Self {
        Self { loss: loss.into(), sign: -1.0 }
    }
}

impl Metric for OfLoss {
    fn name(&self) -> &str {
        self.loss.name()
    }

    fn keras(&self) -> Option<KerasClass> {
        let class = losses::class_name(self.loss.name());
        let mut options = self.loss.options();
        if !METRICS.contains(&class.as_str()) {
            options["reduction"] = json!(self.loss.reduction().to_string());
            return Some(KerasClass::of_loss(&class, options));
        }
        // Of each mean of a sample's numbers the mean is the same.
        if let Some(options) = options.as_object_mut().filter(|_| class == "BinaryCrossentropy") {
            options.remove("axis");
        }
        Some(KerasClass::new(if class == "LogCosh" { "LogCoshError" } else { &class }, options))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let wanted = if self.loss.targets() == Targets::Values { Element::F32 } else { Element::U32 };
        if graph.node(target).element != wanted {
            let expected = "one that takes the same targets as the loss";
            return Err(Error::argument("compile", "metrics", format!("{:?}", self.name()), expected));
        }
        if self.loss.reduction() != Reduction::Mean {
            let (place, found) = (format!("metric {:?}", self.name()), self.loss.reduction());
            let expected = "sum_over_batch_size: a metric is a mean over the samples";
            return Err(Error::argument(place, "reduction", found, expected));
        }
        let mut values = self.loss.values(graph, target, prediction)?;
        let mut counted = prediction.mask;
        if let Some(own) = self.loss.mask(graph, target, values)? {
            // Keras's rule: it is 0, and still a part of the mean, unless there is a mask or a weight.
            let zero = graph.constant(0.0);
            values = graph.select(own, values, zero)?;
            if let Some(mask) = counted {
                let mask = spread(graph, self.name(), mask, values)?;
                counted = Some(graph.multiply(mask, own)?);
            } else if prediction.weight.is_some() {
                counted = Some(own);
            }
        }
        let values = graph.scale(values, self.sign)?;
        mean_sums(graph, self.name(), values, [counted, prediction.weight])
    }
}
