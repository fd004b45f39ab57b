//! `C[m, n] = op(A) · op(B)`, where op may transpose.
//!
//! Both factors are multiplied tile by tile (`tile.rs`), 256 terms at a time, and packed for it where reading them in place
//! would be slower: of the left one, neighbours in a row are read one after the other anyway. Four ways to divide the work:
//! blocks of rows of C; blocks of columns, where rows are few; blocks of rows with the product transposed, where
//! columns are so few that tiles would be mostly padding; and blocks of terms, with partial products added in order, where C
//! is small and its sums are long. Tiny products are plain loops.

use super::Epilogue;
use super::level::Level;
use super::pack::{PackColumns, PackRows, View, panels_length};
use super::parallel::{even_parts, for_each, for_pieces};
use super::scratch::with_scratch;
use super::tile::{Factors, Run, Tiles};

/// Terms in one sum. Up to this length even the worst case of rounding keeps the bound: 256/2 <= 8·sqrt(256).
const BLOCK: usize = 256;
/// Multiply-adds up to which plain loops are as good.
const TINY: usize = 2048;
/// Numbers of the right factor that are packed at a time.
const SLAB: usize = 4 << 20;
/// Pieces of work aimed at where there is enough of it.
const PIECES: usize = 16;
/// Tiles that may read the right factor where it is: packing it takes as long as they lose.
const READS_IN_PLACE: usize = 6;
/// The same where its rows are less than a page apart, so that they do not crowd the same places of the caches.
const READS_IN_PAGES: usize = 12;
/// Numbers in a page of memory. Rows of a left factor that lie less than that apart are read in place.
const PAGE: usize = 1024;
/// Rows of the smallest piece of a product whose right factor lies packed.
const ROWS_OF_PACKED: usize = 8;

/// The sizes of a product.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Matmul {
    /// Rows of C.
    pub m: usize,
    /// Columns of C.
    pub n: usize,
    /// Terms of each sum.
    pub k: usize,
    /// A is stored as `[k, m]`.
    pub transpose_a: bool,
    /// B is stored as `[n, k]`.
    pub transpose_b: bool,
}

/// Computes `c = op(a) · op(b)`; `c` need not be initialised.
pub fn matmul(a: &[f32], b: &[f32], c: &mut [f32], shape: Matmul, epilogue: Option<Epilogue<'_>>) {
    let Matmul { m, n, k, .. } = shape;
    assert_eq!([a.len(), b.len(), c.len()], [m * k, k * n, m * n], "lengths for {shape:?}");
    if c.is_empty() {
        return;
    }
    let stored = |data, columns| View { data, row: columns, column: 1 };
    let a = if shape.transpose_a { stored(a, m).transposed() } else { stored(a, k) };
    let b = if shape.transpose_b { stored(b, k).transposed() } else { stored(b, n) };
    let level = Level::current();
    let product = Product { a, b, m, n, k, level, tiles: Tiles::of(level), in_place: 0 }.reading_in_place();
    match product.way() {
        Way::Plain => plain(&product, c, epilogue),
        Way::Rows => by_rows(&product, c, epilogue),
        Way::Columns => by_columns(&product, c, epilogue),
        Way::Transposed => by_rows_transposed(&product, c, epilogue),
        Way::Terms => by_terms(&product, c, epilogue),
    }
}

/// A right factor that is packed once for several products.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    /// Rows: terms of each sum.
    pub terms: usize,
    /// Columns.
    pub columns: usize,
    /// It is stored as `[columns, terms]`.
    pub transposed: bool,
}

impl Factor {
    /// Numbers that it takes packed.
    pub fn packed_length(&self) -> usize {
        panels_length(&Tiles::of(Level::current()), self.terms, self.columns)
    }
}

/// Packs `b` for [`matmul_packed`].
pub fn pack(b: &[f32], factor: Factor, to: &mut [f32]) {
    let Factor { terms: k, columns: n, transposed } = factor;
    let stored = |column| View { data: b, row: column, column: 1 };
    let b = if transposed { stored(k).transposed() } else { stored(n) };
    let level = Level::current();
    let tiles = Tiles::of(level);
    let product = Product { a: View { data: &[], ..b }, b, m: 0, n, k, level, tiles, in_place: 0 };
    for_pieces(to, tiles.columns() * k, 8 * k * n, |number, panel| product.pack_panel(number, panel));
}

