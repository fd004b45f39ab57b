//! From a config to a model.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::layers::network::MOST_DEPTH;
use crate::layers::{self, Layer, TimeDistributed};
use crate::model::{Input, Model, Sequential, SharedLayer, Symbol};

const PLACE: &str = "Keras config";

/// The argument of a recurrent layer's call that holds its first states.
const STATES: &str = "initial_state";

/// What holds for a model and all models in it.
#[derive(Clone, Copy)]
struct Reading {
    /// Keras 3 names the module of everything, Keras 2 of nothing.
    old: bool,
    /// How many numbers the weights may be.
    most: usize,
    /// How deep the model lies in others.
    depth: usize,
}

/// The model that `config` describes, whose weights are at most `most` numbers.
pub(super) fn model(config: &Value, most: usize) -> Result<Model> {
    if !is_model(config) {
        let class = class_name(config);
        let found = if class.is_empty() { "absent".to_string() } else { format!("{class:?}") };
        let expected = "Sequential or Functional: models of Keras's own classes";
        return Err(Error::argument(PLACE, "class_name", found, expected));
    }
    network(config, Reading { old: config.get("module").is_none(), most, depth: 0 })
}

/// Whether an entry is a model.
fn is_model(entry: &Value) -> bool {
    ["Sequential", "Functional", "Model"].contains(&class_name(entry))
}

fn network(entry: &Value, reading: Reading) -> Result<Model> {
    if reading.depth > MOST_DEPTH {
        let expected = format!("at most {MOST_DEPTH}");
        return Err(Error::argument(PLACE, "depth of models in models", reading.depth, expected));
    }
    let body = entry.get("config").unwrap_or(&Value::Null);
    let mut model = match class_name(entry) {
        "Sequential" => sequential(body, reading)?,
        _ => functional(body, reading)?,
    };
    if let Some(name) = body.get("name").or_else(|| entry.get("name")).and_then(Value::as_str) {
        model = model.name(name);
    }
    let trainable = body.get("trainable").and_then(Value::as_bool).unwrap_or(true);
    model.network.base_mut().set_trainable(trainable);
    Ok(model)
}

fn sequential(body: &Value, reading: Reading) -> Result<Model> {
    // Before Keras 2.2.3 the layers stood alone.
    let layers = body.as_array().or_else(|| body.get("layers").and_then(Value::as_array));
    let layers = layers.ok_or_else(|| Error::argument(PLACE, "layers", "absent", "a list of layers"))?;
    let mut model = Sequential::new();
    let mut shape = body.get("build_input_shape").map(sample_shape).transpose().unwrap_or_default();
    for (number, entry) in layers.iter().enumerate() {
        if number == 0 {
            shape = declared_shape(entry)?.or(shape);
        }
        if class_name(entry) != "InputLayer" {
            let layer = layer(entry, reading)?;
            // The first layer may be a model that knows its input.
            let first = layer.network().filter(|_| number == 0 && layer.distributed_axes() == 0);
            let port = first.and_then(|network| network.inputs.first());
            shape = shape.or_else(|| port.and_then(|port| port.shape.clone()));
            model = model.add(layer);
        }
    }
    model.most = reading.most;
    if let Some(shape) = shape {
        model = model.input_shape(&shape);
        model.build(&shape)?;
    }
    Ok(model.into())
}

fn class_name(entry: &Value) -> &str {
    entry.get("class_name").and_then(Value::as_str).unwrap_or_default()
}

fn name_of(entry: &Value) -> Option<&str> {
    entry.get("name").or_else(|| entry.get("config")?.get("name")).and_then(Value::as_str)
}

/// A layer of a config. What Keras 2 said beside the options is left out.
fn layer(entry: &Value, reading: Reading) -> Result<Box<dyn Layer>> {
    if is_model(entry) {
        return Ok(network(entry, Reading { depth: reading.depth + 1, ..reading })?.into_layer());
    }
    let mut config = entry.get("config").cloned().unwrap_or_else(|| json!({}));
    if let Some(name) = entry.get("name").filter(|_| config.get("name").is_none()) {
        config["name"] = name.clone();
    }
    if reading.old {
        modernise(class_name(entry), &mut config);
    }
    if holds_model(entry) {
        let inner = layer(&config["layer"], Reading { depth: reading.depth + 1, ..reading })?;
        return Ok(TimeDistributed::around(inner, &config)?.into());
    }
    layers::from_config(class_name(entry), &config)
}

/// Whether an entry is a layer around a model.
fn holds_model(entry: &Value) -> bool {
    let inner = entry.pointer("/config/layer").filter(|_| class_name(entry) == "TimeDistributed");
    inner.is_some_and(|inner| is_model(inner) || holds_model(inner))
}

