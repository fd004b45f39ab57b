use serde_json::{Value, json};

use super::super::config::with_base;
use super::super::{Base, Config, Context, DataFormat, Layer};
use super::Kind;
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Reduction};
use crate::tensor::{Dim, Shape};

/// The largest value of each channel over all steps: `[None, time, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalMaxPooling1D;
/// let layer = GlobalMaxPooling1D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalMaxPooling1D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalMaxPooling1D {
    /// All steps of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Max, 1)
    }
}

/// The largest value of each channel over all pixels: `[None, height, width, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalMaxPooling2D;
/// let layer = GlobalMaxPooling2D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalMaxPooling2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalMaxPooling2D {
    /// All pixels of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Max, 2)
    }
}

/// The largest value of each channel over all pixels: `[None, depth, height, width, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalMaxPooling3D;
/// let layer = GlobalMaxPooling3D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalMaxPooling3D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalMaxPooling3D {
    /// All pixels of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Max, 3)
    }
}

/// The mean of each channel over all steps: `[None, time, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalAveragePooling1D;
/// let layer = GlobalAveragePooling1D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalAveragePooling1D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalAveragePooling1D {
    /// All steps of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Average, 1)
    }
}

/// The mean of each channel over all pixels: `[None, height, width, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalAveragePooling2D;
/// let layer = GlobalAveragePooling2D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalAveragePooling2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalAveragePooling2D {
    /// All pixels of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Average, 2)
    }
}

/// The mean of each channel over all pixels: `[None, depth, height, width, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalAveragePooling3D;
/// let layer = GlobalAveragePooling3D::new().keepdims(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GlobalAveragePooling3D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl GlobalAveragePooling3D {
    /// All pixels of a channel become one number.
    pub fn new() -> GlobalPooling {
        GlobalPooling::new(Kind::Average, 3)
    }
}

/// One number for each channel: [`GlobalMaxPooling2D`], [`GlobalAveragePooling2D`] and their kin.
#[derive(Clone, Debug)]
pub struct GlobalPooling {
    base: Base,
    kind: Kind,
    rank: usize,
    keepdims: bool,
    data_format: DataFormat,
}

impl GlobalPooling {
    fn new(kind: Kind, rank: usize) -> Self {
        Self { base: Base::default(), kind, rank, keepdims: false, data_format: DataFormat::default() }
    }

    /// Whether the spatial axes stay, with size 1. Default false.
    pub fn keepdims(mut self, keepdims: bool) -> Self {
        self.keepdims = keepdims;
        self
    }

    /// Where the channels lie, as [`DataFormat`] or by name: `channels_last` or `channels_first`. Default `channels_last`.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        self.data_format = self.base.option(self.data_format, format);
        self
    }

    /// The layer's name. Default `global_max_pooling2d`, `global_max_pooling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in super::super) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let kind = if class.starts_with("GlobalMax") { Kind::Max } else { Kind::Average };
        let rank =
            CLASSES.iter().position(|(max, average)| [max, average].contains(&&class)).unwrap_or(1) + 1;
        let base = config.base()?;
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, keepdims: config.flag("keepdims", false)?, data_format, ..Self::new(kind, rank) })
    }
}

/// The classes for one, two and three axes.
const CLASSES: [(&str, &str); 3] = [
    ("GlobalMaxPooling1D", "GlobalAveragePooling1D"),
    ("GlobalMaxPooling2D", "GlobalAveragePooling2D"),
    ("GlobalMaxPooling3D", "GlobalAveragePooling3D"),
];

impl Layer for GlobalPooling {
    fn class_name(&self) -> &'static str {
        let (max, average) = CLASSES[self.rank - 1];
        if self.kind == Kind::Max { max } else { average }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "keepdims": self.keepdims, "data_format": self.data_format.name() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        let (sizes, channels) = self.data_format.parted(&place, input, self.rank)?;
        let ones = if self.keepdims { sizes.len() } else { 0 };
        Ok(self.data_format.joined(&vec![1; ones], channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        let mask = context.mask(input).filter(|_| self.rank == 1);
        let axes: Vec<usize> = (1..=self.rank).collect();
        let graph = &mut *context.graph;
        let images = self.data_format.last(graph, input)?;
        let joined = match (self.kind, mask) {
            (Kind::Max, _) => graph.reduce(Reduction::Max, images, &axes)?,
            (Kind::Average, None) => graph.mean(images, &axes)?,
            (Kind::Average, Some(mask)) => masked_mean(graph, images, mask)?,
        };
        // Of axes of one pixel each it does not matter where the channels lie.
        graph.reshape(joined, &Shape::batched(&shape))
    }
}

/// The mean over the steps of `[B, time, channels]` that `mask` `[B, time]` lets count.
fn masked_mean(graph: &mut Graph, input: NodeId, mask: NodeId) -> Result<NodeId> {
    let mut steps = graph.shape(mask).clone();
    steps.0.push(Dim::fixed(1));
    let mask = graph.reshape(mask, &steps)?;
    let kept = graph.multiply(input, mask)?;
    let (sum, count) = (graph.sum(kept, &[1])?, graph.sum(mask, &[1])?);
    graph.divide(sum, count)
}
