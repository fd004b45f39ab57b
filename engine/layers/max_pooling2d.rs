use serde_json::Value;

use super::config::with_base;
use super::pooling::Pooling;
use super::{Base, Config, Context, Layer, Padding, Size2};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// The largest value of each window, from `[None, height, width, channels]` to `[None, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::MaxPooling2D;
/// let halved = MaxPooling2D::new((2, 2));
/// ```
#[derive(Clone, Debug)]
pub struct MaxPooling2D {
    base: Base,
    pooling: Pooling,
}

impl MaxPooling2D {
    /// Windows of `pool_size` (a number, or height and width) side by side, without padding.
    pub fn new(pool_size: impl Into<Size2>) -> Self {
        Self { base: Base::default(), pooling: Pooling::new(pool_size.into()) }
    }

    /// Pixels from one window to the next. Default the pool size.
    pub fn strides(mut self, strides: impl Into<Size2>) -> Self {
        self.pooling.strides = Some(strides.into());
        self
    }

    /// What lies around an image, as [`Padding`] or by name. Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.pooling.padding = self.base.option(self.pooling.padding, padding);
        self
    }

    /// The layer's name. Default `max_pooling2d`, `max_pooling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, pooling: Pooling::from_config(config)? })
    }
}

impl Layer for MaxPooling2D {
    fn class_name(&self) -> &'static str {
        "MaxPooling2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("MaxPooling2D {}", self.pooling.title())
    }

    fn config(&self) -> Value {
        with_base(self, self.pooling.config())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        self.pooling.output_shape(&place, input)
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let window = self.pooling.window(&self.place(), &context.sample_shape(input))?;
        context.graph.max_pool(input, window)
    }
}
