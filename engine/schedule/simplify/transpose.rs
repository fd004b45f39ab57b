//! Transpositions that undo others, with nothing or arithmetic between them: a chain of layers with the channels first turns
//! its images around at its ends alone.

use super::Simplify;
use crate::graph::{Node, NodeId, Op};
use crate::tensor::{Dim, Shape};

impl Simplify {
    /// What a transposition equals that needs none or is one with the one before.
    pub(super) fn turned_back(&mut self, node: &Node) -> Option<NodeId> {
        let Op::Transpose { order } = &node.op else { return None };
        let input = node.inputs[0];
        if let Some(id) = self.turned(input, order) {
            return Some(id);
        }
        let Op::Transpose { order: first } = &self.to.node(input).op else { return None };
        let order = composed(order, first);
        let inputs = self.to.node(input).inputs.clone();
        Some(self.insert(Node { op: Op::Transpose { order }, inputs, ..node.clone() }))
    }

    /// The value `id` with its axes in `order`, if arithmetic on values before they were transposed gives it.
    fn turned(&mut self, id: NodeId, order: &[usize]) -> Option<NodeId> {
        if order.is_sorted() {
            return Some(id);
        }
        let key = (id, order.to_vec());
        if let Some(known) = self.turned.get(&key) {
            return *known;
        }
        let found = self.find_turned(id, order);
        self.turned.insert(key, found);
        found
    }

    fn find_turned(&mut self, id: NodeId, order: &[usize]) -> Option<NodeId> {
        let node = self.to.node(id).clone();
        match &node.op {
            Op::Transpose { order: first } => composed(order, first).is_sorted().then(|| node.inputs[0]),
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Cast => {
                let operand = |&input: &NodeId| self.turned_operand(input, &node.shape, order);
                let inputs = node.inputs.iter().map(operand).collect::<Option<_>>()?;
                let shape = Shape(order.iter().map(|&axis| node.shape.0[axis]).collect());
                Some(self.visited(Node { inputs, shape, ..node }))
            }
            _ => None,
        }
    }

    /// An operand of arithmetic of shape `whole`. One that is stretched along all axes but one needs another shape alone.
    fn turned_operand(&mut self, id: NodeId, whole: &Shape, order: &[usize]) -> Option<NodeId> {
        let own = self.to.shape(id).clone();
        if own == *whole {
            return self.turned(id, order);
        }
        if own.count() == Dim::fixed(1) {
            return Some(id);
        }
        if own.0.iter().filter(|size| !size.is_one()).count() > 1 {
            return None;
        }
        let mut sizes = vec![Dim::fixed(1); whole.rank() - own.rank()];
        sizes.extend(&own.0);
        let shape = Shape(order.iter().map(|&axis| sizes[axis]).collect());
        let element = self.to.node(id).element;
        Some(self.visited(Node {
            op: Op::Reshape,
            inputs: vec![id],
            shape,
            element,
            ..self.to.node(id).clone()
        }))
    }
}

/// The order of both transpositions, `first` before `second`.
fn composed(second: &[usize], first: &[usize]) -> Vec<usize> {
    second.iter().map(|&axis| first[axis]).collect()
}
