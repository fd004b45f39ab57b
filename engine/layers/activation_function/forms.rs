//! The functions that are made of several operations. Each is written such that neither it nor its derivative overflows
//! or cancels where the function is finite, and that NaN stays NaN: comparisons have none, so what they let through
//! when they fail is x.

use std::f32::consts::FRAC_1_SQRT_2;

use crate::error::Result;
use crate::graph::{Along, Binary, Comparison, Graph, NodeId, Reduction, Unary};
use crate::tensor::Dim;

/// `value` where `x` compares so with `limit`, else `otherwise`.
fn replace(
    graph: &mut Graph,
    (x, comparison, limit): (NodeId, Comparison, f32),
    value: NodeId,
    otherwise: NodeId,
) -> Result<NodeId> {
    let limit = graph.constant(limit);
    let holds = graph.compare(comparison, x, limit)?;
    graph.select(holds, value, otherwise)
}

/// x + `shift`
fn shift(graph: &mut Graph, x: NodeId, shift: f32) -> Result<NodeId> {
    let shift = graph.constant(shift);
    graph.add(x, shift)
}

/// Keras's relu: x above `threshold`, at most `max_value`, and `negative_slope` · (x − threshold) below.
pub fn relu(
    graph: &mut Graph,
    x: NodeId,
    negative_slope: f32,
    max_value: Option<f32>,
    threshold: f32,
) -> Result<NodeId> {
    let mut above = x;
    if let Some(max_value) = max_value {
        let largest = graph.constant(max_value);
        above = replace(graph, (x, Comparison::GreaterEqual, max_value), largest, x)?;
    }
    if negative_slope == 0.0 {
        // Not 0 · x, which is NaN where x is infinite.
        let zero = graph.constant(0.0);
        return replace(graph, (x, Comparison::LessEqual, threshold), zero, above);
    }
    let from = if threshold == 0.0 { x } else { shift(graph, x, -threshold)? };
    let below = graph.scale(from, negative_slope)?;
    replace(graph, (x, Comparison::Greater, threshold), above, below)
}

/// x between `low` and `high`.
pub fn clip(graph: &mut Graph, x: NodeId, low: f32, high: f32) -> Result<NodeId> {
    let [lowest, highest] = [low, high].map(|n| graph.constant(n));
    let x = replace(graph, (x, Comparison::Less, low), lowest, x)?;
    replace(graph, (x, Comparison::Greater, high), highest, x)
}

/// x above 0, else `scale` · (e^(x · `rate`) − 1). The power gets no x above 0, of which it could overflow.
fn exponential_below(graph: &mut Graph, x: NodeId, scale: f32, rate: f32) -> Result<NodeId> {
    let zero = graph.constant(0.0);
    let below = replace(graph, (x, Comparison::Greater, 0.0), zero, x)?;
    let below = if rate == 1.0 { below } else { graph.scale(below, rate)? };
    let power = graph.unary(Unary::Expm1, below);
    let power = graph.scale(power, scale)?;
    replace(graph, (x, Comparison::Greater, 0.0), x, power)
}

pub fn elu(graph: &mut Graph, x: NodeId, alpha: f32) -> Result<NodeId> {
    exponential_below(graph, x, alpha, 1.0)
}

pub fn celu(graph: &mut Graph, x: NodeId, alpha: f32) -> Result<NodeId> {
    exponential_below(graph, x, alpha, 1.0 / alpha)
}

pub fn selu(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let elu = exponential_below(graph, x, 1.673_263_2, 1.0)?;
    graph.scale(elu, 1.050_701)
}

/// x · `gate`(x)
pub fn gated(graph: &mut Graph, x: NodeId, gate: Unary) -> Result<NodeId> {
    let gate = graph.unary(gate, x);
    graph.multiply(x, gate)
}

/// x/2 · erfc(−x/√2): 1 + erf(x/√2) would cancel below 0.
pub fn gelu(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let scaled = graph.scale(x, -FRAC_1_SQRT_2)?;
    let twice = graph.unary(Unary::Erfc, scaled);
    let half = graph.scale(x, 0.5)?;
    graph.multiply(half, twice)
}

/// ½ · (1 + tanh u) is sigmoid(2u), which does not cancel below 0.
pub fn gelu_approximate(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    // 2 · √(2/π), and 0.044715 times that.
    const LINE: f32 = 1.595_769;
    const CUBE: f32 = 0.071_354_82;
    let square = graph.multiply(x, x)?;
    let bent = graph.scale(square, CUBE)?;
    let slope = shift(graph, bent, LINE)?;
    let argument = graph.multiply(x, slope)?;
    let share = graph.unary(Unary::Sigmoid, argument);
    graph.multiply(x, share)
}

pub fn mish(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let softplus = graph.unary(Unary::Softplus, x);
    let gate = graph.unary(Unary::Tanh, softplus);
    graph.multiply(x, gate)
}

pub fn softsign(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let size = graph.unary(Unary::Abs, x);
    let below = shift(graph, size, 1.0)?;
    graph.divide(x, below)
}

