//! Products of matrices.

#[cfg(test)]
use super::one_a_thread;
use super::source::{Hooks, Source};
use super::{Division, Specialised};
use crate::schedule::{BLOCK, LANES, Tile};
use crate::tensor::Dim;

const TILED: &str = include_str!("../../../shaders/matmul_tiled.wgsl");
const OPERANDS: &str = include_str!("../../../shaders/matmul_operands.wgsl");
const REGISTER: &str = include_str!("../../../shaders/matmul_register.wgsl");
const SUBGROUP: &str = include_str!("../../../shaders/matmul_subgroup.wgsl");
#[cfg(test)]
const NAIVE: &str = include_str!("../../../shaders/matmul_naive.wgsl");

/// Threads of a workgroup of the kernel that keeps its tiles in registers.
pub(super) const REGISTER_THREADS: usize = 32;

/// Subgroups of a workgroup of the kernel that shares what it loads in subgroups.
const SUBGROUPS: usize = 2;

/// `stack` products C = A·B of `[m, k]` with `[k, n]`.
///
/// Bindings: A 1, B 2, C 3. With `splits` over 1 binding 3 takes the partial sums `[splits, stack, m, n]`
/// instead, for [`sum_partials`](super::sum_partials), which has the epilogue then.
#[derive(Clone, Debug)]
pub(crate) struct MatMulSpec {
    /// Number of products; 1 for plain matrices.
    pub(crate) stack: Dim,
    /// Rows of C.
    pub(crate) m: Dim,
    /// Columns of C.
    pub(crate) n: Dim,
    /// Terms of each sum.
    pub(crate) k: Dim,
    /// Whether A is stored `[k, m]`.
    pub(crate) transpose_a: bool,
    /// Whether B is stored `[n, k]`.
    pub(crate) transpose_b: bool,
    /// How the result is divided.
    pub(crate) tile: Tile,
    /// Into how many partial sums k is split.
    pub(crate) splits: usize,
    /// Arithmetic before and after.
    pub(crate) hooks: Hooks,
}

/// How a kernel reads an operand.
pub(super) struct Operand {
    pub(super) along_k: bool,
    /// Size of the axis that is contiguous in memory: a multiple of four can be read so.
    pub(super) contiguous: usize,
}

impl Operand {
    pub(super) fn vector(&self) -> bool {
        self.contiguous.is_multiple_of(4)
    }
}

/// The kernel for `spec`.
pub(crate) fn matmul(spec: &MatMulSpec) -> Specialised {
    let pick = |transposed, if_so: Dim, if_not: Dim| if transposed { if_so.factor } else { if_not.factor };
    let a = Operand { along_k: !spec.transpose_a, contiguous: pick(spec.transpose_a, spec.m, spec.k) };
    let b = Operand { along_k: spec.transpose_b, contiguous: pick(spec.transpose_b, spec.k, spec.n) };
    let source =
        core(spec, [a, b]).flag("TRANSPOSE_A", spec.transpose_a).flag("TRANSPOSE_B", spec.transpose_b);
    finish("matmul", source, spec)
}

/// The plain kernel for the same product: neither stack, tile nor splits.
#[cfg(test)]
pub(crate) fn matmul_naive(spec: &MatMulSpec) -> Specialised {
    let source = Source::new(NAIVE)
        .size("M", spec.m)
        .size("N", spec.n)
        .size("K", spec.k)
        .flag("TRANSPOSE_A", spec.transpose_a)
        .flag("TRANSPOSE_B", spec.transpose_b)
        .hooks(&spec.hooks);
    let mut work = one_a_thread(spec.m);
    work.columns = (spec.n, 1);
    Specialised { name: "matmul_naive".into(), wgsl: source.text(), workgroup: [64, 1, 1], work }
}

