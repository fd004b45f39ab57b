//! The micro-kernel: one tile of a matrix product, kept in registers.
//!
//! `out[r, j] (+)= Σ over runs, Σ over t < run.terms of a[run.a + r·a_row + t·a_term] · b[(run.b + t)·b_term + j]`
//!
//! Rows of `a` may overlap (a convolution reads its image in place) or lie side by side (a packed panel). A tile is up to
//! 14 rows by 2 vectors of columns at `Level::Avx512` (28 accumulators of 32 registers), 6 by 2 at `Level::Avx2`, and 8
//! or 4 by 1 (of 8 numbers) at `Level::Plain`. The terms of one call go into one sum: callers keep them at 512 or fewer.

use super::lanes::{Lanes, Plain};
use super::level::Level;

/// A run of terms at even distances in both factors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where the run starts in `a`, for row 0.
    pub(super) a: usize,
    /// The run's first term in `b`.
    pub(super) b: usize,
    /// Its length.
    pub(super) terms: usize,
}

/// The factors of a tile.
pub(super) struct Factors<'a> {
    pub(super) a: &'a [f32],
    /// Distance between rows of `a`.
    pub(super) a_row: usize,
    /// Distance between terms of `a`.
    pub(super) a_term: usize,
    pub(super) b: &'a [f32],
    /// Distance between terms of `b`; its columns are neighbours.
    pub(super) b_term: usize,
    pub(super) runs: &'a [Run],
}

/// Where a tile goes.
struct Target {
    out: *mut f32,
    row: usize,
    columns: usize,
    add: bool,
}

type Kernel = unsafe fn(&Factors<'_>, &Target);

/// The micro-kernels of a level.
#[derive(Clone, Copy)]
pub(super) struct Tiles {
    /// Columns of a narrow tile: one vector.
    lanes: usize,
    /// Kernels of one vector of columns; entry `r` has `r + 1` rows.
    narrow: &'static [Kernel],
    /// Kernels of the widest tile.
    wide: &'static [Kernel],
    /// Columns of the widest tile.
    widest: usize,
}

impl Tiles {
    /// The micro-kernels for `level`.
    pub(super) fn of(level: Level) -> Self {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => Tiles { lanes: 16, narrow: &x86::AVX512_1, wide: &x86::AVX512_2, widest: 32 },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => Tiles { lanes: 8, narrow: &x86::AVX2_1, wide: &x86::AVX2_2, widest: 16 },
            _ => Tiles { lanes: 8, narrow: &PLAIN, wide: &PLAIN, widest: 8 },
        }
    }

    /// Most rows of a tile.
    #[inline]
    pub(super) fn rows(&self) -> usize {
        self.wide.len()
    }

    /// Columns of the widest tile: how far panels of `b` lie apart.
    #[inline]
    pub(super) fn columns(&self) -> usize {
        self.widest
    }

    /// Columns that a tile reads of `b` when `left` columns are wanted.
    #[inline]
    pub(super) fn width(&self, left: usize) -> usize {
        if left <= self.lanes { self.lanes } else { self.widest }
    }

    /// Columns that all tiles together read when `columns` are wanted: a multiple of the vector's width.
    #[inline]
    pub(super) fn padded(&self, columns: usize) -> usize {
        columns.next_multiple_of(self.lanes)
    }

    /// Computes a tile of `rows` (at most `self.rows()`) by `columns` (at most `self.columns()`) and stores it, or adds it, at
    /// `out`, whose rows lie `out_row` apart.
    #[inline]
    pub(super) fn multiply(
        &self,
        factors: &Factors<'_>,
        [rows, columns]: [usize; 2],
        out: &mut [f32],
        out_row: usize,
        add: bool,
    ) {
        let width = self.width(columns);
        let table = if width == self.lanes { self.narrow } else { self.wide };
        assert!(rows >= 1 && columns >= 1 && columns <= width, "a tile of {rows}x{columns}");
        assert!((rows - 1) * out_row + columns <= out.len(), "the tile's output is too short");
        for run in factors.runs {
            assert!(run.terms > 0, "an empty run");
            let a = run.a + (rows - 1) * factors.a_row + (run.terms - 1) * factors.a_term;
            let b = (run.b + run.terms - 1) * factors.b_term + width;
            assert!(a < factors.a.len() && b <= factors.b.len(), "the tile's factors are too short");
        }
        // SAFETY: the asserts above hold every index inside its slice, and the level of `self` was found on this machine.
        unsafe { table[rows - 1](factors, &Target { out: out.as_mut_ptr(), row: out_row, columns, add }) }
    }
}

/// The tile of `R` rows and `N` vectors of columns.
///
/// # Safety
/// Every index of `factors` and `target` lies inside its slice, and the processor has `V`'s instructions.
#[inline(always)]
unsafe fn tile<V: Lanes, const R: usize, const N: usize>(factors: &Factors<'_>, target: &Target) {
    let mut sums = [[V::splat(0.0); N]; R];
    for run in factors.runs {
        // SAFETY: the caller's promise: every index is inside.
        unsafe {
            let a = factors.a.as_ptr().add(run.a);
            let b = factors.b.as_ptr().add(run.b * factors.b_term);
            for t in 0..run.terms {
                let (a, b) = (a.add(t * factors.a_term), b.add(t * factors.b_term));
                let mut across = [V::splat(0.0); N];
                for (v, vector) in across.iter_mut().enumerate() {
                    *vector = V::load(b.add(v * V::WIDTH));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let down = V::splat(*a.add(r * factors.a_row));
                    for (sum, across) in sums.iter_mut().zip(across) {
                        *sum = down.mul_add(across, *sum);
                    }
                }
            }
        }
    }
    // SAFETY: as above.
    unsafe { write(sums, target) }
}

