//! Pixels of images read at places that are computed: between four of them, or at the nearest.

use crate::error::{Error, Result};
use crate::graph::{Binary, Comparison, Element, Graph, NodeId};
use crate::layers::Interpolation;
use crate::layers::arithmetic::floor;
use crate::tensor::{Dim, Shape};
use crate::train::by_name;

/// What lies beyond the edges of an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FillMode {
    /// One number everywhere.
    Constant,
    /// The outermost pixels go on: `a a a | a b c | c c c`.
    Nearest,
    /// The image turned around at its edge: `c b a | a b c | c b a`.
    #[default]
    Reflect,
    /// The image again: `a b c | a b c | a b c`.
    Wrap,
}

const MODES: [(&str, FillMode); 4] = [
    ("constant", FillMode::Constant),
    ("nearest", FillMode::Nearest),
    ("reflect", FillMode::Reflect),
    ("wrap", FillMode::Wrap),
];

impl TryFrom<&str> for FillMode {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("fill_mode", "fill_mode", name, &MODES)
    }
}

impl FillMode {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        MODES.iter().find(|(_, mode)| *mode == self).map_or("reflect", |(name, _)| name)
    }
}

/// How pixels are read: the nearest, or else between the four around.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sampling {
    pub interpolation: Interpolation,
    pub fill: FillMode,
    /// What lies beyond the edges under [`FillMode::Constant`].
    pub value: f64,
}

/// Pixels of one axis that are read, and how much each counts.
struct Taps {
    /// The numbers of the pixels, as floats, all inside of the image.
    places: Vec<NodeId>,
    weights: Vec<Option<NodeId>>,
    /// 1 where the pixel is one of the image, else 0.
    inside: Vec<Option<NodeId>>,
}

impl Sampling {
    /// `images` `[B, height, width, channels]` read at the rows and columns of `places`, each `[1, h, w]` or `[B, h, w]`.
    pub fn read(self, graph: &mut Graph, images: NodeId, places: [NodeId; 2]) -> Result<NodeId> {
        let [height, width] = [1, 2].map(|axis| graph.shape(images).0[axis].factor);
        let rows = self.taps(graph, places[0], height)?;
        let columns = self.taps(graph, places[1], width)?;
        let mut sum = None;
        for i in 0..rows.places.len() {
            for j in 0..columns.places.len() {
                let mut pixel = pixels(graph, images, [rows.places[i], columns.places[j]])?;
                for inside in [rows.inside[i], columns.inside[j]].into_iter().flatten() {
                    let (inside, value) = (beside(graph, inside)?, graph.constant(self.value as f32));
                    pixel = graph.select(inside, pixel, value)?;
                }
                for weight in [rows.weights[i], columns.weights[j]].into_iter().flatten() {
                    let weight = beside(graph, weight)?;
                    pixel = graph.multiply(pixel, weight)?;
                }
                sum = Some(match sum {
                    None => pixel,
                    Some(sum) => graph.add(sum, pixel)?,
                });
            }
        }
        sum.ok_or_else(|| Error::argument("sampling", "number of pixels", 0, "at least 1"))
    }

    /// The pixels around each of `places` along an axis of `size`.
    fn taps(self, graph: &mut Graph, places: NodeId, size: usize) -> Result<Taps> {
        let one = graph.constant(1.0);
        let (found, weights) = match self.interpolation {
            Interpolation::Nearest => {
                let half = graph.constant(0.5);
                let later = graph.add(places, half)?;
                (vec![floor(graph, later)?], vec![None])
            }
            _ => {
                let before = floor(graph, places)?;
                let after = graph.add(before, one)?;
                let of_after = graph.subtract(places, before)?;
                let of_before = graph.subtract(one, of_after)?;
                (vec![before, after], vec![Some(of_before), Some(of_after)])
            }
        };
        let mut taps = Taps { places: Vec::new(), weights, inside: Vec::new() };
        for place in found {
            let inside = match self.fill {
                FillMode::Constant => Some(is_inside(graph, place, size)?),
                _ => None,
            };
            taps.places.push(self.brought_inside(graph, place, size)?);
            taps.inside.push(inside);
        }
        Ok(taps)
    }

