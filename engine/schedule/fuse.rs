//! Roots to kernels: each root joins a kernel that already has what it reads, or starts one.

mod join;

use std::collections::{BTreeSet, HashMap};

use crate::graph::{Graph, NodeId, Op, VariableId};
use crate::tensor::Dim;

use super::Rooted;
use super::concatenations::parts;
use super::order::Queue;
use super::program::{Destination, Region, Store, Target, storage};
use super::roots::{Layout, is_anchor, is_lookup, is_resident, is_row_reduction, layout};

/// The elements that a kernel walks over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Domain {
    /// One after another, behind an anchor or alone.
    Elements(Dim),
    /// Row by row, with reductions along them.
    Rows { rows: Dim, columns: Dim },
}

/// A kernel in the making.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub anchor: Option<NodeId>,
    pub domain: Domain,
    /// The roots computed here, the anchor included, in order of computation.
    pub roots: Vec<NodeId>,
    /// A bias gradient that a filter gradient computes on the way.
    pub bias: Option<NodeId>,
}

/// The kernels of a graph, and which of them computes each root.
pub(super) struct Groups<'a> {
    pub graph: &'a Graph,
    pub root: Vec<bool>,
    pub groups: Vec<Group>,
    pub owner: HashMap<NodeId, usize>,
    /// The roots that read each root.
    users: HashMap<NodeId, BTreeSet<NodeId>>,
    /// The kernels whose results each kernel reads, so far.
    before: Vec<BTreeSet<usize>>,
    /// Kernels that reduce along rows: any of their shape may join.
    along_rows: BTreeSet<usize>,
    /// Kernels that give variables their next values.
    updating: BTreeSet<usize>,
    /// Values that a pack collects, and values assigned to variables.
    packed: BTreeSet<NodeId>,
    /// Where values go that are parts of others.
    parts: HashMap<NodeId, Vec<Destination>>,
    assigned: BTreeSet<NodeId>,
    /// Roots that join no other, since the kernel that they would make binds too much.
    alone: BTreeSet<NodeId>,
    /// Values that one kernel may read and write.
    most_bindings: usize,
}

/// Values that one kernel may read and write. WebGPU promises no more storage buffers; a kernel of the CPU only has to keep
/// its registers in the cache.
fn most_bindings(target: Target) -> usize {
    match target {
        Target::Cpu => 24,
        Target::Gpu | Target::Software { .. } => 8,
    }
}

/// So many kernels that bind too much are not split one at a time: each time all roots are joined anew.
const MANY_CROWDED: usize = 12;

impl<'a> Groups<'a> {
    /// Joins roots to kernels; with `fuse` off each root is a kernel, and so are late copies in any case. If
    /// `careful`, kernels that would wait for each other are parted.
    pub fn build(rooted: &'a Rooted, fuse: bool, careful: bool) -> Self {
        let graph = &rooted.graph;
        let packs = graph.nodes.iter().filter(|n| matches!(n.op, Op::Pack { .. }));
        let packed = packs.flat_map(|n| &n.inputs).map(|&n| storage(graph, n)).collect();
        let assigned = graph.assigns.iter().map(|assign| storage(graph, assign.value)).collect();
        let mut this = Self {
            root: rooted.root.clone(),
            packed,
            parts: parts(graph),
            assigned,
            alone: rooted.late.iter().copied().collect(),
            most_bindings: most_bindings(rooted.target),
            ..Self::empty(graph)
        };
        loop {
            this.join_roots(fuse);
            let parted = this.split_crowded() || (careful && this.break_circles());
            if !parted {
                return this;
            }
        }
    }

    fn empty(graph: &'a Graph) -> Self {
        Self {
            graph,
            root: Vec::new(),
            groups: Vec::new(),
            owner: HashMap::new(),
            users: HashMap::new(),
            before: Vec::new(),
            along_rows: BTreeSet::new(),
            updating: BTreeSet::new(),
            packed: BTreeSet::new(),
            parts: HashMap::new(),
            assigned: BTreeSet::new(),
            alone: BTreeSet::new(),
            most_bindings: 0,
        }
    }

