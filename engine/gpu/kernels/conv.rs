//! Convolutions: products of matrices with addresses of their own, or for software adapters direct sums.

use super::matmul::{MatMulSpec, Operand, REGISTER_THREADS, core, finish, spread, vectors};
use super::source::{Hooks, Source};
use super::{Division, Specialised};
use crate::graph::{Axis, Window};
use crate::schedule::{LANES, Tile};
use crate::tensor::Dim;

const FORWARD: &str = include_str!("../../../shaders/conv_forward.wgsl");
const INPUT_GRADIENT: &str = include_str!("../../../shaders/conv_input_gradient.wgsl");
const FILTER_GRADIENT: &str = include_str!("../../../shaders/conv_filter_gradient.wgsl");
const REGISTER: &str = include_str!("../../../shaders/conv_register.wgsl");
const INPUT_TAPS: &str = include_str!("../../../shaders/conv_input_taps.wgsl");
const FILTER_REGISTER: &str = include_str!("../../../shaders/conv_filter_register.wgsl");
const SUBGROUP: &str = include_str!("../../../shaders/conv_subgroup.wgsl");
const FILTER_SUBGROUP: &str = include_str!("../../../shaders/conv_filter_subgroup.wgsl");

/// Which of the three passes of a convolution. The operands are, in order, those of the graph's operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConvPass {
    /// (images, filters) to outputs.
    Forward,
    /// (output gradient, filters) to images.
    InputGradient,
    /// (images, output gradient) to filters; with `bias` one more row `[filters]`, the bias's gradient.
    FilterGradient {
        /// Whether that row is computed.
        bias: bool,
    },
}

/// One pass of a convolution of images `[images, height, width, channels]`.
///
/// Bindings: operands 1 and 2, result 3; with `splits` over 1 partial sums as in [`MatMulSpec`].
#[derive(Clone, Debug)]
pub(crate) struct ConvSpec {
    /// Which pass.
    pub(crate) pass: ConvPass,
    /// Number of images.
    pub(crate) images: Dim,
    /// Rows of an image.
    pub(crate) height: usize,
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Channels of an image.
    pub(crate) channels: usize,
    /// Channels of the convolution's output.
    pub(crate) filters: usize,
    /// Kernel, stride, dilation and padding.
    pub(crate) window: Window,
    /// How the result is divided.
    pub(crate) tile: Tile,
    /// Into how many partial sums the inner size is split.
    pub(crate) splits: usize,
    /// Arithmetic before and after.
    pub(crate) hooks: Hooks,
}

/// The kernel for `spec`.
pub(crate) fn conv(spec: &ConvSpec) -> Specialised {
    match spec.tile {
        Tile::Workgroup { .. } => tiled(spec),
        Tile::Registers { .. } | Tile::Subgroup { .. } => match spec.pass {
            ConvPass::FilterGradient { bias } => filter_direct(spec, bias),
            _ => direct(spec),
        },
    }
}

/// As a product of matrices, whose addresses it replaces.
fn tiled(spec: &ConvSpec) -> Specialised {
    let product = spec.product();
    let (channels, filters) = (spec.channels, spec.filters);
    let (name, file, a, b) = match spec.pass {
        // Channels that make no words of four are read across pixels: their tap is then found once for four.
        ConvPass::Forward => {
            ("conv_forward", FORWARD, (channels.is_multiple_of(4), channels), (false, filters))
        }
        ConvPass::InputGradient => ("conv_input_gradient", INPUT_GRADIENT, (true, filters), (true, filters)),
        ConvPass::FilterGradient { .. } => {
            ("conv_filter_gradient", FILTER_GRADIENT, (false, channels), (false, filters))
        }
    };
    let operands = [a, b].map(|(along_k, contiguous)| Operand { along_k, contiguous });
    let source = window(images(core(&product, operands).section("addresses", file), spec), spec)
        .flag("A_PADDED", spec.reads_outside())
        .flag("ONES_ROW", spec.pass == ConvPass::FilterGradient { bias: true });
    finish(name, source, &product)
}