    /// The pixel that stands for pixel number `place`, which may lie beyond the edges.
    fn brought_inside(self, graph: &mut Graph, place: NodeId, size: usize) -> Result<NodeId> {
        let [zero, last] = [0.0, size as f32 - 1.0].map(|n| graph.constant(n));
        let place = match self.fill {
            FillMode::Constant | FillMode::Nearest => place,
            FillMode::Wrap => remainder(graph, place, size)?,
            FillMode::Reflect => {
                let there = remainder(graph, place, 2 * size)?;
                let end = graph.constant(2.0 * size as f32 - 1.0);
                let back = graph.subtract(end, there)?;
                graph.binary(Binary::Minimum, there, back)?
            }
        };
        let place = graph.binary(Binary::Maximum, place, zero)?;
        graph.binary(Binary::Minimum, place, last)
    }
}

/// Pixels are numbered in f32, which counts so far without a gap.
const MOST_PIXELS: usize = 1 << f32::MANTISSA_DIGITS;

/// The pixels of `images` at whole rows and columns `[1, h, w]` or `[B, h, w]`: `[B, h, w, channels]`.
pub(super) fn pixels(graph: &mut Graph, images: NodeId, [row, column]: [NodeId; 2]) -> Result<NodeId> {
    let shape = graph.shape(images).0.clone();
    let [height, width] = [shape[1].factor, shape[2].factor];
    if height.saturating_mul(width) > MOST_PIXELS {
        let expected = format!("at most {MOST_PIXELS} pixels: cut or shrink the images before");
        return Err(Error::argument("sampling", "size of images", format!("{height}x{width}"), expected));
    }
    let above = graph.scale(row, width as f32)?;
    let number = graph.add(above, column)?;
    let mut called = graph.shape(number).clone();
    called.0[0] = Dim::batch(1);
    let number = graph.broadcast(number, &called)?;
    let number = graph.cast(number, Element::U32);
    let table = graph.reshape(images, &Shape(vec![shape[0], Dim::fixed(height * width), shape[3]]))?;
    graph.gather(table, number)
}

/// The row and the column of each pixel of images of `size`, as floats `[1, height, width]`.
pub(super) fn grid(graph: &mut Graph, [height, width]: [usize; 2]) -> Result<[NodeId; 2]> {
    let shape = Shape::fixed(&[1, height, width]);
    let (row, column) = (graph.iota(&shape, 1)?, graph.iota(&shape, 2)?);
    Ok([row, column].map(|numbers| graph.cast(numbers, Element::F32)))
}

/// x − size · ⌊x / size⌋ of whole numbers.
fn remainder(graph: &mut Graph, x: NodeId, size: usize) -> Result<NodeId> {
    // Half a pixel more, so that a rounded quotient never falls to the next lower number.
    let half = graph.constant(0.5);
    let middle = graph.add(x, half)?;
    let share = graph.scale(middle, 1.0 / size as f32)?;
    let times = floor(graph, share)?;
    let whole = graph.scale(times, size as f32)?;
    graph.subtract(x, whole)
}

/// 1 where 0 ≤ x < size.
fn is_inside(graph: &mut Graph, x: NodeId, size: usize) -> Result<NodeId> {
    let [zero, end] = [0.0, size as f32].map(|n| graph.constant(n));
    let from = graph.compare(Comparison::GreaterEqual, x, zero)?;
    let to = graph.compare(Comparison::Less, x, end)?;
    graph.multiply(from, to)
}

/// Numbers of pixels as numbers of all their channels.
fn beside(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let mut shape = graph.shape(x).clone();
    shape.0.push(Dim::fixed(1));
    graph.reshape(x, &shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pixels_than_f32_counts_are_refused() -> Result<()> {
        for (width, fits) in [(4096, true), (4097, false)] {
            let mut graph = Graph::new();
            let images = graph.input("images", &[4096, width, 1], Element::F32);
            let places = grid(&mut graph, [2, 2])?;
            assert_eq!(pixels(&mut graph, images, places).is_ok(), fits, "{width}");
        }
        Ok(())
    }
}
