//! The filter's gradient of a convolution, and the bias's with it.
//!
//! `dW[ky, kx, ci, co] = Σ over b, oy, ox of x[b, oy·s + ky·d - pad, ox·s + kx·d - pad, ci] · dy[b, oy, ox, co]`
//!
//! A product of `kh·kw·cin` rows by `co` columns whose terms are the output's pixels. Up to 14 neighbouring numbers of
//! `(kx, ci)` by 32 channels are a tile, which reads image and gradient in place; a group of output pixels, at most 512, is one sum.
//! The groups are divided into at most 16 chunks; each row of the kernel in each chunk is a piece of work, and the chunks' partial
//! gradients are added in order.

use super::convolution::{forward_sides, input_rows, with_rows};
use super::level::{Body, Level};
use super::parallel::{even_parts, for_each, for_pieces};
use super::scratch::with_scratch;
use super::sums::{Add, AddRows, column_sums};
use super::tile::{Factors, Run, Tiles};
use super::{Images, TERMS, Window2d};
use std::ops::Range;

/// Multiply-adds that a chunk should have at least.
const CHUNK: usize = 1 << 21;
/// Most chunks.
const CHUNKS: usize = 16;
/// Most numbers that the partial gradients of all chunks take together, but for two chunks.
const PARTIAL: usize = 4 << 20;

/// Computes the filter's gradient, and the bias's (`Σ dy` of each channel) where wanted.
pub fn conv2d_filter_gradient(
    x: &[f32],
    input: Images,
    dy: &[f32],
    channels: usize,
    window: &Window2d,
    filter_gradient: &mut [f32],
    bias_gradient: Option<&mut [f32]>,
) {
    let output = window.output(input, channels);
    let filter_row = window.kernel[1] * input.channels * channels;
    let lengths = [input.len(), output.len(), window.kernel[0] * filter_row];
    assert_eq!([x.len(), dy.len(), filter_gradient.len()], lengths, "{window:?} on {input:?}");
    if filter_gradient.is_empty() {
        return bias_gradient.into_iter().for_each(|bias| column_sums(dy, bias));
    }
    let level = Level::current();
    let job = Job {
        x,
        input,
        dy,
        output,
        window,
        level,
        tiles: Tiles::of(level),
        sides: forward_sides(window, input, output),
    };
    let groups = job.groups();
    let work = output.len() * window.kernel[0] * window.kernel[1] * input.channels;
    let length = filter_gradient.len() + channels;
    let chunks = (work / CHUNK).min(CHUNKS).min((PARTIAL / length).max(2)).min(groups.len()).max(1);
    let groups_each = groups.len().div_ceil(chunks).max(1);
    with_scratch(chunks * length, |partial| {
        let mut tasks = Vec::new();
        for (chunk, partial) in partial.chunks_exact_mut(length).enumerate() {
            let groups = groups.chunks(groups_each).nth(chunk).unwrap_or_default();
            let (filter, bias) = partial.split_at_mut(filter_row * window.kernel[0]);
            let mut bias = Some(bias);
            tasks.extend(
                filter
                    .chunks_exact_mut(filter_row)
                    .enumerate()
                    .map(|(ky, out)| (groups, ky, out, bias.take())),
            );
        }
        for_each(tasks, work, |(groups, ky, out, bias)| {
            job.filter_row(groups, ky, out);
            if let Some(bias) = bias {
                job.bias(groups, bias);
            }
        });
        add_partials(level, partial, length, 0, filter_gradient);
        if let Some(bias) = bias_gradient {
            add_partials(level, partial, length, filter_gradient.len(), bias);
        }
    });
}

/// Adds, in order, the stretches that start at `offset` of every chunk of `length` numbers.
fn add_partials(level: Level, partial: &[f32], length: usize, offset: usize, sum: &mut [f32]) {
    for_pieces(sum, 4096, partial.len() * 8, |piece, sum| {
        sum.fill(0.0);
        for partial in partial.chunks_exact(length) {
            level.run(Add { to: sum, from: &partial[offset + piece * 4096..] });
        }
    });
}

/// Some output pixels of one image: at most `TERMS`.
struct Group {
    image: usize,
    rows: Range<usize>,
    columns: Range<usize>,
}

struct Job<'a> {
    x: &'a [f32],
    input: Images,
    dy: &'a [f32],
    output: Images,
    window: &'a Window2d,
    level: Level,
    tiles: Tiles,
    /// Zero pixels wanted before and after each row of the image.
    sides: [usize; 2],
}

