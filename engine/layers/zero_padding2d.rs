use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, DataFormat, Layer};
use crate::error::{Error, Result};
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
    data_format: DataFormat,
}

impl ZeroPadding2D {
    /// Rows of zeros above and below, columns left and right. Keras's default is 1 everywhere.
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

    /// The layer's name. Default `zero_padding2d`, `zero_padding2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let [top, bottom, left, right] = config.sides("padding", [1; 4])?;
        let data_format = DataFormat::from_config(config)?;
        Ok(Self { base, sides: [top, bottom, left, right], data_format })
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
        let [top, bottom, left, right] = self.sides;
        let sides = [[top, bottom], [left, right]];
        with_base(self, json!({ "padding": sides, "data_format": self.data_format.name() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        let [height, width, channels] = self.data_format.image(&place, input)?;
        let [top, bottom, left, right] = self.sides;
        Ok(self.data_format.joined(&[top + height + bottom, left + width + right], channels))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        let [height, width, _] = self.data_format.image(&self.place(), &shape)?;
        let [top, _, left, _] = self.sides;
        self.data_format.around(context, input, |context, images| {
            context.graph.pad(images, &[Along::new(1, top, height), Along::new(2, left, width)])
        })
    }
}
