//! Metrics: what is reported beside the loss, added up over batches on the way.
//!
//! Predictions and targets have the shapes that [losses](crate::train::losses) take. [`compile`](crate::Model::compile) takes
//! metrics by Keras's name, such as `accuracy`, or by that of a loss; [`Objective::metric`](crate::Objective::metric) takes one as
//! a value, for its options. [`Logs`](crate::Logs) hold what they found.

mod accuracy;
mod at_threshold;
mod auc;
mod binary_counts;
mod config;
mod confusion_matrix;
mod correlation;
mod f_score;
mod iou;
mod of_loss;
mod r2_score;
mod root_mean_squared_error;
mod thresholds;
mod top_k;

pub use accuracy::{Accuracy, BinaryAccuracy, CategoricalAccuracy, ExactAccuracy, SparseCategoricalAccuracy};
pub use at_threshold::{
    AtThreshold, PrecisionAtRecall, RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity,
};
pub use auc::{Auc, Curve, Summation};
pub use binary_counts::{BinaryCounts, Precision, Recall};
pub use config::{config, from_config};
pub use confusion_matrix::ConfusionMatrix;
pub use correlation::Correlation;
pub use f_score::{F1Score, FBetaScore, FScoreAverage};
pub use iou::{BinaryIoU, IoU};
pub use of_loss::OfLoss;
pub use r2_score::{ClassAggregation, R2Score};
pub use root_mean_squared_error::RootMeanSquaredError;
pub use top_k::TopKCategoricalAccuracy;

use std::fmt::Debug;
use std::sync::Arc;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::graph::{Along, Comparison, Element, Graph, NodeId};
use crate::tensor::{Dim, Shape, Tensor};
use crate::train::config::snake_case;
use crate::train::losses::{CosineSimilarity, LogCosh, Loss, Prediction};

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

    /// What is added up over batches: floats of fixed shapes. A metric that can be a weighted one multiplies by
    /// `prediction.weight` where that is given; where it must and does not, the model refuses it.
    ///
    /// # Errors
    /// If the target is of another kind than the metric compares with.
    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>>;

    /// What follows from the elements of all sums, one after the other, over `samples` samples. By default the first
    /// element divided by the second, which counts what it was summed over, or without one by the number of samples.
    fn result(&self, sums: &[f64], samples: f64) -> Measure {
        Measure::Number(match sums {
            [sum, count, ..] => ratio(*sum, *count),
            _ => sums[0] / samples,
        })
    }

    /// Keras's class for it, with all options. By default it has none, and configs hold its name.
    fn keras(&self) -> Option<KerasClass> {
        None
    }

    /// The same metric under another name: for a second of its kind.
    fn named(self, name: &str) -> Named
    where
        Self: Sized + 'static,
    {
        Named { name: name.to_string(), metric: Arc::new(self) }
    }
}

/// A class of Keras with its options.
#[derive(Clone, Debug, PartialEq)]
pub struct KerasClass {
    module: &'static str,
    class_name: String,
    options: Value,
}

impl KerasClass {
    /// The class `class_name` of `keras.metrics` with `options`, an object.
    pub fn new(class_name: &str, options: Value) -> Self {
        Self { module: "keras.metrics", class_name: class_name.into(), options }
    }

