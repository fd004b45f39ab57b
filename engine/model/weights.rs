use super::Sequential;
use crate::error::{Error, Result};
use crate::layers::Weight;
use crate::tensor::Tensor;

impl Sequential {
    /// All weights, layer by layer, each layer's kernel before its bias.
    ///
    /// # Errors
    /// If the model is not built yet.
    pub fn get_weights(&self) -> Result<Vec<Tensor>> {
        self.check_built("get_weights")?;
        let weights = self.built.iter().flat_map(|layer| layer.weights.iter().zip(&layer.values));
        weights.map(|(weight, values)| Tensor::f32(&weight.shape, values.clone())).collect()
    }

    /// Replaces all weights, in the order of [`Sequential::get_weights`].
    ///
    /// # Errors
    /// If there are more or fewer tensors than weights, or one has another shape; nothing is changed then.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
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

    /// Every weight with the name of its layer.
    pub(super) fn named_weights(&self) -> impl Iterator<Item = (&str, &Weight)> {
        let layers = self.layers.iter().zip(&self.built);
        layers.flat_map(|(layer, built)| built.weights.iter().map(|weight| (layer.name(), weight)))
    }

    pub(super) fn check_built(&self, call: &str) -> Result<()> {
        if !self.layers.is_empty() && self.built.len() == self.layers.len() {
            return Ok(());
        }
        let remedy = "call `build`, `fit` or `predict` first, or give `input_shape`";
        Err(Error::order(call, "the shape of the input is not known yet", remedy))
    }
}
