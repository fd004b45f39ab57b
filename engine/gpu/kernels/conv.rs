//! Convolutions: products of matrices with addresses of their own, or for software adapters direct sums.

use super::matmul::{MatMulSpec, Operand, REGISTER_THREADS, core, finish, vectors};
use super::source::{Hooks, Source};
use super::{Division, Specialised};
use crate::graph::{Axis, Window};
use crate::schedule::Tile;
use crate::tensor::Dim;

const FORWARD: &str = include_str!("../../../shaders/conv_forward.wgsl");
const INPUT_GRADIENT: &str = include_str!("../../../shaders/conv_input_gradient.wgsl");
const FILTER_GRADIENT: &str = include_str!("../../../shaders/conv_filter_gradient.wgsl");
const REGISTER: &str = include_str!("../../../shaders/conv_register.wgsl");
const INPUT_TAPS: &str = include_str!("../../../shaders/conv_input_taps.wgsl");
const FILTER_REGISTER: &str = include_str!("../../../shaders/conv_filter_register.wgsl");

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
        Tile::Subgroup { .. } => unreachable!("checked where programs become shaders"),
        Tile::Registers { rows, columns } => match spec.pass {
            ConvPass::FilterGradient { bias } => filter_register(spec, bias, columns * 2),
            _ => register(spec, rows, columns),
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
fn register(spec: &ConvSpec, most_pixels: usize, columns: usize) -> Specialised {
    let (out_height, out_width) = spec.outputs();
    let image = (spec.height, spec.width, spec.channels);
    let output = (out_height, out_width, spec.filters);
    let forward = spec.pass == ConvPass::Forward;
    let (name, source, [from, to], phases) = if forward {
        ("conv_forward", Source::new(REGISTER), [image, output], 1)
    } else {
        let source = Source::new(REGISTER).section("taps", INPUT_TAPS);
        ("conv_input_gradient", source, [output, image], spec.window.width.stride)
    };
    let sizes = [("SOURCE", from), ("RESULT", to)];
    let source = sizes.into_iter().fold(source, |source, (name, (height, width, channels))| {
        source
            .number(&format!("{name}_HEIGHT"), height)
            .number(&format!("{name}_WIDTH"), width)
            .number(&format!("{name}_CHANNELS"), channels)
    });
    let row = to.1.div_ceil(phases);
    let pixels = pixels_a_thread(row, most_pixels);
    let source = window(source, spec)
        .number("PIXELS", pixels)
        .number("COLUMNS", columns)
        .flag("A_PADDED", spec.reads_outside() || !row.is_multiple_of(pixels));
    let segments = spec.images.factor * to.0 * phases * row.div_ceil(pixels);
    let rows = Dim { factor: segments, batch: spec.images.batch };
    let vector = [from.2, if forward { to.2 } else { from.2 }].map(|n| n.is_multiple_of(4));
    register_kernel(name, source, spec, vector, (pixels * columns, [(rows, 1), (to.2.into(), columns)]))
}

/// The most results of a thread: with more, few threads would share a workgroup's memory.
const MOST_RESULTS: usize = 512;

/// Taps of one row, four channels and `columns` filters a thread; a row of threads more for the bias.
fn filter_register(spec: &ConvSpec, bias: bool, columns: usize) -> Specialised {
    let together = taps_together(spec);
    let columns = columns.min(spec.filters.next_multiple_of(4)).min(MOST_RESULTS / (together * 16) * 4);
    let taps = spec.window.height.size * (spec.window.width.size / together);
    let rows = taps * spec.channels.div_ceil(4) + usize::from(bias);
    let source = window(images(Source::new(FILTER_REGISTER), spec), spec)
        .number("COLUMNS", columns)
        .number("SPLITS", spec.splits)
        .flag("A_PADDED", spec.reads_outside())
        .flag("ONES_ROW", bias);
    let vector = [spec.channels, spec.filters].map(|n| n.is_multiple_of(4));
    let shares = [(rows.into(), 1), (spec.filters.into(), columns)];
    register_kernel("conv_filter_gradient", source, spec, vector, (together * 4 * columns, shares))
}

fn register_kernel(
    name: &str,
    source: Source,
    spec: &ConvSpec,
    vector: [bool; 2],
    (results, [rows, columns]): (usize, [(Dim, usize); 2]),
) -> Specialised {
    let threads = register_threads(results);
    let source = source
        .size("IMAGES", spec.images)
        .number("TAPS", taps_together(spec))
        .number("THREADS", threads)
        .hooks(&spec.hooks);
    let source = vectors(vectors(source, "a", vector[0]), "b", vector[1]);
    let (stack, splits) = (Dim::fixed(1), spec.splits);
    Specialised {
        name: format!("{name}_registers"),
        wgsl: source.text(),
        workgroup: [threads as u32, 1, 1],
        work: Division { stack, rows, columns, tiles_a_group: threads, splits },
    }
}

/// Threads of a workgroup, with `results` of each: as many as the sums of blocks, which lie in workgroup memory, leave
/// room for.
fn register_threads(results: usize) -> usize {
    const WORKGROUP_BYTES: usize = 16_384;
    let fits = |threads: &usize| threads * results * 4 <= WORKGROUP_BYTES;
    [REGISTER_THREADS, 16, 8].into_iter().find(fits).unwrap_or(4)
}

/// How many pixels a thread takes so that a row has few left over: between half of `most` and `most`.
fn pixels_a_thread(row: usize, most: usize) -> usize {
    let waste = |pixels: &usize| row.next_multiple_of(*pixels);
    (most.div_ceil(2)..=most).rev().min_by_key(waste).unwrap_or(most).min(row.max(1))
}

/// The taps of a kernel's row that fit into registers together: the largest divisor up to five.
fn taps_together(spec: &ConvSpec) -> usize {
    let size = spec.window.width.size;
    (1..=5).rev().find(|n| size.is_multiple_of(*n)).unwrap_or(1)
}