/// Stores or adds the sums; a tile that is not full goes by way of the stack. The loops over registers are kept bare, so that
/// the compiler unrolls them and the sums never live in memory.
///
/// # Safety
/// As `tile`.
#[inline(always)]
unsafe fn write<V: Lanes, const R: usize, const N: usize>(sums: [[V; N]; R], target: &Target) {
    // SAFETY: the caller's promise; the stack holds the largest tile.
    unsafe {
        if target.columns < N * V::WIDTH {
            let mut full = [0.0; 14 * 32];
            store(sums, full.as_mut_ptr(), N * V::WIDTH);
            write_part(&full, [R, N * V::WIDTH], target);
        } else if target.add {
            for (r, sums) in sums.iter().enumerate() {
                let out = target.out.add(r * target.row);
                for (v, sum) in sums.iter().enumerate() {
                    let out = out.add(v * V::WIDTH);
                    V::load(out).plus(*sum).store(out);
                }
            }
        } else {
            store(sums, target.out, target.row);
        }
    }
}

/// # Safety
/// As `tile`; rows lie `row` apart from `to` on.
#[inline(always)]
unsafe fn store<V: Lanes, const R: usize, const N: usize>(sums: [[V; N]; R], to: *mut f32, row: usize) {
    for (r, sums) in sums.iter().enumerate() {
        for (v, sum) in sums.iter().enumerate() {
            // SAFETY: the caller's promise.
            unsafe { sum.store(to.add(r * row + v * V::WIDTH)) };
        }
    }
}

/// Stores or adds the columns that are wanted of a full tile.
///
/// # Safety
/// As `tile`.
#[inline(never)]
unsafe fn write_part(full: &[f32], [rows, width]: [usize; 2], target: &Target) {
    for (r, full) in full.chunks_exact(width).take(rows).enumerate() {
        // SAFETY: the caller's promise.
        let out = unsafe { std::slice::from_raw_parts_mut(target.out.add(r * target.row), target.columns) };
        match target.add {
            true => out.iter_mut().zip(full).for_each(|(out, value)| *out += value),
            false => out.copy_from_slice(&full[..target.columns]),
        }
    }
}

/// # Safety
/// As `tile`.
unsafe fn plain<const R: usize>(factors: &Factors<'_>, target: &Target) {
    // SAFETY: the caller's promise.
    unsafe { tile::<Plain, R, 1>(factors, target) }
}

#[cfg(not(target_arch = "aarch64"))]
static PLAIN: [Kernel; 4] = [plain::<1>, plain::<2>, plain::<3>, plain::<4>];
#[cfg(target_arch = "aarch64")]
static PLAIN: [Kernel; 8] =
    [plain::<1>, plain::<2>, plain::<3>, plain::<4>, plain::<5>, plain::<6>, plain::<7>, plain::<8>];

/// The instances for x86-64.
#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Factors, Kernel, Target, tile};
    use std::arch::x86_64::{__m256, __m512};

    /// # Safety
    /// As `tile`.
    #[target_feature(enable = "avx512f")]
    unsafe fn avx512<const R: usize, const N: usize>(factors: &Factors<'_>, target: &Target) {
        // SAFETY: the caller's promise.
        unsafe { tile::<__m512, R, N>(factors, target) }
    }

    /// # Safety
    /// As `tile`.
    #[target_feature(enable = "avx2,fma")]
    unsafe fn avx2<const R: usize, const N: usize>(factors: &Factors<'_>, target: &Target) {
        // SAFETY: the caller's promise.
        unsafe { tile::<__m256, R, N>(factors, target) }
    }

    const fn avx512_by<const N: usize>() -> [Kernel; 14] {
        [
            avx512::<1, N>,
            avx512::<2, N>,
            avx512::<3, N>,
            avx512::<4, N>,
            avx512::<5, N>,
            avx512::<6, N>,
            avx512::<7, N>,
            avx512::<8, N>,
            avx512::<9, N>,
            avx512::<10, N>,
            avx512::<11, N>,
            avx512::<12, N>,
            avx512::<13, N>,
            avx512::<14, N>,
        ]
    }

    const fn avx2_by<const N: usize>() -> [Kernel; 6] {
        [avx2::<1, N>, avx2::<2, N>, avx2::<3, N>, avx2::<4, N>, avx2::<5, N>, avx2::<6, N>]
    }

    pub(super) static AVX512_1: [Kernel; 14] = avx512_by::<1>();
    pub(super) static AVX512_2: [Kernel; 14] = avx512_by::<2>();
    pub(super) static AVX2_1: [Kernel; 6] = avx2_by::<1>();
    pub(super) static AVX2_2: [Kernel; 6] = avx2_by::<2>();
}
