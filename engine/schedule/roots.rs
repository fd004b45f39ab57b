//! Which nodes are computed where they are used, and which once for all.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Assign, Element, Graph, NodeId, Op, Reduction, Unary, own_rows};
use crate::tensor::{Dim, Shape};

use super::program::{Target, storage};

/// How a reduction lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Consecutive elements are joined: `[rows, columns]` to `[rows]`.
    Rows { rows: Dim, columns: Dim },
    /// Elements `columns` apart are joined: `[rows, columns]` to `[columns]`.
    Columns { rows: Dim, columns: Dim },
    /// Anything else.
    General,
}

/// The layout of a reduction or argmax.
pub(super) fn layout(graph: &Graph, id: NodeId) -> Layout {
    let node = graph.node(id);
    let from = graph.shape(node.inputs[0]);
    let (axes, kind) = match &node.op {
        Op::Reduce { kind, axes } => (axes.clone(), Some(*kind)),
        Op::ArgMax { axis } => (vec![*axis], None),
        other => unreachable!("{} is no reduction", other.name()),
    };
    let product = |reduced: bool| {
        let of = |(i, d): (usize, &Dim)| (axes.contains(&i) == reduced).then_some(*d);
        let dims: Vec<Dim> = from.0.iter().enumerate().filter_map(of).collect();
        Dim { factor: dims.iter().map(|d| d.factor).product(), batch: dims.iter().any(|d| d.batch) }
    };
    let marks: Vec<bool> =
        (0..from.rank()).filter(|&i| !from.0[i].is_one()).map(|i| axes.contains(&i)).collect();
    if marks.is_sorted() {
        Layout::Rows { rows: product(false), columns: product(true) }
    } else if marks.iter().rev().is_sorted() && kind == Some(Reduction::Sum) {
        Layout::Columns { rows: product(true), columns: product(false) }
    } else {
        Layout::General
    }
}

/// Whether a node starts a kernel of its own, with operands in memory.
pub(super) fn is_anchor(graph: &Graph, id: NodeId) -> bool {
    match graph.node(id).op {
        Op::Reduce { .. } | Op::ArgMax { .. } => !is_row_reduction(graph, id),
        Op::MatMul { .. }
        | Op::Conv(_)
        | Op::ConvInputGradient(_)
        | Op::ConvFilterGradient(_)
        | Op::MaxPool(_)
        | Op::MaxPoolGradient(_)
        | Op::AveragePool(_)
        | Op::AveragePoolGradient(_)
        | Op::ScatterAdd
        | Op::Transpose { .. } => true,
        Op::Gather => !is_lookup(graph, id),
        _ => false,
    }
}

/// Whether a node reads single numbers from a table in memory, by row numbers that are computed on the way: the kernel
/// that wants them reads them.
pub(super) fn is_lookup(graph: &Graph, id: NodeId) -> bool {
    let node = graph.node(id);
    let table = || graph.shape(node.inputs[0]);
    let single = || own_rows(table()).is_none() && table().0[1..].iter().all(|size| size.is_one());
    node.op == Op::Gather && single() && is_of_places(graph, node.inputs[1])
}

/// Whether a value is arithmetic on indices, constants and the step's numbers alone.
fn is_of_places(graph: &Graph, id: NodeId) -> bool {
    let (mut seen, mut stack) = (BTreeSet::from([id]), vec![id]);
    while let Some(next) = stack.pop() {
        let node = graph.node(next);
        let cheap = node.op.is_elementwise() && own_cost(&node.op) == 1;
        if !cheap && !is_uniform(graph, next) && !matches!(node.op, Op::Iota { .. } | Op::Reshape) {
            return false;
        }
        stack.extend(node.inputs.iter().copied().filter(|&input| seen.insert(input)));
    }
    true
}

/// Whether a node joins the elements of rows.
pub(super) fn is_row_reduction(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op, Op::Reduce { .. } | Op::ArgMax { .. })
        && matches!(layout(graph, id), Layout::Rows { .. })
}

/// Whether a node lies in memory before the step starts, or is put together there.
pub(super) fn is_resident(graph: &Graph, id: NodeId) -> bool {
    let op = &graph.node(id).op;
    matches!(op, Op::Parameter(_) | Op::Variable(_)) || op.is_put_together()
}

