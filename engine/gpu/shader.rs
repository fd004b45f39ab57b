//! A kernel as the device takes it: WGSL, what it binds, how many workgroups it wants.

use std::sync::Arc;

use super::kernels::Specialised;
use crate::graph::InputId;
use crate::schedule::Memory;
use crate::tensor::Dim;

/// Storage buffers that one kernel may bind: what every WebGPU adapter allows.
pub const MAX_BINDINGS: usize = 8;

/// The uniform record of one step, in WGSL: 256 bytes.
pub const STEP: &str = "struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
";

/// What stands behind one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Words of one of the program's memories.
    Range {
        /// Which.
        memory: Memory,
        /// The first word.
        offset: usize,
        /// How many words from there on are left out.
        start: usize,
        /// How many words, with those.
        count: Dim,
    },
    /// The rows of a data set.
    Data(InputId),
    /// The order of the data sets' rows.
    Order,
    /// The buffer of an output.
    Output(usize),
}

impl Resource {
    /// Whether kernels only ever read it: then dispatches need no barrier between them for it.
    pub fn is_read_only(self) -> bool {
        matches!(self, Self::Data(_) | Self::Order)
    }
}

/// How many workgroups run.
#[derive(Clone, Debug)]
pub enum Grid {
    /// One for each `each` of `count`, in one dimension or, beyond the adapter's limit, in two.
    Linear {
        /// What is counted.
        count: Dim,
        /// How many of them a workgroup takes.
        each: usize,
    },
    /// As the kernel's own tiles ask.
    Tiles(Arc<Specialised>),
}

impl Grid {
    /// The workgroups for a batch of `batch` on an adapter that takes `limit` a dimension.
    pub fn at(&self, batch: usize, limit: u32) -> [u32; 3] {
        match self {
            Self::Linear { count, each } => fold(count.at(batch).div_ceil(*each), limit),
            Self::Tiles(kernel) => kernel.grid(batch),
        }
    }
}

/// `groups` workgroups, in two dimensions beyond `limit`. Kernels leave out those past the end.
fn fold(groups: usize, limit: u32) -> [u32; 3] {
    let x = groups.clamp(1, limit as usize);
    [x as u32, groups.div_ceil(x).max(1) as u32, 1]
}

/// One dispatch, ready to compile.
#[derive(Clone, Debug)]
pub struct Shader {
    /// The kernel's name, as `explain` shows it.
    pub name: String,
    /// The text, with entry point `main`.
    pub wgsl: String,
    /// What its storage bindings hold: number and resource.
    pub bindings: Vec<(u32, Resource)>,
    /// How many workgroups it wants.
    pub grid: Grid,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_grids_fold_into_two_dimensions() {
        let grid = Grid::Linear { count: Dim::batch(100), each: 256 };
        assert_eq!(grid.at(1, 65_535), [1, 1, 1]);
        assert_eq!(grid.at(256, 65_535), [100, 1, 1]);
        let [x, y, _] = grid.at(256 * 1_000, 65_535);
        assert!(x <= 65_535 && x * y >= 100_000, "{x} x {y}");
    }
}
