//! The WGSL kernels, specialised: constants, hooks and addresses in the place of the files' own.
//!
//! Every file of `shaders/` is valid WGSL as it stands. A specialised kernel differs from its file in `const` and
//! `alias` lines, in one-line functions, and in what stands between two marks; nothing else is touched.

mod conv;
mod matmul;
mod source;
mod window;

pub(crate) use conv::{ConvPass, ConvSpec, conv};
#[cfg(test)]
pub(crate) use matmul::matmul_naive;
pub(crate) use matmul::{MatMulSpec, matmul};
pub(crate) use source::Hooks;
pub(crate) use window::{PoolKind, PoolSpec, SumColumnsSpec, pool, sum_columns, sum_partials};

use crate::tensor::Dim;

/// The most workgroups that WebGPU promises for one axis of a dispatch.
const GROUPS_AN_AXIS: usize = 65_535;

/// A kernel ready to be compiled, for any batch.
#[derive(Clone, Debug)]
pub(crate) struct Specialised {
    /// The file's name, and the tile where there is a choice.
    pub(crate) name: String,
    /// The exact text; the entry point is `main`.
    pub(crate) wgsl: String,
    /// Threads of a workgroup.
    pub(crate) workgroup: [u32; 3],
    work: Division,
}

/// How a result is shared out: over tiles of rows and columns, each a thread's or a workgroup's.
#[derive(Clone, Copy, Debug)]
struct Division {
    stack: Dim,
    rows: (Dim, usize),
    columns: (Dim, usize),
    tiles_a_group: usize,
    splits: usize,
}

impl Specialised {
    /// Workgroups to dispatch for a batch of `batch` samples.
    pub(crate) fn grid(&self, batch: usize) -> [u32; 3] {
        let Division { stack, rows, columns, tiles_a_group, splits } = self.work;
        let tiles = |(size, tile): (Dim, usize)| size.at(batch).div_ceil(tile);
        let groups = (stack.at(batch) * tiles(rows) * tiles(columns)).div_ceil(tiles_a_group);
        let [x, y] = two_axes(groups);
        [x, y, splits as u32]
    }
}

/// The grid of a kernel with `groups` workgroups in a line: two axes where one is too short.
pub(crate) fn two_axes(groups: usize) -> [u32; 2] {
    let y = groups.div_ceil(GROUPS_AN_AXIS).max(1);
    [groups.div_ceil(y) as u32, y as u32]
}

/// The functions `random_word` and `random_uniform`, for kernels that declare `step` themselves.
pub(crate) fn philox() -> &'static str {
    const FILE: &str = include_str!("../../../shaders/philox.wgsl");
    FILE.split_once("// Functions\n").map_or(FILE, |(_, functions)| functions)
}

/// The division of an elementwise kernel with 64 threads a workgroup.
fn one_a_thread(count: Dim) -> Division {
    let single = Dim::fixed(1);
    Division { stack: single, rows: (count, 1), columns: (single, 1), tiles_a_group: 64, splits: 1 }
}
