//! Weights on the host, and in Keras's files.

use super::network::Model;
use super::session::Newer;
use crate::error::{Error, Result};
use crate::layers::Weight;
use crate::tensor::Tensor;

impl Model {
    /// All weights, layer by layer, each layer's kernel before its bias.
    ///
    /// # Errors
    /// If the model is not built yet, or the device fails.
    pub fn get_weights(&mut self) -> Result<Vec<Tensor>> {
        pollster::block_on(self.get_weights_async())
    }

    /// [`Model::get_weights`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::get_weights`].
    pub async fn get_weights_async(&mut self) -> Result<Vec<Tensor>> {
        self.check_built("get_weights")?;
        if let Some(session) = &mut self.session {
            let pulled = session.pull(&mut self.built).await;
            let is_broken = session.opened.engine.is_broken();
            self.session.take_if(|_| is_broken);
            pulled?;
        }
        self.host_weights()
    }

    /// The host's copy of all weights.
    pub(super) fn host_weights(&self) -> Result<Vec<Tensor>> {
        let weights = self.built.iter().flat_map(|layer| layer.weights.iter().zip(&layer.values));
        weights.map(|(weight, values)| Tensor::f32(&weight.shape, values.clone())).collect()
    }

    /// Replaces all weights, in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// If there are more or fewer tensors than weights, or one has another shape; nothing is changed then.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        self.put_weights(weights)?;
        if let Some(session) = &mut self.session {
            session.newer = Newer::Host;
        }
        Ok(())
    }

    /// Replaces the host's copy of all weights.
    pub(super) fn put_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        self.check_built("set_weights")?;
        let own: Vec<(&str, &Weight)> = self.named_weights().collect();
        if own.len() != weights.len() {
            let expected = format!("{}, as many as the model has weights", own.len());
            return Err(Error::argument("set_weights", "number of tensors", weights.len(), expected));
        }
        for ((layer, weight), tensor) in own.into_iter().zip(weights) {
            if tensor.shape() != weight.shape {
                let what = format!("the tensor for {layer}/{}", weight.name);
                let (found, expected) = (format!("{:?}", tensor.shape()), format!("{:?}", weight.shape));
                let remedy = "give the weights of a model with the same layers";
                return Err(Error::shape("set_weights", what, found, expected, remedy));
            }
        }
        let values = self.built.iter_mut().flat_map(|layer| &mut layer.values);
        for (values, tensor) in values.zip(weights) {
            *values = tensor.to_f32();
        }
        Ok(())
    }

    /// Sets to zero what stateful recurrent layers keep from batch to batch.
    ///
    /// # Errors
    /// If the model is not built yet, or the device fails.
    pub fn reset_states(&mut self) -> Result<()> {
        self.check_built("reset_states")?;
        if let Some(session) = &mut self.session {
            pollster::block_on(session.pull(&mut self.built))?;
            session.newer = Newer::Host;
        }
        let layers = self.layers.iter().zip(&mut self.built).filter(|(layer, _)| layer.is_stateful());
        for (_, built) in layers {
            let learning = built.learning;
            built.values[learning..].iter_mut().for_each(|state| state.fill(0.0));
        }
        Ok(())
    }

    /// Lets the weights of the layer called `name` learn, or keeps them as they are. What the optimizer
    /// remembers of all weights is forgotten.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn set_trainable(&mut self, name: &str, trainable: bool) -> Result<()> {
        let names: Vec<&str> = self.layers.iter().map(|layer| layer.name()).collect();
        let Some(at) = names.iter().position(|known| *known == name) else {
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::argument("set_trainable", "name", format!("{name:?}"), expected));
        };
        self.layers[at].base_mut().set_trainable(trainable);
        self.remembered = None;
        Ok(())
    }

    /// Every weight with the name of its layer.
    pub(super) fn named_weights(&self) -> impl Iterator<Item = (&str, &Weight)> {
        let layers = self.layers.iter().zip(&self.built);
        layers.flat_map(|(layer, built)| built.weights.iter().map(|weight| (layer.name(), weight)))
    }

    pub(super) fn check_built(&self, call: &str) -> Result<()> {
        if !self.layers.is_empty() && self.built.len() == self.layers.len() {
            return Ok(());
        }
        let remedy = "call `build`, `fit` or `predict` first";
        Err(Error::order(call, "the shape of the input is not known yet", remedy))
    }
}
