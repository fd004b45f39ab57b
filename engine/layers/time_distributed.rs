use serde_json::{Value, json};

use super::config::with_base;
use super::network::entry;
use super::spatial::shown;
use super::{Base, Config, Context, Layer, Network, Weight};
use crate::error::{Error, Result};
use crate::graph::{Along, NodeId};
use crate::tensor::Shape;
use crate::train::config::snake_case;

/// One layer, or a whole model of one input and one output, for every time step of `[None, time, …]`, always with the same
/// weights.
///
/// What its output adds to the loss is its own to say: as in Keras 3, an `activity_regularizer` of the wrapped layer is not
/// asked; those of the layers of a wrapped model are, at every time step.
///
/// ```
/// use gradus::layers::{Conv2D, TimeDistributed};
/// let layer = TimeDistributed::new(Conv2D::new(8, 3));
/// ```
///
/// A model that reads each picture of a film:
///
/// ```
/// use gradus::layers::{Conv2D, Flatten, LSTM, TimeDistributed};
/// use gradus::{Dense, Sequential};
/// let picture = Sequential::new().add(Conv2D::new(4, 3).activation("relu")).add(Flatten::new());
/// let mut film = Sequential::new().add(TimeDistributed::new(picture)).add(LSTM::new(8)).add(Dense::new(1));
/// film.build(&[5, 8, 8, 3])?;
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Debug)]
pub struct TimeDistributed {
    base: Base,
    layer: Box<dyn Layer>,
}

impl TimeDistributed {
    /// Wraps `layer`, which takes samples of one time step.
    pub fn new(layer: impl Into<Box<dyn Layer>>) -> Self {
        let mut layer = layer.into();
        // The layers of a model are told apart by its name.
        if layer.name().is_empty() && layer.network().is_some() {
            let name = snake_case(layer.class_name());
            layer.base_mut().set_name(&name);
        }
        Self { base: Base::default(), layer }
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

    /// The layer of `config` around `layer`, which holds a model.
    pub(crate) fn around(layer: Box<dyn Layer>, config: &Value) -> Result<Self> {
        let mut config = Config::new("TimeDistributed", config)?;
        config.take("layer");
        let base = config.base()?;
        config.finish()?;
        Ok(Self { base, ..Self::new(layer) })
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
        let layer = match self.layer.network().filter(|_| self.layer.distributed_axes() == 0) {
            Some(network) => entry(network),
            None => json!({ "module": "keras.layers", "class_name": self.layer.class_name(),
                "config": self.layer.config(), "registered_name": null }),
        };
        with_base(self, json!({ "layer": layer }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        if self.layer.output_count() > 1 {
            let found = format!("of {}", self.layer.title());
            let expected = "of a layer or a model that gives one value";
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

    fn network(&self) -> Option<&Network> {
        self.layer.network()
    }

    fn network_mut(&mut self) -> Option<&mut Network> {
        self.layer.network_mut()
    }

    fn distributed_axes(&self) -> usize {
        1 + self.layer.distributed_axes()
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let sample = context.sample_shape(input);
        let step = Shape::batched(&sample[1..]);
        let weights = context.weights.clone();
        let mut outputs = Vec::with_capacity(sample[0]);
        for t in 0..sample[0] {
            let now = context.graph.slice(input, &[Along::new(1, t, 1)])?;
            let now = context.graph.reshape(now, &step)?;
            // A model takes its weights from there.
            context.weights.clone_from(&weights);
            let output = match self.layer.network() {
                Some(_) => context.inside(self, |context| self.layer.call(context, now))?,
                None => self.layer.call(context, now)?,
            };
            let row = [&[1], context.sample_shape(output).as_slice()].concat();
            outputs.push(context.graph.reshape(output, &Shape::batched(&row))?);
        }
        context.graph.concat(&outputs, 1)
    }
}