/// As [`matmul`], with the right factor from [`pack`]: blocks of rows.
pub fn matmul_packed(
    a: &[f32],
    panels: &[f32],
    c: &mut [f32],
    shape: Matmul,
    epilogue: Option<Epilogue<'_>>,
) {
    let Matmul { m, n, k, .. } = shape;
    assert_eq!([a.len(), c.len()], [m * k, m * n], "lengths for {shape:?}");
    let a = View { data: a, row: if shape.transpose_a { m } else { k }, column: 1 };
    let a = if shape.transpose_a { a.transposed() } else { a };
    let level = Level::current();
    let product =
        Product { a, b: View { data: &[], ..a }, m, n, k, level, tiles: Tiles::of(level), in_place: 0 };
    let rows = m.div_ceil(PIECES).max(ROWS_OF_PACKED);
    for_pieces(c, rows * n, product.work(), |piece, block| {
        product.rows(piece * rows, block.len() / n).compute(panels, block, n, false);
        if let Some(epilogue) = epilogue {
            epilogue(piece * rows * n, block);
        }
    });
}

/// A product to compute.
#[derive(Clone, Copy)]
struct Product<'a> {
    a: View<'a>,
    b: View<'a>,
    m: usize,
    n: usize,
    k: usize,
    level: Level,
    tiles: Tiles,
    /// Columns of the right factor that are read where they are; those after them are packed.
    in_place: usize,
}

/// The left factor of one block of terms.
#[derive(Clone, Copy)]
struct Left<'a> {
    data: &'a [f32],
    /// How far its rows lie apart where it is read in place; else it is packed, tile after tile and term after term.
    row: Option<usize>,
}

/// How a product is divided.
enum Way {
    Plain,
    Rows,
    Columns,
    Transposed,
    Terms,
}

