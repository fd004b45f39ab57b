//! Metrics as Keras's configs hold them.

use std::sync::Arc;

use serde_json::{Value, json};

use super::auc::{CURVES, SUMMATIONS};
use super::f_score::AVERAGES;
use super::of_loss::METRICS;
use super::r2_score::AGGREGATIONS;
use super::{
    Auc, BinaryAccuracy, BinaryCounts, BinaryIoU, ClassAggregation, Correlation, ExactAccuracy, F1Score,
    FBetaScore, FScoreAverage, IoU, Metric, Named, OfLoss, Precision, PrecisionAtRecall, R2Score, Recall,
    RecallAtPrecision, SensitivityAtSpecificity, SpecificityAtSensitivity, TopKCategoricalAccuracy, by_name,
    of_class,
};
use crate::error::Result;
use crate::train::config::{Config, merged, object, parts, snake_case};
use crate::train::losses::{self, CosineSimilarity};

/// Numbers are 32-bit floats, counts whole.
const NEUTRAL: [(&str, &[&str]); 1] =
    [("dtype", &["null", "\"float32\"", "\"int\"", "\"int64\"", "\"int32\""])];

/// `metric` as Keras's configs hold it: its name, or an object if it has options or a name that are not the default ones.
///
/// ```
/// use gradus::train::metrics::{Precision, config, from_config};
/// assert_eq!(config(&Precision::new()), "precision");
/// let sure = config(&Precision::new().thresholds(&[0.5, 0.9]));
/// assert_eq!(config(from_config(&sure)?.as_ref()), sure);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn config(metric: &dyn Metric) -> Value {
    let Some(own) = metric.keras() else { return json!(metric.name()) };
    if by_name(metric.name()).is_ok_and(|plain| plain.keras().as_ref() == Some(&own)) {
        return json!(metric.name());
    }
    let named = json!({ "name": metric.name() });
    object(own.module, &own.class_name, merged(named, own.options))
}

/// The metric of a Keras config: a name such as `accuracy` or `AUC`, or an object with a class name and options.
///
/// # Errors
/// If there is no such metric, or an option is unknown, or not of the right kind.
pub fn from_config(config: &Value) -> Result<Arc<dyn Metric>> {
    if let Some(name) = config.as_str() {
        return by_name(name);
    }
    let (class_name, mut c) = parts(config)?;
    let name = c.text("name")?;
    let metric = if config["module"] == "keras.losses" {
        Arc::new(OfLoss::new(losses::from_config(config)?))
    } else {
        c.pass_over(&NEUTRAL);
        let metric = configured(&class_name, &mut c)?;
        c.finish()?;
        metric
    };
    Ok(match name.filter(|name| name != metric.name()) {
        Some(name) => Arc::new(Named { name, metric }),
        None => metric,
    })
}

fn configured(class_name: &str, c: &mut Config) -> Result<Arc<dyn Metric>> {
    Ok(match class_name {
        "Accuracy" => Arc::new(ExactAccuracy.named("accuracy")),
        "BinaryAccuracy" => Arc::new(BinaryAccuracy::new().threshold(c.number_or("threshold", 0.5)? as f32)),
        "TopKCategoricalAccuracy" => {
            Arc::new(TopKCategoricalAccuracy::new(c.count_or_none("k")?.unwrap_or(5)))
        }
        "SparseTopKCategoricalAccuracy" => {
            let metric = TopKCategoricalAccuracy::sparse(c.count_or_none("k")?.unwrap_or(5));
            Arc::new(metric.from_sorted_ids(c.flag("from_sorted_ids", false)?))
        }
        "F1Score" => Arc::new(f_score(c, F1Score::new())?),
        "FBetaScore" => {
            let beta = c.number_or("beta", 1.0)?;
            Arc::new(f_score(c, FBetaScore::new(beta))?)
        }
        "AUC" => Arc::new(auc(c)?),
        "R2Score" => {
            let none = c.is_null("class_aggregation");
            let aggregation = match c.text("class_aggregation")? {
                Some(name) => chosen(c, "class_aggregation", &name, &AGGREGATIONS)?,
                None if none => ClassAggregation::None,
                None => ClassAggregation::UniformAverage,
            };
            let metric = R2Score::new().class_aggregation(aggregation);
            Arc::new(metric.num_regressors(c.count_or_none("num_regressors")?.unwrap_or(0)))
        }
        "PearsonCorrelation" => Arc::new(Correlation::pearson().axis(c.axis("axis")?)),
        "ConcordanceCorrelation" => Arc::new(Correlation::concordance().axis(c.axis("axis")?)),
        "BinaryIoU" => {
            let classes = c.counts_or_none("target_class_ids")?.unwrap_or_else(|| vec![0, 1]);
            let metric = BinaryIoU::new().target_class_ids(&classes);
            Arc::new(metric.threshold(c.number_or("threshold", 0.5)? as f32))
        }
        "IoU" | "MeanIoU" | "OneHotIoU" | "OneHotMeanIoU" => Arc::new(iou(class_name, c)?),
        _ => return counted(class_name, c),
    })
}

