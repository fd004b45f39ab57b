//! Products of matrices, and convolutions as such.

use super::source::{Hooks, Source};
use super::{Division, Specialised, one_a_thread};
use crate::graph::Window;
use crate::schedule::Tile;
use crate::tensor::Dim;

const TILED: &str = include_str!("../../../shaders/matmul_tiled.wgsl");
const REGISTER: &str = include_str!("../../../shaders/matmul_register.wgsl");
const NAIVE: &str = include_str!("../../../shaders/matmul_naive.wgsl");
const CONV_FORWARD: &str = include_str!("../../../shaders/conv_forward.wgsl");
const CONV_INPUT_GRADIENT: &str = include_str!("../../../shaders/conv_input_gradient.wgsl");
const CONV_FILTER_GRADIENT: &str = include_str!("../../../shaders/conv_filter_gradient.wgsl");

/// Threads of a workgroup of the kernels without workgroup memory.
const REGISTER_THREADS: usize = 32;

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

/// How a kernel reads an operand.
struct Operand {
    along_k: bool,
    /// Size of the axis that is contiguous in memory, which [`Operand::vector`] must divide.
    contiguous: usize,
}

impl Operand {
    fn vector(&self) -> bool {
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

/// The kernel for `spec`.
pub(crate) fn conv(spec: &ConvSpec) -> Specialised {
    let product = spec.product();
    let (channels, filters) = (spec.channels, spec.filters);
    let (name, file, a, b) = match spec.pass {
        ConvPass::Forward => ("conv_forward", CONV_FORWARD, (true, channels), (false, filters)),
        ConvPass::InputGradient => {
            ("conv_input_gradient", CONV_INPUT_GRADIENT, (true, filters), (true, filters))
        }
        ConvPass::FilterGradient { .. } => {
            ("conv_filter_gradient", CONV_FILTER_GRADIENT, (false, channels), (false, filters))
        }
    };
    let operands = [a, b].map(|(along_k, contiguous)| Operand { along_k, contiguous });
    let source = geometry(core(&product, operands).addresses(file), spec)
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
        let count = |axis: crate::graph::Axis, size| axis.windows(size).unwrap_or(0);
        (count(self.window.height, self.height), count(self.window.width, self.width))
    }

    /// Whether a gathered address may lie outside: in the padding, or between strides.
    fn reads_outside(&self) -> bool {
        let Window { height, width } = self.window;
        let padded = [height, width].iter().any(|axis| axis.before + axis.after > 0);
        padded || self.pass == ConvPass::InputGradient
    }
}

/// The constants that describe images and windows.
fn geometry(source: Source, spec: &ConvSpec) -> Source {
    let (rows, columns) = spec.outputs();
    let Window { height, width } = spec.window;
    [
        ("HEIGHT", spec.height),
        ("WIDTH", spec.width),
        ("CHANNELS", spec.channels),
        ("OUT_HEIGHT", rows),
        ("OUT_WIDTH", columns),
        ("FILTERS", spec.filters),
        ("KERNEL_H", height.size),
        ("KERNEL_W", width.size),
        ("STRIDE_H", height.stride),
        ("STRIDE_W", width.stride),
        ("DILATION_H", height.dilation),
        ("DILATION_W", width.dilation),
        ("PAD_TOP", height.before),
        ("PAD_LEFT", width.before),
    ]
    .into_iter()
    .fold(source, |source, (name, value)| source.number(name, value))
}

/// The file for the tile, with sizes, tile, hooks and the way the operands are read.
fn core(spec: &MatMulSpec, operands: [Operand; 2]) -> Source {
    let (source, slice) = match spec.tile {
        Tile::Registers { rows, columns } => {
            (Source::new(REGISTER).number("ROWS", rows).number("COLUMNS", columns), 4)
        }
        Tile::Workgroup { rows, columns, depth } => {
            let (per_m, per_n) = per_thread(rows, columns);
            let source = Source::new(TILED)
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

/// Whether and how an operand is read four elements at a time.
fn read(source: Source, operand: &Operand, name: &str) -> Source {
    let upper = name.to_uppercase();
    let source = source
        .flag(&format!("{upper}_ALONG_K"), operand.along_k)
        .flag(&format!("{upper}_VECTOR"), operand.vector());
    if !operand.vector() {
        return source;
    }
    source
        .alias(&format!("Element{upper}"), "vec4<f32>")
        .body(&format!("read_{name}"), &format!("return {name}[index / 4u][index % 4u];"))
        .body(&format!("read4_{name}"), &format!("return {name}[index / 4u];"))
}

/// Results a thread of a workgroup of at most 256: 4x4, or 8x8 in the largest tile.
fn per_thread(rows: usize, columns: usize) -> (usize, usize) {
    if rows * columns > 64 * 64 { (8, 8) } else { (4, 4) }
}

fn finish(name: &str, source: Source, spec: &MatMulSpec) -> Specialised {
    let (suffix, tile, threads, tiles_a_group) = match spec.tile {
        Tile::Registers { rows, columns } => {
            (format!("registers_{rows}x{columns}"), (rows, columns), REGISTER_THREADS, REGISTER_THREADS)
        }
        Tile::Workgroup { rows, columns, depth } => {
            let (per_m, per_n) = per_thread(rows, columns);
            (format!("{rows}x{columns}x{depth}"), (rows, columns), rows / per_m * (columns / per_n), 1)
        }
    };
    Specialised {
        name: format!("{name}_{suffix}"),
        wgsl: source.text(),
        workgroup: [threads as u32, 1, 1],
        work: Division {
            stack: spec.stack,
            rows: (spec.m, tile.0),
            columns: (spec.n, tile.1),
            tiles_a_group,
            splits: spec.splits,
        },
    }
}
