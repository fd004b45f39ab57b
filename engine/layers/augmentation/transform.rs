use serde_json::{Value, json};

use super::factor::Factor;
use super::sampling::{FillMode, Sampling, grid};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::layers::arithmetic::turned;
use crate::layers::config::with_base;
use crate::layers::draw::Draw;
use crate::layers::{Base, Config, Context, DataFormat, Interpolation, Layer};
use crate::tensor::Shape;

/// What is done to an image, within which ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Motion {
    /// Turned, by shares of a whole turn.
    Rotation(Factor),
    /// Shifted down and right, by shares of height and width.
    Translation([Factor; 2]),
    /// Height and width that are seen, as shares more than all; the width follows the height where it has none of its own.
    Zoom(Factor, Option<Factor>),
}

/// While training, turns, shifts or zooms images, each differently, `[None, height, width, channels]`; else it changes nothing.
/// [`RandomRotation`], [`RandomTranslation`] and [`RandomZoom`] make such layers.
#[derive(Clone, Debug)]
pub struct RandomTransform {
    base: Base,
    motion: Motion,
    sampling: Sampling,
    data_format: DataFormat,
    draw: Draw,
}

/// Turned images.
///
/// ```
/// use gradus::layers::RandomRotation;
/// let layer = RandomRotation::new(0.05).fill_mode("nearest");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomRotation;

/// Shifted images.
///
/// ```
/// use gradus::layers::RandomTranslation;
/// let layer = RandomTranslation::new(0.1, (0.0, 0.2)).fill_mode("constant").fill_value(1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomTranslation;

/// Images seen from nearer or farther.
///
/// ```
/// use gradus::layers::RandomZoom;
/// let layer = RandomZoom::new((-0.2, 0.1));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomZoom;

#[expect(clippy::new_ret_no_self, reason = "it is a RandomTransform layer that turns")]
impl RandomRotation {
    /// From −`factor` to `factor` of a whole turn, or between two numbers from −1 to 1. Above 0 is against the clock.
    pub fn new(factor: impl Into<Factor>) -> RandomTransform {
        RandomTransform::of(Motion::Rotation(factor.into()))
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a RandomTransform layer that shifts")]
impl RandomTranslation {
    /// By shares of height and width from −the factor to the factor, or between two numbers from −1 to 1. Above 0 is down and
    /// to the right.
    pub fn new(height_factor: impl Into<Factor>, width_factor: impl Into<Factor>) -> RandomTransform {
        RandomTransform::of(Motion::Translation([height_factor.into(), width_factor.into()]))
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a RandomTransform layer that zooms")]
impl RandomZoom {
    /// Height and width seen are 1 + a number from −`factor` to `factor`, or between two numbers above −1 and up to 1, of the
    /// image's. Below 0 is nearer.
    pub fn new(factor: impl Into<Factor>) -> RandomTransform {
        RandomTransform::of(Motion::Zoom(factor.into(), None))
    }
}

impl RandomTransform {
    fn of(motion: Motion) -> Self {
        let sampling =
            Sampling { interpolation: Interpolation::Bilinear, fill: FillMode::Reflect, value: 0.0 };
        Self {
            base: Base::default(),
            motion,
            sampling,
            data_format: DataFormat::default(),
            draw: Draw::default(),
        }
    }

    /// Lets a [`RandomZoom`] draw another number for the width. Default: both are zoomed alike.
    pub fn width_factor(mut self, factor: impl Into<Factor>) -> Self {
        match &mut self.motion {
            Motion::Zoom(_, width) => *width = Some(factor.into()),
            _ => {
                let expected = "none but in a RandomZoom";
                self.base.refuse(Error::argument(self.class_name(), "width_factor", "given", expected));
            }
        }
        self
    }

    /// What lies beyond the edges, as [`FillMode`] or by name: `constant`, `nearest`, `reflect` or `wrap`. Default `reflect`.
    pub fn fill_mode<F>(mut self, mode: F) -> Self
    where
        F: TryInto<FillMode, Error: Into<Error>>,
    {
        self.sampling.fill = self.base.option(self.sampling.fill, mode);
        self
    }

    /// What lies beyond the edges under `constant`. Default 0.
    pub fn fill_value(mut self, value: f64) -> Self {
        self.sampling.value = value;
        self
    }

    /// Where the pixels come from, as [`Interpolation`] or by name: `bilinear` or `nearest`. Default `bilinear`.
    pub fn interpolation<I>(mut self, interpolation: I) -> Self
    where
        I: TryInto<Interpolation, Error: Into<Error>>,
    {
        self.sampling.interpolation = self.base.option(self.sampling.interpolation, interpolation);
        self
    }

    /// What is drawn follows from this number and the model's seed. Default: each layer draws by itself.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draw.seed = Some(seed);
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

    /// The layer's name. Default `random_rotation` and so on, then with `_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let needed = |config: &mut Config, key| {
            let missing = config.wrong(key, &Value::Null, "a number, or a list of two");
            Factor::read(config, key)?.ok_or(missing)
        };
        let motion = match class {
            "RandomRotation" => Motion::Rotation(needed(config, "factor")?),
            "RandomTranslation" => {
                Motion::Translation([needed(config, "height_factor")?, needed(config, "width_factor")?])
            }
            _ => Motion::Zoom(needed(config, "height_factor")?, Factor::read(config, "width_factor")?),
        };
        let mode = config.text("fill_mode")?;
        let mode = mode.map_or(Ok(FillMode::Reflect), |name| name.as_str().try_into());
        let interpolation = config.text("interpolation")?;
        let interpolation =
            interpolation.map_or(Ok(Interpolation::Bilinear), |name| name.as_str().try_into());
        let sampling = Sampling {
            fill: config.placed(mode)?,
            interpolation: config.placed(interpolation)?,
            value: config.number_or("fill_value", 0.0)?,
        };
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, motion, sampling, data_format, draw: Draw::seeded(config)? })
    }

