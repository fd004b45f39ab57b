//! Activation functions and their derivatives on points from −100 to 100, within the bound that follows from the
//! roundings of their own operations.

use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::cpu::plain::{Feed, Plain};
use crate::graph::{Binary, Element, Graph, NodeId, Op, Unary};
use crate::layers::ActivationFunction as F;
use crate::tensor::Tensor;

/// Not on a kink: there a rounding decides which side is taken.
fn points() -> Vec<f32> {
    (0..70).map(|i| -100.0 + 200.0 * i as f32 / 69.0).collect()
}

pub const UNIT: f64 = 1.0 / (1 << 24) as f64;
/// The smallest normal number: what is below may be flushed to 0.
pub const TINY: f64 = 1.2e-38;

/// Errors that a function makes of its own, in half units of the last place: the greatest of both executors.
pub fn own_error(function: Unary) -> f64 {
    match function {
        Unary::Negate | Unary::Abs | Unary::Sign | Unary::Relu | Unary::Detach => 0.0,
        Unary::Exp | Unary::Expm1 | Unary::Sqrt => 8.0,
        Unary::Log | Unary::Log1p => 10.0,
        Unary::Sigmoid | Unary::Softplus => 12.0,
        Unary::Tanh | Unary::Erf => 16.0,
        Unary::Erfc => 24.0,
    }
}

/// |f′| at x, where f is y.
fn slope(function: Unary, x: f64, y: f64) -> f64 {
    match function {
        Unary::Negate | Unary::Abs | Unary::Relu | Unary::Detach => 1.0,
        Unary::Sign => 0.0,
        Unary::Exp => y,
        Unary::Expm1 => y + 1.0,
        Unary::Log => 1.0 / x.abs(),
        Unary::Log1p => 1.0 / (1.0 + x).abs(),
        Unary::Sqrt => 0.5 / y,
        Unary::Tanh => 1.0 - y * y,
        Unary::Sigmoid => y * (1.0 - y),
        Unary::Softplus => 1.0 / (1.0 + (-x).exp()),
        Unary::Erf | Unary::Erfc => 1.13 * (-x * x).exp(),
    }
}

/// The error that each element of each node may have: what its inputs' errors become, and its own rounding. Nodes have
/// the points' elements, or one for all.
fn errors(graph: &Graph, values: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut errors: Vec<Vec<f64>> = Vec::new();
    for id in graph.ids() {
        let node = graph.node(id);
        let at = |all: &[Vec<f64>], n: usize, i: usize| {
            let data = &all[node.inputs[n].0];
            data[if data.len() == 1 { 0 } else { i }]
        };
        let error = |i: usize| {
            let y = values[id.0][i];
            let (x, e) = (|n| at(values, n, i), |n| at(&errors, n, i));
            let (carried, own) = match node.op {
                Op::Unary(f) => (slope(f, x(0), y) * e(0), own_error(f)),
                Op::Binary(Binary::Add | Binary::Subtract) => (e(0) + e(1), 1.0),
                Op::Binary(Binary::Multiply) => (x(0).abs() * e(1) + x(1).abs() * e(0), 1.0),
                Op::Binary(Binary::Divide) => (e(0) / x(1).abs() + y.abs() * e(1) / x(1).abs(), 5.0),
                Op::Select => (if x(0) != 0.0 { e(1) } else { e(2) }, 0.0),
                Op::Reshape | Op::Broadcast | Op::Cast => (e(0), 0.0),
                _ => (0.0, 0.0),
            };
            carried + own * UNIT * y.abs() + TINY
        };
        let one = (0..values[id.0].len()).map(error).collect();
        errors.push(one);
    }
    errors
}

/// The function of the points, and its derivative.
fn graph(function: F) -> (Graph, [NodeId; 2]) {
    let mut graph = Graph::new();
    let x = graph.input("x", &[], Element::F32);
    let y = function.apply(&mut graph, x).unwrap();
    let sum = graph.sum_all(y).unwrap();
    let gradient = graph.gradients(sum, &[x]).unwrap()[0];
    graph.output("value", y).unwrap();
    graph.output("derivative", gradient).unwrap();
    (graph, [y, gradient])
}