impl ConvSpec {
    /// The product of matrices that the pass is: its sizes decide about tile and splits.
    pub(crate) fn product(&self) -> MatMulSpec {
        let (rows, columns) = self.outputs();
        let taps = self.window.height.size * self.window.width.size;
        let pixels = |n: usize| Dim { factor: self.images.factor * n, batch: self.images.batch };
        let (m, n, k) = match self.pass {
            ConvPass::Forward => (pixels(rows * columns), self.filters, (taps * self.channels).into()),
            ConvPass::InputGradient => {
                (pixels(self.height * self.width), self.channels, (taps * self.filters).into())
            }
            ConvPass::FilterGradient { bias } => {
                let m = taps * self.channels + usize::from(bias);
                (m.into(), self.filters, pixels(rows * columns))
            }
        };
        MatMulSpec {
            stack: Dim::fixed(1),
            m,
            n: n.into(),
            k,
            transpose_a: false,
            transpose_b: false,
            tile: self.tile,
            splits: self.splits,
            hooks: self.hooks.clone(),
        }
    }

    /// Height and width of the output; zero where no window fits.
    fn outputs(&self) -> (usize, usize) {
        let count = |axis: Axis, size| axis.windows(size).unwrap_or(0);
        (count(self.window.height, self.height), count(self.window.width, self.width))
    }

    /// Whether a gathered address may lie outside: in the padding, or between strides.
    fn reads_outside(&self) -> bool {
        let Window { height, width } = self.window;
        let padded = [height, width].iter().any(|axis| axis.before + axis.after > 0);
        padded || self.pass == ConvPass::InputGradient
    }
}

/// The sizes of images and outputs.
fn images(source: Source, spec: &ConvSpec) -> Source {
    let (rows, columns) = spec.outputs();
    source
        .number("HEIGHT", spec.height)
        .number("WIDTH", spec.width)
        .number("CHANNELS", spec.channels)
        .number("OUT_HEIGHT", rows)
        .number("OUT_WIDTH", columns)
        .number("FILTERS", spec.filters)
}

/// The window's constants.
fn window(source: Source, spec: &ConvSpec) -> Source {
    let Window { height, width } = spec.window;
    source
        .number("KERNEL_H", height.size)
        .number("KERNEL_W", width.size)
        .number("STRIDE_H", height.stride)
        .number("STRIDE_W", width.stride)
        .number("DILATION_H", height.dilation)
        .number("DILATION_W", width.dilation)
        .number("PAD_TOP", height.before)
        .number("PAD_LEFT", width.before)
}

/// Pixels of one row a thread, forward or for the images.
fn direct(spec: &ConvSpec) -> Specialised {
    let ((most_pixels, columns), (file, multiple)) = match spec.tile {
        Tile::Subgroup { rows, columns } => ((rows / LANES, columns), (Source::new(SUBGROUP), LANES)),
        Tile::Registers { rows, columns } | Tile::Workgroup { rows, columns, .. } => {
            let file = Source::new(REGISTER).number("TAPS", taps_together(spec));
            ((rows, columns), (file, 4))
        }
    };
    let (out_height, out_width) = spec.outputs();
    let image = (spec.height, spec.width, spec.channels);
    let output = (out_height, out_width, spec.filters);
    let (name, taps, [from, to], phases) = match spec.pass {
        ConvPass::Forward => ("conv_forward", REGISTER, [image, output], 1),
        _ => ("conv_input_gradient", INPUT_TAPS, [output, image], spec.window.width.stride),
    };
    let columns = columns.min(to.2.next_multiple_of(multiple));
    let row = to.1.div_ceil(phases);
    let pixels = pixels_a_thread(row, most_pixels);
    let source = file.section("taps", taps);
    let sizes = [("SOURCE", from), ("RESULT", to)];
    let source = sizes.into_iter().fold(source, |source, (name, (height, width, channels))| {
        source
            .number(&format!("{name}_HEIGHT"), height)
            .number(&format!("{name}_WIDTH"), width)
            .number(&format!("{name}_CHANNELS"), channels)
    });
    let source = window(source, spec)
        .number("PIXELS", pixels)
        .number("COLUMNS", columns)
        .flag("A_PADDED", spec.reads_outside() || !row.is_multiple_of(pixels));
    let segments = spec.images.factor * to.0 * phases * row.div_ceil(pixels);
    let shares = [Dim { factor: segments, batch: spec.images.batch }, to.2.into()];
    let vector = [from.2, if spec.pass == ConvPass::Forward { to.2 } else { from.2 }];
    finish_direct(name, source, spec, vector, Share { results: pixels * columns, columns, sizes: shares })
}

/// The most results of a thread: with more, few threads would share a workgroup's memory.
const MOST_RESULTS: usize = 512;

/// The most of a filter gradient's in subgroups: they leave AMD's registers room for what is multiplied.
const MOST_SHARED: usize = 192;