/// Keras 2's options in Keras 3's words.
fn modernise(class: &str, config: &mut Value) {
    let Some(options) = config.as_object_mut() else { return };
    for inner in ["layer", "backward_layer"] {
        if let Some(layer) = options.get_mut(inner).filter(|layer| layer.is_object()) {
            let class = class_name(layer).to_string();
            modernise(&class, &mut layer["config"]);
        }
    }
    let nothing: &[&str] = match class {
        "Embedding" => &["input_length"],
        "DepthwiseConv1D" | "DepthwiseConv2D" | "SeparableConv1D" | "SeparableConv2D" => {
            &["kernel_initializer", "kernel_regularizer", "kernel_constraint"]
        }
        "BatchNormalization" => &["renorm_momentum", "virtual_batch_size", "fused"],
        _ => &["implementation", "input_dim"],
    };
    options.retain(|key, _| key != "batch_input_shape" && !nothing.contains(&key.as_str()));
    for (key, value) in [("groups", json!(1)), ("time_major", json!(false))] {
        if options.get(key) == Some(&value) {
            options.remove(key);
        }
    }
    if class == "LeakyReLU"
        && let Some(slope) = options.remove("alpha")
    {
        options.insert("negative_slope".into(), slope);
    }
    // The same name meant another function.
    for (key, value) in options.iter_mut() {
        if key.ends_with("activation") && value == "hard_sigmoid" {
            *value = json!("keras2_hard_sigmoid");
        }
    }
}

/// The shape of a sample that a layer declares: `batch_shape` in Keras 3, `batch_input_shape` before.
fn declared_shape(entry: &Value) -> Result<Option<Vec<usize>>> {
    let config = entry.get("config");
    let found = ["batch_shape", "batch_input_shape"].iter().find_map(|key| config.and_then(|c| c.get(*key)));
    for key in ["sparse", "ragged"] {
        if config.and_then(|c| c.get(key)) == Some(&json!(true)) {
            return Err(Error::argument(PLACE, key, true, "false: gradus has dense tensors alone"));
        }
    }
    found.filter(|shape| !shape.is_null()).map(sample_shape).transpose()
}

/// A shape without its batch.
fn sample_shape(shape: &Value) -> Result<Vec<usize>> {
    let sizes = shape.as_array().filter(|sizes| !sizes.is_empty());
    let whole = |size: &Value| size.as_u64().and_then(|size| usize::try_from(size).ok());
    sizes.and_then(|sizes| sizes[1..].iter().map(whole).collect()).ok_or_else(|| {
        Error::argument(PLACE, "input shape", shape, "[null, …]: a size for each axis but the batch")
    })
}

/// A value: the layer's name, which of its calls, and which value of that.
type History = (String, usize, usize);

/// What the calls give: the layer's name and which of its calls.
type Symbols = HashMap<(String, usize), Vec<Symbol>>;

/// A call of a layer, and the values that it is made of.
struct Node {
    layer: String,
    number: usize,
    inputs: Vec<History>,
}

fn functional(body: &Value, reading: Reading) -> Result<Model> {
    let entries = body.get("layers").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| Error::argument(PLACE, "layers", "absent", "a list of layers"))?;
    let (mut symbols, mut layers, mut nodes) = (Symbols::new(), HashMap::new(), Vec::new());
    for entry in entries {
        let name =
            name_of(entry).ok_or_else(|| Error::argument(PLACE, "name of a layer", "absent", "a string"))?;
        if class_name(entry) == "InputLayer" {
            let shape = declared_shape(entry)?.unwrap_or_default();
            symbols.insert((name.to_string(), 0), vec![Input::named(name, &shape)]);
            continue;
        }
        layers.insert(name.to_string(), SharedLayer::new(layer(entry, reading)?));
        let calls = entry.get("inbound_nodes").and_then(Value::as_array);
        for (number, call) in calls.into_iter().flatten().enumerate() {
            nodes.push(Node { layer: name.to_string(), number, inputs: sources(name, call)? });
        }
    }
    let (inputs, mut outputs) = (ends(body, "input_layers")?, ends(body, "output_layers")?);
    count_calls_from_0(entries, &mut nodes, &mut outputs);
    call_all(nodes, &layers, &mut symbols)?;
    let given = |key: &'static str, ends: &[History]| {
        let given = |end: &History| {
            let unknown =
                || Error::argument(PLACE, key, format!("{end:?}"), "what a layer of the model gives");
            symbol(&symbols, end).cloned().ok_or_else(unknown)
        };
        ends.iter().map(given).collect::<Result<Vec<Symbol>>>()
    };
    let (inputs, outputs) = (given("input_layers", &inputs)?, given("output_layers", &outputs)?);
    let [inputs, outputs]: [Vec<&Symbol>; 2] = [inputs.iter().collect(), outputs.iter().collect()];
    Model::of(&inputs, &outputs, reading.most)
}

