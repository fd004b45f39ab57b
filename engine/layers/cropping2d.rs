use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::image_shape;
use super::{Base, Config, Context, Layer};
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
}

impl Cropping2D {
    /// Rows cut off above and below, columns left and right. Keras's default is 0 everywhere.
    pub fn new(sides: [usize; 4]) -> Self {
        Self { base: Base::default(), sides }
    }

    /// The layer's name. Default `cropping2d`, `cropping2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let [top, bottom, left, right] = config.sides("cropping", [0; 4])?;
        Ok(Self::new([top, bottom, left, right])).map(|layer| Self { base, ..layer })
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
        with_base(
            self,
            json!({ "cropping": [[self.sides[0], self.sides[1]], [self.sides[2], self.sides[3]]], "data_format": "channels_last" }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, _] = image_shape(&self.place(), input)?;
        let [top, bottom, left, right] = self.sides;
        if height > top + bottom && width > left + right {
            return Ok(vec![height - top - bottom, width - left - right, input[2]]);
        }
        let expected = format!("less than the {height}x{width} pixels of the input");
        Err(Error::argument(self.place(), "cropping", format!("{:?}", self.sides), expected))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        let [top, _, left, _] = self.sides;
        context.graph.slice(input, &[Along::new(1, top, shape[0]), Along::new(2, left, shape[1])])
    }
}