impl Product<'_> {
    fn way(&self) -> Way {
        let Product { m, n, k, tiles, .. } = *self;
        if self.work() <= TINY && k <= BLOCK {
            Way::Plain
        } else if k >= 8 * BLOCK && 2 * PIECES * m * n <= k * (m + n) {
            Way::Terms
        } else if self.better_transposed() {
            Way::Transposed
        } else if m <= 4 * tiles.rows() && n >= 8 * tiles.columns() {
            Way::Columns
        } else {
            Way::Rows
        }
    }

    fn work(&self) -> usize {
        self.m * self.n * self.k
    }

    /// Whether tiles waste much less of the transposed product.
    fn better_transposed(&self) -> bool {
        self.m * self.tiles.padded(self.n) * 2 > self.n * self.tiles.padded(self.m) * 3
    }

    /// The product whose result is the transpose of this one's.
    fn transposed(self) -> Self {
        Product { a: self.b.transposed(), b: self.a.transposed(), m: self.n, n: self.m, ..self }
            .reading_in_place()
    }

    /// The product with full panels of the right factor left in place, where they are rows of neighbours and are read
    /// too few times to be worth packing.
    fn reading_in_place(self) -> Self {
        let reads = self.m.div_ceil(self.tiles.rows());
        let most = if self.b.row < PAGE { READS_IN_PAGES } else { READS_IN_PLACE };
        let in_place = self.b.column == 1 && reads <= most;
        Product {
            in_place: if in_place { self.n / self.tiles.columns() * self.tiles.columns() } else { 0 },
            ..self
        }
    }

    /// Numbers that the packed columns take.
    fn packed_length(&self) -> usize {
        panels_length(&self.tiles, self.k, self.n - self.in_place)
    }

    /// The part that gives `count` rows from `first`.
    fn rows(self, first: usize, count: usize) -> Self {
        Product { a: self.a.from(first, 0), m: count, ..self }
    }

    /// The part that gives `count` columns from `first`.
    fn columns(self, first: usize, count: usize) -> Self {
        Product {
            b: self.b.from(0, first),
            n: count,
            in_place: self.in_place.saturating_sub(first).min(count),
            ..self
        }
    }

    /// The partial product of `count` terms from `first`.
    fn terms(self, first: usize, count: usize) -> Self {
        Product { a: self.a.from(0, first), b: self.b.from(first, 0), k: count, ..self }
    }

    /// Packs panel `number` of those columns of the right factor that are not left in place.
    fn pack_panel(&self, number: usize, to: &mut [f32]) {
        let first = self.in_place + number * self.tiles.columns();
        let count = (self.n - first).min(self.tiles.columns());
        let from = self.b.from(0, first);
        self.level.run(PackColumns {
            level: self.level,
            from,
            terms: self.k,
            count,
            width: self.tiles.width(count),
            to,
        });
    }

    /// Computes the product on this thread, from packed panels, into (or onto) `out`, whose rows lie `out_row` apart.
    fn compute(&self, panels: &[f32], out: &mut [f32], out_row: usize, add: bool) {
        let packed_length = if self.reads_left_in_place() { 0 } else { self.m * self.k.min(BLOCK) };
        with_scratch(packed_length, |packed| {
            for (start, terms) in even_parts(self.k, BLOCK) {
                let left = self.left([start, terms], packed);
                self.compute_block(left, panels, [start, terms], out, out_row, add || start > 0);
            }
        })
    }

    fn reads_left_in_place(&self) -> bool {
        self.a.column == 1 && self.a.row < PAGE
    }

    /// The left factor of `terms` terms from `start`, packed to `packed` if that is worth it.
    fn left<'b>(&'b self, [start, terms]: [usize; 2], packed: &'b mut [f32]) -> Left<'b> {
        let from = self.a.from(0, start);
        if self.reads_left_in_place() {
            return Left { data: from.data, row: Some(from.row) };
        }
        let (level, rows, most) = (self.level, self.m, self.tiles.rows());
        level.run(PackRows { level, from, rows, terms, most, to: packed });
        Left { data: packed, row: None }
    }

    /// As `compute`, for one block of terms.
    fn compute_block(
        &self,
        left: Left<'_>,
        panels: &[f32],
        [start, terms]: [usize; 2],
        out: &mut [f32],
        out_row: usize,
        add: bool,
    ) {
        let wide = self.tiles.columns();
        for column in (0..self.n).step_by(wide) {
            let columns = (self.n - column).min(wide);
            let (b, b_term) = match column.checked_sub(self.in_place) {
                Some(packed) => (&panels[packed * self.k..], self.tiles.width(columns)),
                None => (&self.b.data[column..], self.b.row),
            };
            for (row, rows) in even_parts(self.m, self.tiles.rows()) {
                let (a_row, a_term) = left.row.map_or((1, rows), |row| (row, 1));
                let factors = Factors {
                    a: &left.data[row * left.row.unwrap_or(terms)..],
                    a_row,
                    a_term,
                    b,
                    b_term,
                    runs: &[Run { a: 0, b: start, terms }],
                };
                self.tiles.multiply(
                    &factors,
                    [rows, columns],
                    &mut out[row * out_row + column..],
                    out_row,
                    add,
                );
            }
        }
    }

    /// Packs the right factor on this thread and computes the product into `out`.
    fn pack_and_compute(&self, out: &mut [f32], out_row: usize) {
        with_scratch(self.packed_length(), |panels| {
            for (number, panel) in panels.chunks_mut(self.tiles.columns() * self.k).enumerate() {
                self.pack_panel(number, panel);
            }
            self.compute(panels, out, out_row, false);
        })
    }
}

/// Term by term onto rows of C; also what an empty sum needs.
fn plain(product: &Product<'_>, c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    let Product { a, b, n, k, .. } = *product;
    c.fill(0.0);
    for (i, row) in c.chunks_exact_mut(n).enumerate() {
        for t in 0..k {
            let left = a.data[i * a.row + t * a.column];
            for (j, sum) in row.iter_mut().enumerate() {
                *sum += left * b.data[t * b.row + j * b.column];
            }
        }
    }
    finish(c, epilogue);
}

fn finish(c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    if let Some(epilogue) = epilogue {
        epilogue(0, c);
    }
}

