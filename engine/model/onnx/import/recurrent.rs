//! Recurrent layers.

use serde_json::{Value as Json, json};

use super::options::{float, int, only, text};
use super::value::{Ready, Tracked, Value};
use super::{Import, Outcome, Read, Weights};
use crate::formats::onnx::{Array, Attribute, Node, Numbers};

pub(super) const NODES: &[(&str, Read)] = &[("LSTM", recurrent), ("GRU", recurrent), ("RNN", recurrent)];

/// A kind of recurrent layer.
struct Kind {
    /// Keras's class.
    class: &'static str,
    /// Which of the file's gates each of the layer's is.
    gates: &'static [usize],
    /// The activations that a file need not name: those of the gates first, if there are gates.
    activations: &'static [&'static str],
}

/// In a file an LSTM has its gates in the order input, output, forget, cell; in a layer input, forget, cell, output.
const LSTM: Kind = Kind { class: "LSTM", gates: &[0, 2, 3, 1], activations: &["Sigmoid", "Tanh", "Tanh"] };
const GRU: Kind = Kind { class: "GRU", gates: &[0, 1, 2], activations: &["Sigmoid", "Tanh"] };
const RNN: Kind = Kind { class: "SimpleRNN", gates: &[0], activations: &["Tanh"] };

fn recurrent(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let kind = match node.op.as_str() {
        "LSTM" => LSTM,
        "GRU" => GRU,
        _ => RNN,
    };
    check(import, node)?;
    let layout = int(node, "layout", 0)?;
    let value = import.tensor(node, 0)?;
    let order = if layout == 0 { [1, 0, 2] } else { [0, 1, 2] };
    if value.axes.len() != 3 || value.axes[order[0]] != Some(0) {
        return Err("has the samples along another axis than its layout says".into());
    }
    let ready = import.arranged(&value, &order, true)?;
    let reads = |number: usize| {
        node.outputs.get(number).is_some_and(|name| import.readers.contains_key(name.as_str()))
    };
    let wanted = [reads(0), reads(1), reads(2)];
    let (direction, width) = (text(node, "direction", "forward")?.to_string(), units(import, node)?);
    let directions = if direction == "bidirectional" { 2 } else { 1 };
    let mut config = config(node, &kind, width, directions)?;
    let mut weights = Weights { names: import.names(node, &[1, 2, 3]), arrays: Vec::new() };
    for number in 0..directions {
        weights.arrays.extend(arrays(import, node, &kind, (number, directions), width)?);
    }
    config["use_bias"] = json!(import.has(node, 3));
    config["return_sequences"] = json!(wanted[0]);
    let layer = match direction.as_str() {
        "reverse" if wanted[0] => {
            return Err(
                "goes backwards and gives all steps, which gradus's layers give in another order".into()
            );
        }
        "reverse" => {
            config["go_backwards"] = json!(true);
            (kind.class, config)
        }
        "bidirectional" => {
            if wanted[2] || wanted[0] && wanted[1] {
                return Err("gives the states of two directions".into());
            }
            ("Bidirectional", json!({ "layer": { "class_name": kind.class, "config": config } }))
        }
        _ => (kind.class, config),
    };
    let given = match directions {
        1 => one_direction(import, layer, ready, weights, wanted)?,
        _ => both_directions(import, layer, ready, weights, (wanted[0], width))?,
    };
    Ok(given.into_iter().map(|tracked| Value::Tensor(turned(tracked, layout))).collect())
}

/// What layers cannot do is left out or neutral.
fn check(import: &Import<'_>, node: &Node) -> Outcome<()> {
    only(node, "input_forget", 0)?;
    if node.attribute("clip").is_some() || float(node, "clip", 0.0)? != 0.0 {
        return Err("clips its gates".into());
    }
    if import.has(node, 4) || import.has(node, 7) {
        return Err("has lengths of sequences, or peepholes".into());
    }
    if !import.is_zero(node, 5) || !import.is_zero(node, 6) {
        return Err("starts from states other than zero".into());
    }
    Ok(())
}

fn units(import: &Import<'_>, node: &Node) -> Outcome<usize> {
    let recurrent = import.floats(node, 2)?;
    recurrent
        .shape
        .get(2)
        .copied()
        .filter(|&width| width > 0)
        .ok_or_else(|| "has no recurrent weights".into())
}

fn config(node: &Node, kind: &Kind, width: usize, directions: usize) -> Outcome<Json> {
    let own: Vec<String> = kind.activations.iter().map(|name| name.to_string()).collect();
    let names = match node.attribute("activations") {
        Some(Attribute::Texts(names)) => names.clone(),
        _ => own.iter().cloned().cycle().take(own.len() * directions).collect(),
    };
    let known = |name: &String| ["Sigmoid", "Tanh", "Relu"].contains(&name.as_str());
    let halves_agree = names.chunks(own.len()).all(|half| half == &names[..own.len().min(names.len())]);
    let cell_agrees = kind.gates.len() < 4 || names.get(1) == names.get(2);
    if names.len() != own.len() * directions || !names.iter().all(known) || !halves_agree || !cell_agrees {
        return Err(format!("has activations {names:?}"));
    }
    let mut config = json!({ "units": width });
    match kind.gates.len() {
        1 => config["activation"] = json!(names[0].to_lowercase()),
        _ => {
            config["recurrent_activation"] = json!(names[0].to_lowercase());
            config["activation"] = json!(names[1].to_lowercase());
        }
    }
    if kind.class == "GRU" {
        config["reset_after"] = json!(int(node, "linear_before_reset", 0)? != 0);
    }
    Ok(config)
}

