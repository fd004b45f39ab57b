use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Comparison, Graph, NodeId};
use crate::layers::config::with_base;
use crate::layers::draw::Draw;
use crate::layers::{Base, Config, Context, DataFormat, Layer};
use crate::tensor::Shape;
use crate::train::by_name;

/// Along which axes images are turned around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlipMode {
    /// Left to right.
    Horizontal,
    /// Top to bottom.
    Vertical,
    /// Both at once.
    #[default]
    HorizontalAndVertical,
}

const MODES: [(&str, FlipMode); 3] = [
    ("horizontal", FlipMode::Horizontal),
    ("vertical", FlipMode::Vertical),
    ("horizontal_and_vertical", FlipMode::HorizontalAndVertical),
];

impl TryFrom<&str> for FlipMode {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("mode", "mode", name, &MODES)
    }
}

/// While training, turns every second image around, by chance, `[None, height, width, channels]`; else it changes nothing.
///
/// ```
/// use gradus::layers::RandomFlip;
/// let layer = RandomFlip::new("horizontal");
/// ```
#[derive(Clone, Debug)]
pub struct RandomFlip {
    base: Base,
    mode: FlipMode,
    data_format: DataFormat,
    draw: Draw,
}

impl RandomFlip {
    /// Along the axes of `mode`, as [`FlipMode`] or by name: `horizontal`, `vertical` or `horizontal_and_vertical`, Keras's
    /// default, which turns an image around along both or not at all.
    pub fn new<M>(mode: M) -> Self
    where
        M: TryInto<FlipMode, Error: Into<Error>>,
    {
        let mut base = Base::default();
        let mode = base.option(FlipMode::default(), mode);
        Self { base, mode, data_format: DataFormat::default(), draw: Draw::default() }
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

    /// The layer's name. Default `random_flip`, `random_flip_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let mode = config.text("mode")?;
        let mode = mode.map_or(Ok(FlipMode::default()), |mode| mode.as_str().try_into());
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, mode: config.placed(mode)?, data_format, draw: Draw::seeded(config)? })
    }

    /// Images with the channels last, every second turned around.
    fn flipped(&self, graph: &mut Graph, images: NodeId) -> Result<NodeId> {
        let draw = self.draw.uniform(graph, &Shape::batched(&[1, 1, 1]), 0);
        let half = graph.constant(0.5);
        let flips = graph.compare(Comparison::LessEqual, draw, half)?;
        let axes: &[usize] = match self.mode {
            FlipMode::Horizontal => &[2],
            FlipMode::Vertical => &[1],
            FlipMode::HorizontalAndVertical => &[2, 1],
        };
        let mut turned = images;
        for &axis in axes {
            turned = graph.reverse(turned, axis)?;
        }
        graph.select(flips, turned, images)
    }
}

impl Layer for RandomFlip {
    fn class_name(&self) -> &'static str {
        "RandomFlip"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let mode = MODES.iter().find(|(_, mode)| *mode == self.mode).map(|(name, _)| name);
        let mut own = json!({ "mode": mode, "data_format": self.data_format.name() });
        self.draw.write(&mut own);
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check(&self.place())?;
        self.data_format.image(&self.place(), input)?;
        Ok(input.to_vec())
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training {
            return Ok(input);
        }
        self.data_format.around(context, input, |context, images| self.flipped(context.graph, images))
    }
}
