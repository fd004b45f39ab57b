//! Products of matrices, normalizations, and tables of words.

use serde_json::json;

use super::known::transposed;
use super::options::{float, int, only};
use super::value::{Tracked, Value};
use super::{Import, Outcome, Read, Weights};
use crate::formats::onnx::{Array, Node, Numbers};

pub(super) const NODES: &[(&str, Read)] = &[
    ("MatMul", mat_mul),
    ("Gemm", gemm),
    ("BatchNormalization", batch_normalization),
    ("LayerNormalization", layer_normalization),
    ("Gather", gather),
];

/// Values times a matrix, along their last axis.
fn mat_mul(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let (value, kernel) = (import.tensor(node, 0)?, import.floats(node, 1)?);
    let units = *kernel.shape.last().ok_or("takes a number where a matrix belongs")?;
    let mut weights = Weights { names: import.names(node, &[1]), arrays: vec![kernel] };
    if let Some((name, bias)) = import.bias_after(node, units) {
        weights.names.push(name);
        weights.arrays.push(bias);
    }
    dense(import, &value, units, weights)
}

fn dense(import: &mut Import<'_>, value: &Tracked, units: usize, weights: Weights) -> Outcome<Vec<Value>> {
    let order = value.batch_first();
    if value.batch_axis() + 1 == value.axes.len() {
        return Err("multiplies along the axis of the samples".into());
    }
    let ready = import.arranged(value, &order, true)?;
    let config = json!({ "units": units, "use_bias": weights.arrays.len() == 2 });
    let ready = import.layer("Dense", config, &[&ready], weights)?;
    Ok(vec![Value::Tensor(Tracked::ordered(ready, &order))])
}

/// alpha · A · B + beta · C
fn gemm(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    only(node, "transA", 0)?;
    let (value, matrix) = (import.tensor(node, 0)?, import.floats(node, 1)?);
    let kernel = if int(node, "transB", 0)? == 0 { matrix } else { transposed(&matrix, &[1, 0])? };
    let units = *kernel.shape.last().ok_or("takes a number where a matrix belongs")?;
    let mut weights = Weights {
        names: import.names(node, &[1, 2]),
        arrays: vec![scaled(kernel, float(node, "alpha", 1.0)?)],
    };
    if import.has(node, 2) {
        let bias = scaled(import.floats(node, 2)?, float(node, "beta", 1.0)?);
        weights.arrays.push(row(bias, units)?);
    }
    dense(import, &value, units, weights)
}

fn scaled(mut array: Array, factor: f32) -> Array {
    if let Numbers::Floats(values) = &mut array.values {
        values.iter_mut().for_each(|value| *value *= factor);
    }
    array
}

/// One number for each of `units`.
fn row(array: Array, units: usize) -> Outcome<Array> {
    let Numbers::Floats(mut values) = array.values else { return Err("adds no floats".into()) };
    if values.len() == 1 {
        values = vec![values[0]; units];
    }
    if values.len() == units {
        Ok(Array::floats(&[units], values))
    } else {
        Err(format!("adds an array of shape {:?}", array.shape))
    }
}

impl Import<'_> {
    /// The array of `units` numbers that is added to what `node` gives, if nothing else reads that.
    fn bias_after(&mut self, node: &Node, units: usize) -> Option<(String, Array)> {
        let given = node.outputs.first()?;
        if self.readers.get(given.as_str()) != Some(&1) {
            return None;
        }
        let (number, next) =
            self.graph.nodes.iter().enumerate().find(|(_, next)| next.inputs.contains(given))?;
        let other = next.inputs.iter().position(|name| name != given)?;
        let bias = self.known(next, other).filter(|_| next.op == "Add" && next.inputs.len() == 2)?;
        let fits = bias.len() == units
            && bias.shape.last() == Some(&units)
            && matches!(bias.values, Numbers::Floats(_));
        let bias = fits.then(|| Array { shape: vec![units], ..bias.clone() })?;
        self.fused.insert(number, given.clone());
        Some((next.inputs[other].clone(), bias))
    }
}

fn batch_normalization(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    only(node, "training_mode", 0)?;
    let value = import.tensor(node, 0)?;
    let axis = value.axes.get(1).copied().flatten().filter(|&axis| axis > 0);
    let axis = axis.ok_or("has no channels along the second axis")?;
    let arrays = (1..=4).map(|number| import.floats(node, number)).collect::<Outcome<Vec<_>>>()?;
    let weights = Weights { names: import.names(node, &[1, 2, 3, 4]), arrays };
    let (epsilon, momentum) = (float(node, "epsilon", 1e-5)?, float(node, "momentum", 0.9)?);
    let config = json!({ "axis": axis, "epsilon": epsilon, "momentum": momentum });
    let ready = import.layer("BatchNormalization", config, &[&value.ready], weights)?;
    Ok(vec![Value::Tensor(value.with(ready))])
}

fn layer_normalization(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let value = import.tensor(node, 0)?;
    let order = value.batch_first();
    let first = value.axis(int(node, "axis", -1)?)?;
    if first <= value.batch_axis() {
        return Err("normalizes along the axis of the samples".into());
    }
    let ready = import.arranged(&value, &order, true)?;
    let axes: Vec<usize> = (first..value.axes.len()).collect();
    let mut weights = Weights { names: import.names(node, &[1, 2]), arrays: vec![import.floats(node, 1)?] };
    let center = import.has(node, 2);
    if center {
        weights.arrays.push(import.floats(node, 2)?);
    }
    let config = json!({ "axis": axes, "epsilon": float(node, "epsilon", 1e-5)?, "center": center });
    let ready = import.layer("LayerNormalization", config, &[&ready], weights)?;
    Ok(vec![Value::Tensor(Tracked::ordered(ready, &order))])
}

/// Rows of a table by numbers that layers give; or one position of what they give.
fn gather(import: &mut Import<'_>, node: &Node) -> Outcome<Vec<Value>> {
    let Some(table) = import.known(node, 0).cloned() else { return super::shapes::position(import, node) };
    only(node, "axis", 0)?;
    let numbers = import.tensor(node, 1)?;
    let [rows, width] = table.shape[..] else {
        return Err(format!("takes rows of a table of shape {:?}", table.shape));
    };
    let order = numbers.batch_first();
    if numbers.batch_axis() != 0 {
        return Err("has the samples along another axis than the first".into());
    }
    let ready = import.arranged(&numbers, &order, true)?;
    let weights = Weights { names: import.names(node, &[0]), arrays: vec![table] };
    let ready =
        import.layer("Embedding", json!({ "input_dim": rows, "output_dim": width }), &[&ready], weights)?;
    Ok(vec![Value::Tensor(Tracked::new(ready))])
}