/// Taps of one row, four channels and several filters a thread; for the bias a row of threads more, or, in subgroups, sums
/// of what they load.
fn filter_direct(spec: &ConvSpec, bias: bool) -> Specialised {
    let together = taps_together(spec);
    // Subgroups take so many pixels of a row that each thread has a word of four to tell.
    let (columns, pixels, file, bias_rows) = match spec.tile {
        Tile::Subgroup { columns, .. } => {
            // Threads that have loaded the same filters lie a power of two apart.
            let fits = columns.min(spec.filters.next_power_of_two()).max(LANES);
            let held = |columns: &usize| columns * together * 4 <= MOST_SHARED;
            let columns = [fits, fits / 2].into_iter().find(held).unwrap_or(LANES);
            (columns, LANES * 4 / columns, FILTER_SUBGROUP, 0)
        }
        Tile::Registers { columns, .. } | Tile::Workgroup { columns, .. } => {
            let columns = (columns * 2).min(spec.filters.next_multiple_of(4));
            (columns.min(MOST_RESULTS / (together * 16) * 4), 1, FILTER_REGISTER, usize::from(bias))
        }
    };
    let taps = spec.window.height.size * (spec.window.width.size / together);
    let rows = taps * spec.channels.div_ceil(4) + bias_rows;
    let source = window(images(Source::new(file), spec), spec)
        .number("COLUMNS", columns)
        .number("SPLITS", spec.splits)
        .number("TAPS", together)
        .flag("A_PADDED", spec.reads_outside() || !spec.outputs().1.is_multiple_of(pixels))
        .flag("ONES_ROW", bias);
    let share = Share { results: together * 4 * columns, columns, sizes: [rows.into(), spec.filters.into()] };
    finish_direct("conv_filter_gradient", source, spec, [spec.channels, spec.filters], share)
}

/// What a thread has of a result: so many numbers, in so many of its columns. The sizes are the tiles above each other, and
/// all columns.
struct Share {
    results: usize,
    columns: usize,
    sizes: [Dim; 2],
}

/// `contiguous` are the sizes of the operands' axes that are contiguous in memory.
fn finish_direct(
    name: &str,
    source: Source,
    spec: &ConvSpec,
    contiguous: [usize; 2],
    Share { results, columns, sizes: [rows, all_columns] }: Share,
) -> Specialised {
    let threads = register_threads(results);
    let (suffix, source, rows, tiles_a_group) = match spec.tile {
        Tile::Subgroup { .. } => {
            let source = spread(source.section("loads", loads(spec)), columns);
            ("subgroups", source, (rows, LANES), threads.div_ceil(LANES))
        }
        Tile::Registers { .. } | Tile::Workgroup { .. } => ("registers", source, (rows, 1), threads),
    };
    let source = source.size("IMAGES", spec.images).number("THREADS", threads).hooks(&spec.hooks);
    let [a, b] = contiguous.map(|n| n.is_multiple_of(4));
    Specialised {
        name: format!("{name}_{suffix}"),
        wgsl: vectors(vectors(source, "a", a), "b", b).text(),
        workgroup: [threads as u32, 1, 1],
        work: Division {
            stack: Dim::fixed(1),
            rows,
            columns: (all_columns, columns),
            tiles_a_group,
            splits: spec.splits,
        },
    }
}

/// The file with the loads and stores of the same pass in registers.
fn loads(spec: &ConvSpec) -> &'static str {
    if matches!(spec.pass, ConvPass::FilterGradient { .. }) { FILTER_REGISTER } else { REGISTER }
}

/// Threads of a workgroup, with `results` of each: as many as the sums of blocks, which lie in workgroup memory, leave
/// room for.
fn register_threads(results: usize) -> usize {
    const WORKGROUP_BYTES: usize = 16_384;
    let fits = |threads: &usize| threads * results * 4 <= WORKGROUP_BYTES;
    [REGISTER_THREADS, 16, 8].into_iter().find(fits).unwrap_or(4)
}

/// How many pixels a thread takes: a row is divided by as few threads as `most` allows, evenly.
fn pixels_a_thread(row: usize, most: usize) -> usize {
    let threads = row.div_ceil(most).max(1);
    row.div_ceil(threads).max(1)
}

/// The taps of a kernel's row that fit into registers together: the largest divisor up to five.
fn taps_together(spec: &ConvSpec) -> usize {
    let size = spec.window.width.size;
    (1..=5).rev().find(|n| size.is_multiple_of(*n)).unwrap_or(1)
}
