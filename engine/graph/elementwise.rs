//! Functions of one, two or three elements, with NumPy's broadcasting. Each derivative is one arm.

use std::f32::consts::FRAC_2_SQRT_PI;

use super::op::{Binary, Comparison, Element, Op, Unary};
use super::{Graph, NodeId};
use crate::error::{Error, Result};
use crate::tensor::{Dim, Shape};

impl Graph {
    /// `function` of every element of `x`.
    pub fn unary(&mut self, function: Unary, x: NodeId) -> NodeId {
        let shape = self.shape(x).clone();
        self.push(Op::Unary(function), &[x], shape, Element::F32)
    }

    /// `function` of every pair of elements of `a` and `b`.
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn binary(&mut self, function: Binary, a: NodeId, b: NodeId) -> Result<NodeId> {
        let shape = self.broadcast_shape(&format!("{function:?}").to_lowercase(), a, b)?;
        self.check_element("arithmetic", a, Element::F32)?;
        self.check_element("arithmetic", b, Element::F32)?;
        Ok(self.push(Op::Binary(function), &[a, b], shape, Element::F32))
    }

    /// a + b
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(Binary::Add, a, b)
    }

    /// a − b
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn subtract(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(Binary::Subtract, a, b)
    }

    /// a · b
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn multiply(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(Binary::Multiply, a, b)
    }

    /// a / b
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn divide(&mut self, a: NodeId, b: NodeId) -> Result<NodeId> {
        self.binary(Binary::Divide, a, b)
    }

    /// `factor` · x
    ///
    /// # Errors
    /// If the elements of `x` are no floats.
    pub fn scale(&mut self, x: NodeId, factor: f32) -> Result<NodeId> {
        let factor = self.constant(factor);
        self.multiply(x, factor)
    }

    /// 1.0 where the comparison holds, else 0.0.
    ///
    /// # Errors
    /// If the shapes do not broadcast, or the elements are of two types.
    pub fn compare(&mut self, comparison: Comparison, a: NodeId, b: NodeId) -> Result<NodeId> {
        let shape = self.broadcast_shape(&format!("{comparison:?}").to_lowercase(), a, b)?;
        self.check_element("compare", b, self.node(a).element)?;
        Ok(self.push(Op::Compare(comparison), &[a, b], shape, Element::F32))
    }

    /// `a` where `condition` is not 0, else `b`.
    ///
    /// # Errors
    /// If the shapes do not broadcast, or an element is no float.
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> Result<NodeId> {
        for node in [condition, a, b] {
            self.check_element("select", node, Element::F32)?;
        }
        let shape = self.broadcast_shape("select", a, b)?;
        let shape = self.join_shapes("select", self.shape(condition), &shape)?;
        Ok(self.push(Op::Select, &[condition, a, b], shape, Element::F32))
    }

    /// The same numbers as `element`.
    pub fn cast(&mut self, x: NodeId, element: Element) -> NodeId {
        if self.node(x).element == element {
            return x;
        }
        let shape = self.shape(x).clone();
        self.push(Op::Cast, &[x], shape, element)
    }

    /// `x` stretched to `shape`.
    ///
    /// # Errors
    /// If `x` does not stretch to `shape`: only axes of size 1 do.
    pub fn broadcast(&mut self, x: NodeId, shape: &Shape) -> Result<NodeId> {
        if self.shape(x) == shape {
            return Ok(x);
        }
        if self.join_shapes("broadcast", self.shape(x), shape)? != *shape {
            let place = self.place("broadcast");
            return Err(Error::shape(
                place,
                "the input",
                self.shape(x),
                shape,
                "only axes of size 1 stretch",
            ));
        }
        let element = self.node(x).element;
        Ok(self.push(Op::Broadcast, &[x], shape.clone(), element))
    }

    fn broadcast_shape(&self, operation: &str, a: NodeId, b: NodeId) -> Result<Shape> {
        self.join_shapes(operation, self.shape(a), self.shape(b))
    }

    /// NumPy's rule: axes are matched from the last; sizes are equal, or one of them is 1.
    fn join_shapes(&self, operation: &str, a: &Shape, b: &Shape) -> Result<Shape> {
        let rank = a.rank().max(b.rank());
        let at =
            |s: &Shape, i: usize| if i + s.rank() < rank { Dim::fixed(1) } else { s.0[i + s.rank() - rank] };
        let mut sizes = Vec::with_capacity(rank);
        for i in 0..rank {
            let (x, y) = (at(a, i), at(b, i));
            if !(x == y || x.is_one() || y.is_one()) {
                let rule = format!("a shape that broadcasts with {a}");
                let remedy = "make the sizes equal or 1, matched from the last axis";
                return Err(Error::shape(self.place(operation), "an operand", b, rule, remedy));
            }
            sizes.push(if x.is_one() { y } else { x });
        }
        let shape = Shape(sizes);
        self.check_one_batch(operation, &shape)?;
        Ok(shape)
    }

    /// The gradient of a broadcast: what was stretched is summed.
    pub(super) fn unbroadcast(&mut self, gradient: NodeId, shape: &Shape) -> Result<NodeId> {
        let from = self.shape(gradient).clone();
        let extra = from.rank() - shape.rank();
        let stretched = |i: usize| i < extra || (shape.0[i - extra].is_one() && !from.0[i].is_one());
        let axes: Vec<usize> = (0..from.rank()).filter(|&i| stretched(i)).collect();
        let summed = if axes.is_empty() { gradient } else { self.sum(gradient, &axes)? };
        self.reshape(summed, shape)
    }

    /// d f(x): the derivative times the gradient `g` of `y` = f(x).
    pub(super) fn unary_derivative(
        &mut self,
        function: Unary,
        x: NodeId,
        y: NodeId,
        g: NodeId,
    ) -> Result<Option<NodeId>> {
        let derivative = match function {
            Unary::Negate => return Ok(Some(self.unary(Unary::Negate, g))),
            Unary::Abs => self.unary(Unary::Sign, x),
            Unary::Sign | Unary::Detach => return Ok(None),
            Unary::Exp => y,
            Unary::Log => return Ok(Some(self.divide(g, x)?)),
            // Not y + 1: it would lose all but the last bits of what is far below 0.
            Unary::Expm1 => self.unary(Unary::Exp, x),
            Unary::Log1p => {
                let one = self.constant(1.0);
                let above = self.add(one, x)?;
                return Ok(Some(self.divide(g, above)?));
            }
            Unary::Erf => self.bell(x, FRAC_2_SQRT_PI)?,
            Unary::Erfc => self.bell(x, -FRAC_2_SQRT_PI)?,
            Unary::Sqrt => {
                let twice = self.scale(y, 2.0)?;
                return Ok(Some(self.divide(g, twice)?));
            }
            Unary::Tanh => {
                let square = self.multiply(y, y)?;
                let one = self.constant(1.0);
                self.subtract(one, square)?
            }
            Unary::Sigmoid => {
                let one = self.constant(1.0);
                let rest = self.subtract(one, y)?;
                self.multiply(y, rest)?
            }
            Unary::Softplus => self.unary(Unary::Sigmoid, x),
            Unary::Relu => {
                let zero = self.constant(0.0);
                let active = self.compare(Comparison::Greater, y, zero)?;
                return Ok(Some(self.select(active, g, zero)?));
            }
        };
        Ok(Some(self.multiply(g, derivative)?))
    }

    /// `height` · e^−x²
    fn bell(&mut self, x: NodeId, height: f32) -> Result<NodeId> {
        let square = self.multiply(x, x)?;
        let below = self.unary(Unary::Negate, square);
        let bell = self.unary(Unary::Exp, below);
        self.scale(bell, height)
    }

    /// The gradients of both operands from the gradient `g` of the result.
    pub(super) fn binary_derivative(
        &mut self,
        function: Binary,
        [a, b]: [NodeId; 2],
        y: NodeId,
        g: NodeId,
    ) -> Result<[NodeId; 2]> {
        let (da, db) = match function {
            Binary::Add => (g, g),
            Binary::Subtract => (g, self.unary(Unary::Negate, g)),
            Binary::Multiply => (self.multiply(g, b)?, self.multiply(g, a)?),
            Binary::Divide => {
                let da = self.divide(g, b)?;
                let product = self.multiply(da, y)?;
                (da, self.unary(Unary::Negate, product))
            }
            Binary::Maximum => self.extremum_derivative(Comparison::Greater, a, b, g)?,
            Binary::Minimum => self.extremum_derivative(Comparison::Less, a, b, g)?,
        };
        let (shape_a, shape_b) = (self.shape(a).clone(), self.shape(b).clone());
        Ok([self.unbroadcast(da, &shape_a)?, self.unbroadcast(db, &shape_b)?])
    }

    /// The operand that was taken takes the gradient; equal operands share it.
    fn extremum_derivative(
        &mut self,
        wins: Comparison,
        a: NodeId,
        b: NodeId,
        g: NodeId,
    ) -> Result<(NodeId, NodeId)> {
        let won = self.compare(wins, a, b)?;
        let tied = self.compare(Comparison::Equal, a, b)?;
        let half = self.scale(tied, 0.5)?;
        let share = self.add(won, half)?;
        let da = self.multiply(g, share)?;
        let db = self.subtract(g, da)?;
        Ok((da, db))
    }

    /// The gradients of `a` and `b` of `select(condition, a, b)`.
    pub(super) fn select_derivative(
        &mut self,
        [condition, a, b]: [NodeId; 3],
        g: NodeId,
    ) -> Result<[NodeId; 2]> {
        let zero = self.constant(0.0);
        let da = self.select(condition, g, zero)?;
        let db = self.select(condition, zero, g)?;
        let (shape_a, shape_b) = (self.shape(a).clone(), self.shape(b).clone());
        Ok([self.unbroadcast(da, &shape_a)?, self.unbroadcast(db, &shape_b)?])
    }
}
