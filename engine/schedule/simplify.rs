//! Constants are folded, identities dropped, equal nodes joined, dead nodes removed.

mod transpose;

use std::collections::HashMap;

use crate::graph::{Binary, Element, Graph, Literal, Node, NodeId, Op, Stride, Unary};
use crate::tensor::{Dim, Shape};

/// The same step in fewer nodes.
pub(crate) fn simplify(graph: &Graph) -> Graph {
    let mut pass =
        Simplify { to: empty_like(graph), map: Vec::new(), known: HashMap::new(), turned: HashMap::new() };
    for id in graph.ids() {
        let new = pass.visit(graph.node(id));
        pass.map.push(new);
    }
    let Simplify { mut to, map, .. } = pass;
    move_roots(&mut to, &map);
    prune(&to)
}

/// The same graph without the nodes that nothing reads.
pub(super) fn prune(graph: &Graph) -> Graph {
    let mut live = vec![false; graph.nodes.len()];
    let outputs = graph.outputs.iter().map(|o| o.node);
    for root in outputs.chain(graph.assigns.iter().map(|a| a.value)) {
        live[root.0] = true;
    }
    for id in graph.ids().rev().filter(|id| live[id.0]).collect::<Vec<_>>() {
        mark_inputs(graph, id, &mut live);
    }
    let mut to = empty_like(graph);
    let mut map = vec![NodeId(usize::MAX); graph.nodes.len()];
    for id in graph.ids().filter(|id| live[id.0]) {
        let mut node = graph.node(id).clone();
        node.inputs.iter_mut().for_each(|n| *n = map[n.0]);
        map[id.0] = NodeId(to.nodes.len());
        to.nodes.push(node);
    }
    move_roots(&mut to, &map);
    to
}

fn mark_inputs(graph: &Graph, id: NodeId, live: &mut [bool]) {
    let mut stack = vec![id];
    while let Some(node) = stack.pop() {
        for &input in &graph.node(node).inputs {
            if !std::mem::replace(&mut live[input.0], true) {
                stack.push(input);
            }
        }
    }
}

fn empty_like(graph: &Graph) -> Graph {
    let mut empty = graph.clone();
    empty.nodes.clear();
    empty
}

fn move_roots(graph: &mut Graph, map: &[NodeId]) {
    graph.outputs.iter_mut().for_each(|o| o.node = map[o.node.0]);
    graph.assigns.iter_mut().for_each(|a| a.value = map[a.value.0]);
}

/// What makes two nodes equal.
type Key = (Op, Vec<NodeId>, Shape, Element);

struct Simplify {
    to: Graph,
    map: Vec<NodeId>,
    known: HashMap<Key, NodeId>,
    /// What values are with their axes in another order, where that needs no transposition.
    turned: HashMap<(NodeId, Vec<usize>), Option<NodeId>>,
}

impl Simplify {
    fn visit(&mut self, node: &Node) -> NodeId {
        let mut node = node.clone();
        node.inputs.iter_mut().for_each(|n| *n = self.map[n.0]);
        self.skip_broadcasts(&mut node);
        self.skip_reshapes(&mut node);
        if let Op::Reduce { axes, .. } = &mut node.op {
            let from = self.to.shape(node.inputs[0]).clone();
            axes.retain(|&axis| !from.0[axis].is_one());
        }
        if let Some(id) = self.sink_broadcast(&node).or_else(|| self.turned_back(&node)) {
            return id;
        }
        self.visited(node)
    }

    /// The node itself, or what it equals.
    fn visited(&mut self, node: Node) -> NodeId {
        match self.identity(&node).or_else(|| self.fold(&node)) {
            Some(id) => id,
            None => self.insert(node),
        }
    }

    fn insert(&mut self, node: Node) -> NodeId {
        let key = (node.op.clone(), node.inputs.clone(), node.shape.clone(), node.element);
        let to = &mut self.to;
        *self.known.entry(key).or_insert_with(|| {
            to.nodes.push(node);
            NodeId(to.nodes.len() - 1)
        })
    }

    /// An operand need not be stretched by hand where the operation stretches it.
    fn skip_broadcasts(&self, node: &mut Node) {
        if !matches!(node.op, Op::Binary(_) | Op::Compare(_)) {
            return;
        }
        for i in 0..2 {
            while self.to.node(node.inputs[i]).op == Op::Broadcast
                && *self.to.shape(node.inputs[1 - i]) == node.shape
            {
                node.inputs[i] = self.to.node(node.inputs[i]).inputs[0];
            }
        }
    }

