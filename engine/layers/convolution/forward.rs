//! The forward pass: every convolution in terms of the graph's, over images `[N, height, width, channels]`.

use super::{Convolution, Form};
use crate::error::Result;
use crate::graph::{Along, Axis, Graph, NodeId};
use crate::layers::Context;
use crate::layers::spatial::window;
use crate::tensor::{Dim, Shape};

impl Convolution {
    /// The sums without bias, `[B, …, filters]`.
    pub(super) fn sums(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let axes = self.axes(&sample[..self.rank]);
        let kernel = context.weight(0)?;
        let graph = &mut *context.graph;
        match self.form {
            Form::Transposed => self.transposed(graph, input, kernel),
            Form::Depthwise => depthwise(graph, input, kernel, &axes),
            Form::Plain if self.groups == 1 => plain(graph, input, kernel, &axes),
            Form::Plain => self.grouped(graph, input, kernel, &axes),
        }
    }

    /// Each group of channels has filters of its own: a convolution for each, side by side.
    fn grouped(&self, graph: &mut Graph, input: NodeId, kernel: NodeId, axes: &[Axis]) -> Result<NodeId> {
        let last = self.rank + 1;
        let [channels, filters] =
            [(input, last), (kernel, last)].map(|(node, axis)| graph.shape(node).0[axis].factor);
        let [channels, filters] = [channels / self.groups, filters / self.groups];
        let mut parts = Vec::with_capacity(self.groups);
        for group in 0..self.groups {
            let own = graph.slice(input, &[Along::new(last, group * channels, channels)])?;
            let own_kernel = graph.slice(kernel, &[Along::new(last, group * filters, filters)])?;
            parts.push(plain(graph, own, own_kernel, axes)?);
        }
        graph.concat(&parts, last)
    }
}

/// `[B, sizes…, C]` ∗ `[taps…, C, F]`
fn plain(graph: &mut Graph, input: NodeId, kernel: NodeId, axes: &[Axis]) -> Result<NodeId> {
    match axes.len() {
        1 => flat(graph, input, kernel, axes),
        3 => volume(graph, input, kernel, axes),
        _ => graph.conv(input, kernel, window(axes)),
    }
}

/// Over time: over images of height 1.
fn flat(graph: &mut Graph, input: NodeId, kernel: NodeId, axes: &[Axis]) -> Result<NodeId> {
    let (x, w) = (graph.shape(input).0.clone(), graph.shape(kernel).0.clone());
    let one = Dim::fixed(1);
    let images = graph.reshape(input, &Shape(vec![x[0], one, x[1], x[2]]))?;
    let kernel = graph.reshape(kernel, &Shape([&[one], w.as_slice()].concat()))?;
    let sums = graph.conv(images, kernel, window(axes))?;
    let found = graph.shape(sums).0.clone();
    graph.reshape(sums, &Shape(vec![found[0], found[2], found[3]]))
}

/// Over volumes: over images whose channels are those of all planes that a window sees, one image for each window down
/// the depth.
fn volume(graph: &mut Graph, input: NodeId, kernel: NodeId, axes: &[Axis]) -> Result<NodeId> {
    let (x, w) = (graph.shape(input).0.clone(), graph.shape(kernel).0.clone());
    let depth = axes[0];
    let padded = depth.before + x[1].factor + depth.after;
    let planes = depth.windows(x[1].factor).unwrap_or(0);
    let volume = graph.pad(input, &[Along::new(1, depth.before, padded)])?;
    let tap = |tap: usize| Along::new(1, tap * depth.dilation, planes).every(depth.stride as isize);
    let taps: Vec<NodeId> = (0..depth.size).map(|i| graph.slice(volume, &[tap(i)])).collect::<Result<_>>()?;
    let seen = graph.concat(&taps, 4)?;
    let channels = Dim::fixed(depth.size * w[3].factor);
    let images = Shape(vec![Dim { factor: planes, batch: true }, x[2], x[3], channels]);
    let images = graph.reshape(seen, &images)?;
    let kernel = graph.transpose(kernel, &[1, 2, 0, 3, 4])?;
    let kernel = graph.reshape(kernel, &Shape(vec![w[1], w[2], channels, w[4]]))?;
    let sums = graph.conv(images, kernel, window(axes))?;
    let found = graph.shape(sums).0.clone();
    graph.reshape(sums, &Shape(vec![x[0], Dim::fixed(planes), found[1], found[2], found[3]]))
}

/// Each channel for itself: the sum over the taps of the image that a tap sees times the tap's numbers.
fn depthwise(graph: &mut Graph, input: NodeId, kernel: NodeId, axes: &[Axis]) -> Result<NodeId> {
    let (x, w) = (graph.shape(input).0.clone(), graph.shape(kernel).0.clone());
    let rank = axes.len();
    let padding: Vec<Along> =
        axes.iter().enumerate().map(|(i, axis)| padding(i + 1, axis, x[i + 1].factor)).collect();
    let padded = graph.pad(input, &padding)?;
    let counts: Vec<usize> =
        axes.iter().zip(&x[1..]).map(|(a, d)| a.windows(d.factor).unwrap_or(0)).collect();
    let (channels, filters) = (w[rank], w[rank + 1]);
    let mut sum = None;
    for number in 0..axes.iter().map(|axis| axis.size).product() {
        let places = places(number, axes);
        let seen = |(i, &place): (usize, &usize)| {
            Along::new(i + 1, place * axes[i].dilation, counts[i]).every(axes[i].stride as isize)
        };
        let image = graph.slice(padded, &places.iter().enumerate().map(seen).collect::<Vec<_>>())?;
        let mut shape = graph.shape(image).0.clone();
        shape.push(Dim::fixed(1));
        let image = graph.reshape(image, &Shape(shape))?;
        let tap: Vec<Along> = places.iter().enumerate().map(|(i, &place)| Along::new(i, place, 1)).collect();
        let tap = graph.slice(kernel, &tap)?;
        let tap = graph.reshape(tap, &Shape(vec![channels, filters]))?;
        let product = graph.multiply(image, tap)?;
        sum = Some(sum.map_or(Ok(product), |sum| graph.add(sum, product))?);
    }
    let mut shape = vec![x[0]];
    shape.extend(counts.iter().map(|&count| Dim::fixed(count)));
    shape.push(Dim::fixed(channels.factor * filters.factor));
    graph.reshape(sum.unwrap_or(input), &Shape(shape))
}

fn padding(axis: usize, window: &Axis, length: usize) -> Along {
    Along::new(axis, window.before, window.before + length + window.after)
}

/// Where tap number `number`, counted row by row, lies along each axis.
fn places(mut number: usize, axes: &[Axis]) -> Vec<usize> {
    let mut places = vec![0; axes.len()];
    for (place, axis) in places.iter_mut().zip(axes).rev() {
        *place = number % axis.size;
        number /= axis.size;
    }
    places
}
