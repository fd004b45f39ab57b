//! The memory plan: values share words when their lives do not overlap; the largest is placed first.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{Graph, NodeId, Op, VariableId};

use super::fuse::moved;
use super::program::{Destination, Kernel, Memory, Place, Scratch, Store, Target, Work, storage};

/// Words between two places where every GPU binds memory: 256 bytes.
pub const ALIGNMENT: usize = 64;

/// Places of all values of a graph, for one largest batch.
pub(super) struct Plan<'a> {
    graph: &'a Graph,
    max_batch: usize,
    packed: BTreeMap<NodeId, Place>,
}

/// What the plan came to.
pub(super) struct Planned {
    pub places: Vec<Option<Place>>,
    pub activation_words: usize,
    pub liveness_words: usize,
    pub gradients: Vec<(VariableId, usize)>,
}

/// Words that are alive from one kernel to another.
struct Block {
    nodes: Vec<NodeId>,
    scratch_of: Option<usize>,
    words: usize,
    first: usize,
    last: usize,
    offset: usize,
}

impl<'a> Plan<'a> {
    pub fn new(graph: &'a Graph, max_batch: usize) -> Self {
        let mut packed = BTreeMap::new();
        for node in &graph.nodes {
            let Op::Pack { parameters } = &node.op else { continue };
            for (id, &input) in parameters.iter().zip(&node.inputs) {
                let parameter = &graph.parameters[id.0];
                let memory = Memory::Gradients(parameter.variable);
                packed.insert(storage(graph, input), Place { memory, offset: parameter.offset });
            }
        }
        Self { graph, max_batch, packed }
    }

    /// Words of the activations that a value takes; packed gradients take none.
    pub fn words(&self, node: NodeId) -> usize {
        let assembled = matches!(self.graph.node(node).op, Op::Assemble { .. });
        let resident = super::roots::is_resident(self.graph, node) && !assembled;
        if resident || matches!(self.graph.node(node).op, Op::Input(_)) || self.packed.contains_key(&node) {
            return 0;
        }
        align(self.graph.shape(node).count().at(self.max_batch))
    }

    /// Gives every stored value and every scratch its place.
    pub fn place(&self, kernels: &mut [Kernel], target: Target, reuse: bool) -> Planned {
        let mut blocks = self.blocks(kernels);
        if reuse {
            self.join_in_place(&mut blocks, kernels, target);
        }
        let liveness_words = peak(&blocks, kernels.len());
        let activation_words = assign_offsets(&mut blocks, reuse);
        let mut places: Vec<Option<Place>> = self.graph.ids().map(|id| self.fixed_place(id)).collect();
        for block in &blocks {
            for &node in &block.nodes {
                places[node.0] = Some(Place { memory: Memory::Activations, offset: block.offset });
            }
            if let Some(scratch) = block.scratch_of.and_then(|k| kernels[k].scratch.as_mut()) {
                scratch.offset = block.offset;
            }
        }
        for id in self.graph.ids() {
            places[id.0] = places[storage(self.graph, id).0];
        }
        Planned { places, activation_words, liveness_words, gradients: self.gradients() }
    }

    fn gradients(&self) -> Vec<(VariableId, usize)> {
        let packs = self.graph.nodes.iter().filter_map(|n| match &n.op {
            Op::Pack { parameters } => parameters.first().map(|p| self.graph.parameters[p.0].variable),
            _ => None,
        });
        packs.map(|v| (v, self.graph.variables[v.0].segments * crate::graph::SEGMENT)).collect()
    }

    /// The place of what lies outside the activations.
    fn fixed_place(&self, id: NodeId) -> Option<Place> {
        let at = |variable, offset| Some(Place { memory: Memory::Variable(variable), offset });
        match &self.graph.node(id).op {
            Op::Variable(variable) => at(*variable, 0),
            Op::Parameter(p) => at(self.graph.parameters[p.0].variable, self.graph.parameters[p.0].offset),
            Op::Pack { parameters } => parameters.first().map(|p| {
                let variable = self.graph.parameters[p.0].variable;
                Place { memory: Memory::Gradients(variable), offset: 0 }
            }),
            _ => self.packed.get(&id).copied(),
        }
    }

    /// One block for each value kept in the activations, and for each scratch.
    fn blocks(&self, kernels: &[Kernel]) -> Vec<Block> {
        let mut blocks = BTreeMap::new();
        for (time, kernel) in kernels.iter().enumerate() {
            for node in kernel.region.stores.iter().filter_map(written) {
                let (nodes, words) = (vec![node], self.words(node));
                let block = Block { nodes, scratch_of: None, words, first: time, last: time, offset: 0 };
                // What several kernels put together lives from the first of them on.
                blocks.entry(node).or_insert(block);
            }
            for node in self.reads(kernel) {
                if let Some(block) = blocks.get_mut(&node) {
                    block.last = time;
                }
            }
        }
        let scratch = kernels.iter().enumerate().filter_map(|(time, kernel)| {
            let Scratch { words, .. } = kernel.scratch?;
            let words = align(words);
            Some(Block {
                nodes: Vec::new(),
                scratch_of: Some(time),
                words,
                first: time,
                last: time,
                offset: 0,
            })
        });
        blocks.into_values().filter(|b| b.words > 0).chain(scratch).collect()
    }

