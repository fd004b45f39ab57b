//! Operations that move elements and compute nothing.

use super::{Value, offsets, strides};
use crate::graph::Stride;

/// The coordinate along `axis` of each element of `shape`.
pub fn iota(shape: &[usize], axis: usize) -> Vec<f64> {
    let steps: Vec<usize> = (0..shape.len()).map(|i| usize::from(i == axis)).collect();
    offsets(shape, &steps).iter().map(|&i| i as f64).collect()
}

/// Axis i of the result, of `shape`, is axis `order[i]` of `x`.
pub fn transpose(x: &Value, order: &[usize], shape: &[usize]) -> Vec<f64> {
    let steps = strides(&x.shape);
    let steps: Vec<usize> = order.iter().map(|&axis| steps[axis]).collect();
    offsets(shape, &steps).iter().map(|&i| x.data[i]).collect()
}

/// Each part at its offset, zeros between.
pub fn pack(parts: &[&Value], offsets: impl Iterator<Item = usize>, shape: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    for (part, offset) in parts.iter().zip(offsets) {
        result[offset..offset + part.data.len()].copy_from_slice(&part.data);
    }
    result
}

/// For each element of a row-major `shape`, the element of an array with `strides` at its positions along `axes`.
fn positions(shape: &[usize], axes: &[Stride], strides: &[usize]) -> Vec<usize> {
    let mut result = vec![0];
    for ((&size, axis), stride) in shape.iter().zip(axes).zip(strides) {
        let places: Vec<usize> =
            (0..size).map(|i| axis.position(i).expect("checked by the shape rule") * stride).collect();
        result = result.iter().flat_map(|&base| places.iter().map(move |place| base + place)).collect();
    }
    result
}

/// The elements of `x` at some positions along each axis.
pub fn slice(x: &Value, axes: &[Stride], shape: &[usize]) -> Vec<f64> {
    positions(shape, axes, &strides(&x.shape)).iter().map(|&i| x.data[i]).collect()
}

/// The elements of `x` at some positions of `shape`, zeros elsewhere.
pub fn pad(x: &Value, axes: &[Stride], shape: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    for (&i, &value) in positions(&x.shape, axes, &strides(shape)).iter().zip(&x.data) {
        result[i] = value;
    }
    result
}

/// The parts side by side along `axis`.
pub fn concat(parts: &[&Value], axis: usize, shape: &[usize]) -> Vec<f64> {
    let outer: usize = shape[..axis].iter().product();
    let row = |part: &Value, i: usize| {
        let length: usize = part.shape[axis..].iter().product();
        part.data[i * length..(i + 1) * length].to_vec()
    };
    (0..outer).flat_map(|i| parts.iter().flat_map(move |part| row(part, i))).collect()
}

/// The rows of `table` called by `numbers`; NaN where there is none. With `own`, each sample reads a table of its own.
pub fn gather(table: &Value, numbers: &Value, own: bool) -> Vec<f64> {
    let (samples, rest) = if own { (table.shape[0], &table.shape[1..]) } else { (1, &table.shape[..]) };
    let (rows, length): (usize, usize) = (rest[0], rest[1..].iter().product());
    let each = numbers.data.len() / samples;
    let row = |(i, &number): (usize, &f64)| match number as usize {
        n if n < rows => {
            let at = (i / each.max(1) * rows + n) * length;
            table.data[at..at + length].to_vec()
        }
        _ => vec![f64::NAN; length],
    };
    numbers.data.iter().enumerate().flat_map(row).collect()
}

/// Rows of `values` added to the rows that `numbers` call; with `own`, to those of each sample's own table.
pub fn scatter_add(values: &Value, numbers: &Value, shape: &[usize], own: bool) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    let (samples, rest) = if own { (shape[0], &shape[1..]) } else { (1, shape) };
    let (rows, length): (usize, usize) = (rest[0], rest[1..].iter().product());
    let each = numbers.data.len() / samples;
    for (i, &number) in numbers.data.iter().enumerate() {
        if (number as usize) < rows {
            let at = (i / each.max(1) * rows + number as usize) * length;
            for j in 0..length {
                result[at + j] += values.data[i * length + j];
            }
        }
    }
    result
}