/// The file for the tile, with sizes, tile, hooks and the way the operands are read.
pub(super) fn core(spec: &MatMulSpec, operands: [Operand; 2]) -> Source {
    let (source, slice) = match spec.tile {
        Tile::Registers { rows, columns } => {
            (Source::new(REGISTER).number("ROWS", rows).number("COLUMNS", columns), 4)
        }
        Tile::Subgroup { rows, columns } => {
            let source = Source::new(SUBGROUP).section("loads", REGISTER).number("ROWS", rows / LANES);
            (spread(source, columns).number("COLUMNS", columns), 4)
        }
        Tile::Workgroup { rows, columns, depth } => {
            let (per_m, per_n) = per_thread(rows, columns);
            let source = Source::new(TILED)
                .section("operands", OPERANDS)
                .flag("ONE_BLOCK", one_block(spec, depth))
                .number("TILE_M", rows)
                .number("TILE_N", columns)
                .number("DEPTH", depth)
                .number("PER_M", per_m)
                .number("PER_N", per_n);
            (source, depth)
        }
    };
    let source = source
        .size("STACK", spec.stack)
        .size("M", spec.m)
        .size("N", spec.n)
        .size("K", spec.k)
        .number("SPLITS", spec.splits)
        .flag("K_RAGGED", !spec.k.factor.is_multiple_of(slice))
        .hooks(&spec.hooks);
    operands.iter().zip(["a", "b"]).fold(source, |source, (operand, name)| read(source, operand, name))
}

/// A kernel in subgroups works on each four columns by a line of its own.
pub(super) fn spread(source: Source, columns: usize) -> Source {
    source.repeated("multiply", columns / 4).repeated("settle", columns / 4)
}

/// Whether no workgroup adds more than one block of terms: its sums then need no second set of registers.
fn one_block(spec: &MatMulSpec, depth: usize) -> bool {
    !spec.k.batch && spec.k.factor.div_ceil(spec.splits * depth) * depth <= BLOCK
}

/// Whether and how an operand is read four elements at a time.
fn read(source: Source, operand: &Operand, name: &str) -> Source {
    let upper = name.to_uppercase();
    vectors(source.flag(&format!("{upper}_ALONG_K"), operand.along_k), name, operand.vector())
}

/// Whether operand `name` is read as words of four.
pub(super) fn vectors(source: Source, name: &str, vector: bool) -> Source {
    let upper = name.to_uppercase();
    let source = source.flag(&format!("{upper}_VECTOR"), vector);
    if !vector {
        return source;
    }
    source
        .alias(&format!("Element{upper}"), "vec4<f32>")
        .body(&format!("read_{name}"), &format!("return {name}[index / 4u][index % 4u];"))
        .body(&format!("read4_{name}"), &format!("return {name}[index / 4u];"))
}

/// Results a thread of a workgroup of at most 256.
fn per_thread(rows: usize, columns: usize) -> (usize, usize) {
    let of = |size: usize| if size > 64 { 8 } else { 4 };
    (of(rows), of(columns))
}

pub(super) fn finish(name: &str, source: Source, spec: &MatMulSpec) -> Specialised {
    let (suffix, tile, workgroup, tiles_a_group) = match spec.tile {
        Tile::Registers { rows, columns } => {
            let name = format!("registers_{rows}x{columns}");
            (name, (rows, columns), [REGISTER_THREADS, 1], REGISTER_THREADS)
        }
        Tile::Subgroup { rows, columns } => {
            let name = format!("subgroups_{rows}x{columns}");
            (name, (rows, columns), [SUBGROUPS * LANES, 1], SUBGROUPS)
        }
        Tile::Workgroup { rows, columns, depth } => {
            let (per_m, per_n) = per_thread(rows, columns);
            (format!("{rows}x{columns}x{depth}"), (rows, columns), [columns / per_n, rows / per_m], 1)
        }
    };
    Specialised {
        name: format!("{name}_{suffix}"),
        wgsl: source.text(),
        workgroup: [workgroup[0] as u32, workgroup[1] as u32, 1],
        work: Division {
            stack: spec.stack,
            rows: (spec.m, tile.0),
            columns: (spec.n, tile.1),
            tiles_a_group,
            splits: spec.splits,
        },
    }
}