/// Kernel, recurrent kernel and bias of one direction.
fn arrays(
    import: &Import<'_>,
    node: &Node,
    kind: &Kind,
    (number, directions): (usize, usize),
    width: usize,
) -> Outcome<Vec<Array>> {
    let gates = kind.gates.len();
    let mut arrays = Vec::new();
    for input in [1, 2] {
        let array = import.floats(node, input)?;
        let [found, rows, columns] = array.shape[..] else {
            return Err(format!("has weights of shape {:?}", array.shape));
        };
        if found != directions || Some(rows) != width.checked_mul(gates) {
            return Err(format!(
                "has weights of shape {:?} for {directions} directions and {width} units",
                array.shape
            ));
        }
        arrays.push(kernel(&array, kind, number, [width, columns])?);
    }
    if import.has(node, 3) {
        let array = import.floats(node, 3)?;
        if array.shape != [directions, 2 * gates * width] {
            return Err(format!("has biases of shape {:?}", array.shape));
        }
        let both = bias(&array, kind, number, width)?;
        let apart = kind.class == "GRU" && int(node, "linear_before_reset", 0)? != 0;
        let [input, recurrent] = both;
        arrays.push(match apart {
            true => Array::floats(&[2, gates * width], [input, recurrent].concat()),
            false => {
                let sum = input.iter().zip(&recurrent).map(|(a, b)| a + b).collect();
                Array::floats(&[gates * width], sum)
            }
        });
    }
    Ok(arrays)
}

/// `[directions, gates · units, columns]` as `[columns, gates · units]`.
fn kernel(array: &Array, kind: &Kind, number: usize, [width, columns]: [usize; 2]) -> Outcome<Array> {
    let Numbers::Floats(values) = &array.values else { return Err("has weights that are no floats".into()) };
    let gates = kind.gates.len();
    let rows = &values[number * gates * width * columns..][..gates * width * columns];
    let mut kernel = Vec::with_capacity(rows.len());
    for column in 0..columns {
        for &gate in kind.gates {
            kernel.extend((0..width).map(|unit| rows[(gate * width + unit) * columns + column]));
        }
    }
    Ok(Array::floats(&[columns, gates * width], kernel))
}

/// The biases of the input and of the state.
fn bias(array: &Array, kind: &Kind, number: usize, width: usize) -> Outcome<[Vec<f32>; 2]> {
    let Numbers::Floats(values) = &array.values else { return Err("has biases that are no floats".into()) };
    let all = kind.gates.len() * width;
    let part = |half: usize| {
        let own = &values[(2 * number + half) * all..][..all];
        kind.gates.iter().flat_map(|&gate| own[gate * width..][..width].to_vec()).collect()
    };
    Ok([part(0), part(1)])
}

/// All steps, the last one, and the last state of the cell: axes time, direction, samples, units.
fn one_direction(
    import: &mut Import<'_>,
    (class, mut config): (&str, Json),
    ready: Ready,
    weights: Weights,
    [all, last, cell]: [bool; 3],
) -> Outcome<Vec<Tracked>> {
    let states = (all && last) || cell;
    config["return_state"] = json!(states);
    let given = import.layer_each(class, config, &[&ready], weights)?;
    let step = |ready: Option<&Ready>| {
        let ready = ready.unwrap_or(&given[0]).clone();
        Tracked { ready, axes: vec![None, Some(0), Some(1)], positive: false }
    };
    let sequence =
        Tracked { ready: given[0].clone(), axes: vec![Some(1), None, Some(0), Some(2)], positive: false };
    Ok(vec![if all { sequence } else { step(None) }, step(given.get(1)), step(given.get(2))])
}

/// The same for two directions, whose units layers give side by side.
fn both_directions(
    import: &mut Import<'_>,
    (class, config): (&str, Json),
    ready: Ready,
    weights: Weights,
    (all, width): (bool, usize),
) -> Outcome<Vec<Tracked>> {
    let ready = import.layer(class, config, &[&ready], weights)?;
    let mut sample = ready.sample.clone();
    sample.pop();
    sample.extend([2, width]);
    let ready = import.reshaped(ready, sample)?;
    let axes = if all { vec![Some(1), Some(2), Some(0), Some(3)] } else { vec![Some(1), Some(0), Some(2)] };
    Ok(vec![Tracked { ready, axes, positive: false }; 2])
}

/// With `layout` 1 a file has the samples first.
fn turned(tracked: Tracked, layout: i64) -> Tracked {
    let order: &[usize] = match (layout, tracked.axes.len()) {
        (0, _) => return tracked,
        (_, 4) => &[2, 0, 1, 3],
        _ => &[1, 0, 2],
    };
    let axes = order.iter().map(|&axis| tracked.axes[axis]).collect();
    Tracked { axes, ..tracked }
}
