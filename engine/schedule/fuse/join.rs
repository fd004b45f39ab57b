//! Which kernel a root can join.

use std::collections::BTreeSet;

use super::{Domain, Groups, moved, product};
use crate::graph::{NodeId, Op};
use crate::schedule::program::storage;
use crate::schedule::roots::{is_anchor, is_row_reduction};
use crate::tensor::{Dim, Shape};

/// Kernels along rows that a further one looks back at: of long recurrences not all.
const NEAR: usize = 8;

impl Groups<'_> {
    /// The latest kernel that root `id` can join, and the domain that the kernel then has. A reduction joins the kernel
    /// that has its operand before any other.
    pub(super) fn find_host(&self, id: NodeId) -> Option<(usize, Domain)> {
        let leaves = self.leaves(&[id]);
        let operand = is_row_reduction(self.graph, id).then(|| self.graph.node(id).inputs[0]);
        let operand = operand.and_then(|operand| self.owner.get(&storage(self.graph, operand)).copied());
        let others = self.candidates(id, &leaves).into_iter().rev();
        operand.into_iter().chain(others).find_map(|index| {
            let domain = self.joined_domain(index, id, &leaves)?;
            let fits =
                self.reads_same_rows(index, id, domain) && self.buffers(index, &[id]) <= self.most_bindings;
            let acyclic = leaves.iter().all(|leaf| match self.owner.get(leaf) {
                Some(&other) if other != index => !self.depends(other, index),
                Some(_) => true,
                None => self.makers(*leaf).all(|maker| !self.depends(maker, index)),
            });
            (fits && acyclic).then_some((index, domain))
        })
    }

    /// The kernels that root `id` may join: those that compute what it reads, or do the same kind of work.
    fn candidates(&self, id: NodeId, leaves: &BTreeSet<NodeId>) -> BTreeSet<usize> {
        let mut found: BTreeSet<usize> =
            leaves.iter().filter_map(|leaf| self.owner.get(leaf).copied()).collect();
        if matches!(self.own_domain(id), Domain::Rows { .. }) {
            found.extend(&self.along_rows);
        }
        if self.assigned.contains(&id) {
            found.extend(&self.updating);
        }
        found
    }

    /// The domain of kernel `index` with root `id` in it, if the two go together.
    fn joined_domain(&self, index: usize, id: NodeId, leaves: &BTreeSet<NodeId>) -> Option<Domain> {
        let group = &self.groups[index];
        let produced = leaves.iter().any(|leaf| self.owner.get(leaf) == Some(&index));
        let count = self.graph.shape(id).count();
        match (group.domain, self.own_domain(id)) {
            (Domain::Elements(n), Domain::Elements(m)) => {
                let fits = produced || self.updates_together(index, id);
                (fits && n == m).then_some(group.domain)
            }
            (Domain::Elements(n), Domain::Rows { rows, columns }) => {
                let whole = n == product(rows, columns);
                (produced && group.anchor.is_none() && whole).then_some(Domain::Rows { rows, columns })
            }
            (Domain::Rows { rows, columns }, Domain::Elements(_)) => {
                let fits = count == rows || count == product(rows, columns);
                (produced && fits).then_some(group.domain)
            }
            (rows, other) => (rows == other).then_some(rows),
        }
    }

    /// Whether kernel `index` and root `id` both give variables their next values: an optimizer's slots are one kernel.
    fn updates_together(&self, index: usize, id: NodeId) -> bool {
        let updating = self.updating.contains(&index) && self.assigned.contains(&id);
        updating && self.groups[index].anchor.is_none()
    }

    /// Whether all that `id` reads of kernel `index` lies in the same element or the same row.
    fn reads_same_rows(&self, index: usize, id: NodeId, domain: Domain) -> bool {
        let full = match domain {
            Domain::Elements(n) => n,
            Domain::Rows { rows, columns } => product(rows, columns),
        };
        let inlined = self.inlined(&[id]);
        let moved = moved(self.graph, &inlined);
        inlined.iter().all(|&node| {
            let shape = self.graph.shape(node);
            self.graph.node(node).inputs.iter().all(|&input| {
                let here = self.owner.get(&storage(self.graph, input)) == Some(&index);
                let from = self.graph.shape(input);
                let same = from.count() == shape.count() || from.count() == Dim::fixed(1);
                let reduced = is_row_reduction(self.graph, node) && from.count() == full;
                !here || (!moved.contains(&input) && (same || reduced || stretches_rows(from, shape)))
            })
        })
    }

    /// Another kernel over the same rows that kernel `index` can be one with: neither reads, at any remove, what the
    /// other computes.
    pub(super) fn find_row_partner(&self, index: usize) -> Option<usize> {
        self.along_rows.iter().rev().take(NEAR).copied().find(|&host| {
            host != index
                && !self.is_alone(host)
                && !self.is_alone(index)
                && self.groups[host].domain == self.groups[index].domain
                && self.buffers(host, &self.groups[index].roots) <= self.most_bindings
                && !self.depends(index, host)
                && !self.depends(host, index)
        })
    }

    fn is_alone(&self, index: usize) -> bool {
        self.groups[index].roots.iter().any(|root| self.alone.contains(root))
    }

    /// Bindings that kernel `index` would need with the roots `more` in it.
    fn buffers(&self, index: usize, more: &[NodeId]) -> usize {
        let group = &self.groups[index];
        let roots = [&group.roots, more].concat();
        let reads: BTreeSet<NodeId> =
            self.leaves(&roots).into_iter().filter(|n| !roots.contains(n)).collect();
        let inputs = reads.iter().filter(|n| matches!(self.graph.node(**n).op, Op::Input(_))).count();
        let operands = group.anchor.map_or(0, |a| self.graph.node(a).inputs.len());
        let stores: usize = roots.iter().map(|&n| self.stored(index, &roots, n, &reads)).sum();
        reads.len() + inputs + operands + stores
    }

    /// How often root `node` of kernel `index` will be written. A reader that is in no kernel yet and walks
    /// over the same elements is expected to join.
    fn stored(&self, index: usize, roots: &[NodeId], node: NodeId, reads: &BTreeSet<NodeId>) -> usize {
        let outside = |user: &NodeId| match self.owner.get(user) {
            Some(&owner) => owner != index && !roots.contains(user),
            None => {
                !roots.contains(user) && (is_anchor(self.graph, *user) || !self.walks_alike(index, *user))
            }
        };
        let read = self.users.get(&node).is_some_and(|users| users.iter().any(outside));
        let packed = self.packed.contains(&node);
        let stores = self.stores(node, &BTreeSet::new());
        usize::from(read || packed) + stores.iter().filter(|store| !self.overwrites(store, reads)).count()
    }

    fn walks_alike(&self, index: usize, id: NodeId) -> bool {
        let count = self.graph.shape(id).count();
        match (self.groups[index].domain, self.own_domain(id)) {
            (Domain::Rows { rows, columns }, Domain::Elements(n)) => n == rows || n == product(rows, columns),
            (Domain::Elements(n), Domain::Elements(_)) => n == count,
            (Domain::Elements(n), Domain::Rows { rows, columns }) => n == product(rows, columns),
            (mine, other) => mine == other,
        }
    }

    /// Whether kernel `from` reads, at any remove, what kernel `on` computes.
    fn depends(&self, from: usize, on: usize) -> bool {
        let mut seen = vec![false; self.groups.len()];
        let mut stack = vec![from];
        while let Some(index) = stack.pop() {
            if index == on {
                return true;
            }
            if !std::mem::replace(&mut seen[index], true) {
                stack.extend(&self.before[index]);
            }
        }
        false
    }
}

/// Whether broadcasting `from` to `to` repeats each element along consecutive elements only.
fn stretches_rows(from: &Shape, to: &Shape) -> bool {
    let extra = to.rank().saturating_sub(from.rank());
    let stretched: Vec<bool> = (0..to.rank())
        .filter(|&i| !to.0[i].is_one())
        .map(|i| i < extra || from.0[i - extra].is_one())
        .collect();
    stretched.is_sorted()
}
