//! Sums over the rows or the columns of a matrix.
//!
//! Rows are added in blocks of at most 512, and the blocks' sums in order, first within each of at most 64 pieces of work and then over
//! them. A sum along a row has 16 partial sums, each over every 16th number of a block.

use super::TERMS;
use super::level::{Body, Level};
use super::parallel::for_pieces;
use super::scratch::with_scratch;

/// Most pieces of work.
const PIECES: usize = 64;
/// Partial sums along a row.
const LANES: usize = 16;
/// Columns added side by side: one chain of sums in each register would wait for its own last sum.
const STRIP: usize = 8 * LANES;

/// `to[i] += from[i]`.
pub(super) struct Add<'a> {
    pub(super) to: &'a mut [f32],
    pub(super) from: &'a [f32],
}

impl Body for Add<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        for (to, from) in self.to.iter_mut().zip(self.from) {
            *to += from;
        }
    }
}

/// `to[j] += Σ over i of rows[i, j]`.
pub(super) struct AddRows<'a> {
    pub(super) to: &'a mut [f32],
    pub(super) rows: &'a [f32],
}

impl Body for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let AddRows { to, rows } = self;
        let columns = to.len();
        let first = add_strips::<STRIP>(to, rows, 0);
        let first = add_strips::<LANES>(to, rows, first);
        if first < columns {
            for row in rows.chunks_exact(columns) {
                Add { to: &mut to[first..], from: &row[first..] }.run();
            }
        }
    }
}

/// Adds the rows strip by strip of `WIDTH` columns, from column `first` on: the sums of a strip stay in registers. Returns the
/// first column that is in no strip.
#[inline(always)]
fn add_strips<const WIDTH: usize>(to: &mut [f32], rows: &[f32], mut first: usize) -> usize {
    let columns = to.len();
    while let Some(to) = to[first..].first_chunk_mut::<WIDTH>() {
        let mut sums = *to;
        for row in rows.chunks_exact(columns) {
            let row: &[f32; WIDTH] = row[first..].first_chunk().expect("as long as `to`");
            for column in 0..WIDTH {
                sums[column] += row[column];
            }
        }
        *to = sums;
        first += WIDTH;
    }
    first
}

/// Computes `sums[j] = Σ over i of x[i, j]`; the matrix has as many columns as `sums` has elements.
pub fn column_sums(x: &[f32], sums: &mut [f32]) {
    let columns = sums.len();
    sums.fill(0.0);
    if x.is_empty() || columns == 0 {
        return;
    }
    assert_eq!(x.len() % columns, 0, "{} numbers in {columns} columns", x.len());
    // Rows of a narrow matrix are taken several at a time, so that a vector is full.
    let together = (2 * LANES).div_ceil(columns);
    let wide = together * columns;
    let (body, rest) = x.split_at(x.len() / wide * wide);
    let rows = (body.len() / wide).div_ceil(PIECES).next_multiple_of(TERMS);
    let pieces = (body.len() / wide).div_ceil(rows.max(1));
    let level = Level::current();
    with_scratch(pieces * wide, |partial| {
        for_pieces(partial, wide, x.len(), |piece, sum| {
            let x = &body[piece * rows * wide..];
            column_sums_in_blocks(level, &x[..x.len().min(rows * wide)], sum);
        });
        let (sum, others) = partial.split_at_mut(wide.min(partial.len()));
        for other in others.chunks_exact(wide) {
            level.run(Add { to: sum, from: other });
        }
        for row in sum.chunks_exact(columns).chain(rest.chunks_exact(columns)) {
            level.run(Add { to: sums, from: row });
        }
    });
}

fn column_sums_in_blocks(level: Level, x: &[f32], sums: &mut [f32]) {
    sums.fill(0.0);
    with_scratch(sums.len(), |sum| {
        for block in x.chunks(TERMS * sum.len()) {
            sum.fill(0.0);
            level.run(AddRows { to: sum, rows: block });
            level.run(Add { to: sums, from: sum });
        }
    });
}