    fn reads(&self, kernel: &Kernel) -> Vec<NodeId> {
        let bias = match kernel.work {
            Work::ConvFilterGradient { bias, .. } => bias,
            _ => None,
        };
        let anchors = kernel.work.anchor().into_iter().chain(bias);
        let operands =
            anchors.flat_map(|a| self.graph.node(a).inputs.iter().map(|&n| storage(self.graph, n)));
        operands.chain(kernel.region.loads.iter().copied()).collect()
    }

    /// A value takes the place of one that its kernel reads last, element by element.
    fn join_in_place(&self, blocks: &mut Vec<Block>, kernels: &[Kernel], target: Target) {
        for (time, kernel) in kernels.iter().enumerate() {
            // A kernel on the CPU writes its anchor before the region reads; rows are read several times.
            let alone = matches!(kernel.work, Work::Elementwise { .. });
            let on_gpu = target != Target::Cpu && kernel.work.anchor().is_some();
            if !alone && !on_gpu {
                continue;
            }
            for store in kernel.region.stores.iter().filter(|s| s.to == Destination::Place) {
                self.join_one(blocks, kernel, store.node, time);
            }
        }
    }

    /// Whether the region of `kernel` reads `load` at other places than it writes.
    fn is_moved(&self, kernel: &Kernel, load: NodeId) -> bool {
        let region: BTreeSet<NodeId> = kernel.region.nodes.iter().copied().collect();
        moved(self.graph, &region).into_iter().any(|input| storage(self.graph, input) == load)
    }

    fn join_one(&self, blocks: &mut Vec<Block>, kernel: &Kernel, made: NodeId, time: usize) {
        let find = |blocks: &[Block], node| blocks.iter().position(|b: &Block| b.nodes.contains(&node));
        let Some(new) = find(blocks, made) else { return };
        let operand = |n: NodeId| {
            let anchor = kernel.work.anchor();
            anchor.is_some_and(|a| self.graph.node(a).inputs.iter().any(|&i| storage(self.graph, i) == n))
        };
        let count = self.graph.shape(made).count();
        let dying = kernel.region.loads.iter().copied().find_map(|load| {
            let old = find(blocks, load)?;
            let fits = self.graph.shape(load).count() == count && blocks[old].last == time;
            (fits && blocks[old].first < time && !operand(load) && !self.is_moved(kernel, load))
                .then_some(old)
        });
        if let Some(old) = dying {
            blocks[old].last = blocks[new].last;
            let nodes = std::mem::take(&mut blocks[new].nodes);
            blocks[old].nodes.extend(nodes);
            blocks.remove(new);
        }
    }
}

/// The value that a store writes, or a part of, in a place that the plan has to find.
fn written(store: &Store) -> Option<NodeId> {
    match store.to {
        Destination::Place => Some(store.node),
        Destination::Part { whole, .. } => Some(whole),
        Destination::Variable(_) | Destination::Output(_) => None,
    }
}

fn align(words: usize) -> usize {
    words.div_ceil(ALIGNMENT) * ALIGNMENT
}

/// The most words alive at once: no plan for this order needs fewer.
fn peak(blocks: &[Block], kernels: usize) -> usize {
    let alive = |time: usize| blocks.iter().filter(move |b| b.first <= time && time <= b.last);
    (0..kernels).map(|time| alive(time).map(|b| b.words).sum()).max().unwrap_or(0)
}

/// Largest first, each at the lowest offset that is free for its whole life. Returns the words used.
fn assign_offsets(blocks: &mut [Block], reuse: bool) -> usize {
    let mut by_size: Vec<usize> = (0..blocks.len()).collect();
    by_size.sort_by_key(|&i| (std::cmp::Reverse(blocks[i].words), blocks[i].first));
    let mut placed: Vec<usize> = Vec::new();
    for i in by_size {
        let meets = |j: &&usize| {
            !reuse || (blocks[**j].first <= blocks[i].last && blocks[i].first <= blocks[**j].last)
        };
        let mut taken: Vec<(usize, usize)> = placed
            .iter()
            .filter(meets)
            .map(|&j| (blocks[j].offset, blocks[j].offset + blocks[j].words))
            .collect();
        taken.sort_unstable();
        let mut offset = 0;
        for (start, end) in taken {
            if offset + blocks[i].words <= start {
                break;
            }
            offset = offset.max(end);
        }
        blocks[i].offset = offset;
        placed.push(i);
    }
    blocks.iter().map(|b| b.offset + b.words).max().unwrap_or(0)
}
