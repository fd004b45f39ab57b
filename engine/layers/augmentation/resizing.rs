use serde_json::{Value, json};

use super::sampling::{FillMode, Sampling, grid};
use crate::error::{Error, Result};
use crate::graph::{Along, Graph, NodeId};
use crate::layers::arithmetic::floor;
use crate::layers::config::with_base;
use crate::layers::interpolation::resampled;
use crate::layers::{Base, Config, Context, DataFormat, Interpolation, Layer};
use crate::tensor::Dim;

/// Images of another size, in training and after: `[None, height, width, channels]` of any size to one of `height` by `width`.
///
/// ```
/// use gradus::layers::Resizing;
/// let layer = Resizing::new(32, 48).interpolation("nearest").crop_to_aspect_ratio(true);
/// ```
#[derive(Clone, Debug)]
pub struct Resizing {
    base: Base,
    size: [usize; 2],
    interpolation: Interpolation,
    antialias: bool,
    crop: bool,
    pad: bool,
    fill_value: f64,
    data_format: DataFormat,
}

impl Resizing {
    /// Images of `height` by `width` pixels.
    pub fn new(height: usize, width: usize) -> Self {
        Self {
            base: Base::default(),
            size: [height, width],
            interpolation: Interpolation::Bilinear,
            antialias: false,
            crop: false,
            pad: false,
            fill_value: 0.0,
            data_format: DataFormat::default(),
        }
    }

    /// Where the new pixels come from, as [`Interpolation`] or by name: `nearest`, `bilinear`, `bicubic`, `lanczos3`
    /// or `lanczos5`. Default `bilinear`.
    pub fn interpolation<I>(mut self, interpolation: I) -> Self
    where
        I: TryInto<Interpolation, Error: Into<Error>>,
    {
        self.interpolation = self.base.option(self.interpolation, interpolation);
        self
    }

    /// Whether old pixels that one new pixel covers are all mixed into it, where images shrink; `nearest` mixes none. Default
    /// false.
    pub fn antialias(mut self, antialias: bool) -> Self {
        self.antialias = antialias;
        self
    }

    /// Whether images are cut to the shape of the new ones first, rather than stretched. Default false.
    pub fn crop_to_aspect_ratio(mut self, crop: bool) -> Self {
        self.crop = crop;
        self
    }

    /// Whether images get a frame that brings them to the shape of the new ones first, rather than be stretched. Default
    /// false.
    pub fn pad_to_aspect_ratio(mut self, pad: bool) -> Self {
        self.pad = pad;
        self
    }

    /// The value of the frame of [`Resizing::pad_to_aspect_ratio`]. Default 0.
    pub fn fill_value(mut self, value: f64) -> Self {
        self.fill_value = value;
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

    /// The layer's name. Default `resizing`, `resizing_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let interpolation = config.text("interpolation")?;
        let interpolation =
            interpolation.map_or(Ok(Interpolation::Bilinear), |name| name.as_str().try_into());
        let interpolation = config.placed(interpolation)?;
        config.only("fill_mode", &[json!("constant")])?;
        Ok(Self {
            base,
            size: [config.count("height")?, config.count("width")?],
            interpolation,
            antialias: config.flag("antialias", false)?,
            crop: config.flag("crop_to_aspect_ratio", false)?,
            pad: config.flag("pad_to_aspect_ratio", false)?,
            fill_value: config.number_or("fill_value", 0.0)?,
            data_format: DataFormat::from_config(config)?,
        })
    }

    /// Images with the channels last, brought to the size.
    fn sized(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        let mut images = images;
        if self.crop {
            images = cut_to_shape(graph, images, self.size)?;
        }
        if self.pad {
            images = framed_to_shape(graph, images, self.size, self.fill_value)?;
        }
        match self.interpolation {
            Interpolation::Nearest => resized(graph, images, self.size, Interpolation::Nearest),
            Interpolation::Bilinear if !self.antialias => {
                resized(graph, images, self.size, Interpolation::Bilinear)
            }
            other => resampled(graph, images, self.size, (other, self.antialias)),
        }
    }
}

