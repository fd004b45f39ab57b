//! Reductions over axes, and the index of the largest.

use super::elementwise::{maximum, minimum, sources};
use super::{Value, strides};
use crate::graph::Reduction;

/// Joins `x` along `axes`; `shape` has size 1 there.
pub fn reduce(kind: Reduction, x: &Value, axes: &[usize], shape: &[usize]) -> Vec<f64> {
    debug_assert!(axes.iter().all(|&axis| shape[axis] == 1));
    let start = match kind {
        Reduction::Sum => 0.0,
        Reduction::Max => f64::NEG_INFINITY,
        Reduction::Min => f64::INFINITY,
    };
    let mut result = Value::filled(shape.to_vec(), start).data;
    // Where broadcasting would read the result for an element of x, that element is joined.
    for (&value, target) in x.data.iter().zip(sources(shape, &x.shape)) {
        let joined = &mut result[target];
        *joined = match kind {
            Reduction::Sum => *joined + value,
            Reduction::Max => maximum(*joined, value),
            Reduction::Min => minimum(*joined, value),
        };
    }
    result
}

/// The index of the first largest value along `axis`. NaN is never the largest; with nothing else it is 0.
pub fn argmax(x: &Value, axis: usize) -> Vec<f64> {
    let (step, size) = (strides(&x.shape)[axis], x.shape[axis]);
    let outer: usize = x.shape[..axis].iter().product();
    let mut result = Vec::with_capacity(outer * step);
    for before in 0..outer {
        for after in 0..step {
            let at = |i: usize| x.data[(before * size + i) * step + after];
            let (mut best, mut largest) = (0, f64::NEG_INFINITY);
            for i in 0..size {
                if at(i) > largest {
                    (best, largest) = (i, at(i));
                }
            }
            result.push(best as f64);
        }
    }
    result
}