/// With s = √(x² + b) + |x|: s/2 above 0, and (b/2)/s below, where x + √(x² + b) would cancel.
pub fn squareplus(graph: &mut Graph, x: NodeId, b: f32) -> Result<NodeId> {
    let square = graph.multiply(x, x)?;
    let square = shift(graph, square, b)?;
    let root = graph.unary(Unary::Sqrt, square);
    let negative = graph.unary(Unary::Negate, x);
    let size = replace(graph, (x, Comparison::Less, 0.0), negative, x)?;
    let sum = graph.add(root, size)?;
    let (above, half) = (graph.scale(sum, 0.5)?, graph.constant(b / 2.0));
    let below = graph.divide(half, sum)?;
    replace(graph, (x, Comparison::Less, 0.0), below, above)
}

pub fn sparse_plus(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let moved = shift(graph, x, 1.0)?;
    let square = graph.multiply(moved, moved)?;
    let (bend, zero) = (graph.scale(square, 0.25)?, graph.constant(0.0));
    let above = replace(graph, (x, Comparison::Less, 1.0), bend, x)?;
    replace(graph, (x, Comparison::LessEqual, -1.0), zero, above)
}

pub fn tanh_shrink(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let tanh = graph.unary(Unary::Tanh, x);
    graph.subtract(x, tanh)
}

pub fn soft_shrink(graph: &mut Graph, x: NodeId, threshold: f32) -> Result<NodeId> {
    let near = clip(graph, x, -threshold, threshold)?;
    graph.subtract(x, near)
}

pub fn hard_shrink(graph: &mut Graph, x: NodeId, threshold: f32) -> Result<NodeId> {
    let (size, zero) = (graph.unary(Unary::Abs, x), graph.constant(0.0));
    replace(graph, (size, Comparison::LessEqual, threshold), zero, x)
}

/// −softplus(−x)
pub fn log_sigmoid(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let negative = graph.unary(Unary::Negate, x);
    let softplus = graph.unary(Unary::Softplus, negative);
    Ok(graph.unary(Unary::Negate, softplus))
}

pub fn hard_sigmoid(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let moved = shift(graph, x, 3.0)?;
    let (clipped, six) = (relu(graph, moved, 0.0, Some(6.0), 0.0)?, graph.constant(6.0));
    graph.divide(clipped, six)
}

pub fn keras2_hard_sigmoid(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let scaled = graph.scale(x, 0.2)?;
    let moved = shift(graph, scaled, 0.5)?;
    clip(graph, moved, 0.0, 1.0)
}

pub fn sparse_sigmoid(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let moved = shift(graph, x, 1.0)?;
    let half = graph.scale(moved, 0.5)?;
    clip(graph, half, 0.0, 1.0)
}

pub fn hard_silu(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let gate = hard_sigmoid(graph, x)?;
    graph.multiply(x, gate)
}

/// x less the largest along `axes`, so that no power overflows.
fn shifted(graph: &mut Graph, x: NodeId, axes: &[usize]) -> Result<NodeId> {
    let largest = graph.reduce(Reduction::Max, x, axes)?;
    let largest = graph.detach(largest);
    graph.binary(Binary::Subtract, x, largest)
}

/// eˣ / Σ eˣ over `axes`.
pub fn softmax(graph: &mut Graph, x: NodeId, axes: &[usize]) -> Result<NodeId> {
    let shifted = shifted(graph, x, axes)?;
    let powers = graph.unary(Unary::Exp, shifted);
    let sum = graph.sum(powers, axes)?;
    graph.divide(powers, sum)
}

pub fn log_softmax(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let shifted = shifted(graph, x, &[axis])?;
    let powers = graph.unary(Unary::Exp, shifted);
    let sum = graph.sum(powers, &[axis])?;
    let log = graph.unary(Unary::Log, sum);
    graph.subtract(shifted, log)
}

/// max(x − τ, 0), with τ such that the sum is 1. Of the numbers at least as large as x, n in number and s in sum, x is
/// in the support where 1 + n·x > s; τ is (Σ − 1) / count over the support. No sorting, but all pairs.
pub fn sparsemax(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let x = shifted(graph, x, &[axis])?;
    let (mut across, mut down) = (graph.shape(x).clone(), graph.shape(x).clone());
    across.0.insert(axis, Dim::fixed(1));
    down.0.push(Dim::fixed(1));
    let fixed = graph.detach(x);
    let (others, own) = (graph.reshape(fixed, &across)?, graph.reshape(fixed, &down)?);
    let larger = graph.compare(Comparison::GreaterEqual, others, own)?;
    let counted = graph.multiply(larger, others)?;
    let (count, sum) = (graph.sum(larger, &[axis + 1])?, graph.sum(counted, &[axis + 1])?);
    let product = graph.multiply(count, own)?;
    let product = shift(graph, product, 1.0)?;
    let support = graph.compare(Comparison::Greater, product, sum)?;
    let shape = graph.shape(x).clone();
    let support = graph.reshape(support, &shape)?;
    let inside = graph.multiply(support, x)?;
    let (size, total) = (graph.sum(support, &[axis])?, graph.sum(inside, &[axis])?);
    let excess = shift(graph, total, -1.0)?;
    let limit = graph.divide(excess, size)?;
    let above = graph.subtract(x, limit)?;
    Ok(graph.unary(Unary::Relu, above))
}

pub fn glu(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let half = graph.shape(x).0[axis].factor / 2;
    let value = graph.slice(x, &[Along::new(axis, 0, half)])?;
    let gate = graph.slice(x, &[Along::new(axis, half, half)])?;
    let gate = graph.unary(Unary::Sigmoid, gate);
    graph.multiply(value, gate)
}
