//! Concatenations of more parts than a GPU's kernel binds.

use std::collections::HashMap;

use crate::graph::{Graph, Node, NodeId, Op};
use crate::tensor::{Dim, Shape};

use super::program::{Destination, storage};
use super::roots::is_anchor;

/// Parts that one kernel puts together: each is a buffer, and the result another.
const MOST_PARTS: usize = 6;

/// Lets the kernels that compute the parts of long concatenations write them in their places, or these go through several
/// concatenations of few parts, so that no kernel binds too many buffers.
pub(super) fn divide(graph: &mut Graph) {
    let mut to = graph.clone();
    to.nodes.clear();
    let mut map: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for id in graph.ids() {
        let mut node = graph.node(id).clone();
        node.inputs.iter_mut().for_each(|n| *n = map[n.0]);
        if let Op::Concat { axis } = node.op {
            if node.inputs.len() > MOST_PARTS && can_be_assembled(&to, &node, axis) {
                node.op = Op::Assemble { axis };
            }
            while node.op == (Op::Concat { axis }) && node.inputs.len() > MOST_PARTS {
                let parts =
                    node.inputs.chunks(MOST_PARTS).map(|parts| concatenation(&mut to, parts, axis, &node));
                node.inputs = parts.collect();
            }
        }
        map.push(NodeId(to.nodes.len()));
        to.nodes.push(node);
    }
    to.outputs.iter_mut().for_each(|output| output.node = map[output.node.0]);
    to.assigns.iter_mut().for_each(|assign| assign.value = map[assign.value.0]);
    *graph = to;
}

/// Whether parts lie where no batch changes it, and most of them are computed: what only lies elsewhere in memory would
/// have to be copied one by one.
fn can_be_assembled(graph: &Graph, node: &Node, axis: usize) -> bool {
    let computed = node.inputs.iter().filter(|&&part| {
        let source = storage(graph, part);
        is_anchor(graph, source) || graph.node(source).op.is_elementwise() || joins_computed(graph, source)
    });
    let computed = computed.count();
    node.shape.0[axis..].iter().all(|size| !size.batch) && 2 * computed > node.inputs.len()
}

/// Whether a value puts side by side what is computed, as the gates of a recurrent cell.
fn joins_computed(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let computed = |&part: &NodeId| graph.node(storage(graph, part)).op.is_elementwise();
    matches!(node.op, Op::Concat { .. }) && node.inputs.iter().all(computed)
}

/// `parts` side by side: a part of the concatenation `whole`.
fn concatenation(graph: &mut Graph, parts: &[NodeId], axis: usize, whole: &Node) -> NodeId {
    if let [only] = parts {
        return *only;
    }
    let mut node = Node { inputs: parts.to_vec(), ..whole.clone() };
    node.shape.0[axis] = Dim::fixed(parts.iter().map(|&part| graph.shape(part).0[axis].factor).sum());
    graph.nodes.push(node);
    NodeId(graph.nodes.len() - 1)
}

/// For each value that is a part of others, its places there.
pub(super) fn parts(graph: &Graph) -> HashMap<NodeId, Vec<Destination>> {
    let mut found: HashMap<NodeId, Vec<Destination>> = HashMap::new();
    for whole in graph.ids() {
        let node = graph.node(whole);
        let Op::Assemble { axis } = node.op else { continue };
        let row = |shape: &Shape| shape.0[axis..].iter().map(|size| size.factor).product();
        let (mut start, stride) = (0, row(&node.shape));
        for &part in &node.inputs {
            let row = row(graph.shape(part));
            let place = Destination::Part { whole, start, row, stride };
            found.entry(storage(graph, part)).or_default().push(place);
            start += row;
        }
    }
    found
}
