//! Pooling: a window slides over height and width, each channel for itself.

use super::op::{Axis, Element, Op, Window};
use super::{Graph, NodeId};
use crate::error::{Error, Result};
use crate::tensor::{Dim, Shape};

impl Graph {
    /// The largest value of each window; NaN if any is.
    ///
    /// # Errors
    /// If `images` are not `[N, H, W, C]`, or the window does not fit them.
    pub fn max_pool(&mut self, images: NodeId, window: Window) -> Result<NodeId> {
        let shape = self.pooled_shape("max_pool", images, &window)?;
        Ok(self.push(Op::MaxPool(window), &[images], shape, Element::F32))
    }

    /// The mean of the pixels of each window, those of the padding left out.
    ///
    /// # Errors
    /// If `images` are not `[N, H, W, C]`, or the window does not fit them.
    pub fn average_pool(&mut self, images: NodeId, window: Window) -> Result<NodeId> {
        let shape = self.pooled_shape("average_pool", images, &window)?;
        Ok(self.push(Op::AveragePool(window), &[images], shape, Element::F32))
    }

    /// The first largest pixel of each window takes the window's gradient.
    pub(super) fn max_pool_derivative(&mut self, window: Window, x: NodeId, g: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push(Op::MaxPoolGradient(window), &[x, g], shape, Element::F32)
    }

    /// The valid pixels of each window share its gradient.
    pub(super) fn average_pool_derivative(&mut self, window: Window, x: NodeId, g: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push(Op::AveragePoolGradient(window), &[g], shape, Element::F32)
    }

    fn pooled_shape(&self, operation: &str, images: NodeId, window: &Window) -> Result<Shape> {
        let x = self.image_shape(operation, images)?;
        let (height, width) = self.window_counts(operation, &x, window)?;
        for (axis, count, length) in [(&window.height, height, x.0[1]), (&window.width, width, x.0[2])] {
            if !(0..count.factor).all(|i| axis.sees(i, length.factor)) {
                let expected = "small enough that every window holds a pixel";
                let padding = format!("{} before and {} after", axis.before, axis.after);
                return Err(Error::argument(self.place(operation), "padding", padding, expected));
            }
        }
        Ok(Shape(vec![x.0[0], height, width, x.0[3]]))
    }

    /// The shape of a node of four axes; only the first may contain the batch.
    pub(super) fn image_shape(&self, operation: &str, node: NodeId) -> Result<Shape> {
        self.check_element(operation, node, Element::F32)?;
        self.check_image(operation, self.shape(node))?;
        Ok(self.shape(node).clone())
    }

    /// Fails unless `shape` has four axes and only the first may contain the batch.
    pub(super) fn check_image(&self, operation: &str, shape: &Shape) -> Result<()> {
        if shape.rank() == 4 && shape.0[1..].iter().all(|d| !d.batch && d.factor > 0) {
            return Ok(());
        }
        let remedy = "give images of height, width and channels";
        Err(Error::shape(self.place(operation), "the input", shape, "[N, height, width, channels]", remedy))
    }

    /// How many windows fit down the height and along the width.
    pub(super) fn window_counts(&self, operation: &str, x: &Shape, window: &Window) -> Result<(Dim, Dim)> {
        let count = |axis: &Axis, length: Dim| {
            if axis.size == 0 || axis.stride == 0 || axis.dilation == 0 {
                let expected = "sizes, strides and dilations of at least 1";
                return Err(Error::argument(self.place(operation), "window", format!("{axis:?}"), expected));
            }
            axis.windows(length.factor).map(Dim::fixed).ok_or_else(|| {
                let expected = format!("at least {} pixels along each side", axis.span());
                let remedy = "use `same` padding, a smaller kernel or larger images";
                Error::shape(self.place(operation), "the input", x, expected, remedy)
            })
        };
        Ok((count(&window.height, x.0[1])?, count(&window.width, x.0[2])?))
    }
}
