//! Functions of each element, and of several values.

use serde_json::{Value as Json, json};

use super::known::single;
use super::options::{float, int, text};
use super::value::{Tracked, Value};
use super::{Import, Outcome, Read, Weights};
use crate::formats::onnx::{Array, Node};

pub(super) const NODES: &[(&str, Read)] = &[
    ("Relu", activation),
    ("Sigmoid", activation),
    ("Tanh", activation),
    ("Softplus", activation),
    ("Softsign", activation),
    ("HardSwish", activation),
    ("Mish", activation),
    ("Exp", activation),
    ("Elu", activation),
    ("Celu", activation),
    ("Selu", activation),
    ("Gelu", activation),
    ("HardSigmoid", activation),
    ("LeakyRelu", activation),
    ("Softmax", softmax),
    ("LogSoftmax", softmax),
    ("Clip", clip),
    ("PRelu", prelu),
    ("Add", merge),
    ("Sub", merge),
    ("Mul", merge),
    ("Max", merge),
    ("Min", merge),
    ("Mean", merge),
    ("Sum", merge),
    ("Identity", pass),
    ("Cast", pass),
    ("Dropout", dropout),
    ("Greater", greater),
    ("Where", choose),
];

/// Functions whose results are never negative.
const POSITIVE: [&str; 5] = ["Relu", "Sigmoid", "Softplus", "Exp", "HardSigmoid"];

fn activation(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let function = function(node)?;
    let ready =
        import.layer("Activation", json!({ "activation": function }), &[&value.ready], Weights::default())?;
    let given = Tracked { positive: POSITIVE.contains(&node.op.as_str()), ..value.with(ready) };
    Ok(vec![Value::Tensor(given)])
}

/// The function as configs name it.
fn function(node: &Node) -> Outcome<Json> {
    let with =
        |name: &str, option: &str, value: Json| json!({ "class_name": name, "config": { option: value } });
    let near = |name: &str, default: f32, expected: f32| -> Outcome<()> {
        match float(node, name, default)? {
            found if (found - expected).abs() <= 1e-6 => Ok(()),
            found => Err(format!("has {name} {found}, where gradus has {expected}")),
        }
    };
    Ok(match node.op.as_str() {
        "HardSwish" => json!("hard_silu"),
        "Exp" => json!("exponential"),
        "Elu" => with("elu", "alpha", json!(float(node, "alpha", 1.0)?)),
        "Celu" => with("celu", "alpha", json!(float(node, "alpha", 1.0)?)),
        "LeakyRelu" => with("leaky_relu", "negative_slope", json!(float(node, "alpha", 0.01)?)),
        "Gelu" => with("gelu", "approximate", json!(text(node, "approximate", "none")? == "tanh")),
        "Selu" => {
            near("alpha", 1.673_263_2, 1.673_263_2)?;
            near("gamma", 1.050_701, 1.050_701)?;
            json!("selu")
        }
        "HardSigmoid" => {
            near("alpha", 0.2, 1.0 / 6.0)?;
            near("beta", 0.5, 0.5)?;
            json!("hard_sigmoid")
        }
        other => json!(other.to_lowercase()),
    })
}

/// Along any axis; the last one is a function that losses know.
fn softmax(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    // Before operator set 13 all axes from this one on were joined, which is the same for the last one alone.
    let axis = value.axes[value.axis(int(node, "axis", -1)?)?];
    let last = axis == Some(value.ready.sample.len());
    let (class, config) = match (node.op.as_str(), axis) {
        (_, None | Some(0)) => return Err("is taken along an axis of samples or of size 1".into()),
        ("Softmax", _) if last => ("Activation", json!({ "activation": "softmax" })),
        ("LogSoftmax", _) if last => ("Activation", json!({ "activation": "log_softmax" })),
        ("Softmax", Some(axis)) => ("Softmax", json!({ "axis": axis })),
        _ => return Err("is taken along another axis than the last".into()),
    };
    let ready = import.layer(class, config, &[&value.ready], Weights::default())?;
    Ok(vec![Value::Tensor(value.with(ready))])
}

/// Between two bounds, of which the lower is 0.
fn clip(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let bound = |number: usize, name: &str| -> Outcome<Option<f32>> {
        match import.known(node, number) {
            Some(array) => Ok(single(array)),
            None => Ok(node.attribute(name).is_some().then_some(float(node, name, 0.0)?)),
        }
    };
    let config = match (bound(1, "min")?, bound(2, "max")?) {
        (Some(0.0), None) => json!({ "activation": "relu" }),
        (Some(0.0), Some(6.0)) => json!({ "activation": "relu6" }),
        (Some(-1.0), Some(1.0)) => json!({ "activation": "hard_tanh" }),
        (Some(0.0), Some(most)) if most.is_finite() && most > 0.0 => json!({ "max_value": most }),
        (low, high) => {
            return Err(format!(
                "has bounds {low:?} and {high:?}, where gradus has 0 and a number, or -1 and 1"
            ));
        }
    };
    let class = if config.get("activation").is_some() { "Activation" } else { "ReLU" };
    let positive = config["activation"] != "hard_tanh";
    let ready = import.layer(class, config, &[&value.ready], Weights::default())?;
    Ok(vec![Value::Tensor(Tracked { positive, ..value.with(ready) })])
}