impl Job<'_> {
    /// All output pixels: groups of whole rows, or parts of a row where rows are long.
    fn groups(&self) -> Vec<Group> {
        let Images { batch, height, width, .. } = self.output;
        let rows = (TERMS / width.max(1)).max(1);
        let mut groups = Vec::new();
        for image in 0..batch {
            for (first, count) in even_parts(height, rows) {
                for (left, columns) in even_parts(width, TERMS) {
                    groups.push(Group { image, rows: first..first + count, columns: left..left + columns });
                }
            }
        }
        groups
    }

    /// Computes one row of the filter, `[kw, cin, co]`, over `groups`.
    fn filter_row(&self, groups: &[Group], ky: usize, out: &mut [f32]) {
        out.fill(0.0);
        for group in groups {
            let span = input_rows(self.window, self.input, &group.rows);
            with_rows(self.x, self.input, group.image, span.clone(), self.sides, |source, row| {
                let runs = self.runs(group, ky, span.start, row);
                if !runs.is_empty() {
                    self.add_group(group, source, &runs, out);
                }
            });
        }
    }

    /// The stretches of a group: for kernel row `ky`, in rows of the image from `start` on that lie `row` apart.
    fn runs(&self, group: &Group, ky: usize, start: usize, row: usize) -> Vec<Run> {
        let window = self.window;
        let valid =
            group.rows.clone().filter(|&at| window.valid_taps(0, at, self.input.height).contains(&ky));
        valid
            .map(|at| {
                let y = at * window.stride[0] + ky * window.dilation[0] - window.pad_before[0] - start;
                Run {
                    a: y * row + group.columns.start * window.stride[1] * self.input.channels,
                    b: (at - group.rows.start) * self.output.width,
                    terms: group.columns.len(),
                }
            })
            .collect()
    }

    /// Adds a group's sums to a row of the filter.
    fn add_group(&self, group: &Group, source: &[f32], runs: &[Run], out: &mut [f32]) {
        let channels = self.output.channels;
        let wide = self.tiles.columns();
        let start = group.image * self.output.image() + group.rows.start * self.output.row();
        let pixels = (group.rows.len() - 1) * self.output.width + group.columns.len();
        let dy = &self.dy[start + group.columns.start * channels..][..pixels * channels];
        for column in (0..channels).step_by(wide) {
            let columns = (channels - column).min(wide);
            let width = self.tiles.width(columns);
            if width == columns {
                self.add_panel(source, &dy[column..], channels, runs, [column, columns], out);
            } else {
                with_scratch(pixels * width, |panel| {
                    for (to, from) in panel.chunks_exact_mut(width).zip(dy.chunks_exact(channels)) {
                        to[..columns].copy_from_slice(&from[column..column + columns]);
                        to[columns..].fill(0.0);
                    }
                    self.add_panel(source, panel, width, runs, [column, columns], out);
                });
            }
        }
    }

    /// As `add_group`, for `columns` channels from `column`, whose gradient is `panel`.
    fn add_panel(
        &self,
        source: &[f32],
        panel: &[f32],
        panel_row: usize,
        runs: &[Run],
        [column, columns]: [usize; 2],
        out: &mut [f32],
    ) {
        let (window, channels) = (self.window, self.output.channels);
        let together = if window.dilation[1] == 1 { window.kernel[1] } else { 1 };
        for kx in (0..window.kernel[1]).step_by(together) {
            for (first, rows) in even_parts(together * self.input.channels, self.tiles.rows()) {
                let factors = Factors {
                    a: &source[kx * window.dilation[1] * self.input.channels + first..],
                    a_row: 1,
                    a_term: window.stride[1] * self.input.channels,
                    b: panel,
                    b_term: panel_row,
                    runs,
                };
                let out = &mut out[(kx * self.input.channels + first) * channels + column..];
                self.tiles.multiply(&factors, [rows, columns], out, channels, true);
            }
        }
    }

    /// Sums the gradient of `groups` by channel.
    fn bias(&self, groups: &[Group], out: &mut [f32]) {
        let channels = self.output.channels;
        out.fill(0.0);
        with_scratch(channels, |sum| {
            for group in groups {
                sum.fill(0.0);
                for row in group.rows.clone() {
                    let start = group.image * self.output.image() + row * self.output.row();
                    let rows =
                        &self.dy[start + group.columns.start * channels..][..group.columns.len() * channels];
                    self.level.run(AddRows { to: sum, rows });
                }
                Add { to: out, from: sum }.run();
            }
        });
    }
}
