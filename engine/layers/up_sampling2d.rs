use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::image_shape;
use super::{Base, Config, Context, Layer, Size2};
use crate::error::Result;
use crate::graph::NodeId;
use crate::tensor::Shape;

/// Larger images, each pixel repeated: `[None, height, width, channels]` to `[None, rows · height, columns · width, channels]`.
///
/// ```
/// use gradus::layers::UpSampling2D;
/// let layer = UpSampling2D::new(2);
/// ```
#[derive(Clone, Debug)]
pub struct UpSampling2D {
    base: Base,
    size: Size2,
}

impl UpSampling2D {
    /// Each pixel as many times as `size` says, one number or rows and columns. Keras's default is 2.
    pub fn new(size: impl Into<Size2>) -> Self {
        Self { base: Base::default(), size: size.into() }
    }

    /// The layer's name. Default `up_sampling2d`, `up_sampling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        config.only("interpolation", &[json!("nearest")])?;
        let size = config.size("size")?.unwrap_or(2.into());
        Ok(Self { base, size })
    }
}

impl Layer for UpSampling2D {
    fn class_name(&self) -> &'static str {
        "UpSampling2D"
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
            json!({ "size": self.size.config(), "interpolation": "nearest", "data_format": "channels_last" }),
        )
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let [height, width, _] = image_shape(&self.place(), input)?;
        self.size.check(&self.place(), "size")?;
        Ok(vec![height * self.size.height, width * self.size.width, input[2]])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let shape = self.output_shape(&sample)?;
        let &[height, width, channels] = sample.as_slice() else { return Ok(input) };
        let apart = Shape::batched(&[height, 1, width, 1, channels]);
        let repeated = Shape::batched(&[height, self.size.height, width, self.size.width, channels]);
        let pixels = context.graph.reshape(input, &apart)?;
        let pixels = context.graph.broadcast(pixels, &repeated)?;
        context.graph.reshape(pixels, &Shape::batched(&shape))
    }
}
