//! Configs in Keras 2's words, which tf_keras and Keras 3 both read.

use serde_json::{Map, Value, json};

use super::state::Order;
use crate::error::{Error, Result};

/// What gradus calls the function that Keras 2 calls `hard_sigmoid`.
pub(super) const OLD_HARD_SIGMOID: &str = "keras2_hard_sigmoid";
const HARD_SIGMOID: &str = "hard_sigmoid";

const CLIPPING: [&str; 3] = ["clipnorm", "global_clipnorm", "clipvalue"];
/// The optimizers of TensorFlow before 2.11, whose options Keras 3 knows too, with those of their own. Not its
/// Nadam, whose momentum grows 250 times more slowly, nor its RMSprop, which adds epsilon outside the root.
const LEGACY: [(&str, &[&str]); 6] = [
    ("SGD", &["momentum", "nesterov"]),
    ("Adagrad", &["initial_accumulator_value", "epsilon"]),
    ("Adadelta", &["rho", "epsilon"]),
    ("Adam", &["beta_1", "beta_2", "epsilon", "amsgrad"]),
    ("Adamax", &["beta_1", "beta_2", "epsilon"]),
    (
        "Ftrl",
        &[
            "learning_rate_power",
            "initial_accumulator_value",
            "l1_regularization_strength",
            "l2_regularization_strength",
            "l2_shrinkage_regularization_strength",
            "beta",
        ],
    ),
];

