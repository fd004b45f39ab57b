//! Graph to Program: simplification, fusion, kernel choice by rule, memory plan.

mod choose;
mod concatenations;
mod explain;
mod fuse;
mod memory;
mod order;
mod program;
mod roots;
mod simplify;
mod tuning;

pub use choose::BLOCK;
pub use explain::Cost;
pub(crate) use memory::ALIGNMENT;
pub(crate) use program::into_free_slot;
pub use program::{
    BindingId, Destination, Kernel, LANES, Memory, Options, Place, Program, ProgramId, Region, Scratch, Step,
    Store, Target, Tile, Work,
};
pub(crate) use simplify::simplify;
pub use tuning::{Contraction, Division, REGISTER_TILES, SUBGROUP_TILES, Tuning, WORKGROUP_TILES};

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};

/// Turns `graph` into a program for batches of up to `max_batch` samples.
///
/// # Errors
/// If `max_batch` is 0, or a value would need more words than 32 bits can count.
pub fn schedule(graph: &Graph, target: Target, options: Options, max_batch: usize) -> Result<Program> {
    schedule_tuned(graph, target, options, max_batch, &Tuning::default())
}

/// As [`schedule`], with the better choices of `tuning` where it has some.
///
/// # Errors
/// As [`schedule`].
pub fn schedule_tuned(
    graph: &Graph,
    target: Target,
    options: Options,
    max_batch: usize,
    tuning: &Tuning,
) -> Result<Program> {
    if max_batch == 0 {
        return Err(Error::argument("schedule", "batch size", 0, "at least 1"));
    }
    let mut graph = if options.simplify { simplify(graph) } else { simplify::prune(graph) };
    check_sizes(&graph, max_batch)?;
    if target != Target::Cpu {
        concatenations::divide(&mut graph);
    }
    let plain = Rooted::new(graph.clone(), options, target, false);
    let careful;
    let mut groups = fuse::Groups::build(&plain, options.fuse, false);
    // Rare: values before and after the step meet in one kernel. Copies keep them apart.
    if !groups.circle().is_empty() {
        careful = Rooted::new(graph, options, target, true);
        groups = fuse::Groups::build(&careful, options.fuse, true);
    }
    let graph = groups.graph.clone();
    let plan = memory::Plan::new(&graph, max_batch);
    let elsewhere = groups.read_elsewhere();
    let mut names = Names::default();
    let mut kernels: Vec<Kernel> = order::order(&groups, &plan)
        .into_iter()
        .map(|index| {
            let group = &groups.groups[index];
            let choose::Choice { work, scratch, reason } =
                choose::choose(&graph, group, target, (max_batch, tuning));
            let name = names.unique(&graph, group.anchor.unwrap_or(group.roots[group.roots.len() - 1]));
            Kernel { name, work, region: groups.region(index, &elsewhere), scratch, reason }
        })
        .collect();
    let planned = plan.place(&mut kernels, target, options.reuse);
    let memory::Planned { places, activation_words, liveness_words, gradients } = planned;
    Ok(Program { graph, kernels, places, max_batch, activation_words, liveness_words, gradients, target })
}

/// A graph, and which of its values kernels leave in memory.
struct Rooted {
    graph: Graph,
    root: Vec<bool>,
    /// Copies that have to be kernels of their own.
    late: Vec<NodeId>,
    target: Target,
}

impl Rooted {
    fn new(mut graph: Graph, options: Options, target: Target, apart: bool) -> Self {
        let late = roots::insert_copies(&mut graph, apart);
        let mut root = roots::find_roots(&graph, options.fuse, target);
        for copy in &late {
            let source = program::storage(&graph, graph.node(*copy).inputs[0]);
            root[source.0] |= !roots::is_resident(&graph, source);
        }
        Self { graph, root, late, target }
    }
}

fn check_sizes(graph: &Graph, max_batch: usize) -> Result<()> {
    for node in &graph.nodes {
        let words = node.shape.0.iter().try_fold(1usize, |n, d| n.checked_mul(d.at(max_batch)));
        if words.is_none_or(|n| n > u32::MAX as usize / 4) {
            let found = node.shape.at(max_batch);
            let what = format!("the result of {}", node.op.name());
            let expected = format!("at most {} elements", u32::MAX / 4);
            let remedy = "choose a smaller batch or smaller layers";
            return Err(Error::shape(&node.scope, what, format!("{found:?}"), expected, remedy));
        }
    }
    Ok(())
}

/// Kernel names: the layer and the operation, numbered where they repeat.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn unique(&mut self, graph: &Graph, id: NodeId) -> String {
        let node = graph.node(id);
        let op: String = node.op.name().chars().take_while(|&c| c.is_alphanumeric() || c == '_').collect();
        let scope = if node.scope.is_empty() { "graph" } else { &node.scope };
        let name = format!("{scope}.{op}");
        let count = self.0.entry(name.clone()).or_insert(0);
        *count += 1;
        if *count == 1 { name } else { format!("{name}_{count}") }
    }
}

#[cfg(test)]
mod tests;
