//! Operations that move elements and compute nothing.

use super::{Value, offsets, strides};

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