/// Slopes for each channel, or one for all.
fn prelu(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (value, slopes) = (import.tensor(node, 0)?, import.floats(node, 1)?);
    let mut sizes = vec![1; value.ready.sample.len()];
    let rank = value.axes.len();
    for (axis, &size) in slopes.shape.iter().rev().enumerate().filter(|(_, size)| **size != 1) {
        let place = rank.checked_sub(axis + 1).and_then(|axis| value.axes[axis]).filter(|&place| place > 0);
        sizes[place.ok_or("has slopes along the axis of the samples")? - 1] = size;
    }
    if sizes.iter().filter(|&&size| size != 1).count() > 1 {
        return Err(format!("has slopes of shape {:?}, where one axis at most is read", slopes.shape));
    }
    let shared: Vec<usize> = (1..=sizes.len()).filter(|&axis| sizes[axis - 1] == 1).collect();
    let weights = Weights { names: import.names(node, &[1]), arrays: vec![Array { shape: sizes, ..slopes }] };
    let ready = import.layer("PReLU", json!({ "shared_axes": shared }), &[&value.ready], weights)?;
    Ok(vec![Value::Tensor(value.with(ready))])
}

/// Several values, element by element, those of size 1 stretched.
fn merge(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let class = match node.op.as_str() {
        "Add" | "Sum" => "Add",
        "Sub" => "Subtract",
        "Mul" => "Multiply",
        "Max" => "Maximum",
        "Min" => "Minimum",
        _ => "Average",
    };
    let values =
        (0..node.inputs.len()).map(|number| import.tensor(node, number)).collect::<Outcome<Vec<_>>>()?;
    // The axes lie as those of the value that has most of its own.
    let most = |value: &&Tracked| value.axes.iter().flatten().count();
    let like = values.iter().rev().max_by_key(most).ok_or("has no inputs")?.clone();
    if values.iter().any(|value| value.axes.len() != like.axes.len()) {
        return Err("joins values of different numbers of axes".into());
    }
    let mut order: Vec<usize> = (0..like.axes.len()).filter(|&axis| like.axes[axis].is_some()).collect();
    order.sort_by_key(|&axis| like.axes[axis]);
    order.extend((0..like.axes.len()).filter(|&axis| like.axes[axis].is_none()));
    let units = values
        .iter()
        .any(|value| value.axes.iter().map(Option::is_some).ne(like.axes.iter().map(Option::is_some)));
    let ready =
        values.iter().map(|value| import.arranged(value, &order, units)).collect::<Outcome<Vec<_>>>()?;
    if let [one] = ready.as_slice() {
        return Ok(vec![Value::Tensor(like.with(one.clone()))]);
    }
    let joined = import.layer(class, json!({}), &ready.iter().collect::<Vec<_>>(), Weights::default())?;
    Ok(vec![Value::Tensor(if units { Tracked::ordered(joined, &order) } else { like.with(joined) })])
}

/// The same value. Numbers of words stay what they are: the layer that reads them rounds.
fn pass(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    Ok(vec![Value::Tensor(import.tensor(node, 0)?)])
}

fn dropout(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let rate = import.known(node, 1).and_then(single).map_or_else(|| float(node, "ratio", 0.5), Ok)?;
    let ready = import.layer("Dropout", json!({ "rate": rate }), &[&value.ready], Weights::default())?;
    Ok(vec![Value::Tensor(Tracked { positive: value.positive, ..value.with(ready) })])
}

fn greater(_import: &mut Import<'_>, _node: &Node) -> Outcome<Vec<Value>> {
    Ok(vec![Value::Condition])
}

/// PyTorch writes softplus as x where x is large and ln(1 + eˣ) elsewhere, which is the same to the last bit or so.
fn choose(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let source = |name: &String| import.graph.nodes.iter().find(|node| node.outputs.contains(name));
    if let [condition, large, small] = node.inputs.as_slice()
        && let (Some(greater), Some(softplus)) = (source(condition), source(small))
        && (greater.op.as_str(), softplus.op.as_str()) == ("Greater", "Softplus")
        && [greater.inputs.first(), softplus.inputs.first()] == [Some(large); 2]
        && import.known(greater, 1).and_then(single).is_some_and(|limit| limit >= 16.0)
    {
        return Ok(vec![Value::Tensor(import.named(small)?)]);
    }
    Err("chooses between values, which gradus has no layer for".into())
}
