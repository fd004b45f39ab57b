//! Metrics: what is reported beside the loss, added up over batches on the way.

mod accuracy;
mod auc;
mod binary_counts;
mod confusion_matrix;
mod f_score;
mod iou;
mod of_loss;
mod r2_score;
mod root_mean_squared_error;
mod top_k;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy};
pub use auc::{Auc, Curve, Summation};
pub use binary_counts::{BinaryCounts, Precision, Recall};
pub use confusion_matrix::ConfusionMatrix;
pub use f_score::{F1Score, FBetaScore, FScoreAverage};
pub use iou::{BinaryIoU, IoU};
pub use of_loss::OfLoss;
pub use r2_score::R2Score;
pub use root_mean_squared_error::RootMeanSquaredError;
pub use top_k::TopKCategoricalAccuracy;

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::tensor::{Dim, Shape, Tensor};
use crate::train::losses::{CosineSimilarity, Loss, Prediction};

/// What a metric has found.
#[derive(Clone, Debug, PartialEq)]
pub enum Measure {
    /// One number.
    Number(f64),
    /// Several, such as one for each class.
    Table(Tensor),
}

/// A measure over samples that the optimizer does not follow.
///
/// A metric names what is added up over batches, and what follows from the sums; so it is exact, whatever the sizes of
/// the batches, and nothing is read back but the sums.
///
/// ```
/// use gradus::train::{losses::Prediction, metrics::Metric};
/// use gradus::{Adam, Dense, Objective, Result, Sequential, graph::{Graph, NodeId, Unary}};
///
/// /// The largest part of a sample's error that stays under a tenth: its share of all samples.
/// #[derive(Debug)]
/// struct Near;
///
/// impl Metric for Near {
///     fn name(&self) -> &str {
///         "near"
///     }
///     fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
///         let error = graph.subtract(prediction.value, target)?;
///         let size = graph.unary(Unary::Abs, error);
///         let tenth = graph.constant(0.1);
///         let near = graph.compare(gradus::graph::Comparison::Less, size, tenth)?;
///         Ok(vec![graph.sum_all(near)?])
///     }
/// }
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile_each(Adam::new(0.01), [Objective::new("mean_squared_error", &[])?.metric(Near)])?;
/// # Ok::<(), gradus::Error>(())
/// ```
pub trait Metric: Send + Sync + Debug {
    /// Its key in the logs, such as `accuracy`.
    fn name(&self) -> &str;

    /// What is added up over batches: floats of fixed shapes.
    ///
    /// # Errors
    /// If the target is of another kind than the metric compares with.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>>;

    /// What follows from the elements of all sums, one after the other, over `samples` samples. By default the first
    /// element divided by the number of samples.
    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        Measure::Number(sums[0] / samples)
    }

    /// The same metric under another name: for a second of its kind.
    fn named(self, name: &str) -> Named
    where
        Self: Sized + 'static,
    {
        Named { name: name.to_string(), metric: Arc::new(self) }
    }
}

/// A metric under a name of its own.
#[derive(Clone, Debug)]
pub struct Named {
    name: String,
    metric: Arc<dyn Metric>,
}

impl Metric for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        self.metric.sums(graph, target, prediction)
    }

    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        self.metric.result(sums, samples)
    }
}

type Make = fn() -> Arc<dyn Metric>;

