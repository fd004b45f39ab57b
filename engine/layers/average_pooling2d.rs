use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::{image_shape, window_counts};
use super::{Base, Config, Context, Layer, Padding, Size2};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// The mean of each window, pixels of the padding left out, from `[None, height, width, channels]` to `[None, rows, columns, channels]`.
///
/// ```
/// use gradus::layers::AveragePooling2D;
/// let halved = AveragePooling2D::new((2, 2));
/// ```
#[derive(Clone, Debug)]
pub struct AveragePooling2D {
    base: Base,
    pool_size: Size2,
    strides: Option<Size2>,
    padding: Padding,
}

impl AveragePooling2D {
    /// Windows of `pool_size` (a number, or height and width) side by side, without padding.
    pub fn new(pool_size: impl Into<Size2>) -> Self {
        Self { base: Base::default(), pool_size: pool_size.into(), strides: None, padding: Padding::Valid }
    }

    /// Pixels from one window to the next. Default the pool size.
    pub fn strides(mut self, strides: impl Into<Size2>) -> Self {
        self.strides = Some(strides.into());
        self
    }

    /// What lies around an image, as [`Padding`] or by name. Default `valid`.
    pub fn padding<P>(mut self, padding: P) -> Self
    where
        P: TryInto<Padding, Error: Into<Error>>,
    {
        self.padding = self.base.option(self.padding, padding);
        self
    }

    /// The layer's name. Default `average_pooling2d`, `average_pooling2d_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            base: config.base()?,
            pool_size: config.size("pool_size")?.unwrap_or(2.into()),
            strides: config.size("strides")?,
            padding: config.padding()?,
        })
    }

    fn strides_or_size(&self) -> Size2 {
        self.strides.unwrap_or(self.pool_size)
    }
}

impl Layer for AveragePooling2D {
    fn class_name(&self) -> &'static str {
        "AveragePooling2D"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("AveragePooling2D {}x{}", self.pool_size.height, self.pool_size.width)
    }

    fn config(&self) -> Value {
        let own = json!({
            "pool_size": self.pool_size.config(),
            "strides": self.strides_or_size().config(),
            "padding": self.padding.name(),
            "data_format": "channels_last",
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        self.pool_size.check(&place, "pool_size")?;
        self.strides_or_size().check(&place, "strides")?;
        let image = image_shape(&place, input)?;
        let window = self.padding.window(image, self.pool_size, self.strides_or_size());
        let [rows, columns] = window_counts(&place, image, &window)?;
        Ok(vec![rows, columns, image[2]])
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let image = image_shape(&self.place(), &context.sample_shape(input))?;
        let window = self.padding.window(image, self.pool_size, self.strides_or_size());
        context.graph.average_pool(input, window)
    }
}
