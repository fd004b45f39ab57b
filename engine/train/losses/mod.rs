//! Losses: how far a prediction lies from its target.
//!
//! Predictions are `[B, …]`. Targets have the same shape, but for sparse losses, which take numbers of classes, `[B]` or
//! `[B, 1]`. A sample's loss is the mean over its numbers, or the sum over classes where the formula says Σ; the batch's is
//! the mean over its samples. [`compile`](crate::Model::compile) takes a loss as a value, for its options, or by Keras's name:
//!
//! ```
//! use gradus::{Dense, Sequential, train::losses::Huber};
//! let mut model = Sequential::new().add(Dense::new(1));
//! model.compile("adam", "mean_squared_error", &[])?;
//! model.compile("adam", Huber::new(0.5), &[])?;
//! # Ok::<(), gradus::Error>(())
//! ```

mod binary_crossentropy;
mod categorical_crossentropy;
mod categorical_generalized_cross_entropy;
mod config;
mod cosine_similarity;
mod ctc;
mod focal_crossentropy;
mod hinge;
mod huber;
mod kl_divergence;
mod log_cosh;
mod mean_absolute_error;
mod mean_absolute_percentage_error;
mod mean_bias_error;
mod mean_squared_error;
mod mean_squared_logarithmic_error;
mod overlap;
mod poisson;
mod reduction;
mod sparse_categorical_crossentropy;
mod verdict;

pub use binary_crossentropy::BinaryCrossentropy;
pub use categorical_crossentropy::CategoricalCrossentropy;
pub use categorical_generalized_cross_entropy::CategoricalGeneralizedCrossEntropy;
pub(crate) use config::{class_name, configured};
pub use config::{config, from_config};
pub use cosine_similarity::CosineSimilarity;
pub use ctc::Ctc;
pub use focal_crossentropy::{BinaryFocalCrossentropy, CategoricalFocalCrossentropy};
pub use hinge::{CategoricalHinge, Hinge, SquaredHinge};
pub use huber::Huber;
pub use kl_divergence::KLDivergence;
pub use log_cosh::LogCosh;
pub use mean_absolute_error::MeanAbsoluteError;
pub use mean_absolute_percentage_error::MeanAbsolutePercentageError;
pub use mean_bias_error::MeanBiasError;
pub use mean_squared_error::MeanSquaredError;
pub use mean_squared_logarithmic_error::MeanSquaredLogarithmicError;
pub use overlap::{Dice, Tversky};
pub use poisson::Poisson;
pub(crate) use reduction::reduce;
pub use reduction::{Reduced, Reduction};
pub use sparse_categorical_crossentropy::SparseCategoricalCrossentropy;
pub use verdict::{Verdict, rate_cross_entropy};

use std::fmt::Debug;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::tensor::Shape;
use crate::train::by_name;

/// Probabilities are kept this far from 0 and 1 before their logarithm is taken.
const EPSILON: f32 = 1e-7;

/// What a model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prediction {
    /// The model's output, `[B, …]`.
    pub value: NodeId,
    /// What the last activation was computed from, where a loss can use that.
    pub logits: Option<Logits>,
    /// Which time steps count, where not all do: floats `[B, time]`, 1 or 0. The mean of a loss's values leaves the
    /// others out.
    pub mask: Option<NodeId>,
    /// How much each sample counts in a weighted metric, `[B]` or `[B, time]`. Losses do not see it: their
    /// [`Reduction`] weighs what they give.
    pub weight: Option<NodeId>,
}

impl Prediction {
    /// A prediction of which nothing else is known.
    pub fn of(value: NodeId) -> Self {
        Self { value, logits: None, mask: None, weight: None }
    }
}

/// The input of a last activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// The output is the softmax of this node.
    Softmax(NodeId),
    /// The output is the sigmoid of this node.
    Sigmoid(NodeId),
}

impl Prediction {
    fn softmax_logits(&self, from_logits: bool) -> Option<NodeId> {
        match self.logits {
            Some(Logits::Softmax(node)) => Some(node),
            _ => from_logits.then_some(self.value),
        }
    }