/// Counts the calls of models from 0, as those of other layers. Keras 2 counts them from 1, Keras 3 does where a functional
/// model gives an output.
fn count_calls_from_0(entries: &[Value], nodes: &mut [Node], outputs: &mut [History]) {
    for entry in entries.iter().filter(|entry| is_model(entry)) {
        let calls = entry.get("inbound_nodes").and_then(Value::as_array);
        let new = calls.into_iter().flatten().any(Value::is_object);
        if new && class_name(entry) == "Sequential" {
            continue;
        }
        let inner = nodes.iter_mut().filter(|_| !new).flat_map(|node| &mut node.inputs);
        let of_model = |(layer, ..): &&mut History| Some(layer.as_str()) == name_of(entry);
        let counted: Vec<&mut History> = inner.chain(outputs.iter_mut()).filter(of_model).collect();
        if counted.iter().all(|(_, call, _)| *call > 0) {
            counted.into_iter().for_each(|(_, call, _)| *call -= 1);
        }
    }
}

/// Calls layers until all nodes have their symbols.
fn call_all(
    mut nodes: Vec<Node>,
    layers: &HashMap<String, SharedLayer>,
    symbols: &mut Symbols,
) -> Result<()> {
    while !nodes.is_empty() {
        let before = nodes.len();
        nodes.retain(|node| {
            let inputs: Option<Vec<Symbol>> =
                node.inputs.iter().map(|input| symbol(symbols, input).cloned()).collect();
            let Some(inputs) = inputs else { return true };
            let given = Symbol::call_each(&layers[&node.layer], &inputs);
            symbols.insert((node.layer.clone(), node.number), given);
            false
        });
        if nodes.len() == before {
            let found = format!("made of {:?}, which nothing gives", nodes[0].inputs);
            let expected = "calls on what other layers give, without circles";
            return Err(Error::argument(
                format!("layer {:?}", nodes[0].layer),
                "inbound_nodes",
                found,
                expected,
            ));
        }
    }
    Ok(())
}

fn symbol<'a>(symbols: &'a Symbols, (layer, call, output): &History) -> Option<&'a Symbol> {
    symbols.get(&(layer.clone(), *call)).and_then(|given| given.get(*output))
}

/// The values that a call is made of: its arguments, and behind them the first states of a recurrent layer.
fn sources(layer: &str, call: &Value) -> Result<Vec<History>> {
    let mut found = Vec::new();
    if let Some(call) = call.as_object() {
        collect(call.get("args").unwrap_or(&Value::Null), &mut found);
        let options = call.get("kwargs").and_then(Value::as_object);
        collect(options.and_then(|options| options.get(STATES)).unwrap_or(&Value::Null), &mut found);
        let given = options
            .into_iter()
            .flatten()
            .find(|(key, value)| *key != STATES && !value.is_null() && **value != json!(false));
        if let Some((key, value)) = given {
            let expected = "absent: layers are called on values alone";
            return Err(Error::argument(
                format!("layer {layer:?}"),
                format!("call option {key}"),
                value,
                expected,
            ));
        }
    } else {
        // Keras 2: one [layer, call, output, options] for each value.
        found.extend(call.as_array().into_iter().flatten().filter_map(history));
    }
    if found.is_empty() {
        return Err(Error::argument(
            format!("layer {layer:?}"),
            "inbound_nodes",
            call,
            "what the layer is called on",
        ));
    }
    Ok(found)
}

/// `["layer", call, output, …]`
fn history(entry: &Value) -> Option<History> {
    let entry = entry.as_array()?;
    let number = |i: usize| entry.get(i).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
    Some((entry.first()?.as_str()?.to_string(), number(1)?, number(2)?))
}

/// The Keras tensors in the arguments of a call.
fn collect(arguments: &Value, found: &mut Vec<History>) {
    match arguments {
        Value::Array(list) => list.iter().for_each(|item| collect(item, found)),
        Value::Object(object) if object.get("class_name") == Some(&json!("__keras_tensor__")) => {
            found.extend(arguments.pointer("/config/keras_history").and_then(history));
        }
        _ => {}
    }
}

/// The values that are a model's inputs or outputs: one history, or a list of them.
fn ends(body: &Value, key: &str) -> Result<Vec<History>> {
    let wrong = |found: &Value| Error::argument(PLACE, key, found, "[layer, 0, 0], or a list of such");
    let value = body.get(key).unwrap_or(&Value::Null);
    let list = value.as_array().ok_or_else(|| wrong(value))?;
    let one = list.first().is_some_and(Value::is_string);
    let entries = if one { std::slice::from_ref(value) } else { list.as_slice() };
    entries.iter().map(|entry| history(entry).ok_or_else(|| wrong(entry))).collect()
}
