//! Weights that many products of a step read, as in the time steps of a recurrence: packed once a step.

use std::collections::HashMap;
use std::ops::Range;

use super::kernels::{Factor, pack};
use super::memory::{Address, Arena, Context, Space, address};
use crate::graph::{NodeId, Op};
use crate::schedule::{Program, Work};

/// Products that must share a factor before it is worth packing it for all.
const MANY: usize = 4;
/// Numbers of a factor below which packing is all that a product costs.
const SMALL: usize = 2048;

/// The packed weights of a program. A step overwrites weights after all their readers, so that what is packed at its start
/// stays true for it.
pub(super) struct Packs {
    packs: HashMap<(Address, Factor), Range<usize>>,
    words: Arena,
}

impl Packs {
    /// Makes room for the factors that are worth it.
    pub(super) fn new(program: &Program) -> Self {
        let mut uses: HashMap<(Address, Factor), usize> = HashMap::new();
        let products = program.kernels.iter().filter_map(|kernel| match kernel.work {
            Work::MatMul { node, .. } => weights(program, node),
            _ => None,
        });
        products.for_each(|product| *uses.entry(product).or_default() += 1);
        uses.retain(|_, count| *count >= MANY);
        let mut words = 0;
        let packs = uses.into_keys().map(|(from, factor)| {
            let start = words;
            words += factor.packed_length();
            ((from, factor), start..words)
        });
        Self { packs: packs.collect(), words: Arena::new(words) }
    }

    /// Where the right factor of the product `node` will lie packed.
    pub(super) fn find(&self, program: &Program, node: NodeId) -> Option<Range<usize>> {
        self.packs.get(&weights(program, node)?).cloned()
    }

    /// Packs all factors as they are now.
    pub(super) fn fill(&self, context: &Context<'_>) {
        for ((from, factor), range) in &self.packs {
            pack(
                context.read(*from, 0..factor.terms * factor.columns),
                *factor,
                self.words.write(range.clone()),
            );
        }
    }

    /// What [`Packs::find`] named.
    pub(super) fn read(&self, range: &Range<usize>) -> &[f32] {
        self.words.read(range.clone())
    }
}

/// The right factor of the product `node`, if it is a matrix of weights and large enough.
fn weights(program: &Program, node: NodeId) -> Option<(Address, Factor)> {
    let graph = &program.graph;
    let Op::MatMul { transpose_b, .. } = graph.node(node).op else { return None };
    let right = graph.node(node).inputs[1];
    let [rows, columns] = graph.shape(right).0[..] else { return None };
    let from = address(program, right);
    let fixed = matches!(from.space, Space::Variable(_)) && !rows.batch && !columns.batch;
    let large = rows.factor * columns.factor >= SMALL;
    let [terms, columns] =
        if transpose_b { [columns.factor, rows.factor] } else { [rows.factor, columns.factor] };
    (fixed && large).then_some((from, Factor { terms, columns, transposed: transpose_b }))
}
