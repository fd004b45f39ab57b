use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, DataFormat, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::Shape;

/// All numbers of a sample in one row: from `[None, …]` to `[None, features]`.
///
/// ```
/// use gradus::layers::Flatten;
/// // The same row whether the channels came first or last.
/// let layer = Flatten::new().data_format("channels_first");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Flatten {
    base: Base,
    data_format: DataFormat,
}

impl Flatten {
    /// The layer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the channels lie, as [`DataFormat`] or by name: with `channels_first` they are brought behind the other axes
    /// first, as in Keras. Default `channels_last`.
    pub fn data_format<D>(mut self, format: D) -> Self
    where
        D: TryInto<DataFormat, Error: Into<Error>>,
    {
        self.data_format = self.base.option(self.data_format, format);
        self
    }

    /// The layer's name. Default `flatten`, `flatten_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, data_format: DataFormat::from_config(config)? })
    }
}

impl Layer for Flatten {
    fn class_name(&self) -> &'static str {
        "Flatten"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "data_format": self.data_format.name() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check(&self.place())?;
        Ok(vec![input.iter().product()])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let features = self.output_shape(&context.sample_shape(input))?;
        let numbers = self.data_format.last(context.graph, input)?;
        context.graph.reshape(numbers, &Shape::batched(&features))
    }
}
