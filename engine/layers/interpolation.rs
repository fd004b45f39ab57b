//! Images of another size: where the new pixels come from.

use super::arithmetic::{series, turned};
use crate::error::{Error, Result};
use crate::graph::{Binary, Comparison, Element, Graph, NodeId, Unary};
use crate::tensor::{Dim, Shape};
use crate::train::by_name;

/// Where new pixels come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest old pixel is repeated.
    #[default]
    Nearest,
    /// Each is mixed from its two neighbours along each axis, by distance.
    Bilinear,
    /// From four neighbours along each axis, by Keys' cubic with a = −0.5 (Keys 1981).
    Bicubic,
    /// From six neighbours along each axis, by Lanczos' window of radius 3.
    Lanczos3,
    /// From ten neighbours along each axis, by Lanczos' window of radius 5.
    Lanczos5,
}

const INTERPOLATIONS: [(&str, Interpolation); 5] = [
    ("nearest", Interpolation::Nearest),
    ("bilinear", Interpolation::Bilinear),
    ("bicubic", Interpolation::Bicubic),
    ("lanczos3", Interpolation::Lanczos3),
    ("lanczos5", Interpolation::Lanczos5),
];

impl TryFrom<&str> for Interpolation {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("interpolation", "interpolation", name, &INTERPOLATIONS)
    }
}

impl Interpolation {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        INTERPOLATIONS.iter().find(|(_, known)| *known == self).map_or("nearest", |(name, _)| name)
    }

    /// How much an old pixel counts at each of the distances `x` ≥ 0, in old pixels, before the sum of all is brought to 1.
    fn kernel(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        match self {
            Self::Bicubic => keys(graph, x),
            Self::Lanczos3 => lanczos(graph, x, 3.0),
            Self::Lanczos5 => lanczos(graph, x, 5.0),
            Self::Nearest | Self::Bilinear => {
                let [zero, one] = [0.0, 1.0].map(|n| graph.constant(n));
                let nearness = graph.subtract(one, x)?;
                graph.binary(Binary::Maximum, nearness, zero)
            }
        }
    }
}

/// `images` `[B, height, width, channels]` brought to `size`: each new pixel is the sum of all old ones weighted by
/// `interpolation`, one axis after the other. With `antialias` the window of an axis that shrinks grows with the old pixels that
/// a new one covers.
pub(super) fn resampled(
    graph: &mut Graph,
    images: NodeId,
    size: [usize; 2],
    (interpolation, antialias): (Interpolation, bool),
) -> Result<NodeId> {
    let [height, width] = [1, 2].map(|axis| graph.shape(images).0[axis].factor);
    let rows = weights(graph, [height, size[0]], (interpolation, antialias))?;
    let columns = weights(graph, [width, size[1]], (interpolation, antialias))?;
    let x = graph.transpose(images, &[0, 2, 3, 1])?;
    let x = along_last(graph, x, rows)?;
    let x = graph.transpose(x, &[0, 3, 2, 1])?;
    let x = along_last(graph, x, columns)?;
    graph.transpose(x, &[0, 1, 3, 2])
}

/// `x` `[…, from]` times `weights` `[from, to]`: `[…, to]`.
fn along_last(graph: &mut Graph, x: NodeId, weights: NodeId) -> Result<NodeId> {
    let mut shape = graph.shape(x).0.clone();
    let from = shape.pop().unwrap_or(Dim::fixed(1));
    let rows = shape.iter().map(|d| d.factor).product();
    let rows = graph.reshape(x, &Shape(vec![Dim { factor: rows, batch: true }, from]))?;
    let sums = graph.matmul(rows, weights, false, false)?;
    shape.push(graph.shape(weights).0[1]);
    graph.reshape(sums, &Shape(shape))
}

/// How much each of `from` old pixels counts for each of `to` new ones, `[from, to]`; the sum for a new pixel is 1.
fn weights(
    graph: &mut Graph,
    [from, to]: [usize; 2],
    (interpolation, antialias): (Interpolation, bool),
) -> Result<NodeId> {
    let step = from as f32 / to as f32;
    let shape = Shape::fixed(&[from, to]);
    let (old, new) = (graph.iota(&shape, 0)?, graph.iota(&shape, 1)?);
    let [old, new] = [old, new].map(|numbers| graph.cast(numbers, Element::F32));
    let half = graph.constant(0.5);
    let centre = graph.add(new, half)?;
    let there = graph.scale(centre, step)?;
    let there = graph.subtract(there, half)?;
    let distance = graph.subtract(there, old)?;
    let distance = graph.unary(Unary::Abs, distance);
    let reach = if antialias { step.max(1.0) } else { 1.0 };
    let distance = graph.scale(distance, 1.0 / reach)?;
    let counted = interpolation.kernel(graph, distance)?;
    let sum = graph.sum(counted, &[0])?;
    graph.divide(counted, sum)
}

/// Keys' cubic: ((1.5 x − 2.5) x) x + 1 below 1, ((−0.5 x + 2.5) x − 4) x + 2 below 2, then 0.
fn keys(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let near = series(graph, &[1.0, 0.0, -2.5, 1.5], x)?;
    let far = series(graph, &[2.0, -4.0, 2.5, -0.5], x)?;
    let [zero, one, two] = [0.0, 1.0, 2.0].map(|n| graph.constant(n));
    let is_near = graph.compare(Comparison::Less, x, one)?;
    let is_far = graph.compare(Comparison::Less, x, two)?;
    let far = graph.select(is_far, far, zero)?;
    graph.select(is_near, near, far)
}

/// Lanczos' window: r · sin(πx) · sin(πx / r) / (πx)² up to the radius r, then 0; 1 next to 0, as in Keras.
fn lanczos(graph: &mut Graph, x: NodeId, radius: f32) -> Result<NodeId> {
    let (half_turns, slow) = (graph.scale(x, 0.5)?, graph.scale(x, 0.5 / radius)?);
    let ([sin, _], [slow_sin, _]) = (turned(graph, half_turns)?, turned(graph, slow)?);
    let product = graph.multiply(sin, slow_sin)?;
    let above = graph.scale(product, radius)?;
    let [zero, one, least, radius] = [0.0, 1.0, 1e-3, radius].map(|n| graph.constant(n));
    let is_apart = graph.compare(Comparison::Greater, x, least)?;
    let divisor = graph.select(is_apart, x, one)?;
    let angle = graph.scale(divisor, std::f32::consts::PI)?;
    let below = graph.multiply(angle, angle)?;
    let ratio = graph.divide(above, below)?;
    let window = graph.select(is_apart, ratio, one)?;
    let is_outside = graph.compare(Comparison::Greater, x, radius)?;
    graph.select(is_outside, zero, window)
}