    /// The kernels that wait for each other: by what one reads and the other computes, or reads and the other overwrites.
    pub fn circle(&self) -> BTreeSet<usize> {
        let mut queue = Queue::new(self.waits());
        while let Some(&next) = queue.ready.first() {
            queue.run(next);
        }
        queue.waiting
    }

    /// Parts kernels that wait for each other. False if there are none.
    fn break_circles(&mut self) -> bool {
        let circle = self.circle();
        let joined = circle.iter().flat_map(|&i| self.groups[i].roots.clone());
        let joined: Vec<NodeId> = joined.filter(|root| !is_anchor(self.graph, *root)).collect();
        let known = self.alone.len();
        self.alone.extend(joined);
        self.alone.len() > known
    }

    fn join_roots(&mut self, fuse: bool) {
        self.groups.clear();
        self.owner.clear();
        self.before.clear();
        self.along_rows.clear();
        self.updating.clear();
        self.find_users();
        let roots: Vec<NodeId> = self.graph.ids().filter(|id| self.root[id.0]).collect();
        for id in roots {
            let joins = fuse && !is_anchor(self.graph, id) && !self.alone.contains(&id);
            let index = match joins.then(|| self.find_host(id)).flatten() {
                Some((index, domain)) => {
                    self.groups[index].domain = domain;
                    index
                }
                None => self.start(id),
            };
            self.add(index, id);
            if joins && is_row_reduction(self.graph, id) {
                self.unite_rows(index);
            }
        }
        if fuse {
            self.join_bias_gradients();
        }
    }

    /// Makes kernel `index`, which reduces along rows, one with another over the same rows, if there is one that can be.
    fn unite_rows(&mut self, index: usize) {
        let Some(partner) = self.find_row_partner(index) else { return };
        let (host, index) = (index.min(partner), index.max(partner));
        let roots = std::mem::take(&mut self.groups[index].roots);
        self.owner.extend(roots.iter().map(|&root| (root, host)));
        self.groups[host].roots.extend(roots);
        let reads = std::mem::take(&mut self.before[index]);
        self.before[host].extend(reads);
        for before in &mut self.before {
            if before.remove(&index) {
                before.insert(host);
            }
        }
        self.along_rows.remove(&index);
        if self.updating.remove(&index) {
            self.updating.insert(host);
        }
    }

    /// Puts root `id` into kernel `index`.
    fn add(&mut self, index: usize, id: NodeId) {
        self.groups[index].roots.push(id);
        self.owner.insert(id, index);
        let owners = self.owners(&self.root_reads(id), index);
        self.before[index].extend(owners);
        if matches!(self.groups[index].domain, Domain::Rows { .. }) {
            self.along_rows.insert(index);
        }
        if self.assigned.contains(&id) {
            self.updating.insert(index);
        }
    }

    /// Bindings that kernel `index` needs.
    fn bindings(&self, index: usize, elsewhere: &BTreeSet<NodeId>) -> usize {
        let region = self.region(index, elsewhere);
        let gathered =
            region.nodes.iter().filter(|n| matches!(self.graph.node(**n).op, Op::Input(_))).count();
        let operands = self.groups[index].anchor.map_or(0, |a| self.graph.node(a).inputs.len());
        let loads: BTreeSet<NodeId> = region.loads.iter().copied().collect();
        let stores = region.stores.iter().filter(|store| !self.overwrites(store, &loads)).count();
        loads.len() + 2 * gathered + operands + stores
    }

    /// Whether a store goes to a variable that the kernel reads whole: one binding serves both.
    fn overwrites(&self, store: &Store, reads: &BTreeSet<NodeId>) -> bool {
        let Destination::Variable(variable) = store.to else { return false };
        reads.iter().any(|&read| self.graph.node(read).op == Op::Variable(variable))
    }

