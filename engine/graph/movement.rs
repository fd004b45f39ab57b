//! Operations that move elements and compute nothing.

use super::op::{Element, Op};
use super::{Along, Graph, NodeId, SEGMENT, VariableId};
use crate::error::{Error, Result};
use crate::tensor::Shape;

impl Graph {
    /// The same elements, row-major, in another shape.
    ///
    /// # Errors
    /// If `shape` has another number of elements, or the batch more than once.
    pub fn reshape(&mut self, x: NodeId, shape: &Shape) -> Result<NodeId> {
        let found = self.shape(x);
        if found == shape {
            return Ok(x);
        }
        if found.count() != shape.count() {
            let expected = format!("as many elements as {shape}");
            return Err(Error::shape(
                self.place("reshape"),
                "the input",
                found,
                expected,
                "keep the product of the sizes",
            ));
        }
        self.check_one_batch("reshape", shape)?;
        let element = self.node(x).element;
        Ok(self.push(Op::Reshape, &[x], shape.clone(), element))
    }

    /// The axes in another order: axis i of the result is axis `order[i]` of `x`.
    ///
    /// # Errors
    /// If `order` does not name each axis once.
    pub fn transpose(&mut self, x: NodeId, order: &[usize]) -> Result<NodeId> {
        let from = self.shape(x).clone();
        let mut seen = order.to_vec();
        seen.sort_unstable();
        if !seen.iter().copied().eq(0..from.rank()) {
            let expected = format!("each axis of {from} once");
            return Err(Error::argument(self.place("transpose"), "order", format!("{order:?}"), expected));
        }
        let shape = Shape(order.iter().map(|&i| from.0[i]).collect());
        let element = self.node(x).element;
        Ok(self.push(Op::Transpose { order: order.to_vec() }, &[x], shape, element))
    }

    /// The order that undoes a transposition.
    pub(super) fn transpose_derivative(&mut self, order: &[usize], g: NodeId) -> Result<NodeId> {
        let mut inverse = vec![0; order.len()];
        for (i, &from) in order.iter().enumerate() {
            inverse[from] = i;
        }
        self.transpose(g, &inverse)
    }

    /// A value for each parameter of `variable`, in the parameters' order, as one `[segments, 256]`: their gradients.
    ///
    /// # Errors
    /// If there are more or fewer gradients than parameters, or one has another shape.
    pub fn pack(&mut self, variable: VariableId, gradients: &[NodeId]) -> Result<NodeId> {
        let parameters: Vec<_> = (0..self.parameters.len())
            .map(super::ParameterId)
            .filter(|id| self.parameters[id.0].variable == variable)
            .collect();
        if parameters.len() != gradients.len() {
            let expected = format!("{}, one for each parameter", parameters.len());
            return Err(Error::argument(
                self.place("pack"),
                "number of gradients",
                gradients.len(),
                expected,
            ));
        }
        for (id, &gradient) in parameters.iter().zip(gradients) {
            let (found, expected) = (self.shape(gradient), Shape::fixed(&self.parameters[id.0].shape));
            if *found != expected {
                let place = self.place("pack");
                return Err(Error::shape(
                    place,
                    "a gradient",
                    found,
                    expected,
                    "give it the parameter's shape",
                ));
            }
        }
        let shape = Shape::fixed(&[self.variables[variable.0].segments, SEGMENT]);
        // Each variable has memory for one packed gradient, which its parts are computed in.
        let taken = |node: &super::Node| matches!(&node.op, Op::Pack { parameters: p } if *p == parameters);
        if self.nodes.iter().any(taken) {
            return self.pack_by_copy(gradients, &shape);
        }
        Ok(self.push(Op::Pack { parameters }, gradients, shape, Element::F32))
    }

    /// `values` one after another, each from the start of a segment.
    fn pack_by_copy(&mut self, values: &[NodeId], shape: &Shape) -> Result<NodeId> {
        let mut parts = Vec::with_capacity(values.len());
        for &value in values {
            let count = self.shape(value).count().factor;
            let flat = self.reshape(value, &Shape::fixed(&[count]))?;
            let padded = count.next_multiple_of(SEGMENT);
            parts.push(self.pad(flat, &[Along::new(0, 0, padded)])?);
        }
        let whole = self.concat(&parts, 0)?;
        self.reshape(whole, shape)
    }
}