    fn sigmoid_logits(&self, from_logits: bool) -> Option<NodeId> {
        match self.logits {
            Some(Logits::Sigmoid(node)) => Some(node),
            _ => from_logits.then_some(self.value),
        }
    }
}

/// What a loss compares a prediction with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// Floats of the prediction's shape.
    Values,
    /// Class numbers, of the prediction's shape but for the last axis, which has size 1.
    Labels,
    /// Class numbers, one row for each sample, as long as the prediction's time axis: zeros behind the last.
    Sequences,
}

/// How far a prediction lies from its target. What is trained on is the mean of [`Loss::values`], or
/// what else its [`Reduction`] makes of them.
///
/// A loss of your own states its values; its gradient follows:
///
/// ```
/// use gradus::train::losses::{Loss, Prediction};
/// use gradus::{Dense, Result, Sequential, graph::{Graph, NodeId, Unary}};
///
/// /// √|prediction − target|
/// #[derive(Debug)]
/// struct RootError;
///
/// impl Loss for RootError {
///     fn name(&self) -> &'static str {
///         "root_error"
///     }
///     fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
///         let error = graph.subtract(prediction.value, target)?;
///         let size = graph.unary(Unary::Abs, error);
///         Ok(graph.unary(Unary::Sqrt, size))
///     }
/// }
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile("adam", RootError, &["mean_absolute_error"])?;
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Loss: Send + Sync + Debug {
    /// Keras's name, such as `mean_squared_error`.
    fn name(&self) -> &'static str;

    /// What it compares a prediction with.
    fn targets(&self) -> Targets {
        Targets::Values
    }

    /// Its options under Keras's keys; an empty object if it has none.
    fn options(&self) -> Value {
        json!({})
    }

    /// How the losses of a batch become one. Default their mean.
    fn reduction(&self) -> Reduction {
        Reduction::Mean
    }

    /// Whether a loss is the mean of [`Loss::values`] along the last axis, not each value one by itself. Their mean is the
    /// same either way, their sum is not. Default false.
    fn averages_last(&self) -> bool {
        false
    }

    /// Which of `values` count, 1 or 0, of their shape. Default all.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn mask(&self, graph: &mut Graph, target: NodeId, values: NodeId) -> Result<Option<NodeId>> {
        let _ = (graph, target, values);
        Ok(None)
    }

    /// One loss for each sample, or numbers whose mean is the sample's loss: floats `[B, …]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId>;

    /// The same loss with another [`Reduction`].
    ///
    /// ```
    /// use gradus::train::losses::{Loss, MeanSquaredError, Reduction, config};
    /// let sum = MeanSquaredError.reduced(Reduction::Sum);
    /// assert_eq!(config(&sum)["config"]["reduction"], "sum");
    /// ```
    fn reduced(self, reduction: Reduction) -> Reduced
    where
        Self: Sized + 'static,
    {
        Reduced::new(self, reduction)
    }
}

type Make = fn() -> Box<dyn Loss>;

const NAMES: [(&str, Make); 30] = [
    ("categorical_crossentropy", || Box::new(CategoricalCrossentropy::new())),
    ("sparse_categorical_crossentropy", || Box::new(SparseCategoricalCrossentropy::new())),
    ("binary_crossentropy", || Box::new(BinaryCrossentropy::new())),
    ("mean_squared_error", || Box::new(MeanSquaredError)),
    ("mean_absolute_error", || Box::new(MeanAbsoluteError)),
    ("mse", || Box::new(MeanSquaredError)),
    ("mae", || Box::new(MeanAbsoluteError)),
    ("mean_bias_error", || Box::new(MeanBiasError)),
    ("mbe", || Box::new(MeanBiasError)),
    ("mean_absolute_percentage_error", || Box::new(MeanAbsolutePercentageError)),
    ("mape", || Box::new(MeanAbsolutePercentageError)),
    ("mean_squared_logarithmic_error", || Box::new(MeanSquaredLogarithmicError)),
    ("msle", || Box::new(MeanSquaredLogarithmicError)),
    ("log_cosh", || Box::new(LogCosh)),
    ("logcosh", || Box::new(LogCosh)),
    ("poisson", || Box::new(Poisson)),
    ("kl_divergence", || Box::new(KLDivergence)),
    ("kld", || Box::new(KLDivergence)),
    ("hinge", || Box::new(Hinge)),
    ("squared_hinge", || Box::new(SquaredHinge)),
    ("categorical_hinge", || Box::new(CategoricalHinge)),
    ("huber", || Box::new(Huber::default())),
    ("cosine_similarity", || Box::new(CosineSimilarity::new())),
    ("dice", || Box::new(Dice::new())),
    ("tversky", || Box::new(Tversky::default())),
    ("binary_focal_crossentropy", || Box::new(BinaryFocalCrossentropy::new())),
    ("categorical_focal_crossentropy", || Box::new(CategoricalFocalCrossentropy::new())),
    ("categorical_generalized_cross_entropy", || Box::new(CategoricalGeneralizedCrossEntropy::default())),
    ("ctc", || Box::new(Ctc)),
    ("bce", || Box::new(BinaryCrossentropy::new())),
];