    /// Makes kernels that bind too much smaller at the next try. Few are split one at a time, which parts the least; of many,
    /// as in the time steps of a recurrence, all that share no value with each other. False if there are none.
    fn split_crowded(&mut self) -> bool {
        let elsewhere = self.read_elsewhere();
        let crowded = (0..self.groups.len()).filter(|&i| self.bindings(i, &elsewhere) > self.most_bindings);
        let crowded: Vec<usize> = crowded.collect();
        if crowded.len() < MANY_CROWDED {
            return crowded.first().is_some_and(|&index| self.split(index));
        }
        let mut touched = BTreeSet::new();
        for index in crowded {
            let values = self.values(index);
            if touched.is_disjoint(&values) && self.split(index) {
                touched.extend(values);
            }
        }
        !touched.is_empty()
    }

    /// What kernel `index` computes, and what it reads that other kernels compute.
    fn values(&self, index: usize) -> BTreeSet<NodeId> {
        let roots = &self.groups[index].roots;
        let mut values = self.inlined(roots);
        values.extend(roots.iter().copied().chain(self.reads(index)));
        values.retain(|&n| !self.graph.node(n).op.is_immediate() && !is_resident(self.graph, n));
        values
    }

    /// Makes kernel `index` smaller at the next try: its roots part, or its one root computes less at once.
    /// False if there is nothing to part.
    fn split(&mut self, index: usize) -> bool {
        let roots = self.groups[index].roots.clone();
        let joined: Vec<NodeId> = roots.iter().copied().filter(|&r| !is_anchor(self.graph, r)).collect();
        if roots.len() > 1 && joined.iter().any(|r| !self.alone.contains(r)) {
            self.alone.extend(joined);
            return true;
        }
        let count = self.graph.shape(roots[0]).count();
        let inlined = self.inlined(&roots);
        let moved = moved(self.graph, &inlined);
        let parts = inlined.iter().copied().filter(|n| {
            let node = self.graph.node(*n);
            let whole = node.shape.count() == count || moved.contains(n);
            node.op.is_elementwise() && !self.root[n.0] && whole
        });
        let size = |n: &NodeId| (self.leaves(&[*n]).len().min(self.most_bindings - 2), *n);
        let Some(part) = parts.max_by_key(size).filter(|n| self.leaves(&[*n]).len() > 1) else {
            return false;
        };
        self.root[part.0] = true;
        true
    }

    fn find_users(&mut self) {
        self.users.clear();
        for id in self.graph.ids().filter(|id| self.root[id.0]) {
            for read in self.root_reads(id).into_iter().filter(|n| *n != id) {
                self.users.entry(read).or_default().insert(id);
            }
        }
    }

    /// What root `id` reads from memory: its operands if it is an anchor, else its leaves.
    fn root_reads(&self, id: NodeId) -> BTreeSet<NodeId> {
        if is_anchor(self.graph, id) {
            return self.graph.node(id).inputs.iter().map(|&n| storage(self.graph, n)).collect();
        }
        self.leaves(&[id])
    }

    fn start(&mut self, id: NodeId) -> usize {
        let anchor = is_anchor(self.graph, id).then_some(id);
        self.groups.push(Group { anchor, domain: self.own_domain(id), roots: Vec::new(), bias: None });
        self.before.push(BTreeSet::new());
        self.groups.len() - 1
    }

    fn own_domain(&self, id: NodeId) -> Domain {
        match is_row_reduction(self.graph, id).then(|| layout(self.graph, id)) {
            Some(Layout::Rows { rows, columns }) => Domain::Rows { rows, columns },
            _ => Domain::Elements(self.graph.shape(id).count()),
        }
    }

    /// The kernels whose results kernel `index` reads.
    pub fn predecessors(&self, index: usize) -> BTreeSet<usize> {
        self.owners(&self.reads(index), index)
    }

    /// The kernels but `index` that compute `reads`.
    fn owners(&self, reads: &BTreeSet<NodeId>, index: usize) -> BTreeSet<usize> {
        reads.iter().flat_map(|&n| self.makers(n)).filter(|&other| other != index).collect()
    }

