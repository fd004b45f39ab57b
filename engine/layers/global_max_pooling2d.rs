use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::image_shape;
use super::{Base, Config, Context, Layer};
use crate::error::Result;
use crate::graph::{NodeId, Reduction};
use crate::tensor::Shape;

/// The largest value of each channel over all pixels: `[None, height, width, channels]` to `[None, channels]`.
///
/// ```
/// use gradus::layers::GlobalMaxPooling2D;
/// let layer = GlobalMaxPooling2D::new().keepdims(true);
/// ```
#[derive(Clone, Debug)]
pub struct GlobalMaxPooling2D {
    base: Base,
    keepdims: bool,
}

impl Default for GlobalMaxPooling2D {
    fn default() -> Self {
        Self::new()
    }
}

impl GlobalMaxPooling2D {
    /// All pixels of a channel become one number.
    pub fn new() -> Self {
        Self { base: Base::default(), keepdims: false }
    }

    /// Whether height and width stay, with size 1. Default false.
    pub fn keepdims(mut self, keepdims: bool) -> Self {
        self.keepdims = keepdims;
        self
    }

    /// The layer's name. Default `global_max_pooling2d`, `global_max_pooling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        config.only("data_format", &[json!("channels_last")])?;
        Ok(Self { base, keepdims: config.flag("keepdims", false)? })
    }
}

impl Layer for GlobalMaxPooling2D {
    fn class_name(&self) -> &'static str {
        "GlobalMaxPooling2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "keepdims": self.keepdims, "data_format": "channels_last" }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        image_shape(&self.place(), input)?;
        Ok(if self.keepdims { vec![1, 1, input[2]] } else { vec![input[2]] })
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        let graph = &mut *context.graph;
        let joined = graph.reduce(Reduction::Max, input, &[1, 2])?;
        graph.reshape(joined, &Shape::batched(&shape))
    }
}
