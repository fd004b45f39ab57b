//! What a step reads and overwrites: values of variables before and after, in one graph.

use super::programs::{FUSED, PLAIN, assert_close, program, reference, run, run_cpu, shared, steps};
use crate::graph::{Element, Graph, SEGMENT};
use crate::tensor::{Shape, Tensor};

/// A step over one batch of three rows on every executor, fused and not, against the reference.
fn check(what: &str, graph: &Graph) {
    let x = Tensor::f32(&[3, 4], (0..12).map(|i| i as f32 * 0.25 - 1.0).collect()).unwrap();
    let value = |seed: usize| (0..SEGMENT).map(|i| ((i * 7 + seed * 3) % 11) as f32 * 0.1 - 0.5).collect();
    let start: Vec<Vec<f32>> = graph
        .variables
        .iter()
        .enumerate()
        .map(|(i, v)| std::iter::repeat_n(value(i), v.segments).collect::<Vec<Vec<f32>>>().concat())
        .collect();
    let (data, steps) = ([x], steps(&[3], &[]));
    let expected = reference(graph, &data, (&[], &steps), &start);
    // Sums of at most 16 products below 12.5 in size: 8·√16·2⁻²⁴ of 200.
    let bound = 32.0 * 2f64.powi(-24) * 200.0;
    let close = |how: &str, found: &[Vec<f32>]| {
        for (found, expected) in found.iter().zip(&expected.variables) {
            assert_close(&format!("{what}, {how}"), found, expected, 32.0, bound);
        }
    };
    for (how, options) in [("fused", FUSED), ("not fused", PLAIN)] {
        let found = run_cpu(graph, options, &data, (&[], &steps), &start);
        close(&format!("{how} on the CPU"), &found.variables);
        if let Some(gpu) = shared() {
            let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let found = run(&mut gpu, &program(graph, options, 3), &data, (&[], &steps), &start);
            close(&format!("{how} on the GPU"), &found.variables);
        }
    }
}

/// Two packed gradients of one variable live at once.
#[test]
fn a_variable_may_be_packed_twice() {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let (a, b) = (g.parameter("a", &[4, 2], weights), g.parameter("b", &[2], weights));
    let x = g.input("x", &[4], Element::F32);
    let product = g.matmul(x, a, false, false).unwrap();
    let y = g.add(product, b).unwrap();
    let square = g.multiply(y, y).unwrap();
    let loss = g.sum_all(square).unwrap();
    let first = g.gradients(loss, &[a, b]).unwrap();
    let other = g.sum_all(y).unwrap();
    let second = g.gradients(other, &[a, b]).unwrap();
    let (first, second) = (g.pack(weights, &first).unwrap(), g.pack(weights, &second).unwrap());
    let before = g.read(weights);
    let scaled = g.scale(second, -0.5).unwrap();
    let both = g.add(first, scaled).unwrap();
    let after = g.add(before, both).unwrap();
    g.assign(weights, after).unwrap();
    check("two packs", &g);
}

/// The weights follow from a slot's new value, at a distance, and from its old one.
#[test]
fn old_and_new_values_of_a_variable_meet() {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let w = g.parameter("w", &[4], weights);
    let slot = g.variable_like("slot", weights);
    let x = g.input("x", &[4], Element::F32);
    let product = g.multiply(x, w).unwrap();
    let loss = g.sum_all(product).unwrap();
    let gradient = g.gradients(loss, &[w]).unwrap();
    let gradient = g.pack(weights, &gradient).unwrap();
    let old = g.read(slot);
    let kept = g.scale(old, 0.9).unwrap();
    let new = g.add(kept, gradient).unwrap();
    g.assign(slot, new).unwrap();
    // A product of matrices between the two keeps them from being one kernel.
    let square = g.reshape(new, &Shape::fixed(&[16, 16])).unwrap();
    let turned = g.matmul(square, square, false, true).unwrap();
    let turned = g.reshape(turned, &Shape::fixed(&[1, SEGMENT])).unwrap();
    let mixed = g.multiply(turned, kept).unwrap();
    let before = g.read(weights);
    let after = g.subtract(before, mixed).unwrap();
    g.assign(weights, after).unwrap();
    check("old and new", &g);
}

/// Weights that change places: no element is overwritten before it is read.
#[test]
fn a_variable_may_be_turned_around() {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let w = g.parameter("w", &[4], weights);
    let x = g.input("x", &[4], Element::F32);
    let product = g.multiply(x, w).unwrap();
    let loss = g.sum_all(product).unwrap();
    let gradient = g.gradients(loss, &[w]).unwrap();
    let gradient = g.pack(weights, &gradient).unwrap();
    let before = g.read(weights);
    let turned = g.reverse(before, 1).unwrap();
    let after = g.add(turned, gradient).unwrap();
    g.assign(weights, after).unwrap();
    check("turned", &g);
}