    /// Arithmetic on one stretched number is done once, before it is stretched.
    fn sink_broadcast(&mut self, node: &Node) -> Option<NodeId> {
        let one = |id: NodeId| self.to.shape(id).count() == Dim::fixed(1);
        if !matches!(node.op, Op::Unary(_) | Op::Binary(_)) || node.shape.count() == Dim::fixed(1) {
            return None;
        }
        let source = |id: NodeId| match self.to.node(id).op {
            Op::Broadcast => Some(self.to.node(id).inputs[0]).filter(|&x| one(x)),
            _ => one(id).then_some(id),
        };
        let inputs: Vec<NodeId> = node.inputs.iter().map(|&n| source(n)).collect::<Option<_>>()?;
        let rank = inputs.iter().map(|&n| self.to.shape(n).rank()).max().unwrap_or(0);
        let small = Node { inputs, shape: Shape::fixed(&vec![1; rank]), ..node.clone() };
        let small = self.visited(small);
        let stretched = Node { op: Op::Broadcast, inputs: vec![small], ..node.clone() };
        Some(self.insert(stretched))
    }

    fn skip_reshapes(&self, node: &mut Node) {
        if node.op == Op::Reshape && self.to.node(node.inputs[0]).op == Op::Reshape {
            node.inputs[0] = self.to.node(node.inputs[0]).inputs[0];
        }
    }

    /// An operand that the node equals bit for bit (−0 + 0 and NaN's payload aside).
    fn identity(&self, node: &Node) -> Option<NodeId> {
        let same_shape = |id: NodeId| (*self.to.shape(id) == node.shape).then_some(id);
        let is = |id: NodeId, value: f32| self.constant(id).is_some_and(|c| c.to_f32() == value);
        match (&node.op, node.inputs.as_slice()) {
            (Op::Unary(Unary::Detach) | Op::Reshape | Op::Broadcast, &[x]) => same_shape(x),
            (Op::Reduce { axes, .. }, &[x]) if axes.is_empty() => same_shape(x),
            (Op::Slice { axes } | Op::Pad { axes }, &[x]) if axes.iter().all(|a| *a == Stride::ALL) => {
                same_shape(x)
            }
            (Op::Concat { axis }, parts) => self.sliced_whole(parts, *axis).and_then(same_shape),
            (Op::Binary(Binary::Multiply), &[a, b]) if is(b, 1.0) => same_shape(a),
            (Op::Binary(Binary::Multiply), &[a, b]) if is(a, 1.0) => same_shape(b),
            (Op::Binary(Binary::Divide), &[a, b]) if is(b, 1.0) => same_shape(a),
            (Op::Binary(Binary::Add), &[a, b]) if is(b, 0.0) => same_shape(a),
            (Op::Binary(Binary::Add), &[a, b]) if is(a, 0.0) => same_shape(b),
            (Op::Binary(Binary::Subtract), &[a, b]) if is(b, 0.0) => same_shape(a),
            _ => None,
        }
    }

    /// The value that `parts` are neighbouring slices of along `axis`, from its start on.
    fn sliced_whole(&self, parts: &[NodeId], axis: usize) -> Option<NodeId> {
        let whole = self.to.node(*parts.first()?).inputs.first().copied();
        let mut next = 0;
        for &part in parts {
            let Node { op: Op::Slice { axes }, inputs, shape, .. } = self.to.node(part) else {
                // A single part is the whole.
                return Some(part).filter(|_| parts.len() == 1);
            };
            let expected = |(i, stride): (usize, &Stride)| match i == axis {
                true => *stride == Stride { start: next, step: 1 },
                false => *stride == Stride::ALL,
            };
            if inputs.first().copied() != whole || !axes.iter().enumerate().all(expected) {
                return None;
            }
            next += shape.0[axis].factor;
        }
        whole
    }

    fn constant(&self, id: NodeId) -> Option<Literal> {
        match self.to.node(id).op {
            Op::Constant(literal) => Some(literal),
            _ => None,
        }
    }

    /// A constant in place of arithmetic on constants that is exact or correctly rounded everywhere.
    fn fold(&mut self, node: &Node) -> Option<NodeId> {
        let values: Vec<Literal> = node.inputs.iter().map(|&n| self.constant(n)).collect::<Option<_>>()?;
        let value = |i: usize| values[i].to_f32();
        let folded = match (&node.op, values.len()) {
            (Op::Reshape | Op::Broadcast, 1) => values[0],
            (Op::Cast, 1) if node.element == Element::F32 => float(value(0)),
            (Op::Unary(Unary::Negate), 1) => float(-value(0)),
            (Op::Unary(Unary::Detach), 1) => values[0],
            (Op::Binary(Binary::Add), 2) => float(value(0) + value(1)),
            (Op::Binary(Binary::Subtract), 2) => float(value(0) - value(1)),
            (Op::Binary(Binary::Multiply), 2) => float(value(0) * value(1)),
            (Op::Binary(Binary::Divide), 2) => float(value(0) / value(1)),
            _ => return None,
        };
        let node = Node { op: Op::Constant(folded), inputs: Vec::new(), ..node.clone() };
        Some(self.insert(node))
    }
}

fn float(value: f32) -> Literal {
    Literal::F32(value.to_bits())
}