/// Value and derivative as written in the books, in f64.
fn exact(function: F, x: f64) -> [f64; 2] {
    let f = |x: f64| formula(function, x);
    let h = 1e-5 * x.abs().max(1.0);
    // A difference of the fourth order, off by h⁴ and by 2⁻⁵³ · |f| / h.
    let difference = (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
    [f(x), difference]
}

fn formula(function: F, x: f64) -> f64 {
    let logistic = |x: f64| 1.0 / (1.0 + (-x).exp());
    let elu = |alpha: f64| if x > 0.0 { x } else { alpha * x.exp_m1() };
    let half_erfc = |x: f64| 0.5 * crate::cpu::plain::special::erfc(x / 2f64.sqrt());
    let cubic = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3));
    let softplus = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    match function {
        F::Linear => x,
        F::Relu => x.max(0.0),
        F::Relu6 => x.clamp(0.0, 6.0),
        F::LeakyRelu { negative_slope } => x.max(f64::from(negative_slope) * x),
        F::Elu { alpha } => elu(f64::from(alpha)),
        F::Selu => 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2),
        F::Celu { alpha } => {
            let alpha = f64::from(alpha);
            if x > 0.0 { x } else { alpha * (x / alpha).exp_m1() }
        }
        F::Gelu { approximate: false } => x * half_erfc(-x),
        F::Gelu { approximate: true } => x * logistic(2.0 * cubic),
        F::Silu => x * logistic(x),
        F::Mish => x * softplus(x).tanh(),
        F::Softplus => softplus(x),
        F::Softsign => x / (1.0 + x.abs()),
        F::Squareplus { b } => {
            let root = (x * x + f64::from(b)).sqrt();
            if x < 0.0 { f64::from(b) / (2.0 * (root - x)) } else { 0.5 * (root + x) }
        }
        F::SparsePlus if x <= -1.0 => 0.0,
        F::SparsePlus => {
            if x < 1.0 {
                0.25 * (x + 1.0).powi(2)
            } else {
                x
            }
        }
        F::Exponential => x.exp(),
        F::Tanh => x.tanh(),
        F::HardTanh => x.clamp(-1.0, 1.0),
        F::TanhShrink => x - x.tanh(),
        F::SoftShrink { threshold } => x - x.clamp(-f64::from(threshold), f64::from(threshold)),
        F::HardShrink { threshold } => {
            if x.abs() > f64::from(threshold) {
                x
            } else {
                0.0
            }
        }
        F::Sigmoid => logistic(x),
        F::LogSigmoid => -softplus(-x),
        F::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        F::Keras2HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
        F::SparseSigmoid => (0.5 * (x + 1.0)).clamp(0.0, 1.0),
        F::HardSilu => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
        F::Softmax | F::LogSoftmax | F::Sparsemax | F::Glu => unreachable!("goes along an axis"),
    }
}

const FUNCTIONS: [F; 32] = [
    F::Linear,
    F::Relu,
    F::Relu6,
    F::LeakyRelu { negative_slope: 0.2 },
    F::LeakyRelu { negative_slope: 0.01 },
    F::Elu { alpha: 1.0 },
    F::Elu { alpha: 0.3 },
    F::Selu,
    F::Celu { alpha: 1.0 },
    F::Celu { alpha: 2.5 },
    F::Gelu { approximate: false },
    F::Gelu { approximate: true },
    F::Silu,
    F::Mish,
    F::Softplus,
    F::Softsign,
    F::Squareplus { b: 4.0 },
    F::Squareplus { b: 0.5 },
    F::SparsePlus,
    F::Exponential,
    F::Tanh,
    F::HardTanh,
    F::TanhShrink,
    F::SoftShrink { threshold: 0.5 },
    F::HardShrink { threshold: 7.0 },
    F::Sigmoid,
    F::LogSigmoid,
    F::HardSigmoid,
    F::Keras2HardSigmoid,
    F::SparseSigmoid,
    F::HardSilu,
    F::HardShrink { threshold: 0.5 },
];