/// Puts a copy before every reader that needs a value in memory of its own: operands of anchors and tables that
/// are gathered or computed on the fly, inputs that are stretched or moved (once for all readers), outputs and assignments
/// of what lies elsewhere. Returns the copies into variables that have to be kernels of their own: of values that follow
/// from elements at other places and, if `apart`, of those that something is computed from together with what the
/// variable held before.
pub(super) fn insert_copies(graph: &mut Graph, apart: bool) -> Vec<NodeId> {
    let mut to = graph.clone();
    to.nodes.clear();
    let mut map = Vec::with_capacity(graph.nodes.len());
    let mut packed = Vec::new();
    let mut gathered = BTreeMap::new();
    for id in graph.ids() {
        let mut node = graph.node(id).clone();
        node.inputs.iter_mut().for_each(|n| *n = map[n.0]);
        let pack = matches!(node.op, Op::Pack { .. });
        let together = node.op.is_put_together();
        let lookup = is_lookup(graph, id);
        for (n, input) in node.inputs.iter_mut().enumerate() {
            let source = storage(&to, *input);
            let virtual_value =
                to.node(source).op.is_immediate() || matches!(to.node(source).op, Op::Input(_));
            let taken = together && (is_resident(&to, source) || packed.contains(&source));
            let sizes = [to.shape(*input), &node.shape].map(Shape::count);
            let stretched = node.op.is_elementwise() && sizes[0] != sizes[1];
            let gathered_anew = stretched && matches!(to.node(source).op, Op::Input(_));
            let in_memory = is_anchor(graph, id) || together || node.op.is_movement() || (lookup && n == 0);
            if (in_memory && virtual_value) || taken || gathered_anew {
                let (from, shared) = (*input, matches!(to.node(source).op, Op::Input(_)) && !taken);
                *input = match shared {
                    true => *gathered.entry(from).or_insert_with(|| copy(&mut to, from)),
                    false => copy(&mut to, from),
                };
            }
            if pack {
                packed.push(storage(&to, *input));
            }
        }
        map.push(NodeId(to.nodes.len()));
        to.nodes.push(node);
    }
    let settle = |node: NodeId, to: &mut Graph| {
        let source = storage(to, map[node.0]);
        let op = &to.node(source).op;
        let elsewhere = op.is_immediate() || matches!(op, Op::Input(_)) || is_resident(to, source);
        if elsewhere { copy(to, map[node.0]) } else { map[node.0] }
    };
    for i in 0..to.outputs.len() {
        to.outputs[i].node = settle(graph.outputs[i].node, &mut to);
    }
    let mut late = Vec::new();
    for i in 0..to.assigns.len() {
        let mut value = settle(graph.assigns[i].value, &mut to);
        if moves(graph, graph.assigns[i]) || (apart && is_wanted_beside(graph, graph.assigns[i])) {
            value = copy(&mut to, value);
            late.push(value);
        }
        to.assigns[i].value = value;
    }
    *graph = to;
    late
}

/// Whether elements of the value assigned follow from the variable's elements at other places, which must not be
/// overwritten before.
fn moves(graph: &Graph, assign: Assign) -> bool {
    let [mut follows, mut moved] = [(); 2].map(|()| vec![false; graph.nodes.len()]);
    for id in graph.ids() {
        let node = graph.node(id);
        let any = |marks: &[bool]| node.inputs.iter().any(|n| marks[n.0]);
        follows[id.0] = node.op == Op::Variable(assign.variable) || any(&follows);
        let table = |n: NodeId| is_resident(graph, storage(graph, n));
        let elsewhere = node.op.is_movement() || (is_lookup(graph, id) && table(node.inputs[0]));
        moved[id.0] = any(&moved) || (elsewhere && any(&follows));
    }
    moved[assign.value.0]
}

/// Whether something is computed from the value assigned and, another way, from what the variable held before.
fn is_wanted_beside(graph: &Graph, assign: Assign) -> bool {
    let [mut new, mut old] = [(); 2].map(|()| vec![false; graph.nodes.len()]);
    let value = storage(graph, assign.value);
    graph.ids().any(|id| {
        let node = graph.node(id);
        let reads = match node.op {
            Op::Variable(variable) => variable == assign.variable,
            Op::Parameter(parameter) => graph.parameters[parameter.0].variable == assign.variable,
            _ => false,
        };
        let any = |marks: &[bool]| node.inputs.iter().any(|n| marks[n.0]);
        new[id.0] = id == value || any(&new);
        old[id.0] = !new[id.0] && (reads || any(&old));
        id != value && new[id.0] && any(&old)
    })
}