fn f_score(c: &mut Config, metric: FBetaScore) -> Result<FBetaScore> {
    let average = match c.text("average")? {
        Some(name) => chosen(c, "average", &name, &AVERAGES)?,
        None => FScoreAverage::None,
    };
    let metric = metric.average(average);
    let threshold = c.number_or_none("threshold")?;
    Ok(threshold.map_or(metric, |threshold| metric.threshold(threshold as f32)))
}

fn auc(c: &mut Config) -> Result<Auc> {
    let mut metric = Auc::new()
        .num_thresholds(c.count_or_none("num_thresholds")?.unwrap_or(200))
        .multi_label(c.flag("multi_label", false)?)
        .from_logits(c.flag("from_logits", false)?);
    if let Some(name) = c.text("curve")? {
        metric = metric.curve(chosen(c, "curve", &name, &CURVES)?);
    }
    if let Some(name) = c.text("summation_method")? {
        metric = metric.summation_method(chosen(c, "summation_method", &name, &SUMMATIONS)?);
    }
    if let Some(labels) = c.count_or_none("num_labels")? {
        metric = metric.num_labels(labels);
    }
    if let Some(thresholds) = c.floats_or_none("thresholds")? {
        metric = metric.thresholds(&thresholds);
    }
    if let Some(weights) = c.floats_or_none("label_weights")? {
        metric = metric.label_weights(&weights);
    }
    Ok(metric)
}

fn iou(class_name: &str, c: &mut Config) -> Result<IoU> {
    let one_hot = class_name.starts_with("OneHot");
    let mut metric = IoU::new().num_classes(c.count("num_classes")?);
    if !class_name.contains("Mean") {
        let classes = c.counts_or_none("target_class_ids")?;
        let missing = || c.wrong("target_class_ids", &Value::Null, "a list of classes");
        metric = metric.target_class_ids(&classes.ok_or_else(missing)?);
    }
    if let Some(ignored) = c.take("ignore_class") {
        let class = ignored.as_i64().and_then(|class| isize::try_from(class).ok());
        metric =
            metric.ignore_class(class.ok_or_else(|| c.wrong("ignore_class", &ignored, "a whole number"))?);
    }
    // Keras's own results fail with any other.
    c.only("axis", &[json!(-1)])?;
    if one_hot || !c.flag("sparse_y_true", true)? {
        metric = metric.sparse_y_true(false);
    } else {
        metric = metric.sparse_y_true(true);
    }
    Ok(metric.sparse_y_pred(c.flag("sparse_y_pred", !one_hot)?))
}

/// What counts right and wrong by thresholds, or is the mean of a loss.
fn counted(class_name: &str, c: &mut Config) -> Result<Arc<dyn Metric>> {
    let counts = match class_name {
        "Precision" => Precision::new(),
        "Recall" => Recall::new(),
        "TruePositives" => BinaryCounts::true_positives(),
        "FalsePositives" => BinaryCounts::false_positives(),
        "TrueNegatives" => BinaryCounts::true_negatives(),
        "FalseNegatives" => BinaryCounts::false_negatives(),
        _ => return at_threshold(class_name, c),
    };
    let counts = c.floats_or_none("thresholds")?.map_or(counts.clone(), |t| counts.thresholds(&t));
    if !["Precision", "Recall"].contains(&class_name) {
        return Ok(Arc::new(counts));
    }
    let counts = c.count_or_none("top_k")?.map_or(counts.clone(), |k| counts.top_k(k));
    Ok(Arc::new(c.count_or_none("class_id")?.map_or(counts.clone(), |class| counts.class_id(class))))
}

fn at_threshold(class_name: &str, c: &mut Config) -> Result<Arc<dyn Metric>> {
    let metric = match class_name {
        "SensitivityAtSpecificity" => SensitivityAtSpecificity::new(c.number("specificity")?),
        "SpecificityAtSensitivity" => SpecificityAtSensitivity::new(c.number("sensitivity")?),
        "PrecisionAtRecall" => PrecisionAtRecall::new(c.number("recall")?),
        "RecallAtPrecision" => RecallAtPrecision::new(c.number("precision")?),
        _ => return of_loss(class_name, c),
    };
    let metric = metric.num_thresholds(c.count_or_none("num_thresholds")?.unwrap_or(200));
    Ok(match c.count_or_none("class_id")? {
        Some(class) => Arc::new(metric.class_id(class)),
        None => Arc::new(metric),
    })
}

fn of_loss(class_name: &str, c: &mut Config) -> Result<Arc<dyn Metric>> {
    // tf.keras wraps a function by name.
    if class_name == "MeanMetricWrapper"
        && let Some(function) = c.text("fn")?
    {
        return from_config(&json!(function));
    }
    // It says which function its classes call.
    let own = format!("{:?}", snake_case(class_name));
    c.pass_over(&[("fn", &[own.as_str()])]);
    match class_name {
        "CosineSimilarity" => Ok(Arc::new(OfLoss::negated(CosineSimilarity::new().axis(c.axis("axis")?)))),
        known if METRICS.contains(&known) => Ok(Arc::new(OfLoss::new(losses::configured(class_name, c)?))),
        other => of_class(other),
    }
}

/// The entry of `table` called `name`.
fn chosen<T: Copy>(c: &Config, key: &str, name: &str, table: &[(&str, T)]) -> Result<T> {
    let found = table.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let known = || table.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| c.wrong(key, &json!(name), &format!("one of {}", known())))
}
