//! Pooling, sums of columns, and sums of partial sums.

use super::source::{Hooks, Source};
use super::{Specialised, one_a_thread};
use crate::graph::{Axis, Window};
use crate::tensor::Dim;

const POOL_MAX: &str = include_str!("../../../shaders/pool_max.wgsl");
const POOL_MAX_GRADIENT: &str = include_str!("../../../shaders/pool_max_gradient.wgsl");
const POOL_MAX_GRADIENT_APART: &str = include_str!("../../../shaders/pool_max_gradient_apart.wgsl");
const POOL_AVERAGE: &str = include_str!("../../../shaders/pool_average.wgsl");
const POOL_AVERAGE_GRADIENT: &str = include_str!("../../../shaders/pool_average_gradient.wgsl");
const SUM_COLUMNS: &str = include_str!("../../../shaders/sum_columns.wgsl");
const SUM_PARTIALS: &str = include_str!("../../../shaders/sum_partials.wgsl");

/// Which pooling kernel. Bindings: operands from 1 on as the graph's operation has them, result 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolKind {
    /// images to maxima.
    Max,
    /// (images, gradient) to images.
    MaxGradient,
    /// images to means.
    Average,
    /// gradient to images.
    AverageGradient,
}

/// A pooling of images `[B, height, width, channels]`.
#[derive(Clone, Debug)]
pub(crate) struct PoolSpec {
    /// Which kernel.
    pub(crate) kind: PoolKind,
    /// Number of images.
    pub(crate) images: Dim,
    /// Rows of an image.
    pub(crate) height: usize,
    /// Pixels of a row.
    pub(crate) width: usize,
    /// Channels of an image.
    pub(crate) channels: usize,
    /// Size, stride, dilation and padding.
    pub(crate) window: Window,
    /// Arithmetic before and after.
    pub(crate) hooks: Hooks,
}

/// A sum over the rows of `[rows, columns]`.
///
/// Bindings: operand 1, result 3; with `splits` over 1 the result is `[splits, columns]`, for [`sum_partials`].
#[derive(Clone, Debug)]
pub(crate) struct SumColumnsSpec {
    /// Number of rows.
    pub(crate) rows: Dim,
    /// Number of sums.
    pub(crate) columns: Dim,
    /// Into how many partial sums each is split.
    pub(crate) splits: usize,
    /// Arithmetic before and after.
    pub(crate) hooks: Hooks,
}

/// The kernel for `spec`.
pub(crate) fn pool(spec: &PoolSpec) -> Specialised {
    let Window { height, width } = spec.window;
    let (rows, columns) = (height.windows(spec.height).unwrap_or(0), width.windows(spec.width).unwrap_or(0));
    let (outputs, inputs) = (rows * columns, spec.height * spec.width);
    let (name, file, threads) = match spec.kind {
        PoolKind::Max => ("pool_max", POOL_MAX, outputs),
        PoolKind::MaxGradient if lie_apart(height) && lie_apart(width) => {
            let blocks = blocks(height, spec.height) * blocks(width, spec.width);
            ("pool_max_gradient_apart", POOL_MAX_GRADIENT_APART, blocks)
        }
        PoolKind::MaxGradient => ("pool_max_gradient", POOL_MAX_GRADIENT, inputs),
        PoolKind::Average => ("pool_average", POOL_AVERAGE, outputs),
        PoolKind::AverageGradient => ("pool_average_gradient", POOL_AVERAGE_GRADIENT, inputs),
    };
    let constants = [
        ("HEIGHT", spec.height),
        ("WIDTH", spec.width),
        ("CHANNELS", spec.channels),
        ("OUT_HEIGHT", rows),
        ("OUT_WIDTH", columns),
        ("WINDOW_H", height.size),
        ("WINDOW_W", width.size),
        ("STRIDE_H", height.stride),
        ("STRIDE_W", width.stride),
        ("DILATION_H", height.dilation),
        ("DILATION_W", width.dilation),
        ("PAD_TOP", height.before),
        ("PAD_LEFT", width.before),
    ];
    let source = Source::new(file).size("IMAGES", spec.images).hooks(&spec.hooks);
    let source = constants.into_iter().fold(source, |source, (name, value)| source.number(name, value));
    let count = Dim { factor: spec.images.factor * threads * spec.channels, batch: spec.images.batch };
    elementwise(name, source, count)
}

/// Whether no two windows share an input.
fn lie_apart(axis: Axis) -> bool {
    (axis.size - 1) * axis.dilation < axis.stride
}

/// How many strides it takes to cover `size` inputs and the padding before them.
fn blocks(axis: Axis, size: usize) -> usize {
    (size + axis.before).div_ceil(axis.stride)
}

/// The kernel for `spec`.
pub(crate) fn sum_columns(spec: &SumColumnsSpec) -> Specialised {
    let source = Source::new(SUM_COLUMNS)
        .size("ROWS", spec.rows)
        .size("COLUMNS", spec.columns)
        .number("SPLITS", spec.splits)
        .hooks(&spec.hooks);
    let count = Dim { factor: spec.columns.factor * spec.splits, batch: spec.columns.batch };
    elementwise("sum_columns", source, count)
}

/// The kernel that adds `splits` partial sums of `count` elements: from binding 1 to binding 3.
pub(crate) fn sum_partials(count: Dim, splits: usize, hooks: &Hooks) -> Specialised {
    let source = Source::new(SUM_PARTIALS).size("COUNT", count).number("SPLITS", splits).hooks(hooks);
    elementwise("sum_partials", source, count)
}

fn elementwise(name: &str, source: Source, count: Dim) -> Specialised {
    Specialised { name: name.into(), wgsl: source.text(), workgroup: [64, 1, 1], work: one_a_thread(count) }
}
