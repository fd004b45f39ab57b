//! The order of kernels: among those whose inputs are ready, the one that leaves the least memory alive.

use std::collections::BTreeSet;

use crate::graph::NodeId;

use super::fuse::Groups;
use super::memory::Plan;

/// The indices of the groups, in the order in which they run.
pub(super) fn order(groups: &Groups<'_>, plan: &Plan<'_>) -> Vec<usize> {
    let before = groups.waits();
    let reads: Vec<BTreeSet<NodeId>> = (0..groups.groups.len()).map(|i| groups.reads(i)).collect();
    let mut waiting: BTreeSet<usize> = (0..groups.groups.len()).collect();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().copied().filter(|&i| before[i].iter().all(|b| !waiting.contains(b)));
        let next = ready
            .min_by_key(|&i| (growth(groups, plan, &reads, &waiting, i), i))
            .expect("kernels never wait for each other in a circle: fusion has parted those that did");
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