    /// Where each pixel of images of `size` is read from: rows and columns `[B, height, width]`.
    fn places(&self, graph: &mut Graph, size: [usize; 2]) -> Result<[NodeId; 2]> {
        let grid = grid(graph, size)?;
        let centre = size.map(|n| (n as f32 - 1.0) / 2.0);
        match self.motion {
            Motion::Rotation(factor) => {
                let turns = one_each(graph, factor, &self.draw, 0, 0.0)?;
                let [sin, cos] = turned(graph, turns)?;
                let [y, x] = from_centre(graph, grid, centre)?;
                let (down, along) = (graph.multiply(y, cos)?, graph.multiply(x, sin)?);
                let (across, up) = (graph.multiply(x, cos)?, graph.multiply(y, sin)?);
                let read = [graph.add(down, along)?, graph.subtract(across, up)?];
                to_corner(graph, read, centre)
            }
            Motion::Translation(factors) => {
                let mut read = grid;
                for (axis, place) in read.iter_mut().enumerate() {
                    let share = one_each(graph, factors[axis], &self.draw, axis as u32, 0.0)?;
                    let shift = graph.scale(share, size[axis] as f32)?;
                    *place = graph.subtract(*place, shift)?;
                }
                Ok(read)
            }
            Motion::Zoom(height, width) => {
                let rows = one_each(graph, height, &self.draw, 0, 1.0)?;
                let columns = width.map(|width| one_each(graph, width, &self.draw, 1, 1.0));
                let columns = columns.unwrap_or(Ok(rows))?;
                let [y, x] = from_centre(graph, grid, centre)?;
                let read = [graph.multiply(y, rows)?, graph.multiply(x, columns)?];
                to_corner(graph, read, centre)
            }
        }
    }
}

/// A random number for each sample, `[B, 1, 1]`.
fn one_each(graph: &mut Graph, factor: Factor, draw: &Draw, number: u32, base: f64) -> Result<NodeId> {
    let drawn = factor.draw(graph, draw, number, base)?;
    graph.reshape(drawn, &Shape::batched(&[1, 1]))
}

fn from_centre(graph: &mut Graph, [y, x]: [NodeId; 2], centre: [f32; 2]) -> Result<[NodeId; 2]> {
    let [row, column] = centre.map(|n| graph.constant(n));
    Ok([graph.subtract(y, row)?, graph.subtract(x, column)?])
}

fn to_corner(graph: &mut Graph, [y, x]: [NodeId; 2], centre: [f32; 2]) -> Result<[NodeId; 2]> {
    let [row, column] = centre.map(|n| graph.constant(n));
    Ok([graph.add(y, row)?, graph.add(x, column)?])
}

impl Layer for RandomTransform {
    fn class_name(&self) -> &'static str {
        match self.motion {
            Motion::Rotation(_) => "RandomRotation",
            Motion::Translation(_) => "RandomTranslation",
            Motion::Zoom(..) => "RandomZoom",
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let mut own = json!({
            "fill_mode": self.sampling.fill.name(),
            "fill_value": self.sampling.value,
            "interpolation": self.sampling.interpolation.name(),
            "data_format": self.data_format.name(),
        });
        match self.motion {
            Motion::Rotation(factor) => own["factor"] = factor.ends(),
            Motion::Translation([height, width]) => {
                own["height_factor"] = height.config();
                own["width_factor"] = width.config();
            }
            Motion::Zoom(height, width) => {
                own["height_factor"] = height.config();
                own["width_factor"] = width.map_or(Value::Null, Factor::config);
            }
        }
        self.draw.write(&mut own);
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        match self.motion {
            Motion::Rotation(factor) => factor.check(&place, "factor", [-1.0, 1.0])?,
            Motion::Translation([height, width]) => {
                height.check(&place, "height_factor", [-1.0, 1.0])?;
                width.check(&place, "width_factor", [-1.0, 1.0])?;
            }
            // Nothing at all would be seen at -1.
            Motion::Zoom(height, width) => {
                let above = -1.0 + f64::EPSILON;
                height.check(&place, "height_factor", [above, 1.0])?;
                width.map_or(Ok(()), |width| width.check(&place, "width_factor", [above, 1.0]))?;
            }
        }
        if !matches!(self.sampling.interpolation, Interpolation::Nearest | Interpolation::Bilinear) {
            let found = self.sampling.interpolation.name();
            return Err(Error::argument(place, "interpolation", found, "bilinear or nearest, as in Keras"));
        }
        self.data_format.image(&place, input)?;
        Ok(input.to_vec())
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training {
            return Ok(input);
        }
        let [height, width, _] = self.data_format.image(&self.place(), &context.sample_shape(input))?;
        let places = self.places(context.graph, [height, width])?;
        self.data_format
            .around(context, input, |context, images| self.sampling.read(context.graph, images, places))
    }
}
