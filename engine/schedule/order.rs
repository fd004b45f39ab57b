//! The order of kernels: among those whose inputs are ready, the one that leaves the least memory alive.

use std::collections::{BTreeSet, HashMap};

use crate::graph::NodeId;

use super::fuse::Groups;
use super::memory::Plan;

/// The indices of the groups, in the order in which they run.
pub(super) fn order(groups: &Groups<'_>, plan: &Plan<'_>) -> Vec<usize> {
    let mut queue = Queue::new(groups.waits());
    let mut readers = Readers::new(groups, plan);
    let mut order = Vec::new();
    while let Some(next) = queue.ready.iter().copied().min_by_key(|&i| (readers.growth(i), i)) {
        queue.run(next);
        readers.run(next);
        order.push(next);
    }
    assert!(queue.waiting.is_empty(), "kernels wait for each other in a circle: fusion parts those that do");
    order
}

/// Kernels that wait for others, and those that wait for none any more.
pub(super) struct Queue {
    /// All that have not run.
    pub waiting: BTreeSet<usize>,
    pub ready: BTreeSet<usize>,
    after: Vec<Vec<usize>>,
    missing: Vec<usize>,
}

impl Queue {
    /// Kernel `i` waits for `before[i]`.
    pub fn new(before: Vec<BTreeSet<usize>>) -> Self {
        let mut after = vec![Vec::new(); before.len()];
        for (index, before) in before.iter().enumerate() {
            before.iter().for_each(|&other| after[other].push(index));
        }
        let missing: Vec<usize> = before.iter().map(BTreeSet::len).collect();
        let ready = (0..before.len()).filter(|&i| missing[i] == 0).collect();
        Self { waiting: (0..before.len()).collect(), ready, after, missing }
    }

    /// Kernel `index`, which was ready, has run.
    pub fn run(&mut self, index: usize) {
        self.ready.remove(&index);
        self.waiting.remove(&index);
        for &other in &self.after[index] {
            self.missing[other] -= 1;
            if self.missing[other] == 0 {
                self.ready.insert(other);
            }
        }
    }
}

/// What each group makes and reads, and how many groups that have not run read each value.
struct Readers {
    made: Vec<usize>,
    /// What a group reads, and the words of it.
    reads: Vec<Vec<(NodeId, usize)>>,
    left: HashMap<NodeId, usize>,
}

impl Readers {
    fn new(groups: &Groups<'_>, plan: &Plan<'_>) -> Self {
        let sized = |n: NodeId| (n, plan.words(n));
        let reads = (0..groups.groups.len()).map(|i| groups.reads(i).into_iter().map(sized).collect());
        let reads: Vec<Vec<(NodeId, usize)>> = reads.collect();
        let mut left = HashMap::new();
        for (node, _) in reads.iter().flatten() {
            *left.entry(*node).or_default() += 1;
        }
        let made = groups.groups.iter().map(|group| group.roots.iter().map(|&n| plan.words(n)).sum());
        Self { made: made.collect(), reads, left }
    }

    /// Words that running group `index` adds to what is alive, less those whose last reader it is.
    fn growth(&self, index: usize) -> i64 {
        let last = self.reads[index].iter().filter(|(node, _)| self.left[node] == 1);
        let freed: usize = last.map(|(_, words)| words).sum();
        self.made[index] as i64 - freed as i64
    }

    fn run(&mut self, index: usize) {
        for (node, _) in &self.reads[index] {
            *self.left.get_mut(node).expect("every value read is counted") -= 1;
        }
    }
}
