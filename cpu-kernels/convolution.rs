//! Convolution and its input gradient, computed directly: no copy of the image is spread out.
//!
//! Forward, one row of output pixels is `Σ over ky of A_ky · W[ky]`, where row `x` of `A_ky` is the stretch of
//! `kw·cin` neighbouring numbers of the image that starts at pixel `x·stride`: a product whose left rows overlap, which the
//! micro-kernel reads in place (a run of terms for each `ky`; one for each `(ky, kx)` where the window is dilated). A tile is up to 14
//! pixels by 32 output channels.
//!
//! The input gradient is the same product over the output's gradient: pixels of one phase (position modulo stride) share the kernel's
//! pixels that reach them, in falling order of `(ky, kx)`, so that at stride 1 a row of the kernel is one run again.
//!
//! Rows are only copied where the window reaches over their ends, into scratch memory with zeros there; kernel rows above or
//! below the image are left out. A piece of work is a stretch of rows of one image.

use super::level::Level;
use super::pack::{PackColumns, View, panels_length};
use super::parallel::{even_parts, for_each, for_pieces};
use super::scratch::with_scratch;
use super::tile::{Factors, Run, Tiles};
use super::{Epilogue, Images, TERMS, Window2d};
use std::ops::Range;

/// Multiply-adds that a piece of work should have at least.
const PIECE: usize = 1 << 21;

/// Computes `y[b, oy, ox, co] = Σ x[b, oy·s + ky·d - pad, ox·s + kx·d - pad, ci] · filter[ky, kx, ci, co]`, zero outside the image.
pub fn conv2d(
    x: &[f32],
    input: Images,
    filter: &[f32],
    window: &Window2d,
    y: &mut [f32],
    channels: usize,
    epilogue: Option<Epilogue<'_>>,
) {
    let output = window.output(input, channels);
    let [high, wide] = window.kernel;
    let terms = high * wide * input.channels;
    assert_eq!(
        [x.len(), filter.len(), y.len()],
        [input.len(), terms * channels, output.len()],
        "{window:?} on {input:?}"
    );
    let level = Level::current();
    let tiles = Tiles::of(level);
    with_scratch(panels_length(&tiles, terms, channels), |panels| {
        let columns = View { data: filter, row: channels, column: 1 };
        pack_panels(&tiles, terms, channels, panels, |first, count, width, to| {
            level.run(PackColumns { level, from: columns.from(0, first), terms, count, width, to });
        });
        let filter = Packed { tiles, panels, terms, channels };
        let (sides, pixel) = (forward_sides(window, input, output), window.stride[1] * input.channels);
        for_row_pieces(y, output, output.len() * terms, |image, rows, block| {
            let span = input_rows(window, input, &rows);
            with_rows(x, input, image, span.clone(), sides, |source, row| {
                let jobs = rows.clone().map(|at| RowJob {
                    runs: forward_runs(window, input, at, span.start, row),
                    out: (at - rows.start) * output.row(),
                    pixels: output.width,
                    out_pixel: channels,
                });
                filter.multiply_rows(source, pixel, &jobs.collect::<Vec<_>>(), block);
            });
            if let Some(epilogue) = epilogue {
                epilogue(image * output.image() + rows.start * output.row(), block);
            }
        });
    });
}

/// Computes the gradient of `x` from the gradient `dy` of `conv2d`'s output: each `dx` is the sum of `dy · filter` over the window
/// positions that read it.
pub fn conv2d_input_gradient(
    dy: &[f32],
    channels: usize,
    filter: &[f32],
    window: &Window2d,
    dx: &mut [f32],
    input: Images,
    epilogue: Option<Epilogue<'_>>,
) {
    let output = window.output(input, channels);
    let taps = window.kernel[0] * window.kernel[1];
    let lengths = [output.len(), taps * input.channels * channels, input.len()];
    assert_eq!([dy.len(), filter.len(), dx.len()], lengths, "{window:?} on {input:?}");
    if output.is_empty() {
        dx.fill(0.0);
        return epilogue.into_iter().for_each(|epilogue| epilogue(0, dx));
    }
    let level = Level::current();
    let tiles = Tiles::of(level);
    let terms = taps * channels;
    with_scratch(panels_length(&tiles, terms, input.channels), |panels| {
        pack_panels(&tiles, terms, input.channels, panels, |first, count, width, to| {
            for (tap, to) in to.chunks_mut(width * channels).take(taps).enumerate() {
                let data = &filter[(taps - 1 - tap) * input.channels * channels..];
                let from = View { data, row: 1, column: channels }.from(0, first);
                level.run(PackColumns { level, from, terms: channels, count, width, to });
            }
        });
        let filter = Packed { tiles, panels, terms, channels: input.channels };
        let reach = Reach::new(window, input, output);
        for_row_pieces(dx, input, output.len() * terms, |image, rows, block| {
            let span = reach.output_rows(&rows);
            with_rows(dy, output, image, span.clone(), reach.sides, |source, row| {
                let jobs = reach.jobs(input, &rows, span.start, row);
                filter.multiply_rows(source, channels, &jobs, block);
            });
            if let Some(epilogue) = epilogue {
                epilogue(image * input.image() + rows.start * input.row(), block);
            }
        });
    });
}

