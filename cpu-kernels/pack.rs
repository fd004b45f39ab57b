//! Copies the factors of a product into the order in which the micro-kernel reads them.

use super::level::{Body, Level};
use super::parallel::even_parts;
use super::tile::Tiles;
use super::transpose::transpose;

/// A matrix in place: element `(i, j)` is `data[i·row + j·column]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) data: &'a [f32],
    pub(super) row: usize,
    pub(super) column: usize,
}

impl<'a> View<'a> {
    /// The matrix without its first `rows` rows and `columns` columns.
    #[inline]
    pub(super) fn from(self, rows: usize, columns: usize) -> Self {
        View { data: &self.data[rows * self.row + columns * self.column..], ..self }
    }

    /// The transpose.
    #[inline]
    pub(super) fn transposed(self) -> Self {
        View { row: self.column, column: self.row, ..self }
    }
}

/// Numbers that the panels of a right factor of `terms` rows and `columns` columns take.
#[inline]
pub(super) fn panels_length(tiles: &Tiles, terms: usize, columns: usize) -> usize {
    terms * columns.div_ceil(tiles.columns()) * tiles.columns()
}

/// Packs `terms` rows of columns `first..first + count` of a right factor: row after row, padded with zeros to `width`.
pub(super) struct PackColumns<'a> {
    pub(super) level: Level,
    pub(super) from: View<'a>,
    pub(super) terms: usize,
    pub(super) count: usize,
    pub(super) width: usize,
    pub(super) to: &'a mut [f32],
}

impl Body for PackColumns<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let PackColumns { level, from, terms, count, width, to } = self;
        let rows = to.chunks_exact_mut(width).take(terms);
        if from.column == 1 {
            for (t, row) in rows.enumerate() {
                copy_few(&from.data[t * from.row..][..count], &mut row[..count]);
                row[count..].fill(0.0);
            }
        } else {
            assert_eq!(from.row, 1, "rows or columns are neighbours");
            rows.for_each(|row| row[count..].fill(0.0));
            transpose(level, from.data, from.column, [count, terms], to, width);
        }
    }
}

/// Packs `rows` rows and `terms` columns of a left factor: tile after tile, each term after term.
pub(super) struct PackRows<'a> {
    pub(super) level: Level,
    pub(super) from: View<'a>,
    pub(super) rows: usize,
    pub(super) terms: usize,
    pub(super) most: usize,
    pub(super) to: &'a mut [f32],
}

impl Body for PackRows<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let PackRows { level, from, rows, terms, most, to } = self;
        for (first, count) in even_parts(rows, most) {
            let tile = &mut to[first * terms..][..count * terms];
            let from = from.from(first, 0);
            if from.row == 1 {
                for (t, column) in tile.chunks_exact_mut(count).enumerate() {
                    copy_few(&from.data[t * from.column..][..count], column);
                }
            } else {
                assert_eq!(from.column, 1, "rows or columns are neighbours");
                transpose(level, from.data, from.row, [count, terms], tile, count);
            }
        }
    }
}

/// Copies a few numbers: a call of `memcpy` would take longer than the copy.
#[inline(always)]
fn copy_few(from: &[f32], to: &mut [f32]) {
    assert_eq!(from.len(), to.len(), "as many numbers as there is room for");
    match from.len() {
        16..=32 => copy_ends::<16>(from, to),
        8..16 => copy_ends::<8>(from, to),
        4..8 => copy_ends::<4>(from, to),
        _ => to.copy_from_slice(from),
    }
}

/// Copies the first `N` numbers and the last `N`, which may overlap.
#[inline(always)]
fn copy_ends<const N: usize>(from: &[f32], to: &mut [f32]) {
    let last = from.len() - N;
    to[..N].copy_from_slice(&from[..N]);
    to[last..][..N].copy_from_slice(&from[last..][..N]);
}
