use serde_json::{Value, json};

use super::sampling::{FillMode, Sampling, floor, grid};
use crate::error::{Error, Result};
use crate::graph::{Along, Graph, NodeId};
use crate::layers::config::with_base;
use crate::layers::spatial::image_shape;
use crate::layers::{Base, Config, Context, Interpolation, Layer};

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
    crop: bool,
}

impl Resizing {
    /// Images of `height` by `width` pixels.
    pub fn new(height: usize, width: usize) -> Self {
        Self {
            base: Base::default(),
            size: [height, width],
            interpolation: Interpolation::Bilinear,
            crop: false,
        }
    }

    /// Where the new pixels come from, as [`Interpolation`] or by name: `bilinear` or `nearest`. Default `bilinear`, without
    /// smoothing what shrinks.
    pub fn interpolation<I>(mut self, interpolation: I) -> Self
    where
        I: TryInto<Interpolation, Error: Into<Error>>,
    {
        self.interpolation = self.base.option(self.interpolation, interpolation);
        self
    }

    /// Whether images are cut to the shape of the new ones first, rather than stretched. Default false.
    pub fn crop_to_aspect_ratio(mut self, crop: bool) -> Self {
        self.crop = crop;
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
        for key in ["antialias", "pad_to_aspect_ratio"] {
            config.only(key, &[json!(false)])?;
        }
        // They matter to padding alone.
        config.take("fill_mode");
        config.take("fill_value");
        let crop = config.flag("crop_to_aspect_ratio", false)?;
        let size = [config.count("height")?, config.count("width")?];
        Ok(Self { base, size, interpolation, crop })
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
                "crop_to_aspect_ratio": self.crop,
                "data_format": "channels_last",
            }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_size(&place, self.size)?;
        let [_, _, channels] = image_shape(&place, input)?;
        Ok(vec![self.size[0], self.size[1], channels])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let graph = &mut *context.graph;
        let images = if self.crop { cut_to_shape(graph, input, self.size)? } else { input };
        resized(graph, images, self.size, self.interpolation)
    }
}

pub(super) fn check_size(place: &str, size: [usize; 2]) -> Result<()> {
    if !size.contains(&0) {
        return Ok(());
    }
    Err(Error::argument(place, "height and width", format!("{size:?}"), "at least 1 by 1"))
}

/// The middle of `images`, as large as it can be in the shape of `size`.
pub(super) fn cut_to_shape(graph: &mut Graph, images: NodeId, size: [usize; 2]) -> Result<NodeId> {
    let [height, width] = [1, 2].map(|axis| graph.shape(images).0[axis].factor);
    let fitting = |length: usize, other: usize, [own, across]: [usize; 2]| {
        ((other as f64 * own as f64 / across as f64) as usize).min(length).max(1)
    };
    let cut = [fitting(height, width, size), fitting(width, height, [size[1], size[0]])];
    let start = [(height - cut[0]) / 2, (width - cut[1]) / 2];
    graph.slice(images, &[Along::new(1, start[0], cut[0]), Along::new(2, start[1], cut[1])])
}

/// `images` of another size, each pixel read where its centre lies.
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
            Interpolation::Bilinear => graph.subtract(there, half)?,
            Interpolation::Nearest => floor(graph, there)?,
        };
    }
    Sampling { interpolation, fill: FillMode::Nearest, value: 0.0 }.read(graph, images, places)
}