    /// The class `class_name` of `keras.losses`, which Keras takes for a metric too.
    pub fn of_loss(class_name: &str, options: Value) -> Self {
        Self { module: "keras.losses", class_name: class_name.into(), options }
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

    fn keras(&self) -> Option<KerasClass> {
        self.metric.keras()
    }
}

type Make = fn() -> Arc<dyn Metric>;

/// Keras's names.
const NAMES: [(&str, Make); 25] = [
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
    ("r2_score", || Arc::new(R2Score::new())),
    ("fbeta_score", || Arc::new(FBetaScore::new(1.0))),
    ("pearson_correlation", || Arc::new(Correlation::pearson())),
    ("concordance_correlation", || Arc::new(Correlation::concordance())),
    ("log_cosh_error", || Arc::new(OfLoss::new(LogCosh))),
    ("cosine_similarity", || Arc::new(OfLoss::negated(CosineSimilarity::new()))),
];

/// The metric of a name such as `accuracy` or of a class such as `AUC`, or the mean of a loss; in the logs it is called as
/// here, as in Keras: `mse`, not `mean_squared_error`.
///
/// # Errors
/// If there is none; the known names are listed.
pub fn by_name(name: &str) -> Result<Arc<dyn Metric>> {
    let metric = of_class(name)?;
    Ok(if metric.name() == name { metric } else { Arc::new(Named { name: name.to_string(), metric }) })
}

/// [`by_name`] under the metric's own name.
fn of_class(name: &str) -> Result<Arc<dyn Metric>> {
    let plain = |name: &str| name.to_lowercase().replace('_', "");
    if let Some((_, make)) = NAMES.iter().find(|(known, _)| plain(known) == plain(name)) {
        return Ok(make());
    }
    let loss: Result<Box<dyn Loss>> = name.try_into().or_else(|_| snake_case(name).as_str().try_into());
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

/// The sum over the samples of the mean of each sample's `values` `[B, …]`; and with a mask `[B, time]`, or weights, of those
/// that count, each as much as it weighs, and how much these count in all: what the default of [`Metric::result`] takes.
fn mean_sums(
    graph: &mut Graph,
    name: &str,
    values: NodeId,
    [mask, weight]: [Option<NodeId>; 2],
) -> Result<Vec<NodeId>> {
    let (mut kept, mut whole) = (values, None);
    if let Some(mask) = mask {
        let (counted, zero) = (spread(graph, name, mask, values)?, graph.constant(0.0));
        kept = graph.select(counted, kept, zero)?;
        whole = Some(counted);
    }
    if let Some(weight) = weight {
        let weight = spread(graph, name, weight, values)?;
        kept = graph.multiply(kept, weight)?;
        whole = Some(whole.map_or(Ok(weight), |counted| graph.multiply(counted, weight))?);
    }
    let mut sums = vec![sum_of_means(graph, kept)?];
    if let Some(whole) = whole {
        sums.push(sum_of_means(graph, whole)?);
    }
    Ok(sums)
}

/// `factor`, a mask `[B, time]` or weights `[B]`, with axes of size 1 behind, so that it stretches over `values`.
fn spread(graph: &mut Graph, name: &str, factor: NodeId, values: NodeId) -> Result<NodeId> {
    let (own, whole) = (graph.shape(factor).clone(), graph.shape(values).clone());
    if whole.rank() < own.rank() || whole.0[..own.rank()] != own.0 {
        let expected = format!("{own} and any axes behind, as a mask or weights have");
        let remedy = "take another metric";
        return Err(Error::shape(format!("metric {name:?}"), "the values", whole, expected, remedy));
    }
    let mut shape = own;
    shape.0.resize(whole.rank(), Dim::fixed(1));
    graph.reshape(factor, &shape)
}

/// `values` `[B, …]`, each times what its sample weighs.
fn weighed(graph: &mut Graph, name: &str, values: NodeId, weight: Option<NodeId>) -> Result<NodeId> {
    let Some(weight) = weight else { return Ok(values) };
    let weight = spread(graph, name, weight, values)?;
    graph.multiply(values, weight)
}

/// `weight` `[B]` or `[B, time]` for each of `rows`, into which samples were cut up in order: `[rows, 1]`.
fn weight_of_rows(graph: &mut Graph, name: &str, weight: NodeId, rows: Dim) -> Result<NodeId> {
    let own = graph.shape(weight).count();
    if !rows.factor.is_multiple_of(own.factor) {
        let (found, expected) =
            (graph.shape(weight), format!("a weight for each of {rows}, or of their samples"));
        let remedy = "give each sample one weight";
        return Err(Error::shape(format!("metric {name:?}"), "sample weights", found, expected, remedy));
    }
    let weight = graph.reshape(weight, &Shape(vec![own, Dim::fixed(1)]))?;
    let weight = graph.broadcast(weight, &Shape(vec![own, Dim::fixed(rows.factor / own.factor)]))?;
    graph.reshape(weight, &Shape(vec![rows, Dim::fixed(1)]))
}

/// Class number `class` of `x` along the last axis, which stays with size 1.
fn class_part(graph: &mut Graph, name: &str, x: NodeId, class: usize) -> Result<NodeId> {
    let last = graph.shape(x).rank() - 1;
    let classes = graph.shape(x).0[last].factor;
    if class >= classes {
        let place = format!("metric {name:?}");
        return Err(Error::argument(place, "class_id", class, format!("below {classes}")));
    }
    graph.slice(x, &[Along::new(last, class, 1)])
}

/// An axis of a sample of `x`, a negative one counted from the last.
fn sample_axis(graph: &Graph, name: &str, axis: isize, x: NodeId) -> Result<usize> {
    let rank = graph.shape(x).rank();
    let found = if axis < 0 { rank.checked_add_signed(axis) } else { Some(axis.unsigned_abs()) };
    found.filter(|found| (1..rank).contains(found)).ok_or_else(|| {
        let expected = format!("an axis of the output {} behind the batch", graph.shape(x));
        Error::argument(format!("metric {name:?}"), "axis", axis, expected)
    })
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