/// Keras's names.
const NAMES: [(&str, Make); 21] = [
    ("accuracy", || Arc::new(Accuracy)),
    ("acc", || Arc::new(Accuracy)),
    ("binary_accuracy", || Arc::new(BinaryAccuracy::new())),
    ("categorical_accuracy", || Arc::new(CategoricalAccuracy)),
    ("sparse_categorical_accuracy", || Arc::new(SparseCategoricalAccuracy)),
    ("top_k_categorical_accuracy", || Arc::new(TopKCategoricalAccuracy::new(5))),
    ("sparse_top_k_categorical_accuracy", || Arc::new(TopKCategoricalAccuracy::sparse(5))),
    ("precision", || Arc::new(Precision::new())),
    ("recall", || Arc::new(Recall::new())),
    ("true_positives", || Arc::new(BinaryCounts::true_positives())),
    ("false_positives", || Arc::new(BinaryCounts::false_positives())),
    ("true_negatives", || Arc::new(BinaryCounts::true_negatives())),
    ("false_negatives", || Arc::new(BinaryCounts::false_negatives())),
    ("f1_score", || Arc::new(F1Score::new())),
    ("auc", || Arc::new(Auc::new())),
    ("mean_io_u", || Arc::new(IoU::new())),
    ("binary_io_u", || Arc::new(BinaryIoU::new())),
    ("confusion_matrix", || Arc::new(ConfusionMatrix)),
    ("root_mean_squared_error", || Arc::new(RootMeanSquaredError)),
    ("r2_score", || Arc::new(R2Score)),
    ("cosine_similarity", || Arc::new(OfLoss::negated(CosineSimilarity))),
];

/// The metric of a name such as `accuracy` or of a class such as `AUC`, or the mean of a loss.
///
/// # Errors
/// If there is none; the known names are listed.
pub fn by_name(name: &str) -> Result<Arc<dyn Metric>> {
    let plain = |name: &str| name.to_lowercase().replace('_', "");
    if let Some((_, make)) = NAMES.iter().find(|(known, _)| plain(known) == plain(name)) {
        return Ok(make());
    }
    let loss: Result<Box<dyn Loss>> = name.try_into();
    let loss = loss.map_err(|_| {
        let known: Vec<&str> = NAMES.iter().map(|(known, _)| *known).collect();
        let expected = format!("one of {}, or a loss", known.join(", "));
        Error::argument("compile", "metrics", format!("{name:?}"), expected)
    })?;
    Ok(Arc::new(OfLoss::new(loss)))
}

/// The sum over the samples of the mean of each sample's `values` `[B, …]`. A single number counts for every sample.
fn sum_of_means(graph: &mut Graph, values: NodeId) -> Result<NodeId> {
    let count = graph.shape(values).count();
    let sum = graph.sum_all(values)?;
    let sum = if count.batch {
        sum
    } else {
        let batch = graph.batch_size();
        graph.multiply(sum, batch)?
    };
    if count.factor == 1 { Ok(sum) } else { graph.scale(sum, 1.0 / count.factor as f32) }
}

/// `target` as floats of the prediction's shape.
fn values_of(graph: &mut Graph, name: &str, target: NodeId, prediction: NodeId) -> Result<NodeId> {
    if graph.shape(target) == graph.shape(prediction) {
        return Ok(graph.cast(target, Element::F32));
    }
    let (found, expected) = (graph.shape(target), format!("{}, as the output", graph.shape(prediction)));
    let remedy = "one-hot encode class numbers (data::one_hot) and use a loss that compares them";
    Err(Error::shape(format!("metric {name:?}"), "the target", found, expected, remedy))
}

/// The number of the largest score along the last axis.
fn best_class(graph: &mut Graph, scores: NodeId) -> Result<NodeId> {
    let last = graph.shape(scores).rank() - 1;
    graph.argmax(scores, last)
}

/// 1.0 at the class numbers `labels` `[…, 1]`, 0.0 elsewhere: `[…, classes]`.
fn one_hot(graph: &mut Graph, labels: NodeId, classes: usize) -> Result<NodeId> {
    let last = graph.shape(labels).rank() - 1;
    let mut shape = Shape(vec![Dim::fixed(1); last + 1]);
    shape.0[last] = Dim::fixed(classes);
    let numbers = graph.iota(&shape, last)?;
    graph.compare(Comparison::Equal, labels, numbers)
}

/// Numerator / denominator, 0 where the denominator is 0.
fn ratio(numerator: f64, denominator: f64) -> f64 {
    if denominator == 0.0 { 0.0 } else { numerator / denominator }
}
