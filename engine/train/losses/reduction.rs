use std::fmt;

use serde_json::Value;

use super::{Loss, Prediction, Targets};
use crate::error::{Error, Result};
use crate::graph::{Binary, Comparison, Graph, NodeId};
use crate::tensor::{Dim, Shape};

/// How the losses of a batch become the one that is trained on: Keras's `reduction`. Each loss is multiplied by its sample's
/// weight first, and what a mask leaves out does not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reduction {
    /// Their mean over the batch and the time steps that count: Keras's `sum_over_batch_size` and `mean`.
    #[default]
    Mean,
    /// Their sum.
    Sum,
    /// Their sum divided by that of the weights.
    MeanWithSampleWeight,
    /// None: they are trained on as they are, that is on their sum, and reported as their mean, as Keras does on
    /// TensorFlow; on JAX and PyTorch it refuses.
    None,
}

const NAMES: [(&str, Reduction); 5] = [
    ("sum_over_batch_size", Reduction::Mean),
    ("mean", Reduction::Mean),
    ("sum", Reduction::Sum),
    ("mean_with_sample_weight", Reduction::MeanWithSampleWeight),
    ("none", Reduction::None),
];

impl fmt::Display for Reduction {
    /// Keras's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, known)| known == self).map_or("", |(name, _)| name);
        f.write_str(name)
    }
}

impl TryFrom<&str> for Reduction {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        crate::train::by_name("loss", "reduction", name, &NAMES)
    }
}

/// A loss with a [`Reduction`] of its own: see [`Loss::reduced`].
#[derive(Debug)]
pub struct Reduced {
    loss: Box<dyn Loss>,
    reduction: Reduction,
}

impl Reduced {
    /// `loss` by `reduction`.
    pub fn new(loss: impl Into<Box<dyn Loss>>, reduction: Reduction) -> Self {
        Self { loss: loss.into(), reduction }
    }
}

impl Loss for Reduced {
    fn name(&self) -> &'static str {
        self.loss.name()
    }

    fn targets(&self) -> Targets {
        self.loss.targets()
    }

    fn options(&self) -> Value {
        self.loss.options()
    }

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn averages_last(&self) -> bool {
        self.loss.averages_last()
    }

    fn mask(&self, graph: &mut Graph, target: NodeId, values: NodeId) -> Result<Option<NodeId>> {
        self.loss.mask(graph, target, values)
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        self.loss.values(graph, target, prediction)
    }
}

/// `loss` between `target` and `prediction`, weighed by `weight`, `[B]` or `[B, time]`: a scalar, unless the losses are not
/// reduced.
pub(crate) fn reduce(
    graph: &mut Graph,
    loss: &dyn Loss,
    target: NodeId,
    prediction: &Prediction,
    weight: Option<NodeId>,
) -> Result<NodeId> {
    let values = loss.values(graph, target, prediction)?;
    let own = loss.mask(graph, target, values)?;
    let reduction = loss.reduction();
    // The mean of means is the mean.
    let values = match loss.averages_last() && reduction != Reduction::Mean {
        true => {
            let last = graph.shape(values).rank() - 1;
            graph.mean(values, &[last])?
        }
        false => values,
    };
    let factors = [("sample weights", weight), ("a mask", prediction.mask)];
    let [weight, mask] = factors.map(|(what, factor)| {
        factor.map(|factor| spread_over(graph, loss, what, factor, values)).transpose()
    });
    let (weight, mask) = (weight?, product(graph, [mask?, own])?);
    let weighed = match weight {
        Some(weight) => graph.multiply(values, weight)?,
        None => values,
    };
    let counted = match mask {
        Some(mask) => {
            let zero = graph.constant(0.0);
            graph.select(mask, weighed, zero)?
        }
        None => weighed,
    };
    match reduction {
        Reduction::Mean => mean(graph, counted, mask),
        Reduction::Sum => graph.sum_all(counted),
        Reduction::MeanWithSampleWeight => match product(graph, [weight, mask])? {
            Some(weight) => weighted_mean(graph, counted, weight),
            None => graph.mean_all(counted),
        },
        Reduction::None => Ok(counted),
    }
}

/// The mean of `values` over those that `mask` counts.
fn mean(graph: &mut Graph, values: NodeId, mask: Option<NodeId>) -> Result<NodeId> {
    let mean = graph.mean_all(values)?;
    let Some(mask) = mask else { return Ok(mean) };
    let share = graph.mean_all(mask)?;
    let least = graph.constant(f32::MIN_POSITIVE);
    let share = graph.binary(Binary::Maximum, share, least)?;
    graph.divide(mean, share)
}

/// Σ `values` / Σ `weight`, the weights stretched over the values; 0 if all weights are.
fn weighted_mean(graph: &mut Graph, values: NodeId, weight: NodeId) -> Result<NodeId> {
    let weight = graph.broadcast(weight, &graph.shape(values).clone())?;
    let (sum, whole) = (graph.sum_all(values)?, graph.sum_all(weight)?);
    let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
    let some = graph.compare(Comparison::NotEqual, whole, zero)?;
    let divisor = graph.select(some, whole, one)?;
    let mean = graph.divide(sum, divisor)?;
    graph.select(some, mean, zero)
}

fn product(graph: &mut Graph, factors: [Option<NodeId>; 2]) -> Result<Option<NodeId>> {
    match factors {
        [Some(a), Some(b)] => graph.multiply(a, b).map(Some),
        [a, b] => Ok(a.or(b)),
    }
}

/// `factor` `[B]` or `[B, time]` with axes of size 1 behind, so that it stretches over `values`; a lone value stretches
/// over it.
fn spread_over(
    graph: &mut Graph,
    loss: &dyn Loss,
    what: &str,
    factor: NodeId,
    values: NodeId,
) -> Result<NodeId> {
    let (own, whole) = (graph.shape(factor).clone(), graph.shape(values).clone());
    if whole == Shape::scalar() {
        return Ok(factor);
    }
    if whole.rank() < own.rank() || whole.0[..own.rank()] != own.0 {
        let expected = format!("{own} and any axes behind, as {what} have");
        let remedy = "use a loss that has a value for each of them, such as mean_squared_error";
        return Err(Error::shape(format!("loss {:?}", loss.name()), "the values", whole, expected, remedy));
    }
    let mut shape = own;
    shape.0.resize(whole.rank(), Dim::fixed(1));
    graph.reshape(factor, &shape)
}
