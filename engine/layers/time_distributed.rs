use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::{Along, NodeId};
use crate::tensor::Shape;

/// One layer for every time step of `[None, time, …]`, always with the same weights.
///
/// What its output adds to the loss is its own to say: as in Keras 3, an `activity_regularizer` of the wrapped layer is not
/// asked; those of the layers of a wrapped model are, at every time step.
///
/// ```
/// use gradus::layers::{Conv2D, TimeDistributed};
/// let layer = TimeDistributed::new(Conv2D::new(8, 3));
/// ```
#[derive(Debug)]
pub struct TimeDistributed {
    base: Base,
    layer: Box<dyn Layer>,
}

impl TimeDistributed {
    /// Wraps `layer`, which takes samples of one time step.
    pub fn new(layer: impl Into<Box<dyn Layer>>) -> Self {
        Self { base: Base::default(), layer: layer.into() }
    }

    /// The layer's name. Default `time_distributed`, `time_distributed_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let layer = config.layer("layer")?.ok_or_else(|| {
            Error::argument(
                "config of TimeDistributed",
                "layer",
                "absent",
                "a layer: its class_name and config",
            )
        })?;
        Ok(Self { base, layer })
    }
}

impl Layer for TimeDistributed {
    fn class_name(&self) -> &'static str {
        "TimeDistributed"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("TimeDistributed {}", self.layer.title())
    }

    fn config(&self) -> Value {
        let layer = json!({ "module": "keras.layers", "class_name": self.layer.class_name(),
            "config": self.layer.config(), "registered_name": null });
        with_base(self, json!({ "layer": layer }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if self.layer.output_count() > 1 || self.layer.network().is_some() {
            let found = format!("of {}", self.layer.title());
            let expected = "of a layer that gives one value, no model";
            return Err(Error::argument(self.place(), "layer", found, expected));
        }
        self.layer.base().check(&self.layer.place())?;
        match input {
            [time, step @ ..] if *time > 0 && !step.is_empty() => {
                Ok([&[*time], self.layer.output_shape(step)?.as_slice()].concat())
            }
            _ => {
                let remedy = "give time steps, each a sample of the wrapped layer";
                Err(Error::shape(self.place(), "input", shown(input), "[None, time, …]", remedy))
            }
        }
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        input.get(1..).map_or_else(Vec::new, |step| self.layer.weights(step))
    }

    fn states(&self, input: &[usize]) -> Vec<Weight> {
        input.get(1..).map_or_else(Vec::new, |step| self.layer.states(step))
    }

    fn adjust(&self, weight: &Weight, values: &mut [f32]) {
        self.layer.adjust(weight, values);
    }

    fn is_stateful(&self) -> bool {
        self.layer.is_stateful()
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let step = Shape::batched(&sample[1..]);
        let mut outputs = Vec::with_capacity(sample[0]);
        for t in 0..sample[0] {
            let now = context.graph.slice(input, &[Along::new(1, t, 1)])?;
            let now = context.graph.reshape(now, &step)?;
            let output = self.layer.call(context, now)?;
            let row = [&[1], context.sample_shape(output).as_slice()].concat();
            outputs.push(context.graph.reshape(output, &Shape::batched(&row))?);
        }
        context.graph.concat(&outputs, 1)
    }
}
