use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::image_shape;
use super::{Base, Config, Context, Layer};
use crate::error::Result;
use crate::graph::{Along, NodeId};

/// Zeros around images: `[None, height, width, channels]` to `[None, top + height + bottom, left + width + right, channels]`.
///
/// ```
/// use gradus::layers::ZeroPadding2D;
/// let layer = ZeroPadding2D::new([1, 1, 2, 2]);
/// ```
#[derive(Clone, Debug)]
pub struct ZeroPadding2D {
    base: Base,
    sides: [usize; 4],
}

impl ZeroPadding2D {
    /// Rows of zeros above and below, columns left and right. Keras's default is 1 everywhere.
    pub fn new(sides: [usize; 4]) -> Self {
        Self { base: Base::default(), sides }
    }

    /// The layer's name. Default `zero_padding2d`, `zero_padding2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let [top, bottom, left, right] = config.sides("padding", [1; 4])?;
        Ok(Self::new([top, bottom, left, right])).map(|layer| Self { base, ..layer })
    }
}

impl Layer for ZeroPadding2D {
    fn class_name(&self) -> &'static str {
        "ZeroPadding2D"
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
            json!({ "padding": [[self.sides[0], self.sides[1]], [self.sides[2], self.sides[3]]], "data_format": "channels_last" }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, _] = image_shape(&self.place(), input)?;
        let [top, bottom, left, right] = self.sides;
        Ok(vec![top + height + bottom, left + width + right, input[2]])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let shape = self.output_shape(&sample)?;
        let [top, _, left, _] = self.sides;
        context.graph.pad(input, &[Along::new(1, top, shape[0]), Along::new(2, left, shape[1])])
    }
}