/// Blocks of rows; the right factor is packed once for all, a slab of terms at a time.
fn by_rows(product: &Product<'_>, c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    let Product { m, n, tiles, .. } = *product;
    let pieces = m.div_ceil(128).max(PIECES).min(m.div_ceil(tiles.rows()));
    let rows = m.div_ceil(pieces);
    let slab = (SLAB / n / BLOCK).max(1) * BLOCK;
    for (start, terms) in even_parts(product.k, slab) {
        let part = product.terms(start, terms);
        with_scratch(part.packed_length(), |panels| {
            for_pieces(panels, tiles.columns() * terms, 8 * terms * n, |number, panel| {
                part.pack_panel(number, panel)
            });
            let panels = &*panels;
            for_pieces(c, rows * n, part.work(), |piece, block| {
                part.rows(piece * rows, block.len() / n).compute(panels, block, n, start > 0);
                if let Some(epilogue) = epilogue.filter(|_| start + terms == product.k) {
                    epilogue(piece * rows * n, block);
                }
            });
        });
    }
}

/// How many columns of the widest tile a piece of work takes, of `columns` in all.
fn piece_of_columns(tiles: &Tiles, columns: usize) -> usize {
    columns.div_ceil(tiles.columns() * PIECES).max(4) * tiles.columns()
}

/// Blocks of columns, each computed aside and then copied to its stretch of every row.
fn by_columns(product: &Product<'_>, c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    let Product { m, n, tiles, .. } = *product;
    let width = piece_of_columns(&tiles, n);
    let mut tasks: Vec<Vec<&mut [f32]>> = (0..n.div_ceil(width)).map(|_| Vec::with_capacity(m)).collect();
    for row in c.chunks_exact_mut(n) {
        row.chunks_mut(width).zip(&mut tasks).for_each(|(stretch, task)| task.push(stretch));
    }
    let tasks = tasks.into_iter().enumerate().collect();
    for_each(tasks, product.work(), |(piece, stretches): (usize, Vec<&mut [f32]>)| {
        let columns = stretches[0].len();
        with_scratch(m * columns, |block| {
            product.columns(piece * width, columns).pack_and_compute(block, columns);
            for (i, (to, from)) in stretches.into_iter().zip(block.chunks_exact(columns)).enumerate() {
                to.copy_from_slice(from);
                if let Some(epilogue) = epilogue {
                    epilogue(i * n + piece * width, to);
                }
            }
        })
    });
}

/// Blocks of rows of C, each computed aside as columns of the transposed product.
fn by_rows_transposed(product: &Product<'_>, c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    let n = product.n;
    let width = piece_of_columns(&product.tiles, product.m);
    let turned = product.transposed();
    for_pieces(c, width * n, product.work(), |piece, rows| {
        let columns = rows.len() / n;
        with_scratch(rows.len(), |block| {
            turned.columns(piece * width, columns).pack_and_compute(block, columns);
            transpose(block, rows, n);
        });
        if let Some(epilogue) = epilogue {
            epilogue(piece * width * n, rows);
        }
    });
}

/// `to[j, i] = from[i, j]`, where `to` has `columns` columns.
fn transpose(from: &[f32], to: &mut [f32], columns: usize) {
    let rows = to.len() / columns;
    for (j, row) in to.chunks_exact_mut(columns).enumerate() {
        for (i, value) in row.iter_mut().enumerate() {
            *value = from[i * rows + j];
        }
    }
}

/// Blocks of terms, each with a product of its own; they are added in order.
fn by_terms(product: &Product<'_>, c: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    let turn = product.better_transposed();
    let turned = if turn { product.transposed() } else { *product };
    let block = product.k.div_ceil(PIECES).next_multiple_of(BLOCK);
    with_scratch(product.k.div_ceil(block) * c.len(), |partial| {
        for_pieces(partial, c.len(), product.work(), |piece, out| {
            let first = piece * block;
            turned.terms(first, block.min(product.k - first)).pack_and_compute(out, turned.n);
        });
        let (sum, rest) = partial.split_at_mut(c.len());
        for partial in rest.chunks_exact(c.len()) {
            sum.iter_mut().zip(partial).for_each(|(sum, value)| *sum += value);
        }
        if turn { transpose(sum, c, product.n) } else { c.copy_from_slice(sum) }
    });
    finish(c, epilogue);
}
