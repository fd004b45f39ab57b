//! The words that kernels read and write, on several threads at once.

use std::cell::UnsafeCell;
use std::ops::Range;
use std::sync::Arc;

use super::packs::Packs;
use crate::graph::NodeId;
use crate::schedule::{Memory, Place, Program, Step};
use crate::tensor::Tensor;

/// Words of four bytes: floats, or integers as their bits.
///
/// It is private to the executor, which keeps one rule: while a kernel runs, no word that one thread writes is read or
/// written by another. [`prepare`](super::prepare) checks it for every kernel before it may run: what is written does
/// not overlap what is read, but where both are the same elements of the same chunk, which one thread reads before it
/// writes them.
pub(super) struct Arena {
    words: Box<[UnsafeCell<f32>]>,
}

// SAFETY: the rule above.
unsafe impl Sync for Arena {}

impl Arena {
    /// `words` zeros.
    pub(super) fn new(words: usize) -> Self {
        Self { words: (0..words).map(|_| UnsafeCell::new(0.0)).collect() }
    }

    /// Number of words.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// The words of `range`.
    #[inline]
    pub(super) fn read(&self, range: Range<usize>) -> &[f32] {
        let cells = &self.words[range];
        // SAFETY: the slice above checked the bounds; by the rule of the type no one writes these words meanwhile.
        unsafe { std::slice::from_raw_parts(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }

    /// The words of `range`, to be written.
    #[expect(clippy::mut_from_ref, reason = "several threads write disjoint parts: see the type")]
    #[inline]
    pub(super) fn write(&self, range: Range<usize>) -> &mut [f32] {
        let cells = &self.words[range];
        // SAFETY: the slice above checked the bounds; by the rule of the type no one else touches these words meanwhile.
        unsafe { std::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) }
    }
}

/// Which memory of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Space {
    /// What the values of a step share.
    Activations,
    /// A variable.
    Variable(usize),
    /// The packed gradients of a variable.
    Gradients(usize),
    /// An output of the graph, from where this step writes.
    Output(usize),
    /// The raw result of an anchor that nothing stores.
    Spare,
}

/// Where a value starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    pub(super) space: Space,
    pub(super) offset: usize,
}

impl From<Place> for Address {
    fn from(place: Place) -> Self {
        let space = match place.memory {
            Memory::Activations => Space::Activations,
            Memory::Variable(id) => Space::Variable(id.0),
            Memory::Gradients(id) => Space::Gradients(id.0),
        };
        Self { space, offset: place.offset }
    }
}

/// Where `node`, or what it is a reshape of, lies.
pub(super) fn address(program: &Program, node: NodeId) -> Address {
    let place = program.place(node).or_else(|| program.place(program.storage(node)));
    place.unwrap_or_else(|| panic!("the program gives node {} no place", node.0)).into()
}

/// The buffer of one output of the graph.
pub(super) struct OutputBuffer {
    pub(super) words: Arena,
    /// Elements of a sample, or of a step.
    pub(super) row: usize,
    /// Whether rows are those of samples, else of steps.
    pub(super) batched: bool,
}

/// All that the kernels of one step see.
pub(super) struct Context<'a> {
    pub(super) step: &'a Step,
    /// The samples of the batch, as rows of the data set.
    pub(super) samples: &'a [u32],
    pub(super) inputs: &'a [Arc<Tensor>],
    pub(super) activations: &'a Arena,
    pub(super) spare: &'a Arena,
    pub(super) packs: &'a Packs,
    pub(super) variables: &'a [Arena],
    pub(super) gradients: &'a [Arena],
    pub(super) outputs: &'a [OutputBuffer],
}

impl Context<'_> {
    /// The samples of the batch.
    #[inline]
    pub(super) fn batch(&self) -> usize {
        self.step.batch
    }

    /// Words `range` of the value at `address`.
    #[inline]
    pub(super) fn read(&self, address: Address, range: Range<usize>) -> &[f32] {
        let (arena, base) = self.locate(address);
        arena.read(base + range.start..base + range.end)
    }

    /// Words `range` of the value at `address`, to be written.
    #[inline]
    pub(super) fn write(&self, address: Address, range: Range<usize>) -> &mut [f32] {
        let (arena, base) = self.locate(address);
        arena.write(base + range.start..base + range.end)
    }

    #[inline]
    fn locate(&self, address: Address) -> (&Arena, usize) {
        let arena = match address.space {
            Space::Activations => self.activations,
            Space::Spare => self.spare,
            Space::Variable(i) => &self.variables[i],
            Space::Gradients(i) => &self.gradients[i],
            Space::Output(i) => return (&self.outputs[i].words, self.output_start(i)),
        };
        (arena, address.offset)
    }

    #[inline]
    fn output_start(&self, output: usize) -> usize {
        let OutputBuffer { row, batched, .. } = self.outputs[output];
        row * if batched { self.step.offset } else { self.step.row }
    }
}
