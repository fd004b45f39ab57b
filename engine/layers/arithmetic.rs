//! Whole numbers, sines and series in graph operations, the same on every device.

use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId, Unary};

/// ⌊x⌋ of numbers below 2³².
pub(super) fn floor(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let zero = graph.constant(0.0);
    let size = graph.unary(Unary::Abs, x);
    let whole = graph.cast(size, Element::U32);
    let down = graph.cast(whole, Element::F32);
    // Below 0 the next whole number away from it, unless it is one.
    let broken = graph.compare(Comparison::Less, down, size)?;
    let up = graph.add(down, broken)?;
    let below = graph.unary(Unary::Negate, up);
    let positive = graph.compare(Comparison::GreaterEqual, x, zero)?;
    graph.select(positive, down, below)
}

/// The terms of Taylor's series of (sin φ) / φ and cos φ in φ², up to where f32 ends for |φ| ≤ π/2.
const SIN: [f64; 7] = [
    1.0,
    -1.0 / 6.0,
    1.0 / 120.0,
    -1.0 / 5040.0,
    1.0 / 362_880.0,
    -1.0 / 39_916_800.0,
    1.0 / 6_227_020_800.0,
];
const COS: [f64; 8] = [
    1.0,
    -0.5,
    1.0 / 24.0,
    -1.0 / 720.0,
    1.0 / 40_320.0,
    -1.0 / 3_628_800.0,
    1.0 / 479_001_600.0,
    -1.0 / 87_178_291_200.0,
];

/// Sine and cosine of `turns` whole turns, from half the angle: shaders' own are good to eleven bits alone.
pub(super) fn turned(graph: &mut Graph, turns: NodeId) -> Result<[NodeId; 2]> {
    // The nearest whole turn taken off, half the angle lies between −π/2 and π/2.
    let half = graph.constant(0.5);
    let later = graph.add(turns, half)?;
    let whole = floor(graph, later)?;
    let rest = graph.subtract(turns, whole)?;
    let angle = graph.scale(rest, std::f32::consts::PI)?;
    let square = graph.multiply(angle, angle)?;
    let (ratio, cos) = (series(graph, &SIN, square)?, series(graph, &COS, square)?);
    let sin = graph.multiply(ratio, angle)?;
    let product = graph.multiply(sin, cos)?;
    let whole_sin = graph.scale(product, 2.0)?;
    let square = graph.multiply(sin, sin)?;
    let twice = graph.scale(square, 2.0)?;
    let one = graph.constant(1.0);
    Ok([whole_sin, graph.subtract(one, twice)?])
}

/// Σ terms[i] · xⁱ
pub(super) fn series(graph: &mut Graph, terms: &[f64], x: NodeId) -> Result<NodeId> {
    let mut sum = graph.constant(0.0);
    for &term in terms.iter().rev() {
        let (product, term) = (graph.multiply(sum, x)?, graph.constant(term as f32));
        sum = graph.add(product, term)?;
    }
    Ok(sum)
}
