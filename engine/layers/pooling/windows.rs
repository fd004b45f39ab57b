use serde_json::{Value, json};

use super::super::config::with_base;
use super::super::spatial::{window, window_counts};
use super::super::{Base, Config, Context, DataFormat, Layer, Padding, Sizes};
use super::Kind;
use crate::error::{Error, Result};
use crate::graph::{Axis, Graph, NodeId, Window};
use crate::tensor::{Dim, Shape};

/// The largest value of each window: `[None, time, channels]` to `[None, steps, channels]`.
///
/// ```
/// use gradus::layers::MaxPooling1D;
/// let layer = MaxPooling1D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPooling1D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl MaxPooling1D {
    /// Windows of `pool_size` side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Max, 1, pool_size.into())
    }
}

/// The largest value of each window: `[None, height, width, channels]` to `[None, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::MaxPooling2D;
/// let layer = MaxPooling2D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPooling2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl MaxPooling2D {
    /// Windows of `pool_size` (a number, or one for each axis) side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Max, 2, pool_size.into())
    }
}

/// The largest value of each window: `[None, depth, height, width, channels]` to `[None, planes, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::MaxPooling3D;
/// let layer = MaxPooling3D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPooling3D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl MaxPooling3D {
    /// Windows of `pool_size` (a number, or one for each axis) side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Max, 3, pool_size.into())
    }
}

/// The mean of each window, padding left out: `[None, time, channels]` to `[None, steps, channels]`.
///
/// ```
/// use gradus::layers::AveragePooling1D;
/// let layer = AveragePooling1D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AveragePooling1D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl AveragePooling1D {
    /// Windows of `pool_size` side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Average, 1, pool_size.into())
    }
}

/// The mean of each window, padding left out: `[None, height, width, channels]` to `[None, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::AveragePooling2D;
/// let layer = AveragePooling2D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AveragePooling2D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl AveragePooling2D {
    /// Windows of `pool_size` (a number, or one for each axis) side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Average, 2, pool_size.into())
    }
}

/// The mean of each window, padding left out: `[None, depth, height, width, channels]` to `[None, planes, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::AveragePooling3D;
/// let layer = AveragePooling3D::new(2).padding("same");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AveragePooling3D;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl AveragePooling3D {
    /// Windows of `pool_size` (a number, or one for each axis) side by side, without padding. Keras's default is 2.
    pub fn new(pool_size: impl Into<Sizes>) -> Pooling {
        Pooling::new(Kind::Average, 3, pool_size.into())
    }
}

/// A window that slides over the spatial axes: [`MaxPooling2D`], [`AveragePooling2D`] and their kin.
#[derive(Clone, Debug)]
pub struct Pooling {
    base: Base,
    kind: Kind,
    rank: usize,
    size: Sizes,
    /// Pixels from one window to the next; side by side if not given.
    strides: Option<Sizes>,
    padding: Padding,
    data_format: DataFormat,
}

impl Pooling {
    fn new(kind: Kind, rank: usize, size: Sizes) -> Self {
        Self {
            base: Base::default(),
            kind,
            rank,
            size,
            strides: None,
            padding: Padding::Valid,
            data_format: DataFormat::default(),
        }
    }

    /// Pixels from one window to the next. Default the pool size.
    pub fn strides(mut self, strides: impl Into<Sizes>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    /// What lies around an image, as [`Padding`] or by name: `valid` or `same`. Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.padding = self.base.option(self.padding, padding);
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

    /// The layer's name. Default `max_pooling2d`, `max_pooling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in super::super) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let kind = if class.starts_with("Max") { Kind::Max } else { Kind::Average };
        let rank =
            CLASSES.iter().position(|(max, average)| [max, average].contains(&&class)).unwrap_or(1) + 1;
        let base = config.base()?;
        let size = config.spatial("pool_size")?.unwrap_or(2.into());
        let strides = config.spatial("strides")?;
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, strides, padding: config.padding()?, data_format, ..Self::new(kind, rank, size) })
    }

    fn strides_given(&self) -> &Sizes {
        self.strides.as_ref().unwrap_or(&self.size)
    }

    fn axes(&self, sizes: &[usize]) -> Vec<Axis> {
        let (windows, strides) = (self.size.of_rank(self.rank), self.strides_given().of_rank(self.rank));
        let axes = sizes.iter().zip(windows.iter().zip(strides));
        axes.map(|(&length, (&size, stride))| self.padding.axis(length, size, stride, 1)).collect()
    }

    /// Pools images, time series or volumes with the channels last. Three axes are pooled in two passes: over height and
    /// width, then over the depth.
    fn pooled(&self, graph: &mut Graph, input: NodeId) -> Result<NodeId> {
        let sample: Vec<usize> = graph.shape(input).0[1..].iter().map(|d| d.factor).collect();
        let axes = self.axes(&sample[..self.rank]);
        let depth = if self.rank == 3 { sample[0] } else { 1 };
        let [height, width] =
            if self.rank == 1 { [1, sample[0]] } else { [sample[self.rank - 2], sample[self.rank - 1]] };
        let channels = Dim::fixed(sample[self.rank]);
        let [planes, height, width] =
            [Dim { factor: depth, batch: true }, Dim::fixed(height), Dim::fixed(width)];
        let images = graph.reshape(input, &Shape(vec![planes, height, width, channels]))?;
        let mut pooled = self.pool(graph, images, window(&axes))?;
        if self.rank == 3 {
            let pixels = Dim::fixed(graph.shape(pooled).count().factor / depth);
            let [one, depth] = [Dim::fixed(1), Dim::fixed(depth)];
            let columns = graph.reshape(pooled, &Shape(vec![Dim::batch(1), one, depth, pixels]))?;
            pooled = self.pool(graph, columns, window(&axes[..1]))?;
        }
        let counts = window_counts("pooling", &sample, &sample[..self.rank], &axes)?;
        let output = DataFormat::ChannelsLast.joined(&counts, sample[self.rank]);
        graph.reshape(pooled, &Shape::batched(&output))
    }

    fn pool(&self, graph: &mut Graph, images: NodeId, window: Window) -> Result<NodeId> {
        match self.kind {
            Kind::Max => graph.max_pool(images, window),
            Kind::Average => graph.average_pool(images, window),
        }
    }
}

/// The classes for one, two and three axes.
const CLASSES: [(&str, &str); 3] = [
    ("MaxPooling1D", "AveragePooling1D"),
    ("MaxPooling2D", "AveragePooling2D"),
    ("MaxPooling3D", "AveragePooling3D"),
];

impl Layer for Pooling {
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

    fn title(&self) -> String {
        format!("{} {}", self.class_name(), self.size.title(self.rank))
    }

    fn config(&self) -> Value {
        let own = json!({
            "pool_size": self.size.config(self.rank),
            "strides": self.strides_given().config(self.rank),
            "padding": self.padding.name(),
            "data_format": self.data_format.name(),
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        self.size.check(&place, "pool_size", self.rank)?;
        self.strides_given().check(&place, "strides", self.rank)?;
        if self.padding == Padding::Causal {
            return Err(Error::argument(place, "padding", "causal", "valid or same"));
        }
        let (sizes, channels) = self.data_format.parted(&place, input, self.rank)?;
        let counts = window_counts(&place, input, sizes, &self.axes(sizes))?;
        Ok(self.data_format.joined(&counts, channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.data_format.around(context, input, |context, x| self.pooled(context.graph, x))
    }
}
