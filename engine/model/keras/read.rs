//! From a config to a model.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::layers::{self, Layer};
use crate::model::{Input, Model, Sequential, SharedLayer, Symbol};

const PLACE: &str = "Keras config";

/// The argument of a recurrent layer's call that holds its first states.
const STATES: &str = "initial_state";

/// The model that `config` describes, whose weights are at most `most` numbers.
pub(super) fn model(config: &Value, most: usize) -> Result<Model> {
    let class = config.get("class_name").and_then(Value::as_str).unwrap_or_default();
    let body = config.get("config").unwrap_or(&Value::Null);
    // Keras 3 names the module of everything, Keras 2 of nothing.
    let old = config.get("module").is_none();
    match class {
        "Sequential" => sequential(body, old, most),
        "Functional" | "Model" => functional(body, old, most),
        _ => {
            let found = if class.is_empty() { "absent".to_string() } else { format!("{class:?}") };
            Err(Error::argument(
                PLACE,
                "class_name",
                found,
                "Sequential or Functional: models of Keras's own classes",
            ))
        }
    }
}

fn sequential(body: &Value, old: bool, most: usize) -> Result<Model> {
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
            model = model.add(layer(entry, old)?);
        }
    }
    if let Some(name) = body.get("name").and_then(Value::as_str) {
        model = model.name(name);
    }
    model.most = most;
    if let Some(shape) = shape {
        model = model.input_shape(&shape);
        model.build(&shape)?;
    }
    Ok(model.into())
}

fn class_name(entry: &Value) -> &str {
    entry.get("class_name").and_then(Value::as_str).unwrap_or_default()
}

/// A layer of a config. What Keras 2 said beside the options is left out.
fn layer(entry: &Value, old: bool) -> Result<Box<dyn Layer>> {
    let mut config = entry.get("config").cloned().unwrap_or_else(|| json!({}));
    if let Some(name) = entry.get("name").filter(|_| config.get("name").is_none()) {
        config["name"] = name.clone();
    }
    if old {
        modernise(class_name(entry), &mut config);
    }
    layers::from_config(class_name(entry), &config)
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

fn functional(body: &Value, old: bool, most: usize) -> Result<Model> {
    let entries = body.get("layers").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| Error::argument(PLACE, "layers", "absent", "a list of layers"))?;
    let (mut symbols, mut layers, mut nodes) = (Symbols::new(), HashMap::new(), Vec::new());
    for entry in entries {
        let name = entry.get("name").or_else(|| entry["config"].get("name")).and_then(Value::as_str);
        let name = name.ok_or_else(|| Error::argument(PLACE, "name of a layer", "absent", "a string"))?;
        if class_name(entry) == "InputLayer" {
            let shape = declared_shape(entry)?.unwrap_or_default();
            symbols.insert((name.to_string(), 0), vec![Input::named(name, &shape)]);
            continue;
        }
        layers.insert(name.to_string(), SharedLayer::new(layer(entry, old)?));
        let calls = entry.get("inbound_nodes").and_then(Value::as_array);
        for (number, call) in calls.into_iter().flatten().enumerate() {
            nodes.push(Node { layer: name.to_string(), number, inputs: sources(name, call)? });
        }
    }
    call_all(nodes, &layers, &mut symbols)?;
    let [inputs, outputs] = ["input_layers", "output_layers"].map(|key| ends(body, key, &symbols));
    let (inputs, outputs) = (inputs?, outputs?);
    let [inputs, outputs]: [Vec<&Symbol>; 2] = [inputs.iter().collect(), outputs.iter().collect()];
    let model = Model::of(&inputs, &outputs, most)?;
    Ok(match body.get("name").and_then(Value::as_str) {
        Some(name) => model.name(name),
        None => model,
    })
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

/// The symbols that are a model's inputs or outputs: one history, or a list of them.
fn ends(body: &Value, key: &str, symbols: &Symbols) -> Result<Vec<Symbol>> {
    let wrong = |found: &Value| Error::argument(PLACE, key, found, "[layer, 0, 0], or a list of such");
    let value = body.get(key).unwrap_or(&Value::Null);
    let list = value.as_array().ok_or_else(|| wrong(value))?;
    let one = list.first().is_some_and(Value::is_string);
    let entries = if one { std::slice::from_ref(value) } else { list.as_slice() };
    let end = |entry: &Value| {
        let history = history(entry).ok_or_else(|| wrong(entry))?;
        symbol(symbols, &history).cloned().ok_or_else(|| wrong(entry))
    };
    entries.iter().map(end).collect()
}
