//! Compile settings as Keras's configs hold them.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::model::compiled::Goal;
use crate::model::network::Model;
use crate::model::objective::Objective;
use crate::train::losses;
use crate::train::metrics::{self, Metric};
use crate::train::optimizers::{self, Optimizer};

const PLACE: &str = "compile_config";

/// Options of Keras's optimizers that say how Keras computes, not what.
const RUNTIME: [&str; 3] = ["jit_compile", "is_legacy_optimizer", "name"];

impl Model {
    /// The compile settings as Keras holds them, if the model is compiled for losses.
    ///
    /// # Errors
    /// If the model has several optimizers, which Keras's settings have no place for.
    pub fn compile_config(&self) -> Result<Option<Value>> {
        let Some(compiled) = &self.compiled else { return Ok(None) };
        let Goal::Objectives(objectives) = &compiled.goal else { return Ok(None) };
        let optimizer = optimizers::config(compiled.optimizer("compile_config")?);
        let loss = |objective: &Objective| objective.loss.as_ref().map(|loss| losses::config(loss.as_ref()));
        let (loss, weights) = match objectives.as_slice() {
            [one] => (json!(loss(one)), if one.weight == 1.0 { Value::Null } else { json!([one.weight]) }),
            all => (
                json!(all.iter().map(loss).collect::<Vec<_>>()),
                json!(all.iter().map(|objective| objective.weight).collect::<Vec<_>>()),
            ),
        };
        let metrics = metrics_of_each(objectives, |objective| &objective.metrics);
        let weighted = match objectives.iter().all(|objective| objective.weighted_metrics.is_empty()) {
            true => Value::Null,
            false => metrics_of_each(objectives, |objective| &objective.weighted_metrics),
        };
        Ok(Some(json!({ "optimizer": optimizer, "loss": loss, "loss_weights": weights, "metrics": metrics,
            "weighted_metrics": weighted })))
    }

    /// Compiles the model by Keras's compile settings.
    ///
    /// # Errors
    /// If an optimizer, a loss, a metric or an option is none that gradus has: it is named.
    pub fn compile_from_config(&mut self, config: &Value) -> Result<()> {
        let optimizer = optimizer(config.get("optimizer").or_else(|| config.get("optimizer_config")))?;
        let names = self.output_names();
        let of = |key: &str| per_output(key, config.get(key).unwrap_or(&Value::Null), &names);
        let (losses, weights) = (of("loss")?, of("loss_weights")?);
        let lists = of("metrics")?.into_iter().zip(of("weighted_metrics")?);
        let mut objectives = Vec::new();
        for ((loss, weight), (metrics, weighted)) in losses.into_iter().zip(weights).zip(lists) {
            let loss = loss.map(|loss| losses::from_config(&loss)).transpose()?;
            let weight = weight.map_or(Some(1.0), |weight| weight.as_f64());
            let weight =
                weight.ok_or_else(|| Error::argument(PLACE, "loss_weights", "no number", "a number"))?;
            let [metrics, weighted_metrics] = [("metrics", metrics), ("weighted_metrics", weighted)]
                .map(|(key, list)| list.map_or(Ok(Vec::new()), |list| all_metrics(key, &list)));
            let (metrics, weighted_metrics) = (metrics?, weighted_metrics?);
            objectives.push(Objective { loss, weight, metrics, weighted_metrics });
        }
        self.compile_each(optimizer, objectives)
    }
}

fn optimizer(config: Option<&Value>) -> Result<Box<dyn Optimizer>> {
    match config {
        Some(Value::String(name)) => name.as_str().try_into(),
        Some(Value::Object(object)) => {
            let mut object = object.clone();
            // tf.keras registers its own under "Custom>Adam".
            let class = object.get("class_name").and_then(Value::as_str).unwrap_or_default();
            let class = class.rsplit('>').next().unwrap_or(class).to_string();
            object.insert("class_name".into(), json!(class));
            if let Some(options) = object.get_mut("config").and_then(Value::as_object_mut) {
                // Without decay, Keras 2's optimizers do as Keras 3's.
                options.retain(|key, value| {
                    !RUNTIME.contains(&key.as_str()) && (key != "decay" || value != 0.0)
                });
            }
            optimizers::from_config(&Value::Object(object))
        }
        // Keras's own default.
        None | Some(Value::Null) => "rmsprop".try_into(),
        Some(other) => {
            Err(Error::argument(PLACE, "optimizer", other, "a name, or an object with class_name and config"))
        }
    }
}

/// A setting for each output: given once, in order, or by the outputs' names.
fn per_output(key: &str, value: &Value, names: &[String]) -> Result<Vec<Option<Value>>> {
    let given = |value: &Value| (!value.is_null()).then(|| value.clone());
    match value {
        Value::Null => Ok(vec![None; names.len()]),
        Value::Object(by_name) if !by_name.contains_key("class_name") => {
            if let Some(unknown) = by_name.keys().find(|name| !names.contains(name)) {
                let expected = format!("the names of outputs: {}", names.join(", "));
                return Err(Error::argument(PLACE, key, format!("{unknown:?}"), expected));
            }
            Ok(names.iter().map(|name| by_name.get(name).and_then(given)).collect())
        }
        Value::Array(list) if names.len() > 1 || (!key.ends_with("metrics") && list.len() == 1) => {
            if list.len() != names.len() {
                return Err(Error::argument(
                    PLACE,
                    key,
                    value,
                    format!("{}, one for each output", names.len()),
                ));
            }
            Ok(list.iter().map(given).collect())
        }
        one if names.len() == 1 => Ok(vec![given(one)]),
        one => Err(Error::argument(PLACE, key, one, "a list or an object: the model has several outputs")),
    }
}

/// The metrics of each objective that `of` gives, in a list of their own; of a lone one as they are.
fn metrics_of_each(objectives: &[Objective], of: impl Fn(&Objective) -> &Vec<Arc<dyn Metric>>) -> Value {
    let mut lists: Vec<Value> = Vec::new();
    for objective in objectives {
        lists.push(of(objective).iter().map(|metric| metrics::config(metric.as_ref())).collect());
    }
    if lists.len() == 1 { lists.remove(0) } else { Value::Array(lists) }
}

/// Metrics by name, by class, or in lists of these, for `key`.
fn all_metrics(key: &str, value: &Value) -> Result<Vec<Arc<dyn Metric>>> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) => {
            list.iter().map(|one| all_metrics(key, one)).collect::<Result<Vec<_>>>().map(|all| all.concat())
        }
        Value::String(_) | Value::Object(_) => Ok(vec![metrics::from_config(value)?]),
        other => Err(Error::argument(PLACE, key, other, "names or objects")),
    }
}
