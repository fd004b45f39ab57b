use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::layers::config::with_base;
use crate::layers::{Base, Config, Context, Layer};

/// x · scale + offset, in training and after, such as bytes of images brought to numbers from 0 to 1.
///
/// ```
/// use gradus::layers::Rescaling;
/// let from_0_to_1 = Rescaling::new(1.0 / 255.0);
/// let from_minus_1_to_1 = Rescaling::new(1.0 / 127.5).offset(-1.0);
/// ```
#[derive(Clone, Debug)]
pub struct Rescaling {
    base: Base,
    scale: f64,
    offset: f64,
}

impl Rescaling {
    /// What every number is multiplied by.
    pub fn new(scale: f64) -> Self {
        Self { base: Base::default(), scale, offset: 0.0 }
    }

    /// What is added then. Default 0.
    pub fn offset(mut self, offset: f64) -> Self {
        self.offset = offset;
        self
    }

    /// The layer's name. Default `rescaling`, `rescaling_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let (scale, offset) = (config.number("scale")?, config.number_or("offset", 0.0)?);
        Ok(Self { base, scale, offset })
    }
}

impl Layer for Rescaling {
    fn class_name(&self) -> &'static str {
        "Rescaling"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "scale": self.scale, "offset": self.offset }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        for (argument, number) in [("scale", self.scale), ("offset", self.offset)] {
            if !number.is_finite() {
                return Err(Error::argument(self.place(), argument, number, "a finite number"));
            }
        }
        Ok(input.to_vec())
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let graph = &mut *context.graph;
        let scaled = graph.scale(input, self.scale as f32)?;
        let offset = graph.constant(self.offset as f32);
        graph.add(scaled, offset)
    }
}