/// Packs each panel of a filter of `terms` by `channels` by way of `pack(first column, columns, width, panel)`.
fn pack_panels(
    tiles: &Tiles,
    terms: usize,
    channels: usize,
    panels: &mut [f32],
    pack: impl Fn(usize, usize, usize, &mut [f32]) + Sync,
) {
    let wide = tiles.columns();
    for_pieces(panels, wide * terms, 8 * terms * channels, |number, panel| {
        let count = (channels - number * wide).min(wide);
        pack(number * wide, count, tiles.width(count), panel);
    });
}

/// Calls `body(image, rows, their slice)` for stretches of rows of every image.
fn for_row_pieces(
    out: &mut [f32],
    size: Images,
    work: usize,
    body: impl Fn(usize, Range<usize>, &mut [f32]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let rows = (PIECE * size.batch * size.height / work.max(1)).clamp(1, size.height);
    let rows = size.height.div_ceil(size.height.div_ceil(rows));
    let mut tasks = Vec::new();
    for (image, out) in out.chunks_exact_mut(size.image()).enumerate() {
        for (piece, out) in out.chunks_mut(rows * size.row()).enumerate() {
            tasks.push((image, piece * rows, out));
        }
    }
    for_each(tasks, work, |(image, first, out)| body(image, first..first + out.len() / size.row(), out));
}

/// Calls `body(rows, distance between them)` with rows `span` of an image, with zeros before and after each (`sides`, in
/// pixels). They are copied only if there are such zeros.
pub(super) fn with_rows(
    images: &[f32],
    size: Images,
    image: usize,
    span: Range<usize>,
    [before, after]: [usize; 2],
    body: impl FnOnce(&[f32], usize),
) {
    let rows = &images[image * size.image() + span.start * size.row()..][..span.len() * size.row()];
    if [before, after] == [0, 0] {
        return body(rows, size.row());
    }
    let (before, after) = (before * size.channels, after * size.channels);
    let length = before + size.row() + after;
    with_scratch(span.len() * length, |padded| {
        for (to, from) in padded.chunks_exact_mut(length).zip(rows.chunks_exact(size.row())) {
            to[..before].fill(0.0);
            to[before..before + size.row()].copy_from_slice(from);
            to[before + size.row()..].fill(0.0);
        }
        body(padded, length);
    });
}

/// Zero pixels that a window needs before and after each row of the image.
pub(super) fn forward_sides(window: &Window2d, input: Images, output: Images) -> [usize; 2] {
    let before = window.pad_before[1];
    let end =
        output.width.saturating_sub(1) * window.stride[1] + (window.kernel[1] - 1) * window.dilation[1] + 1;
    [before, end.saturating_sub(before + input.width)]
}

/// The rows of the image that output rows `rows` read.
pub(super) fn input_rows(window: &Window2d, input: Images, rows: &Range<usize>) -> Range<usize> {
    let pad = window.pad_before[0];
    let first = (rows.start * window.stride[0]).saturating_sub(pad);
    let last = (rows.end - 1) * window.stride[0] + (window.kernel[0] - 1) * window.dilation[0];
    let end = (last + 1).saturating_sub(pad).min(input.height);
    first.min(end)..end
}

/// The runs of terms of output row `at`, in rows of the image from `start` on that lie `row` apart.
fn forward_runs(window: &Window2d, input: Images, at: usize, start: usize, row: usize) -> Vec<Run> {
    let wide = window.kernel[1];
    let (runs, pixels) = if window.dilation[1] == 1 { (1, wide) } else { (wide, 1) };
    let terms = pixels * input.channels;
    let valid = window.valid_taps(0, at, input.height);
    valid
        .flat_map(|ky| {
            let y = at * window.stride[0] + ky * window.dilation[0] - window.pad_before[0] - start;
            (0..runs).map(move |kx| Run {
                a: y * row + kx * window.dilation[1] * input.channels,
                b: (ky * wide + kx) * input.channels,
                terms,
            })
        })
        .collect()
}

/// Which output pixels an input pixel reaches.
struct Reach<'a> {
    window: &'a Window2d,
    output: Images,
    /// Zero pixels wanted before and after each row of the output.
    sides: [usize; 2],
}

impl<'a> Reach<'a> {
    fn new(window: &'a Window2d, input: Images, output: Images) -> Self {
        let mut reach = Reach { window, output, sides: [0, 0] };
        for phase in 0..window.stride[1].min(input.width) {
            let pixels = (input.width - phase).div_ceil(window.stride[1]);
            for (_, first) in reach.columns(phase) {
                let [before, after] = &mut reach.sides;
                *before = (*before).max(usize::try_from(-first).unwrap_or(0));
                let over = first + pixels as isize - output.width as isize;
                *after = (*after).max(usize::try_from(over).unwrap_or(0));
            }
        }
        reach
    }

