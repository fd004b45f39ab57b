use serde_json::{Value, json};

use super::resizing::{check_size, cut_to_shape, resized};
use super::sampling::{grid, pixels};
use crate::error::{Error, Result};
use crate::graph::{Along, Binary, Graph, NodeId};
use crate::layers::arithmetic::floor;
use crate::layers::config::with_base;
use crate::layers::draw::Draw;
use crate::layers::{Base, Config, Context, DataFormat, Interpolation, Layer};
use crate::tensor::Shape;

/// A part of images, `[None, height, width, channels]`. [`CenterCrop`] and [`RandomCrop`] make such layers.
#[derive(Clone, Debug)]
pub struct Crop {
    base: Base,
    size: [usize; 2],
    data_format: DataFormat,
    /// Where random places come from; `None` for the middle.
    draw: Option<Draw>,
}

/// The middle of images. Of smaller images the middle in the same shape is made larger.
///
/// ```
/// use gradus::layers::CenterCrop;
/// let layer = CenterCrop::new(24, 24);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct CenterCrop;

/// While training, a part of images, elsewhere in each batch. After training, and of images that are not larger in both
/// directions, the middle in the same shape, brought to the size.
///
/// ```
/// use gradus::layers::RandomCrop;
/// let layer = RandomCrop::new(24, 24);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomCrop;

#[expect(clippy::new_ret_no_self, reason = "it is a Crop layer of the middle")]
impl CenterCrop {
    /// A part of `height` by `width` pixels.
    pub fn new(height: usize, width: usize) -> Crop {
        Crop { base: Base::default(), size: [height, width], data_format: DataFormat::default(), draw: None }
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a Crop layer at random places")]
impl RandomCrop {
    /// A part of `height` by `width` pixels.
    pub fn new(height: usize, width: usize) -> Crop {
        Crop { draw: Some(Draw::default()), ..CenterCrop::new(height, width) }
    }
}

impl Crop {
    /// What a [`RandomCrop`] draws follows from this number and the model's seed. Default: each layer draws by itself.
    pub fn seed(mut self, seed: u64) -> Self {
        if let Some(draw) = &mut self.draw {
            draw.seed = Some(seed);
        }
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

    /// The layer's name. Default `center_crop` or `random_crop`, then with `_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let size = [config.count("height")?, config.count("width")?];
        let draw = if class == "RandomCrop" { Some(Draw::seeded(config)?) } else { None };
        Ok(Self { base, size, data_format: DataFormat::from_config(config)?, draw })
    }

    /// The part of images with the channels last.
    fn cropped(&self, context: &mut Context<'_>, images: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(images);
        let room = [0, 1].map(|axis| sample[axis].checked_sub(self.size[axis]));
        let (training, graph) = (context.training, &mut *context.graph);
        match (&self.draw, room) {
            (Some(draw), [Some(down @ 1..), Some(right @ 1..)]) if training => {
                self.somewhere(graph, draw, images, [down, right])
            }
            (None, [Some(down), Some(right)]) => {
                let [rows, columns] = self.size;
                graph.slice(images, &[Along::new(1, down / 2, rows), Along::new(2, right / 2, columns)])
            }
            _ => {
                let middle = cut_to_shape(graph, images, self.size)?;
                resized(graph, middle, self.size, Interpolation::Bilinear)
            }
        }
    }

    /// The part whose first pixel is one of all that leave room for it, the same for the whole batch.
    fn somewhere(&self, graph: &mut Graph, draw: &Draw, input: NodeId, room: [usize; 2]) -> Result<NodeId> {
        let mut places = grid(graph, self.size)?;
        for (axis, place) in places.iter_mut().enumerate() {
            let uniform = draw.uniform(graph, &Shape::fixed(&[1, 1, 1]), axis as u32);
            let start = graph.scale(uniform, room[axis] as f32 + 1.0)?;
            let (start, last) = (floor(graph, start)?, graph.constant(room[axis] as f32));
            let start = graph.binary(Binary::Minimum, start, last)?;
            *place = graph.add(*place, start)?;
        }
        pixels(graph, input, places)
    }
}

impl Layer for Crop {
    fn class_name(&self) -> &'static str {
        if self.draw.is_some() { "RandomCrop" } else { "CenterCrop" }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let [height, width] = self.size;
        let mut own = json!({ "height": height, "width": width, "data_format": self.data_format.name() });
        if let Some(draw) = &self.draw {
            draw.write(&mut own);
        }
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        check_size(&place, self.size)?;
        let [_, _, channels] = self.data_format.image(&place, input)?;
        Ok(self.data_format.joined(&self.size, channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.data_format.around(context, input, |context, images| self.cropped(context, images))
    }
}
