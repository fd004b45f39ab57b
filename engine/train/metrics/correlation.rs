use serde_json::json;

use super::{KerasClass, Metric, mean_sums, sample_axis, values_of};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};
use crate::train::losses::Prediction;

/// How prediction and target of each sample move together along an axis, the mean over the samples: 1 if they rise and fall
/// alike, −1 if one falls where the other rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Correlation {
    kind: Kind,
    axis: isize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Pearson,
    Concordance,
}

impl Correlation {
    /// Pearson's: the covariance over both standard deviations. NaN where one is 0, as in Keras.
    pub fn pearson() -> Self {
        Self { kind: Kind::Pearson, axis: -1 }
    }

    /// Lin's (1989): less than Pearson's if means or spreads differ.
    pub fn concordance() -> Self {
        Self { kind: Kind::Concordance, axis: -1 }
    }

    /// The axis, 1 being the first of a sample. Default −1, the last.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }
}

/// What Keras adds to the divisor of the concordance.
const EPSILON: f32 = 1e-7;

impl Metric for Correlation {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Pearson => "pearson_correlation",
            Kind::Concordance => "concordance_correlation",
        }
    }

    fn keras(&self) -> Option<KerasClass> {
        let class = match self.kind {
            Kind::Pearson => "PearsonCorrelation",
            Kind::Concordance => "ConcordanceCorrelation",
        };
        Some(KerasClass::new(class, json!({ "axis": self.axis })))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let target = values_of(graph, self.name(), target, prediction.value)?;
        let axis = sample_axis(graph, self.name(), self.axis, target)?;
        let (mean_target, target) = centred(graph, target, axis)?;
        let (mean_prediction, around) = centred(graph, prediction.value, axis)?;
        let [covariance, a, b] = [(target, around), (target, target), (around, around)]
            .map(|(x, y)| mean_of_product(graph, x, y, axis));
        let (covariance, a, b) = (covariance?, a?, b?);
        let values = match self.kind {
            Kind::Pearson => {
                let product = graph.multiply(a, b)?;
                let deviations = graph.unary(Unary::Sqrt, product);
                graph.divide(covariance, deviations)?
            }
            Kind::Concordance => {
                let shift = graph.subtract(mean_target, mean_prediction)?;
                let square = graph.multiply(shift, shift)?;
                let (spread, epsilon) = (graph.add(a, b)?, graph.constant(EPSILON));
                let whole = graph.add(spread, square)?;
                let whole = graph.add(whole, epsilon)?;
                let double = graph.scale(covariance, 2.0)?;
                graph.divide(double, whole)?
            }
        };
        mean_sums(graph, self.name(), values, [prediction.mask, prediction.weight])
    }
}

/// The mean along `axis`, and what lies around it.
fn centred(graph: &mut Graph, x: NodeId, axis: usize) -> Result<(NodeId, NodeId)> {
    let mean = graph.mean(x, &[axis])?;
    Ok((mean, graph.subtract(x, mean)?))
}

fn mean_of_product(graph: &mut Graph, x: NodeId, y: NodeId, axis: usize) -> Result<NodeId> {
    let product = graph.multiply(x, y)?;
    graph.mean(product, &[axis])
}