impl TryFrom<&str> for Box<dyn Loss> {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("compile", "loss", name, &NAMES).map(|make| make())
    }
}

impl<L: Loss + 'static> From<L> for Box<dyn Loss> {
    fn from(loss: L) -> Self {
        Box::new(loss)
    }
}

/// −log softmax(`logits`) along `axis`: the largest logit is taken off first, so that nothing overflows.
fn negative_log_softmax(graph: &mut Graph, logits: NodeId, axis: usize) -> Result<NodeId> {
    let largest = graph.reduce(crate::graph::Reduction::Max, logits, &[axis])?;
    let largest = graph.detach(largest);
    let shifted = graph.subtract(logits, largest)?;
    let powers = graph.unary(Unary::Exp, shifted);
    let sum = graph.sum(powers, &[axis])?;
    let log = graph.unary(Unary::Log, sum);
    graph.subtract(log, shifted)
}

/// Axis `axis` of `x`, a negative one counted from the last.
fn axis_of(graph: &Graph, loss: &dyn Loss, axis: isize, x: NodeId) -> Result<usize> {
    let rank = graph.shape(x).rank();
    let found = if axis < 0 { rank.checked_add_signed(axis) } else { Some(axis.unsigned_abs()) };
    found.filter(|&found| found < rank).ok_or_else(|| {
        let expected = format!("an axis of the output {}, the batch being axis 0", graph.shape(x));
        Error::argument(format!("loss {:?}", loss.name()), "axis", axis, expected)
    })
}

/// `x` without `axes`, which have size 1, unless one is the last: that one may stay.
fn without_axes(graph: &mut Graph, x: NodeId, axes: &[usize]) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    if axes == [shape.rank() - 1] {
        return Ok(x);
    }
    let kept = shape.0.iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &dim)| dim);
    graph.reshape(x, &Shape(kept.collect()))
}

/// The mean of the `values` of `loss` along `axis`, unless that is −1, which [`Loss::averages_last`] says.
fn mean_along(graph: &mut Graph, loss: &dyn Loss, axis: isize, values: NodeId) -> Result<NodeId> {
    if axis == -1 {
        return Ok(values);
    }
    let axis = axis_of(graph, loss, axis, values)?;
    let mean = graph.mean(values, &[axis])?;
    without_axes(graph, mean, &[axis])
}

/// `target` moved by the share `smoothing` towards equal shares of `classes` classes.
fn smoothed(graph: &mut Graph, target: NodeId, smoothing: f32, classes: usize) -> Result<NodeId> {
    if smoothing == 0.0 {
        return Ok(target);
    }
    let kept = graph.scale(target, 1.0 - smoothing)?;
    let share = graph.constant(smoothing / classes as f32);
    graph.add(kept, share)
}

/// `probability` kept within 1e-7 of 0 and 1, as Keras does.
fn clip(graph: &mut Graph, probability: NodeId) -> Result<NodeId> {
    let (low, high) = (graph.constant(EPSILON), graph.constant(1.0 - EPSILON));
    let above = graph.binary(Binary::Maximum, probability, low)?;
    graph.binary(Binary::Minimum, above, high)
}

#[cfg(test)]
mod tests;
