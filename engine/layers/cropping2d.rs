use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, DataFormat, Layer};
use crate::error::{Error, Result};
use crate::graph::{Along, NodeId};

/// Images without their edges: `[None, height, width, channels]` to `[None, height − top − bottom, width − left − right, channels]`.
///
/// ```
/// use gradus::layers::Cropping2D;
/// let layer = Cropping2D::new([1, 1, 2, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct Cropping2D {
    base: Base,
    sides: [usize; 4],
    data_format: DataFormat,
}

impl Cropping2D {
    /// Rows cut off above and below, columns left and right. Keras's default is 0 everywhere.
    pub fn new(sides: [usize; 4]) -> Self {
        Self { base: Base::default(), sides, data_format: DataFormat::default() }
    }

    /// Where the channels lie, as [`DataFormat`] or by name: `channels_last` or `channels_first`. Default `channels_last`.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        self.data_format = self.base.option(self.data_format, format);
        self
    }

    /// The layer's name. Default `cropping2d`, `cropping2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let [top, bottom, left, right] = config.sides("cropping", [0; 4])?;
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, sides: [top, bottom, left, right], data_format })
    }
}

impl Layer for Cropping2D {
    fn class_name(&self) -> &'static str {
        "Cropping2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let [top, bottom, left, right] = self.sides;
        let sides = [[top, bottom], [left, right]];
        with_base(self, json!({ "cropping": sides, "data_format": self.data_format.name() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        let [height, width, channels] = self.data_format.image(&place, input)?;
        let [top, bottom, left, right] = self.sides;
        if height > top + bottom && width > left + right {
            return Ok(self.data_format.joined(&[height - top - bottom, width - left - right], channels));
        }
        let expected = format!("less than the {height}x{width} pixels of the input");
        Err(Error::argument(place, "cropping", format!("{:?}", self.sides), expected))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        let [height, width, _] = self.data_format.image(&self.place(), &shape)?;
        let [top, _, left, _] = self.sides;
        self.data_format.around(context, input, |context, images| {
            context.graph.slice(images, &[Along::new(1, top, height), Along::new(2, left, width)])
        })
    }
}