/// τ is (2 + 1.8 − 1) / 2; and the derivative takes the mean of the cotangent over the support off it.
#[test]
fn sparsemax_is_the_nearest_point_of_the_simplex() {
    let mut graph = Graph::new();
    let x = graph.input("x", &[4], Element::F32);
    let y = F::Sparsemax.apply(&mut graph, x).unwrap();
    let square = graph.multiply(y, y).unwrap();
    let loss = graph.sum_all(square).unwrap();
    let gradient = graph.gradients(loss, &[x]).unwrap()[0];
    let data = vec![Tensor::f32(&[2, 4], vec![1.0, 2.0, 0.5, 1.8, -3.0, 3.0, 3.0, 3.0]).unwrap()];
    let feed = Feed { batch: 2, inputs: data, ..Feed::default() };
    let nodes = Plain::new(&graph).evaluate_with(&graph, &feed, &Default::default()).unwrap();
    let third = 1.0 / 3.0;
    let expected =
        [[0.0, 0.6, 0.0, 0.4, 0.0, third, third, third], [0.0, 0.2, 0.0, -0.2, 0.0, 0.0, 0.0, 0.0]];
    for (node, expected) in [y, gradient].into_iter().zip(expected) {
        for (found, expected) in nodes[node.0].data.iter().zip(expected) {
            // 1.8 is rounded to 24 bits.
            assert!((found - expected).abs() <= 2f64.powi(-23), "{found}, expected {expected}");
        }
    }
}

#[test]
fn values_and_derivatives_are_within_the_derived_bound() {
    let x = points();
    let data = [Tensor::f32(&[x.len()], x.clone()).unwrap()];
    let steps = steps(&[x.len()], &[]);
    for function in FUNCTIONS {
        let (graph, outputs) = graph(function);
        let feed = Feed { batch: x.len(), inputs: data.to_vec(), ..Feed::default() };
        let nodes = Plain::new(&graph).evaluate_with(&graph, &feed, &Default::default()).unwrap();
        let values: Vec<Vec<f64>> = nodes.into_iter().map(|v| v.data).collect();
        let errors = errors(&graph, &values);
        let check = |device: &str, found: &Left<f32>| {
            for (i, &x) in x.iter().enumerate() {
                let exact = exact(function, f64::from(x));
                for (n, what) in ["value", "derivative"].into_iter().enumerate() {
                    let found = f64::from(found.outputs[n][i]);
                    // The graph in f64 has no rounding, but constants of 24 bits: `errors` counts one for each product.
                    let bound = 2.0 * errors[outputs[n].0][i];
                    let reference = values[outputs[n].0][i];
                    let place = format!("{what} of {function:?} at {x} on the {device}");
                    if reference.abs() > f64::from(f32::MAX) {
                        assert!(found == f64::INFINITY, "{place}: {found}");
                        continue;
                    }
                    assert!(
                        n == 1 || bound <= 1e-3 * reference.abs() + 1e-35,
                        "{place} cancels: {reference} ± {bound:e}"
                    );
                    assert!((found - reference).abs() <= bound, "{place}: {found}, {reference} ± {bound:e}");
                    let formula = if n == 0 { 0.0 } else { 1e-8 * exact[1].abs().max(1.0) };
                    let off = (reference - exact[n]).abs();
                    assert!(off <= bound + formula, "{place}: the formula has {}, {reference}", exact[n]);
                }
            }
        };
        check("CPU", &run_cpu(&graph, FUSED, &data, (&[], &steps), &[]));
        if let Some(gpu) = shared() {
            let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            check("GPU", &run(&mut gpu, &program(&graph, FUSED, x.len()), &data, (&[], &steps), &[]));
        }
    }
}
