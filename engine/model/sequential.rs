use std::ops::{Deref, DerefMut};

use super::build::free_name;
use super::device::Device;
use super::network::Model;
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::layers::network::{Network, Port};

/// Layers in a row: a [`Model`] of one input, with all that a model can do. Each layer takes what the one before gives; its
/// outputs are those of the last.
///
/// ```
/// use gradus::{Dense, Sequential};
/// let mut model = Sequential::new().add(Dense::new(8).activation("relu")).add(Dense::new(1));
/// model.compile("adam", "mean_squared_error", &[])?;
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Debug)]
pub struct Sequential(Model);

impl Default for Sequential {
    fn default() -> Self {
        Self::new()
    }
}

impl Sequential {
    /// A model without layers.
    pub fn new() -> Self {
        let port = Port { name: "x".into(), shape: None };
        Self(Model::of_network(Network::empty("sequential", true, vec![port])))
    }

    /// Adds a layer at the end, or a model, which becomes a layer. One without a name gets Keras's: `conv2d`, `conv2d_1`, …
    #[expect(clippy::should_implement_trait, reason = "Keras's name; a model is no number")]
    pub fn add(mut self, layer: impl Into<Box<dyn Layer>>) -> Self {
        let mut layer = layer.into();
        if layer.name().is_empty() {
            let name = free_name(layer.class_name(), &self.network.layers);
            layer.base_mut().set_name(&name);
        }
        let (number, count) = (self.network.layers.len(), layer.output_count());
        let inputs = if number == 0 { vec![0] } else { self.network.outputs.clone() };
        // Values behind the first would be taken for first states, which Keras takes from calls alone.
        if inputs.len() > 1 && layer.extra_inputs().is_some() {
            let expected = "1: call the layer in a functional Model";
            layer.base_mut().refuse(Error::argument("", "number of inputs", inputs.len(), expected));
        }
        self.network.outputs = self.network.push_call(number, inputs, count).collect();
        self.network.layers.push(layer);
        self
    }

    /// The shape of one sample, such as `[64, 64, 3]`. Without it the first data seen decide.
    pub fn input_shape(mut self, shape: &[usize]) -> Self {
        self.network.inputs[0].shape = Some(shape.to_vec());
        self
    }

    /// What the first weights, the order of the samples and dropout depend on. Default 0.
    pub fn seed(self, seed: u64) -> Self {
        Self(self.0.seed(seed))
    }

    /// Where the model runs. Default what `GRADUS_DEVICE` names, else a real GPU if there is one, else the CPU.
    pub fn device(self, device: Device) -> Self {
        Self(self.0.device(device))
    }

    /// The model's name in the summary, and as a layer of another model. Default `sequential`.
    pub fn name(self, name: &str) -> Self {
        Self(self.0.name(name))
    }

    /// Whether any weights learn, as [`Model::trainable`].
    pub fn trainable(self, trainable: bool) -> Self {
        Self(self.0.trainable(trainable))
    }

    /// Builds the layers over samples of `input_shape`, without the axis of the samples, such as `[28, 28, 1]`, and draws the
    /// first weights. Happens by itself with the first data.
    ///
    /// # Errors
    /// If a layer does not take what the one before it gives, or an option lies outside its range.
    pub fn build(&mut self, input_shape: &[usize]) -> Result<()> {
        self.0.build_for(&[input_shape.to_vec()])
    }
}

impl Deref for Sequential {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.0
    }
}

impl DerefMut for Sequential {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.0
    }
}

impl From<Sequential> for Model {
    fn from(sequential: Sequential) -> Self {
        sequential.0
    }
}
