use serde_json::{Value, json};

use super::config::with_base;
use super::interpolation::resampled;
use super::{Base, Config, Context, DataFormat, Interpolation, Layer, Sizes};
use crate::error::{Error, Result};
use crate::graph::{Along, Graph, NodeId};
use crate::tensor::{Dim, Shape};

/// Larger images: `[None, height, width, channels]` to `[None, rows · height, columns · width, channels]`.
///
/// ```
/// use gradus::layers::UpSampling2D;
/// let layer = UpSampling2D::new(2).interpolation("bilinear");
/// ```
#[derive(Clone, Debug)]
pub struct UpSampling2D {
    base: Base,
    size: Sizes,
    interpolation: Interpolation,
    data_format: DataFormat,
}

impl UpSampling2D {
    /// Each pixel as many times as `size` says, one number or rows and columns. Keras's default is 2.
    pub fn new(size: impl Into<Sizes>) -> Self {
        Self {
            base: Base::default(),
            size: size.into(),
            interpolation: Interpolation::Nearest,
            data_format: DataFormat::default(),
        }
    }

    /// Where the new pixels come from, as [`Interpolation`] or by name: `nearest`, `bilinear`, `bicubic`, `lanczos3`
    /// or `lanczos5`. Default `nearest`.
    pub fn interpolation<I>(mut self, interpolation: I) -> Self
    where
        I: TryInto<Interpolation, Error: Into<Error>>,
    {
        self.interpolation = self.base.option(self.interpolation, interpolation);
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

    /// The layer's name. Default `up_sampling2d`, `up_sampling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let interpolation = config.text("interpolation")?;
        let interpolation = interpolation.map_or(Ok(Interpolation::Nearest), |name| name.as_str().try_into());
        let interpolation = config.placed(interpolation)?;
        let size = config.spatial("size")?.unwrap_or(2.into());
        Ok(Self { base, size, interpolation, data_format: DataFormat::from_config(config)? })
    }

    /// Images with the channels last made larger.
    fn enlarged(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        let size = self.size.of_rank(2);
        let [height, width] = [0, 1].map(|i| graph.shape(images).0[i + 1].factor * size[i]);
        match self.interpolation {
            Interpolation::Nearest => repeated(graph, images, &size),
            Interpolation::Bilinear => {
                let tall = stretched(graph, images, 1, size[0])?;
                stretched(graph, tall, 2, size[1])
            }
            other => resampled(graph, images, [height, width], (other, false)),
        }
    }
}

impl Layer for UpSampling2D {
    fn class_name(&self) -> &'static str {
        "UpSampling2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(
            self,
            json!({
                "size": self.size.config(2),
                "interpolation": self.interpolation.name(),
                "data_format": self.data_format.name(),
            }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        let [height, width, channels] = self.data_format.image(&place, input)?;
        self.size.check(&place, "size", 2)?;
        let size = self.size.of_rank(2);
        Ok(self.data_format.joined(&[height * size[0], width * size[1]], channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.data_format.around(context, input, |context, images| self.enlarged(context.graph, images))
    }
}

/// `images` with each pixel `size` times, rows and columns.
fn repeated(graph: &mut Graph, images: NodeId, size: &[usize]) -> Result<NodeId> {
    let x = graph.shape(images).0.clone();
    let (one, fixed) = (Dim::fixed(1), Dim::fixed);
    let pixels = graph.reshape(images, &Shape(vec![x[0], x[1], one, x[2], one, x[3]]))?;
    let repeated = Shape(vec![x[0], x[1], fixed(size[0]), x[2], fixed(size[1]), x[3]]);
    let pixels = graph.broadcast(pixels, &repeated)?;
    let [height, width] = [fixed(x[1].factor * size[0]), fixed(x[2].factor * size[1])];
    graph.reshape(pixels, &Shape(vec![x[0], height, width, x[3]]))
}

/// `images` with `times` pixels along `axis` for each, mixed from the two whose centres lie around theirs.
fn stretched(graph: &mut Graph, images: NodeId, axis: usize, times: usize) -> Result<NodeId> {
    let x = graph.shape(images).0.clone();
    let length = x[axis].factor;
    let mut pixels = x.clone();
    pixels.insert(axis + 1, Dim::fixed(1));
    let pixels = graph.reshape(images, &Shape(pixels))?;
    // The pixels before and after each; the outermost stand for those outside.
    let [first, head] = [Along::new(axis, 0, 1), Along::new(axis, 0, length - 1)];
    let [last, tail] = [Along::new(axis, length - 1, 1), Along::new(axis, 1, length - 1)];
    let before = beside(graph, pixels, [first, head], axis)?;
    let after = beside(graph, pixels, [tail, last], axis)?;
    let mut phases = Vec::with_capacity(times);
    for phase in 0..times {
        // How far the centre lies from the old pixel's, in old pixels.
        let distance = (phase as f32 + 0.5) / times as f32 - 0.5;
        let other = if distance < 0.0 { before } else { after };
        let own = graph.scale(pixels, 1.0 - distance.abs())?;
        let other = graph.scale(other, distance.abs())?;
        phases.push(graph.add(own, other)?);
    }
    let phases = graph.concat(&phases, axis + 1)?;
    let mut shape = x;
    shape[axis] = Dim::fixed(length * times);
    graph.reshape(phases, &Shape(shape))
}

/// Two parts of `pixels` side by side; a part of nothing is left out.
fn beside(graph: &mut Graph, pixels: NodeId, parts: [Along; 2], axis: usize) -> Result<NodeId> {
    let mut slices = Vec::new();
    for part in parts.into_iter().filter(|part| part.size > 0) {
        slices.push(graph.slice(pixels, &[part])?);
    }
    graph.concat(&slices, axis)
}
