//! What the pooling layers share: where their windows lie.

use serde_json::{Value, json};

use super::spatial::{image_shape, window_counts};
use super::{Config, Padding, Size2};
use crate::error::Result;
use crate::graph::Window;

/// The windows of a pooling layer.
#[derive(Clone, Debug)]
pub(super) struct Pooling {
    pub size: Size2,
    /// Pixels from one window to the next; side by side if not given.
    pub strides: Option<Size2>,
    pub padding: Padding,
}

impl Pooling {
    /// Windows of `size` side by side, without padding.
    pub fn new(size: Size2) -> Self {
        Self { size, strides: None, padding: Padding::Valid }
    }

    pub fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            size: config.size("pool_size")?.unwrap_or(2.into()),
            strides: config.size("strides")?,
            padding: config.padding()?,
        })
    }

    pub fn config(&self) -> Value {
        json!({
            "pool_size": self.size.config(),
            "strides": self.strides().config(),
            "padding": self.padding.name(),
            "data_format": "channels_last",
        })
    }

    pub fn output_shape(&self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        self.size.check(place, "pool_size")?;
        self.strides().check(place, "strides")?;
        let [rows, columns] = window_counts(place, image_shape(place, input)?, &self.window(place, input)?)?;
        Ok(vec![rows, columns, input[2]])
    }

    /// The window of the graph's operation for images of shape `input`.
    pub fn window(&self, place: &str, input: &[usize]) -> Result<Window> {
        Ok(self.padding.window(image_shape(place, input)?, self.size, self.strides()))
    }

    /// What the layer is for people, after its class: `2x2`.
    pub fn title(&self) -> String {
        format!("{}x{}", self.size.height, self.size.width)
    }

    fn strides(&self) -> Size2 {
        self.strides.unwrap_or(self.size)
    }
}