    /// The kernels that compute a value, or put it together, as far as they are known.
    fn makers(&self, value: NodeId) -> impl Iterator<Item = usize> {
        let node = self.graph.node(value);
        let parts = if node.op.is_put_together() { node.inputs.as_slice() } else { &[] };
        let made = std::iter::once(value).chain(parts.iter().copied());
        made.filter_map(|n| self.owner.get(&storage(self.graph, n)).copied())
    }

    /// What must run before each kernel: those it reads from, and those that read what it overwrites.
    pub fn waits(&self) -> Vec<BTreeSet<usize>> {
        let count = self.groups.len();
        let mut before: Vec<BTreeSet<usize>> = (0..count).map(|i| self.predecessors(i)).collect();
        let variables: Vec<BTreeSet<VariableId>> = (0..count).map(|i| self.variables_read(i)).collect();
        for assign in &self.graph.assigns {
            let writer = self.owner[&storage(self.graph, assign.value)];
            for reader in (0..count).filter(|&r| r != writer && variables[r].contains(&assign.variable)) {
                before[writer].insert(reader);
            }
        }
        before
    }

    fn variables_read(&self, index: usize) -> BTreeSet<VariableId> {
        let variable = |n: NodeId| match self.graph.node(n).op {
            Op::Variable(id) => Some(id),
            Op::Parameter(id) => Some(self.graph.parameters[id.0].variable),
            _ => None,
        };
        self.reads(index).into_iter().filter_map(variable).collect()
    }

    /// What kernel `index` reads from memory: operands of its anchor and loads of its region.
    pub fn reads(&self, index: usize) -> BTreeSet<NodeId> {
        let group = &self.groups[index];
        let mut reads = self.leaves(&group.roots);
        for node in group.anchor.iter().chain(&group.bias) {
            reads.extend(self.graph.node(*node).inputs.iter().map(|&n| storage(self.graph, n)));
        }
        reads.retain(|n| !group.roots.contains(n));
        reads
    }

    /// What the arithmetic of `roots` reads: other roots, resident values and inputs.
    fn leaves(&self, roots: &[NodeId]) -> BTreeSet<NodeId> {
        let inlined = self.inlined(roots);
        let inputs = inlined.iter().flat_map(|&n| self.graph.node(n).inputs.iter());
        let sources = inputs.map(|&n| storage(self.graph, n));
        let gathered = inlined.iter().copied().filter(|n| matches!(self.graph.node(*n).op, Op::Input(_)));
        let memory = sources.filter(|n| self.root[n.0] || is_resident(self.graph, *n));
        memory.chain(gathered).collect()
    }

    /// The nodes computed for `roots` without memory, the roots among them; anchors are left out.
    fn inlined(&self, roots: &[NodeId]) -> BTreeSet<NodeId> {
        let mut found = BTreeSet::new();
        let mut stack: Vec<NodeId> = roots.iter().copied().filter(|&r| !is_anchor(self.graph, r)).collect();
        while let Some(node) = stack.pop() {
            if found.insert(node) {
                let inputs = self.graph.node(node).inputs.iter().copied();
                stack.extend(inputs.filter(|&n| !self.root[n.0] && !is_resident(self.graph, n)));
            }
        }
        // A reshape of a value in memory is that value.
        found.retain(|&n| self.graph.node(n).op != Op::Reshape || !self.in_memory(storage(self.graph, n)));
        found
    }

    fn in_memory(&self, source: NodeId) -> bool {
        self.root[source.0] || is_resident(self.graph, source)
    }

