//! Transposed convolutions: the gradient of a convolution for its input, used forward.

use super::Convolution;
use crate::error::{Error, Result};
use crate::graph::{Axis, Graph, NodeId};
use crate::layers::Padding;
use crate::layers::spatial::window;
use crate::tensor::{Dim, Shape};

impl Convolution {
    /// The output's sizes: those whose convolution gives `sizes`.
    pub(super) fn transposed_sizes(&self, place: &str, sizes: &[usize]) -> Result<Vec<usize>> {
        let strides = self.strides.of_rank(self.rank);
        if let Some(padding) = &self.output_padding {
            let given = padding.of_rank(self.rank);
            if given.len() != self.rank
                || given.iter().zip(&strides).any(|(padding, stride)| padding >= stride)
            {
                let expected = "one number, or one for each axis, less than the strides";
                return Err(Error::argument(place, "output_padding", padding.title(self.rank), expected));
            }
        }
        let lengths: Vec<usize> = (0..self.rank).map(|i| self.transposed_length(i, sizes[i])).collect();
        let axes = self.axes(&lengths);
        if axes
            .iter()
            .zip(&lengths)
            .zip(sizes)
            .all(|((axis, &length), &size)| axis.windows(length) == Some(size))
        {
            return Ok(lengths);
        }
        let expected = "such that the convolution of the output has the input's sizes";
        let found = self.output_padding.as_ref().map_or("none".to_string(), |sizes| sizes.title(self.rank));
        Err(Error::argument(place, "output_padding", found, expected))
    }

    /// Keras's rule for one axis.
    fn transposed_length(&self, axis: usize, length: usize) -> usize {
        let [kernel, strides, dilation] =
            [&self.kernel_size, &self.strides, &self.dilation].map(|sizes| sizes.of_rank(self.rank)[axis]);
        let span = (kernel - 1) * dilation + 1;
        let padding = self.output_padding.as_ref().map(|sizes| sizes.of_rank(self.rank)[axis]);
        match (self.padding, padding) {
            (Padding::Same, None) => length * strides,
            (Padding::Same, Some(padding)) => (length - 1) * strides + span % 2 + padding,
            (_, None) => (length - 1) * strides + span.max(strides),
            (_, Some(padding)) => (length - 1) * strides + span + padding,
        }
    }

    /// `[B, sizes…, C]` with a kernel `[taps…, F, C]`: `[B, lengths…, F]`.
    pub(super) fn transposed(&self, graph: &mut Graph, input: NodeId, kernel: NodeId) -> Result<NodeId> {
        let (x, w) = (graph.shape(input).0.clone(), graph.shape(kernel).0.clone());
        let sizes: Vec<usize> = x[1..=self.rank].iter().map(|d| d.factor).collect();
        let lengths = self.transposed_sizes("transposed convolution", &sizes)?;
        let axes: Vec<Axis> = self.axes(&lengths);
        let filters = w[self.rank];
        let image = |sizes: &[Dim]| match *sizes {
            [width] => [Dim::fixed(1), width],
            [height, width, ..] => [height, width],
            [] => [Dim::fixed(1); 2],
        };
        let [height, width] = image(&x[1..=self.rank]);
        let gradient = graph.reshape(input, &Shape(vec![x[0], height, width, x[self.rank + 1]]))?;
        let [rows, columns] = image(&w[..self.rank]);
        let kernel = graph.reshape(kernel, &Shape(vec![rows, columns, filters, w[self.rank + 1]]))?;
        let ends: Vec<Dim> = lengths.iter().map(|&length| Dim::fixed(length)).collect();
        let [height, width] = image(&ends);
        let shape = Shape(vec![x[0], height, width, filters]);
        let sums = graph.conv_input_gradient(gradient, kernel, window(&axes), &shape)?;
        graph.reshape(sums, &Shape([&[x[0]], ends.as_slice(), &[filters]].concat()))
    }
}
