//! Pooling, sums of columns, and sums of partial sums.

use super::source::{Hooks, Source};
use super::{Specialised, one_a_thread};
use crate::graph::Window;
use crate::tensor::Dim;

const POOL_MAX: &str = include_str!("../../../shaders/pool_max.wgsl");
const POOL_MAX_GRADIENT: &str = include_str!("../../../shaders/pool_max_gradient.wgsl");
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
    let (name, file, backward) = match spec.kind {
        PoolKind::Max => ("pool_max", POOL_MAX, false),
        PoolKind::MaxGradient => ("pool_max_gradient", POOL_MAX_GRADIENT, true),
        PoolKind::Average => ("pool_average", POOL_AVERAGE, false),
        PoolKind::AverageGradient => ("pool_average_gradient", POOL_AVERAGE_GRADIENT, true),
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
    let pixels = if backward { spec.height * spec.width } else { rows * columns };
    let count = Dim { factor: spec.images.factor * pixels * spec.channels, batch: spec.images.batch };
    elementwise(name, source, count)
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
