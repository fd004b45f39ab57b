use super::{Metric, sum_of_means};
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, NodeId};
use crate::train::losses::{Loss, Prediction, Targets};

/// The mean of a loss, such as the mean squared error of a model that is trained for another.
#[derive(Debug)]
pub struct OfLoss {
    loss: Box<dyn Loss>,
    sign: f32,
}

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

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let wanted = if self.loss.targets() == Targets::Values { Element::F32 } else { Element::U32 };
        if graph.node(target).element != wanted {
            let expected = "one that takes the same targets as the loss";
            return Err(Error::argument("compile", "metrics", format!("{:?}", self.name()), expected));
        }
        let values = self.loss.values(graph, target, prediction)?;
        let sum = sum_of_means(graph, values)?;
        Ok(vec![graph.scale(sum, self.sign)?])
    }
}
