use serde_json::{Value, json};

use super::factor::Factor;
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId};
use crate::layers::config::with_base;
use crate::layers::draw::Draw;
use crate::layers::{Base, Config, Context, DataFormat, Layer};

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Brightness,
    Contrast,
}

/// While training, makes images lighter and darker, or their contrasts stronger and weaker; else it changes nothing.
/// [`RandomBrightness`] and [`RandomContrast`] make such layers.
#[derive(Clone, Debug)]
pub struct RandomTone {
    base: Base,
    kind: Kind,
    factor: Factor,
    range: [f64; 2],
    data_format: DataFormat,
    draw: Draw,
}

/// Lighter and darker images: a share of the range of values is added to all of them, one for each image. What leaves the
/// range is cut off.
///
/// ```
/// use gradus::layers::RandomBrightness;
/// let layer = RandomBrightness::new(0.2).value_range(0.0, 1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomBrightness;

/// Stronger and weaker contrasts: (x − mean) · factor + mean, with the mean of each channel and one factor for each image.
/// What leaves the range of values is cut off.
///
/// ```
/// use gradus::layers::RandomContrast;
/// let layer = RandomContrast::new((0.2, 0.2)).value_range(0.0, 1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RandomContrast;

#[expect(clippy::new_ret_no_self, reason = "it is a RandomTone layer that changes the brightness")]
impl RandomBrightness {
    /// A share from −`factor` to `factor`, or between two numbers from −1 to 1.
    pub fn new(factor: impl Into<Factor>) -> RandomTone {
        RandomTone::of(Kind::Brightness, factor.into())
    }
}

#[expect(clippy::new_ret_no_self, reason = "it is a RandomTone layer that changes the contrast")]
impl RandomContrast {
    /// A factor from 1 − the lower to 1 + the upper of two numbers from 0 to 1. One number is the upper, the lower is then 0,
    /// as Keras has it.
    pub fn new(factor: impl Into<Factor>) -> RandomTone {
        RandomTone::of(Kind::Contrast, factor.into())
    }
}

impl RandomTone {
    fn of(kind: Kind, factor: Factor) -> Self {
        let factor = if kind == Kind::Contrast { factor.at_least(0.0) } else { factor };
        Self {
            base: Base::default(),
            kind,
            factor,
            range: [0.0, 255.0],
            data_format: DataFormat::default(),
            draw: Draw::default(),
        }
    }

    /// Between which values images lie. Default 0 and 255.
    pub fn value_range(mut self, low: f64, high: f64) -> Self {
        self.range = [low, high];
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

    /// The layer's name. Default `random_brightness` or `random_contrast`, then with `_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let kind = if class == "RandomContrast" { Kind::Contrast } else { Kind::Brightness };
        let factor = Factor::read(config, "factor")?;
        let factor =
            factor.ok_or_else(|| config.wrong("factor", &Value::Null, "a number, or a list of two"))?;
        let range = config.take("value_range").unwrap_or_else(|| json!([0, 255]));
        let [low, high] = match range.as_array().map(Vec::as_slice) {
            Some([low, high]) => [low.as_f64(), high.as_f64()],
            _ => [None, None],
        };
        let (Some(low), Some(high)) = (low, high) else {
            return Err(config.wrong("value_range", &range, "a list of two numbers"));
        };
        let (draw, data_format) = (Draw::seeded(config)?, DataFormat::from_config(config)?);
        Ok(Self { base, draw, data_format, ..Self::of(kind, factor).value_range(low, high) })
    }

    /// The images before they are cut off to the range.
    fn changed(&self, graph: &mut Graph, input: NodeId) -> Result<NodeId> {
        if self.kind == Kind::Brightness {
            let share = self.factor.draw(graph, &self.draw, 0, 0.0)?;
            let added = graph.scale(share, (self.range[1] - self.range[0]) as f32)?;
            return graph.add(input, added);
        }
        let Factor { lower, upper, .. } = self.factor;
        let factor = Factor::from((-lower, upper)).draw(graph, &self.draw, 0, 1.0)?;
        let mean = graph.mean(input, &[1, 2])?;
        let distance = graph.subtract(input, mean)?;
        let stretched = graph.multiply(distance, factor)?;
        graph.add(stretched, mean)
    }
}

impl Layer for RandomTone {
    fn class_name(&self) -> &'static str {
        match self.kind {
            Kind::Brightness => "RandomBrightness",
            Kind::Contrast => "RandomContrast",
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let (factor, range) = (self.factor.ends(), self.range);
        let mut own =
            json!({ "factor": factor, "value_range": range, "data_format": self.data_format.name() });
        self.draw.write(&mut own);
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        let least = if self.kind == Kind::Contrast { 0.0 } else { -1.0 };
        self.factor.check(&place, "factor", [least, 1.0])?;
        if !(self.range[0] < self.range[1]) {
            let found = format!("{:?}", self.range);
            return Err(Error::argument(place, "value_range", found, "a number and a larger one"));
        }
        self.data_format.image(&place, input)?;
        Ok(input.to_vec())
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training {
            return Ok(input);
        }
        self.data_format.around(context, input, |context, images| {
            let graph = &mut *context.graph;
            let changed = self.changed(graph, images)?;
            let [low, high] = self.range.map(|n| graph.constant(n as f32));
            let raised = graph.binary(Binary::Maximum, changed, low)?;
            graph.binary(Binary::Minimum, raised, high)
        })
    }
}