    /// A filter gradient sums the same gradient that its layer's bias gradient sums.
    fn join_bias_gradients(&mut self) {
        let sums: Vec<usize> = (0..self.groups.len()).filter(|&i| self.is_plain_column_sum(i)).collect();
        for sum in sums {
            let node = self.groups[sum].roots[0];
            let source = storage(self.graph, self.graph.node(node).inputs[0]);
            let partner = self.groups.iter().position(|group| {
                group.anchor.is_some_and(|a| {
                    let anchor = self.graph.node(a);
                    matches!(anchor.op, Op::ConvFilterGradient(_))
                        && storage(self.graph, anchor.inputs[1]) == source
                        && self.graph.shape(anchor.inputs[1])
                            == self.graph.shape(self.graph.node(node).inputs[0])
                        && group.roots.len() == 1
                        && group.bias.is_none()
                })
            });
            if let Some(partner) = partner {
                self.groups[partner].bias = Some(node);
                self.groups[partner].roots.push(node);
                self.owner.insert(node, partner);
                self.groups[sum].roots.clear();
            }
        }
        self.remove_empty();
    }

    fn is_plain_column_sum(&self, index: usize) -> bool {
        let group = &self.groups[index];
        let [node] = group.roots[..] else { return false };
        matches!(self.graph.node(node).op, Op::Reduce { .. })
            && matches!(layout(self.graph, node), Layout::Columns { .. })
    }

    fn remove_empty(&mut self) {
        self.groups.retain(|group| !group.roots.is_empty());
        for (index, group) in self.groups.iter().enumerate() {
            for &node in &group.roots {
                self.owner.insert(node, index);
            }
        }
    }

    /// The region of kernel `index`: what it computes besides the anchor, reads and writes.
    pub fn region(&self, index: usize, read_elsewhere: &BTreeSet<NodeId>) -> Region {
        let group = &self.groups[index];
        let skip = |n: &NodeId| Some(*n) == group.anchor || Some(*n) == group.bias;
        let plain: Vec<NodeId> = group.roots.iter().copied().filter(|n| !skip(n)).collect();
        let nodes: Vec<NodeId> = self.inlined(&plain).into_iter().collect();
        let is_load =
            |n: &NodeId| !group.roots.contains(n) && !matches!(self.graph.node(*n).op, Op::Input(_));
        let loads = self.leaves(&plain).into_iter().filter(is_load).collect();
        let stores = group.roots.iter().flat_map(|&n| self.stores(n, read_elsewhere)).collect();
        Region { nodes, loads, stores }
    }

    fn stores(&self, node: NodeId, read_elsewhere: &BTreeSet<NodeId>) -> Vec<Store> {
        let same = |other: NodeId| storage(self.graph, other) == node;
        let place = read_elsewhere.contains(&node).then_some(Destination::Place);
        let assigns = self.graph.assigns.iter().filter(|a| same(a.value));
        let outputs = self.graph.outputs.iter().enumerate().filter(|(_, o)| same(o.node));
        let parts = self.parts.get(&node).into_iter().flatten().copied();
        let to = place.into_iter().chain(parts).chain(assigns.map(|a| Destination::Variable(a.variable)));
        to.chain(outputs.map(|(i, _)| Destination::Output(i))).map(|to| Store { node, to }).collect()
    }

    /// The values that a kernel other than their own reads, or that a pack collects.
    pub fn read_elsewhere(&self) -> BTreeSet<NodeId> {
        let mut read: BTreeSet<NodeId> = (0..self.groups.len()).flat_map(|i| self.reads(i)).collect();
        read.extend(&self.packed);
        read
    }
}

/// What the nodes of `region`, in order, read at other places than their own: the inputs of movements, tables, and
/// whatever these are computed from.
pub(super) fn moved(graph: &Graph, region: &BTreeSet<NodeId>) -> BTreeSet<NodeId> {
    let mut moved = BTreeSet::new();
    for &node in region.iter().rev() {
        let inputs = &graph.node(node).inputs;
        if graph.node(node).op.is_movement() || moved.contains(&node) {
            moved.extend(inputs.iter().copied());
        } else if is_lookup(graph, node) {
            moved.insert(inputs[0]);
        }
    }
    moved
}

/// `rows · columns`, of which at most one contains the batch.
pub(super) fn product(rows: Dim, columns: Dim) -> Dim {
    Dim { factor: rows.factor * columns.factor, batch: rows.batch || columns.batch }
}
