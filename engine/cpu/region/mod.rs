//! Elementwise regions: compiled once to a list of instructions, run block by block.
//!
//! A block is small enough for the registers, one per live value, to stay in the first-level cache. Each instruction is
//! one loop over the block.

mod compile;
mod direct;
mod function;
mod leaf;
mod moved;
mod run;

pub(super) use compile::{Compiler, Extent};
pub(super) use function::join_of;
pub(super) use run::{BLOCK, Span, reserve};

use super::kernels::{Function, Join};
use super::memory::Address;
use super::walk::Walk;
use leaf::Leaf;

/// How many elements a node has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Class {
    /// As many as the region is long.
    Full,
    /// One for each row.
    Row,
    /// One.
    One,
}

/// Where an instruction finds an operand.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Source {
    /// A register, element by element.
    Register(usize),
    /// The first element of a register stands for all.
    First(usize),
    /// A number.
    Scalar(usize),
    /// Memory, element by element.
    Memory(Address),
    /// One word of memory stands for all.
    Word(Address),
    /// The run of the anchor that was just finished.
    Anchor,
}

/// A number that is the same for a whole step.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Constant(f32),
    Scalar(usize),
    BatchSize,
}

#[derive(Clone, Debug, PartialEq)]
enum Code {
    Apply(Function, [Source; 3]),
    Leaf(Leaf, Option<Walk>),
    Number(Number),
    /// Numbers of a table in memory, by their rows.
    Lookup {
        table: Address,
        rows: usize,
        numbers: Source,
    },
    /// One value a row to every element of the row.
    Spread(Source),
    /// The rows of the block, each to one value.
    Join(Join, Source),
    /// The result of a reduction over rows longer than a block, by its number.
    Known(usize),
}

#[derive(Clone, Debug, PartialEq)]
struct Instruction {
    code: Code,
    class: Class,
    /// A number if the class is `One`, else a register.
    to: usize,
    /// Where the result goes in the place of the register.
    direct: Option<Target>,
}

/// Where a stored value goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Target {
    Memory(Address),
    /// Over the anchor's run.
    Anchor,
}

#[derive(Clone, Debug, PartialEq)]
struct Stored {
    source: Source,
    class: Class,
    to: Target,
}

/// A reduction over rows longer than a block: each block leaves a partial result.
#[derive(Clone, Debug, PartialEq)]
struct Partial {
    source: Source,
    /// Its number among the region's reductions.
    number: usize,
}

/// A region, ready to run.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Region {
    code: Vec<Instruction>,
    stores: Vec<Stored>,
    partials: Vec<Partial>,
    registers: usize,
    numbers: usize,
}

impl Region {
    /// Whether there is nothing to do but what the anchor did.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.code.is_empty() && self.stores.is_empty() && self.partials.is_empty()
    }

    /// Roughly how many passes over its elements it takes, for the choice of threads.
    #[inline]
    pub(super) fn weight(&self) -> usize {
        1 + self.code.iter().filter(|i| i.class == Class::Full).count() + self.stores.len()
    }
}
