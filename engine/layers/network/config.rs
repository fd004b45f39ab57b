//! Networks as Keras 3's configs hold them.

use serde_json::{Value, json};

use super::{Call, Layer, Network, Shapes};

/// `network` with its layers, without what it is compiled for.
pub(crate) fn entry(network: &Network) -> Value {
    let known: Option<Vec<&[usize]>> = network.inputs.iter().map(|port| port.shape.as_deref()).collect();
    let shapes = known.and_then(|inputs| network.shapes(&inputs).ok());
    match network.is_sequential {
        true => sequential(network, shapes.as_ref()),
        false => functional(network, shapes.as_ref()),
    }
}

fn sequential(network: &Network, shapes: Option<&Shapes>) -> Value {
    let mut layers = Vec::new();
    let shape = network.inputs[0].shape.as_deref().map(with_batch);
    if let Some(shape) = &shape {
        layers.push(input_layer("input_layer", shape));
    }
    layers.extend((0..network.layers.len()).map(|number| layer(network, shapes, number)));
    json!({
        "module": "keras",
        "class_name": "Sequential",
        "config": {
            "name": network.name(), "trainable": network.trainable(), "dtype": "float32", "layers": layers,
            "build_input_shape": shape,
        },
        "registered_name": null,
        "build_config": { "input_shape": shape },
    })
}

fn functional(network: &Network, shapes: Option<&Shapes>) -> Value {
    let mut layers: Vec<Value> = Vec::new();
    for port in &network.inputs {
        let mut entry = input_layer(&port.name, &with_batch(port.shape.as_deref().unwrap_or_default()));
        (entry["name"], entry["inbound_nodes"]) = (json!(port.name), json!([]));
        layers.push(entry);
    }
    for number in 0..network.layers.len() {
        let calls = network.calls.iter().filter(|call| call.layer == number);
        let nodes: Vec<Value> = calls.map(|call| node(network, shapes, call)).collect();
        let mut entry = layer(network, shapes, number);
        (entry["name"], entry["inbound_nodes"]) = (json!(network.layers[number].name()), json!(nodes));
        layers.push(entry);
    }
    let inputs = (0..network.inputs.len()).map(|value| history(network, value));
    let outputs = network.outputs.iter().map(|&value| end(network, value));
    json!({
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": network.name(), "trainable": network.trainable(), "layers": layers,
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

/// Layer `number` with its options and, if they are known, the shapes of its inputs.
fn layer(network: &Network, shapes: Option<&Shapes>, number: usize) -> Value {
    let layer: &dyn Layer = network.layers[number].as_ref();
    if let Some(inner) = layer.network().filter(|_| layer.distributed_axes() == 0) {
        return entry(inner);
    }
    let mut entry = json!({
        "module": "keras.layers",
        "class_name": layer.class_name(),
        "config": layer.config(),
        "registered_name": null,
    });
    if let Some(shapes) = shapes {
        let inputs = &shapes.firsts[number];
        // Keras builds a layer that takes first states for its time steps alone.
        let count = if layer.extra_inputs().is_some() { 1 } else { inputs.len() };
        let shapes = inputs[..count].iter().map(|shape| with_batch(shape)).collect();
        entry["build_config"] = json!({ "input_shape": one_or_list(shapes) });
    }
    entry
}

/// Where a value comes from: the layer, which of its calls, and which value of that.
fn history(network: &Network, value: usize) -> Value {
    let Some((at, output)) = network.origin(value) else {
        return json!([network.inputs[value].name, 0, 0]);
    };
    let layer = network.calls[at].layer;
    let number = network.calls[..at].iter().filter(|call| call.layer == layer).count();
    json!([network.layers[layer].name(), number, output])
}

/// [`history`] of an output. There Keras counts the calls of functional models from 1, but not in what layers are called on.
fn end(network: &Network, value: usize) -> Value {
    let mut history = history(network, value);
    let layer = network.origin(value).map(|(at, _)| network.layers[network.calls[at].layer].as_ref());
    let layer = layer.filter(|layer| layer.distributed_axes() == 0);
    if layer.and_then(Layer::network).is_some_and(|inner| !inner.is_sequential) {
        history[1] = json!(history[1].as_u64().unwrap_or_default() + 1);
    }
    history
}

/// A call and its arguments.
fn node(network: &Network, shapes: Option<&Shapes>, call: &Call) -> Value {
    let tensor = |&value: &usize| {
        let shape = shapes.map(|shapes| with_batch(&shapes.values[value]));
        json!({
            "class_name": "__keras_tensor__",
            "config": { "shape": shape, "dtype": "float32", "keras_history": history(network, value) },
        })
    };
    let mut tensors: Vec<Value> = call.inputs.iter().map(tensor).collect();
    if let Some(extra) = network.layers[call.layer].extra_inputs().filter(|_| tensors.len() > 1) {
        let others = tensors.split_off(1);
        return json!({ "args": tensors, "kwargs": { extra: others } });
    }
    let arguments = if tensors.len() == 1 { json!(tensors) } else { json!([tensors]) };
    json!({ "args": arguments, "kwargs": {} })
}