    /// The kernel's pixels along `axis`, last first, that reach input position `at`, each with its output position.
    fn along(&self, axis: usize, at: usize) -> impl Iterator<Item = (usize, isize)> {
        let stride = self.window.stride[axis] as isize;
        let (start, step) = ((at + self.window.pad_before[axis]) as isize, self.window.dilation[axis]);
        (0..self.window.kernel[axis])
            .rev()
            .map(move |tap| (tap, start - (tap * step) as isize))
            .filter(move |(_, reach)| reach.rem_euclid(stride) == 0)
            .map(move |(tap, reach)| (tap, reach.div_euclid(stride)))
    }

    /// As `along`, for the first pixel of a phase of a row.
    fn columns(&self, phase: usize) -> Vec<(usize, isize)> {
        self.along(1, phase).collect()
    }

    /// The kernel's rows that reach input row `at` from inside the output.
    fn rows(&self, at: usize) -> impl Iterator<Item = (usize, usize)> {
        let height = self.output.height;
        self.along(0, at)
            .filter_map(move |(ky, y)| Some((ky, usize::try_from(y).ok().filter(|&y| y < height)?)))
    }

    /// The rows of the output that input rows `rows` reach.
    fn output_rows(&self, rows: &Range<usize>) -> Range<usize> {
        let reached = || rows.clone().flat_map(|at| self.rows(at).map(|(_, y)| y));
        let first = reached().min().unwrap_or(0);
        first..reached().max().map_or(first, |last| last + 1)
    }

    /// What to compute of input rows `rows`, from rows of the output from `start` on that lie `row` apart.
    fn jobs(&self, input: Images, rows: &Range<usize>, start: usize, row: usize) -> Vec<RowJob> {
        let stride = self.window.stride[1];
        let phases = 0..stride.min(input.width);
        rows.clone()
            .flat_map(|at| phases.clone().map(move |phase| (at, phase)))
            .map(|(at, phase)| RowJob {
                runs: self.runs(at, phase, start, row),
                out: (at - rows.start) * input.row() + phase * input.channels,
                pixels: (input.width - phase).div_ceil(stride),
                out_pixel: stride * input.channels,
            })
            .collect()
    }

    /// The runs of terms of one phase of input row `at`, in rows of the output from `start` on that lie `row` apart.
    fn runs(&self, at: usize, phase: usize, start: usize, row: usize) -> Vec<Run> {
        let (channels, [high, wide]) = (self.output.channels, self.window.kernel);
        let mut runs: Vec<Run> = Vec::new();
        for (ky, y) in self.rows(at) {
            for (kx, x) in self.columns(phase) {
                let a = (y - start) * row + x.wrapping_add_unsigned(self.sides[0]) as usize * channels;
                let b = ((high - 1 - ky) * wide + (wide - 1 - kx)) * channels;
                match runs.last_mut() {
                    Some(run) if run.a + run.terms == a && run.b + run.terms == b => run.terms += channels,
                    _ => runs.push(Run { a, b, terms: channels }),
                }
            }
        }
        runs
    }
}

/// A row of output pixels to compute.
struct RowJob {
    /// The terms of its first pixel.
    runs: Vec<Run>,
    /// Where it starts in the output.
    out: usize,
    pixels: usize,
    /// Distance between its pixels in the output.
    out_pixel: usize,
}

/// A packed filter.
struct Packed<'a> {
    tiles: Tiles,
    panels: &'a [f32],
    terms: usize,
    channels: usize,
}

impl Packed<'_> {
    /// Computes rows of pixels whose first terms lie `pixel` apart in `source`.
    fn multiply_rows(&self, source: &[f32], pixel: usize, jobs: &[RowJob], out: &mut [f32]) {
        let wide = self.tiles.columns();
        let blocks: Vec<_> = jobs.iter().map(|job| blocks(&job.runs)).collect();
        for (number, panel) in self.panels.chunks_exact(wide * self.terms).enumerate() {
            let columns = (self.channels - number * wide).min(wide);
            for (job, blocks) in jobs.iter().zip(&blocks) {
                for (first, pixels) in even_parts(job.pixels, self.tiles.rows()) {
                    let out = &mut out[job.out + first * job.out_pixel + number * wide..];
                    for (block, runs) in blocks.iter().enumerate() {
                        let factors = Factors {
                            a: source.get(first * pixel..).unwrap_or_default(),
                            a_row: pixel,
                            a_term: 1,
                            b: panel,
                            b_term: self.tiles.width(columns),
                            runs,
                        };
                        self.tiles.multiply(&factors, [pixels, columns], out, job.out_pixel, block > 0);
                    }
                }
            }
        }
    }
}

/// Divides runs into blocks of at most 512 terms, cutting those that are longer; one empty block where there are none.
fn blocks(runs: &[Run]) -> Vec<Vec<Run>> {
    let mut blocks = vec![Vec::new()];
    let mut room = TERMS;
    for run in runs {
        for (start, terms) in even_parts(run.terms, TERMS) {
            if terms > room {
                blocks.push(Vec::new());
                room = TERMS;
            }
            room -= terms;
            blocks.last_mut().expect("there is always one").push(Run {
                a: run.a + start,
                b: run.b + start,
                terms,
            });
        }
    }
    blocks
}
