//! From a model to a config.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::model::network::{Call, Model};

/// `model` as Keras 3's configs hold it.
pub(super) fn model(model: &Model) -> Result<Value> {
    if model.layers.is_empty() {
        return Err(Error::order("config", "the model has no layers", "add one first"));
    }
    let mut config = if model.is_row() { sequential(model) } else { functional(model) };
    config["compile_config"] = model.compile_config()?.unwrap_or(Value::Null);
    Ok(config)
}

fn sequential(model: &Model) -> Value {
    let mut layers = Vec::new();
    let shape = model.inputs[0].shape.as_deref().map(with_batch);
    if let Some(shape) = &shape {
        layers.push(input_layer("input_layer", shape));
    }
    layers.extend((0..model.layers.len()).map(|number| layer(model, number)));
    json!({
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": model.name, "trainable": true, "dtype": "float32", "layers": layers, "build_input_shape": shape,
        },
        "registered_name": null,
        "build_config": { "input_shape": shape },
    })
}

fn functional(model: &Model) -> Value {
    let mut layers: Vec<Value> = Vec::new();
    for port in &model.inputs {
        let mut entry = input_layer(&port.name, &with_batch(port.shape.as_deref().unwrap_or_default()));
        (entry["name"], entry["inbound_nodes"]) = (json!(port.name), json!([]));
        layers.push(entry);
    }
    for number in 0..model.layers.len() {
        let calls = model.calls.iter().filter(|call| call.layer == number);
        let nodes: Vec<Value> = calls.map(|call| node(model, call)).collect();
        let mut entry = layer(model, number);
        (entry["name"], entry["inbound_nodes"]) = (json!(model.layers[number].name()), json!(nodes));
        layers.push(entry);
    }
    let inputs = (0..model.inputs.len()).map(|value| history(model, value));
    let outputs = model.outputs.iter().map(|&value| history(model, value));
    json!({
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": model.name, "trainable": true, "layers": layers,
            "input_layers": one_or_list(inputs.collect()), "output_layers": one_or_list(outputs.collect()),
        },
        "registered_name": "Functional",
        "build_config": { "input_shape": null },
    })
}

fn one_or_list(mut values: Vec<Value>) -> Value {
    if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
}

/// `[null, …]`
fn with_batch(shape: &[usize]) -> Value {
    let sizes = std::iter::once(Value::Null).chain(shape.iter().map(|size| json!(size)));
    Value::Array(sizes.collect())
}

fn input_layer(name: &str, shape: &Value) -> Value {
    json!({
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": { "batch_shape": shape, "dtype": "float32", "sparse": false, "ragged": false, "name": name },
        "registered_name": null,
    })
}

/// Layer `number` with its options and, if it is built, the shapes of its inputs.
fn layer(model: &Model, number: usize) -> Value {
    let layer: &dyn Layer = model.layers[number].as_ref();
    let mut entry = json!({
        "module": "keras.layers",
        "class_name": layer.class_name(),
        "config": layer.config(),
        "registered_name": null,
    });
    if let Some(built) = model.built.get(number) {
        // Keras builds a layer that takes first states for its time steps alone.
        let count = if layer.extra_inputs().is_some() { 1 } else { built.inputs.len() };
        let shapes = built.inputs[..count].iter().map(|shape| with_batch(shape)).collect();
        entry["build_config"] = json!({ "input_shape": one_or_list(shapes) });
    }
    entry
}

/// Where a value comes from: the layer, which of its calls, and which value of that.
fn history(model: &Model, value: usize) -> Value {
    let Some((at, output)) = model.origin(value) else {
        return json!([model.inputs[value].name, 0, 0]);
    };
    let layer = model.calls[at].layer;
    let number = model.calls[..at].iter().filter(|call| call.layer == layer).count();
    json!([model.layers[layer].name(), number, output])
}

/// A call and its arguments.
fn node(model: &Model, call: &Call) -> Value {
    let tensor = |&value: &usize| {
        let shape = model.shapes.get(value).map(|shape| with_batch(shape));
        json!({
            "class_name": "__keras_tensor__",
            "config": { "shape": shape, "dtype": "float32", "keras_history": history(model, value) },
        })
    };
    let mut tensors: Vec<Value> = call.inputs.iter().map(tensor).collect();
    if let Some(extra) = model.layers[call.layer].extra_inputs().filter(|_| tensors.len() > 1) {
        let others = tensors.split_off(1);
        return json!({ "args": tensors, "kwargs": { extra: others } });
    }
    let arguments = if tensors.len() == 1 { json!(tensors) } else { json!([tensors]) };
    json!({ "args": arguments, "kwargs": {} })
}
