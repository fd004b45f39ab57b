//! From the kernels of a program to kernels that can run: addresses, compiled regions, the checks that make writing
//! from several threads sound.

use std::ops::Range;

use super::anchor::Anchor;
use super::kernels::numbers_on_threads;
use super::memory::{Address, Context, Space, address};
use super::packs::Packs;
use super::region::{BLOCK, Compiler, Extent, Region, reserve};
use super::rows::Rows;
use crate::graph::NodeId;
use crate::schedule::{Destination, Kernel, Program, Work};
use crate::tensor::Dim;

/// A kernel that can run.
pub(super) struct Prepared(Task);

enum Task {
    /// The region alone, over `count` elements.
    Elementwise { count: Dim, region: Region },
    /// A region with reductions along rows.
    Rows(Rows),
    /// An anchor, and the region behind it.
    Anchored { anchor: Anchor, region: Region },
}

impl Prepared {
    /// Prepares `kernel`; `spare` grows to the words it needs beyond those of the plan.
    pub(super) fn new(program: &Program, kernel: &Kernel, packs: &Packs, spare: &mut usize) -> Self {
        let task = match kernel.work {
            Work::Elementwise { count } => {
                let extent = Extent { full: count, rows: None };
                Task::Elementwise { count, region: whole_region(program, kernel, None, extent) }
            }
            Work::Rows { rows, columns } => Task::Rows(Rows::new(program, kernel, rows, columns)),
            _ => {
                let node = kernel.work.anchor().expect("every other kernel has an anchor");
                let out = anchor_output(program, kernel, node, spare);
                let extent = Extent { full: program.graph.shape(node).count(), rows: None };
                let region = whole_region(program, kernel, Some((node, out)), extent);
                Task::Anchored { anchor: Anchor::new(program, kernel, packs, node, out), region }
            }
        };
        check_disjoint(program, kernel);
        Self(task)
    }

    /// Makes room in this thread's registers.
    pub(super) fn reserve(&self) {
        match &self.0 {
            Task::Elementwise { region, .. } | Task::Anchored { region, .. } => reserve(region),
            Task::Rows(rows) => rows.reserve(),
        }
    }

    /// Runs the kernel for one batch.
    pub(super) fn run(&self, context: &Context<'_>) {
        match &self.0 {
            Task::Elementwise { count, region } => {
                run_elementwise(region, context, count.at(context.batch()))
            }
            Task::Rows(rows) => rows.run(context),
            Task::Anchored { anchor, region } => anchor.run(context, region),
        }
    }
}

/// Work (elements times passes over them) under which waking threads costs more than it saves.
const WORTH_THREADS: usize = 1 << 15;

/// Calls `body` with each number below `count`, on threads if the work of all is worth it.
pub(super) fn for_each(count: usize, work: usize, body: impl Fn(usize) + Sync) {
    if work < WORTH_THREADS || count < 2 {
        (0..count).for_each(body);
    } else {
        numbers_on_threads(count, &body);
    }
}

fn run_elementwise(region: &Region, context: &Context<'_>, count: usize) {
    use super::region::Span;
    for_each(count.div_ceil(BLOCK), count * region.weight(), |block| {
        let start = block * BLOCK;
        region.run(context, Span::plain(start, BLOCK.min(count - start)), &mut []);
    });
}

/// The region of a kernel without reductions along rows, whose anchor leaves its result at an address.
fn whole_region(
    program: &Program,
    kernel: &Kernel,
    anchor: Option<(NodeId, Address)>,
    extent: Extent,
) -> Region {
    let mut compiler = Compiler::new(program, &kernel.region, anchor.map(|(node, _)| node), extent, &[]);
    for (node, to) in stores(program, kernel) {
        let over_anchor = anchor.is_some_and(|(_, out)| out == to);
        compiler.store(node, (!over_anchor).then_some(to));
    }
    compiler.finish()
}

/// What the region of `kernel` writes, and where; a bias gradient beside the anchor is not the region's.
pub(super) fn stores(program: &Program, kernel: &Kernel) -> impl Iterator<Item = (NodeId, Address)> {
    let beside = match kernel.work {
        Work::ConvFilterGradient { bias, .. } => bias,
        _ => None,
    };
    let stores = kernel.region.stores.iter().filter(move |store| Some(store.node) != beside);
    stores.map(|store| (store.node, destination(program, store.node, store.to)))
}

/// The address that a store goes to.
pub(super) fn destination(program: &Program, node: NodeId, to: Destination) -> Address {
    match to {
        Destination::Place => address(program, node),
        Destination::Variable(id) => Address { space: Space::Variable(id.0), offset: 0 },
        Destination::Output(i) => Address { space: Space::Output(i), offset: 0 },
        Destination::Part { .. } => unreachable!("schedules for the CPU assemble nothing"),
    }
}

/// Where an anchor's raw result goes: to its own place, or to a place that the region writes in the end, or else to
/// spare memory.
fn anchor_output(program: &Program, kernel: &Kernel, anchor: NodeId, spare: &mut usize) -> Address {
    let count = program.graph.shape(anchor).count();
    let reads: Vec<Extents> = reads(program, kernel);
    let all: Vec<(NodeId, Address)> = stores(program, kernel).collect();
    let free = |&&(node, to): &&(NodeId, Address)| {
        let range = Extents::new(program, node, to);
        range.count == count && !reads.iter().any(|read| read.meets(&range))
    };
    let own = all.iter().filter(free).find(|(node, _)| *node == anchor);
    if let Some(&(_, to)) = own.or_else(|| all.iter().find(free)) {
        return to;
    }
    *spare = (*spare).max(count.at(program.max_batch));
    Address { space: Space::Spare, offset: 0 }
}

/// The words that a value takes.
#[derive(Debug)]
struct Extents {
    address: Address,
    words: Range<usize>,
    count: Dim,
}

impl Extents {
    fn new(program: &Program, node: NodeId, address: Address) -> Self {
        let count = program.graph.shape(node).count();
        Self { address, words: address.offset..address.offset + count.at(program.max_batch), count }
    }

    fn meets(&self, other: &Self) -> bool {
        self.address.space == other.address.space
            && self.words.start < other.words.end
            && other.words.start < self.words.end
    }
}

/// What the region of `kernel` reads from memory.
fn reads(program: &Program, kernel: &Kernel) -> Vec<Extents> {
    let loads = kernel.region.loads.iter();
    loads.map(|&load| Extents::new(program, load, address(program, load))).collect()
}

/// Holds the rule of [`Arena`](super::memory::Arena): nothing that this kernel writes overlaps what it reads or
/// writes elsewhere, but for one element that is read before it is written.
fn check_disjoint(program: &Program, kernel: &Kernel) {
    let anchor = kernel.work.anchor();
    let operands = anchor.map_or(&[][..], |node| &program.graph.node(node).inputs);
    let operands: Vec<Extents> =
        operands.iter().map(|&node| Extents::new(program, node, address(program, node))).collect();
    let loads = reads(program, kernel);
    let writes = kernel.region.stores.iter();
    let writes: Vec<Extents> = writes
        .map(|store| Extents::new(program, store.node, destination(program, store.node, store.to)))
        .collect();
    for (i, write) in writes.iter().enumerate() {
        let apart =
            |other: &Extents| assert!(!write.meets(other), "{}: {write:?} meets {other:?}", kernel.name);
        writes[..i].iter().for_each(apart);
        operands.iter().for_each(apart);
        let in_place = |load: &&Extents| load.address == write.address && load.count == write.count;
        loads.iter().filter(|load| !in_place(load)).for_each(apart);
    }
}
