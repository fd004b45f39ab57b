use serde_json::{Value, json};

use super::activation_function::softmax;
use super::config::with_base;
use super::normalization::sample_axes;
use super::{ActivationFunction, Base, Config, Context, Layer};
use crate::error::Result;
use crate::graph::NodeId;

/// eˣ / Σ eˣ over some axes, the last one by default, as a layer. The shape stays.
///
/// ```
/// use gradus::layers::Softmax;
/// let layer = Softmax::new().axis(&[1]);
/// ```
#[derive(Clone, Debug)]
pub struct Softmax {
    base: Base,
    axis: Vec<isize>,
}

impl Default for Softmax {
    fn default() -> Self {
        Self::new()
    }
}

impl Softmax {
    /// Over the last axis.
    pub fn new() -> Self {
        Self { base: Base::default(), axis: vec![-1] }
    }

    /// The axes whose numbers share the sum 1; −1, the default, is the last, 0 the batch, which none may be.
    pub fn axis(mut self, axis: &[isize]) -> Self {
        self.axis = axis.to_vec();
        self
    }

    /// The layer's name. Default `softmax`, `softmax_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, axis: config.axes("axis")? })
    }
}

impl Layer for Softmax {
    fn class_name(&self) -> &'static str {
        "Softmax"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let axis = if let [axis] = self.axis[..] { json!(axis) } else { json!(self.axis) };
        with_base(self, json!({ "axis": axis }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        sample_axes(&self.place(), &self.axis, input)?;
        Ok(input.to_vec())
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let axes = sample_axes(&self.place(), &self.axis, &sample)?;
        if axes == [sample.len() - 1] {
            return context.activate(ActivationFunction::Softmax, input);
        }
        softmax(context.graph, input, &axes.iter().map(|axis| axis + 1).collect::<Vec<_>>())
    }
}