/// The same numbers in memory, where bytes become integers.
fn copy(graph: &mut Graph, x: NodeId) -> NodeId {
    if graph.node(x).element == Element::F32 {
        return graph.detach(x);
    }
    let shape = graph.shape(x).clone();
    graph.push(Op::Cast, &[x], shape, Element::U32)
}

/// For each node, whether it is computed once and kept: in memory, or in the kernel that uses it.
/// The other nodes are computed wherever they are used.
///
/// A GPU computes what is moved at the place where it is wanted; the CPU, which works on runs of memory, reads it.
pub(super) fn find_roots(graph: &Graph, fuse: bool, target: Target) -> Vec<bool> {
    let anywhere = fuse && target != Target::Cpu;
    let free: Vec<bool> = graph.ids().map(|id| anywhere && is_free(graph, id)).collect();
    let mut root = vec![false; graph.nodes.len()];
    for id in graph.ids() {
        let node = graph.node(id);
        let reduction = is_row_reduction(graph, id);
        let lookup = is_lookup(graph, id);
        let joined = node.op.is_elementwise() || node.op.is_movement() || lookup;
        root[id.0] |= is_anchor(graph, id) || reduction || (!fuse && joined);
        for (n, &input) in node.inputs.iter().enumerate() {
            let source = storage(graph, input);
            let computed = anywhere && graph.node(source).op.is_elementwise();
            let moved = (node.op.is_movement() && !computed) || node.op.is_put_together();
            let needs_memory = is_anchor(graph, id) || moved || (lookup && n == 0);
            let stretched = graph.shape(input).count() != node.shape.count();
            let one = graph.shape(input).count() == Dim::fixed(1);
            // Where the reduction can't join the kernel that has its operand, one value is handed on, not several.
            let handed_on = graph.node(source).op.is_elementwise() || graph.node(source).op.is_movement();
            root[source.0] |= fuse && reduction && handed_on;
            let stretched = stretched && !one && !reduction && !node.op.is_movement();
            if needs_memory || (stretched && !is_uniform(graph, source) && !free[source.0]) {
                root[source.0] = true;
            }
        }
    }
    for node in graph.outputs.iter().map(|o| o.node).chain(graph.assigns.iter().map(|a| a.value)) {
        root[storage(graph, node).0] = true;
    }
    mark_shared(graph, &free, &mut root);
    for id in graph.ids() {
        // Inputs are gathered wherever they are read.
        let nowhere = matches!(graph.node(id).op, Op::Reshape | Op::Input(_));
        root[id.0] &= !is_resident(graph, id) && !nowhere;
    }
    root
}

/// Whether a value is computed anew wherever a GPU wants it, and as often: with a thread an element, that is cheaper than
/// a kernel more.
fn is_free(graph: &Graph, id: NodeId) -> bool {
    is_lookup(graph, id) || is_of_places(graph, id)
}

/// Whether all elements are the same number, known without memory.
fn is_uniform(graph: &Graph, id: NodeId) -> bool {
    matches!(graph.node(id).op, Op::Constant(_) | Op::Scalar(_) | Op::BatchSize)
}

/// A value that is dear and used by several is computed once.
fn mark_shared(graph: &Graph, free: &[bool], root: &mut [bool]) {
    let mut uses = vec![0usize; graph.nodes.len()];
    let mut cost = vec![0usize; graph.nodes.len()];
    for id in graph.ids() {
        for &input in &graph.node(id).inputs {
            uses[input.0] += 1;
        }
    }
    for id in graph.ids() {
        let node = graph.node(id);
        let inputs: usize = node.inputs.iter().filter(|n| !root[n.0]).map(|n| cost[n.0]).sum();
        cost[id.0] = inputs + own_cost(&node.op);
        let scalar = node.shape.count() == Dim::fixed(1);
        let computed = node.op.is_elementwise() || node.op.is_movement();
        if computed && !scalar && !free[id.0] && uses[id.0] > 1 && cost[id.0] > DEAR {
            root[id.0] = true;
        }
    }
}

/// Arithmetic dearer than this is not done twice: a read from memory is about as dear.
const DEAR: usize = 4;

fn own_cost(op: &Op) -> usize {
    match op {
        Op::Unary(Unary::Negate | Unary::Abs | Unary::Sign | Unary::Relu | Unary::Detach) => 1,
        Op::Unary(_) => 8,
        Op::Binary(crate::graph::Binary::Divide) => 4,
        op if op.is_elementwise() || op.is_movement() => 1,
        _ => 0,
    }
}
