//! Products of matrices and convolutions: linear in each operand, so that each derivative is another of them.

use super::op::{Element, Op, Window};
use super::{Graph, NodeId};
use crate::error::{Error, Result};
use crate::tensor::{Dim, Shape};

impl Graph {
    /// The product of two matrices `[m, k] · [k, n]`, or of two stacks of as many matrices.
    ///
    /// # Errors
    /// If the inner sizes or the numbers of matrices differ, or both operands have the batch for an axis.
    pub fn matmul(&mut self, a: NodeId, b: NodeId, transpose_a: bool, transpose_b: bool) -> Result<NodeId> {
        self.check_element("matmul", a, Element::F32)?;
        self.check_element("matmul", b, Element::F32)?;
        let (sa, sb) = (self.shape(a).clone(), self.shape(b).clone());
        let rank = sa.rank();
        let fail = |what: &str, found: &Shape, expected: String| {
            Error::shape(self.place("matmul"), what, found, expected, "the inner sizes must be equal")
        };
        if !(2..=3).contains(&rank) {
            return Err(fail("the first operand", &sa, "[m, k] or [stack, m, k]".into()));
        }
        if sb.rank() != rank || (rank == 3 && sb.0[0] != sa.0[0]) {
            return Err(fail("the second operand", &sb, format!("as many matrices as {sa}")));
        }
        let ends = |s: &Shape, t: bool| {
            if t { (s.0[rank - 1], s.0[rank - 2]) } else { (s.0[rank - 2], s.0[rank - 1]) }
        };
        let ((m, k), (k2, n)) = (ends(&sa, transpose_a), ends(&sb, transpose_b));
        if k != k2 {
            return Err(fail("the second operand", &sb, format!("inner size {k}, as in {sa}")));
        }
        let mut shape = sa.0[..rank - 2].to_vec();
        shape.extend([m, n]);
        let shape = Shape(shape);
        self.check_one_batch("matmul", &shape)?;
        Ok(self.push(Op::MatMul { transpose_a, transpose_b }, &[a, b], shape, Element::F32))
    }

    /// dA = dC·op(B)ᵀ and dB = op(A)ᵀ·dC, each transposed where its operand was.
    pub(super) fn matmul_derivative(
        &mut self,
        (transpose_a, transpose_b): (bool, bool),
        [a, b]: [NodeId; 2],
        g: NodeId,
    ) -> Result<[NodeId; 2]> {
        let da = match transpose_a {
            false => self.matmul(g, b, false, !transpose_b)?,
            true => self.matmul(b, g, transpose_b, true)?,
        };
        let db = match transpose_b {
            false => self.matmul(a, g, !transpose_a, false)?,
            true => self.matmul(g, a, true, transpose_a)?,
        };
        Ok([da, db])
    }

    /// Images `[N, H, W, C]` with filters `[kh, kw, C, F]`: `[N, OH, OW, F]`.
    ///
    /// # Errors
    /// If an operand has not four axes, the channels do not fit, or the window is larger than the image.
    pub fn conv(&mut self, images: NodeId, filters: NodeId, window: Window) -> Result<NodeId> {
        let (x, w) = (self.image_shape("conv", images)?, self.image_shape("conv", filters)?);
        let shape = self.conv_shape("conv", &x, &w, &window)?;
        Ok(self.push(Op::Conv(window), &[images, filters], shape, Element::F32))
    }

    /// The gradient of [`Graph::conv`] for its images, of shape `images`.
    ///
    /// # Errors
    /// If the shapes are not those of such a convolution.
    pub fn conv_input_gradient(
        &mut self,
        gradient: NodeId,
        filters: NodeId,
        window: Window,
        images: &Shape,
    ) -> Result<NodeId> {
        let (operation, w) = ("conv_input_gradient", self.image_shape("conv_input_gradient", filters)?);
        let expected = self.conv_shape(operation, images, &w, &window)?;
        self.check_conv_gradient(operation, gradient, &expected)?;
        Ok(self.push(Op::ConvInputGradient(window), &[gradient, filters], images.clone(), Element::F32))
    }

    /// The gradient of [`Graph::conv`] for its filters, of shape `filters`.
    ///
    /// # Errors
    /// If the shapes are not those of such a convolution.
    pub fn conv_filter_gradient(
        &mut self,
        images: NodeId,
        gradient: NodeId,
        window: Window,
        filters: &Shape,
    ) -> Result<NodeId> {
        let (operation, x) = ("conv_filter_gradient", self.image_shape("conv_filter_gradient", images)?);
        let expected = self.conv_shape(operation, &x, filters, &window)?;
        self.check_conv_gradient(operation, gradient, &expected)?;
        Ok(self.push(Op::ConvFilterGradient(window), &[images, gradient], filters.clone(), Element::F32))
    }

    /// The shape of images of shape `x` convolved with filters of shape `w`.
    fn conv_shape(&self, operation: &str, x: &Shape, w: &Shape, window: &Window) -> Result<Shape> {
        self.check_image(operation, x)?;
        self.check_image(operation, w)?;
        let taps = [Dim::fixed(window.height.size), Dim::fixed(window.width.size)];
        if w.0[..2] != taps || w.0[2] != x.0[3] {
            let expected = format!("[{}, {}, {}, filters]", taps[0], taps[1], x.0[3]);
            let remedy = "the third size is the image's channels";
            return Err(Error::shape(self.place(operation), "the filters", w, expected, remedy));
        }
        let (height, width) = self.window_counts(operation, x, window)?;
        Ok(Shape(vec![x.0[0], height, width, w.0[3]]))
    }

    fn check_conv_gradient(&self, operation: &str, gradient: NodeId, expected: &Shape) -> Result<()> {
        self.check_element(operation, gradient, Element::F32)?;
        if self.shape(gradient) == expected {
            return Ok(());
        }
        let remedy = "give it the convolution's shape";
        Err(Error::shape(self.place(operation), "the gradient", self.shape(gradient), expected, remedy))
    }

    /// The three passes are one trilinear form: the derivative of each is the other two.
    pub(super) fn conv_derivative(&mut self, op: &Op, [a, b]: [NodeId; 2], g: NodeId) -> Result<[NodeId; 2]> {
        let (shape_a, shape_b) = (self.shape(a).clone(), self.shape(b).clone());
        Ok(match *op {
            Op::ConvInputGradient(w) => [self.conv(g, b, w)?, self.conv_filter_gradient(g, a, w, &shape_b)?],
            Op::ConvFilterGradient(w) => [self.conv_input_gradient(b, g, w, &shape_a)?, self.conv(a, g, w)?],
            Op::Conv(w) => {
                [self.conv_input_gradient(g, b, w, &shape_a)?, self.conv_filter_gradient(a, g, w, &shape_b)?]
            }
            ref other => unreachable!("{} is no convolution", other.name()),
        })
    }
}