/// The optimizers of tf_keras that do as those of Keras 3. Not its Nadam, which multiplies its momentum's product once for each
/// weight instead of once a step, and does not save it.
const REGISTERED: [&str; 9] =
    ["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "AdamW", "Adamax", "Ftrl", "Lion"];
/// Options of Keras 3's optimizers that tf_keras has not.
const NEW_OPTIONS: [&str; 2] = ["loss_scale_factor", "gradient_accumulation_steps"];

/// Refuses a config that Keras 3 would read as another model.
pub(super) fn check_new(config: &Value) -> Result<()> {
    if !has_activation(config, OLD_HARD_SIGMOID) {
        return Ok(());
    }
    let expected = "a function that Keras 3 has: it calls another one hard_sigmoid; save the model as .h5, in Keras 2's words";
    Err(Error::argument("save", "activation", "Keras 2's hard_sigmoid", expected))
}

/// `config` in Keras 2's words. Two kinds stay in Keras 3's: those with its own `hard_sigmoid`, which Keras 2 would take for
/// another function, and those with first states of recurrences, which the two have no common words for.
pub(super) fn older(config: &mut Value) -> Result<()> {
    if has_activation(config, HARD_SIGMOID) || has_call_options(config) {
        return check_new(config);
    }
    without_modules(config);
    layers(config);
    Ok(())
}

/// The layers of a model, if `config` is one.
///
/// tf_keras counts the calls of a functional model from 1, and Keras 3 reads that as if it counted from 0: a model that is
/// called once is written as called twice on the same, so that both find call 1. Sequentials whose input is not declared
/// are counted from 0 by both.
fn layers(config: &mut Value) {
    let Some(layers) = config.pointer_mut("/config/layers").and_then(Value::as_array_mut) else { return };
    let functional = layers.iter().filter(|entry| entry["class_name"] == "Functional");
    let counted: Vec<Value> = functional.map(|entry| entry["name"].clone()).collect();
    for entry in layers {
        layer(entry, &counted);
        if entry["class_name"] == "Sequential" {
            undeclare(&mut entry["config"]);
        } else if entry["class_name"] == "Functional"
            && let Some(calls) = entry.get_mut("inbound_nodes").and_then(Value::as_array_mut)
            && let [call] = calls.as_slice()
        {
            calls.push(call.clone());
        }
    }
}

/// Leaves out what a Sequential says of its input.
fn undeclare(options: &mut Value) {
    let Some(options) = options.as_object_mut() else { return };
    options.remove("build_input_shape");
    if let Some(layers) = options.get_mut("layers").and_then(Value::as_array_mut) {
        layers.retain(|entry| entry["class_name"] != "InputLayer");
    }
}

/// Whether any activation in `config` is called `name`.
fn has_activation(config: &Value, name: &str) -> bool {
    match config {
        Value::Array(list) => list.iter().any(|item| has_activation(item, name)),
        Value::Object(object) => object
            .iter()
            .any(|(key, value)| key.ends_with("activation") && value == name || has_activation(value, name)),
        _ => false,
    }
}

/// Whether a layer is called with options.
fn has_call_options(config: &Value) -> bool {
    let has = |call: &Value| call["kwargs"].as_object().is_some_and(|options| !options.is_empty());
    let layers = config["config"]["layers"].as_array();
    layers.into_iter().flatten().any(|layer| {
        let calls = layer["inbound_nodes"].as_array();
        calls.into_iter().flatten().any(has) || has_call_options(layer)
    })
}

/// Keras 2 knows a layer by its class alone.
fn without_modules(entry: &mut Value) {
    if let Some(entry) = entry.as_object_mut() {
        entry.retain(|key, _| !["module", "registered_name", "build_config"].contains(&key.as_str()));
    }
}

/// A layer; the calls of those that are `counted` are counted from 1.
fn layer(entry: &mut Value, counted: &[Value]) {
    without_modules(entry);
    layers(entry);
    let class = entry["class_name"].as_str().unwrap_or_default().to_string();
    if let Some(options) = entry["config"].as_object_mut() {
        rename(&class, options);
    }
    if let Some(calls) = entry.get_mut("inbound_nodes").and_then(Value::as_array_mut) {
        calls.iter_mut().for_each(|node| call(node, counted));
    }
}

fn rename(class: &str, options: &mut Map<String, Value>) {
    let (new, old) = match class {
        "InputLayer" => ("batch_shape", "batch_input_shape"),
        "LeakyReLU" => ("negative_slope", "alpha"),
        _ => ("", ""),
    };
    if let Some(value) = options.remove(new) {
        options.insert(old.into(), value);
    }
    for (key, value) in options.iter_mut() {
        if key.ends_with("activation") && value == OLD_HARD_SIGMOID {
            *value = json!(HARD_SIGMOID);
        }
    }
    // Wrapped layers have modules in Keras 2 too.
    for inner in ["layer", "backward_layer"] {
        if let Some(inner) = options.get_mut(inner).filter(|inner| inner.is_object()) {
            // So has a Sequential, not its layers; a functional model within is Keras 3's, since each finds its own alone.
            if inner["class_name"] == "Sequential" {
                layers(inner);
            }
            let class = inner["class_name"].as_str().unwrap_or_default().to_string();
            inner["config"].as_object_mut().into_iter().for_each(|options| rename(&class, options));
        }
    }
}

/// `[["layer", call, output, {}], …]` of a call on Keras tensors.
fn call(node: &mut Value, counted: &[Value]) {
    let mut found = Vec::new();
    collect(&node["args"], counted, &mut found);
    *node = Value::Array(found);
}

fn collect(arguments: &Value, counted: &[Value], found: &mut Vec<Value>) {
    match arguments {
        Value::Array(list) => list.iter().for_each(|item| collect(item, counted, found)),
        Value::Object(_) => {
            let mut history = arguments["config"]["keras_history"].as_array().cloned().unwrap_or_default();
            if let [name, number, ..] = history.as_mut_slice()
                && counted.contains(name)
            {
                *number = json!(number.as_u64().unwrap_or_default() + 1);
            }
            history.push(json!({}));
            found.push(Value::Array(history));
        }
        _ => {}
    }
}

/// Compile settings in Keras 2's words, and in which order their optimizer's slots stand.
///
/// All of TensorFlow's versions read its optimizers from before 2.11: these are meant where they can do the same, then those
/// of tf_keras, and Keras 3's own, which tf_keras does not read, where neither can.
pub(super) fn older_settings(settings: &mut Value) -> Order {
    match settings.get_mut("loss") {
        Some(Value::Array(list)) => list.iter_mut().for_each(without_modules),
        Some(loss) => without_modules(loss),
        None => {}
    }
    let Some(settings) = settings.as_object_mut() else { return Order::ByWeight };
    settings.entry("weighted_metrics").or_insert(Value::Null);
    let optimizer = settings.remove("optimizer").unwrap_or_default();
    let (optimizer, order) = match legacy(&optimizer) {
        Some(legacy) => (legacy, Order::BySlot),
        None => (registered(&optimizer).unwrap_or(optimizer), Order::ByWeight),
    };
    settings.insert("optimizer_config".into(), optimizer);
    order
}

/// The optimizer as tf_keras's own, if there is one that does the same, by the name that it is registered under there. Keras 3
/// finds its own by the option `name`, as in tf_keras's files, with default options.
fn registered(optimizer: &Value) -> Option<Value> {
    let class = optimizer["class_name"].as_str().filter(|class| REGISTERED.contains(class))?;
    let mut options = optimizer["config"].as_object()?.clone();
    // Its SGD keeps momentum without having any.
    if class == "SGD" && options.get("momentum").is_none_or(|momentum| momentum == 0.0) {
        return None;
    }
    for key in NEW_OPTIONS {
        if options.remove(key).is_some_and(|value| !value.is_null()) {
            return None;
        }
    }
    options.insert("name".into(), json!(class));
    Some(json!({ "class_name": format!("Custom>{class}"), "config": options }))
}

/// The optimizer as one of TensorFlow before 2.11, if there is one that does the same.
fn legacy(optimizer: &Value) -> Option<Value> {
    let class = optimizer["class_name"].as_str()?;
    let (_, own) = LEGACY.iter().find(|(known, _)| *known == class)?;
    let mut options = Map::new();
    for (key, value) in optimizer["config"].as_object()? {
        let is_clipping = CLIPPING.contains(&key.as_str()) && !value.is_null();
        if key == "learning_rate" || own.contains(&key.as_str()) || is_clipping {
            options.insert(key.clone(), value.clone());
        } else if !(value.is_null() || value == false || key == "ema_momentum") {
            return None;
        }
    }
    Some(json!({ "class_name": class, "config": options }))
}
