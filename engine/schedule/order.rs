//! The order of kernels: among those whose inputs are ready, the one that leaves the least memory alive.

use std::collections::BTreeSet;

use crate::graph::{NodeId, Op, VariableId};

use super::fuse::Groups;
use super::memory::Plan;

/// The indices of the groups, in the order in which they run.
pub(super) fn order(groups: &Groups<'_>, plan: &Plan<'_>) -> Vec<usize> {
    let before = predecessors(groups);
    let reads: Vec<BTreeSet<NodeId>> = (0..groups.groups.len()).map(|i| groups.reads(i)).collect();
    let mut waiting: BTreeSet<usize> = (0..groups.groups.len()).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().copied().filter(|&i| before[i].iter().all(|b| !waiting.contains(b)));
        let next = ready
            .min_by_key(|&i| (growth(groups, plan, &reads, &waiting, i), i))
            .expect("kernels never wait for each other in a circle: fusion checks each join");
        waiting.remove(&next);
        order.push(next);
    }
    order
}

/// Words that running group `index` adds to what is alive, less those whose last reader it is.
fn growth(
    groups: &Groups<'_>,
    plan: &Plan<'_>,
    reads: &[BTreeSet<NodeId>],
    waiting: &BTreeSet<usize>,
    index: usize,
) -> i64 {
    let made: usize = groups.groups[index].roots.iter().map(|&n| plan.words(n)).sum();
    let last = |n: &&NodeId| !waiting.iter().any(|&other| other != index && reads[other].contains(n));
    let freed: usize = reads[index].iter().filter(last).map(|&n| plan.words(n)).sum();
    made as i64 - freed as i64
}

/// What must run before each group: those it reads from, and those that read what it overwrites.
fn predecessors(groups: &Groups<'_>) -> Vec<BTreeSet<usize>> {
    let count = groups.groups.len();
    let mut before: Vec<BTreeSet<usize>> = (0..count).map(|i| groups.predecessors(i)).collect();
    let variables: Vec<BTreeSet<VariableId>> = (0..count).map(|i| variables_read(groups, i)).collect();
    for assign in &groups.graph.assigns {
        let source = super::program::storage(groups.graph, assign.value);
        let writer = groups.owner[&source];
        for reader in (0..count).filter(|&r| r != writer && variables[r].contains(&assign.variable)) {
            before[writer].insert(reader);
        }
    }
    before
}

fn variables_read(groups: &Groups<'_>, index: usize) -> BTreeSet<VariableId> {
    let graph = groups.graph;
    let variable = |n: NodeId| match graph.node(n).op {
        Op::Variable(id) => Some(id),
        Op::Parameter(id) => Some(graph.parameters[id.0].variable),
        _ => None,
    };
    groups.reads(index).into_iter().filter_map(variable).collect()
}