impl Layer for Resizing {
    fn class_name(&self) -> &'static str {
        "Resizing"
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
                "height": self.size[0],
                "width": self.size[1],
                "interpolation": self.interpolation.name(),
                "antialias": self.antialias,
                "crop_to_aspect_ratio": self.crop,
                "pad_to_aspect_ratio": self.pad,
                "fill_mode": "constant",
                "fill_value": self.fill_value,
                "data_format": self.data_format.name(),
            }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_size(&place, self.size)?;
        if self.crop && self.pad {
            let expected = "false where crop_to_aspect_ratio is true";
            return Err(Error::argument(place, "pad_to_aspect_ratio", true, expected));
        }
        let [_, _, channels] = self.data_format.image(&place, input)?;
        Ok(self.data_format.joined(&self.size, channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.data_format.around(context, input, |context, images| self.sized(context.graph, images))
    }
}

pub(super) fn check_size(place: &str, size: [usize; 2]) -> Result<()> {
    if !size.contains(&0) {
        return Ok(());
    }
    Err(Error::argument(place, "height and width", format!("{size:?}"), "at least 1 by 1"))
}

/// The height that goes with the width of an image in the shape of `size`, and the width that goes with its height.
fn fitting([height, width]: [usize; 2], size: [usize; 2]) -> [usize; 2] {
    let share =
        |length: usize, own: usize, across: usize| (length as f64 * own as f64 / across as f64) as usize;
    [share(width, size[0], size[1]), share(height, size[1], size[0])]
}

/// `images` in the middle of a frame of `value` that has the shape of `size`, one pixel off where the frame is odd, as in Keras.
fn framed_to_shape(graph: &mut Graph, images: NodeId, size: [usize; 2], value: f64) -> Result<NodeId> {
    let [height, width] = [1, 2].map(|axis| graph.shape(images).0[axis].factor);
    let fitting = fitting([height, width], size);
    let sides = [fitting[0].saturating_sub(height) / 2, fitting[1].saturating_sub(width) / 2];
    let Some(axis) = sides.iter().position(|&side| side > 0) else { return Ok(images) };
    let mut shape = graph.shape(images).clone();
    shape.0[axis + 1] = Dim::fixed(sides[axis]);
    let value = graph.constant(value as f32);
    let side = graph.broadcast(value, &shape)?;
    graph.concat(&[side, images, side], axis + 1)
}

/// The middle of `images`, as large as it can be in the shape of `size`.
pub(super) fn cut_to_shape(graph: &mut Graph, images: NodeId, size: [usize; 2]) -> Result<NodeId> {
    let [height, width] = [1, 2].map(|axis| graph.shape(images).0[axis].factor);
    let fitting = fitting([height, width], size);
    let cut = [fitting[0].min(height).max(1), fitting[1].min(width).max(1)];
    let start = [(height - cut[0]) / 2, (width - cut[1]) / 2];
    graph.slice(images, &[Along::new(1, start[0], cut[0]), Along::new(2, start[1], cut[1])])
}

/// `images` of another size, each pixel read where its centre lies: the nearest, or else between the four around.
pub(super) fn resized(
    graph: &mut Graph,
    images: NodeId,
    size: [usize; 2],
    interpolation: Interpolation,
) -> Result<NodeId> {
    let mut places = grid(graph, size)?;
    let half = graph.constant(0.5);
    for (axis, place) in places.iter_mut().enumerate() {
        let scale = graph.shape(images).0[axis + 1].factor as f32 / size[axis] as f32;
        let centre = graph.add(*place, half)?;
        let there = graph.scale(centre, scale)?;
        *place = match interpolation {
            Interpolation::Nearest => floor(graph, there)?,
            _ => graph.subtract(there, half)?,
        };
    }
    Sampling { interpolation, fill: FillMode::Nearest, value: 0.0 }.read(graph, images, places)
}
