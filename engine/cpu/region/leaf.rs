//! Values that come from outside a region: memory under broadcasting, the data set, random numbers, counts.

use super::moved::Moved;
use crate::cpu::kernels::{words_of_bytes, words_of_integers};
use crate::cpu::memory::{Address, Context};
use crate::cpu::walk::Walk;
use crate::graph::random;
use crate::tensor::{Dim, Values};

/// Where the elements of a node come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leaf {
    /// Memory.
    Memory(Address),
    /// Rows of `row` elements of an input's data set, by the permutation.
    Gather { input: usize, row: usize },
    /// Memory at other places, zero where there is none.
    Moved(Moved),
    /// Uniform numbers.
    Random { stream: u32 },
    /// The index along an axis of `size`, whose neighbours lie `stride` apart.
    Iota { stride: Dim, size: Dim },
}

impl Leaf {
    /// Elements `start..` of the node, under `walk` if it has another size.
    pub(super) fn fill(&self, context: &Context<'_>, walk: Option<&Walk>, start: usize, out: &mut [f32]) {
        let Some(walk) = walk else { return self.elements(context, start, out) };
        let mut at = 0;
        walk.runs(context.batch(), start, start + out.len(), |length, source, stride| {
            let run = &mut out[at..at + length];
            at += length;
            if stride == 0 {
                self.elements(context, source, &mut run[..1]);
                let first = run[0];
                run.fill(first);
            } else {
                debug_assert_eq!(stride, 1, "a broadcast keeps the order");
                self.elements(context, source, run);
            }
        });
    }

    fn elements(&self, context: &Context<'_>, start: usize, out: &mut [f32]) {
        match *self {
            Self::Memory(address) => out.copy_from_slice(context.read(address, start..start + out.len())),
            Self::Moved(ref moved) => moved.fill(context, start, out),
            Self::Gather { input, row } => gather(context, input, row, start, out),
            Self::Random { stream } => random::fill_uniform(context.step.key, stream, start as u32, out),
            Self::Iota { stride, size } => {
                let (stride, size) = (stride.at(context.batch()), size.at(context.batch()));
                for (i, out) in out.iter_mut().enumerate() {
                    *out = f32::from_bits(((start + i) / stride % size) as u32);
                }
            }
        }
    }
}

/// Elements `start..` of the batch: sample by sample, from wherever each lies in the data set.
fn gather(context: &Context<'_>, input: usize, row: usize, start: usize, out: &mut [f32]) {
    let (mut sample, mut within, mut at) = (start / row, start % row, 0);
    while at < out.len() {
        let length = (row - within).min(out.len() - at);
        let from = context.samples[sample] as usize * row + within;
        copy_words(context.inputs[input].values(), from, &mut out[at..at + length]);
        (sample, within, at) = (sample + 1, 0, at + length);
    }
}

/// Floats as they are; integers as the bits of words.
fn copy_words(values: &Values, from: usize, out: &mut [f32]) {
    let range = from..from + out.len();
    match values {
        Values::F32(v) => out.copy_from_slice(&v[range]),
        Values::U32(v) => words_of_integers(&v[range], out),
        Values::U8 { bytes, .. } => words_of_bytes(&bytes[range], out),
    }
}
