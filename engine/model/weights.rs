//! Weights on the host, and in Keras's files.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::build::BuiltLayer;
use super::network::Model;
use super::session::Newer;
use crate::error::{Error, Result};
use crate::layers::network::{leaf_count, set_trainable};
use crate::layers::{Layer, Weight};
use crate::tensor::Tensor;
use crate::train::config::snake_case;

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
        let own = self.named_weights();
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
        self.built.iter_mut().for_each(BuiltLayer::mark_set);
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
        let leaves = self.network.leaves().into_iter().zip(&mut self.built);
        for (_, built) in leaves.filter(|(leaf, _)| leaf.layer.is_stateful()) {
            let learning = built.learning;
            built.values[learning..].iter_mut().for_each(|state| state.fill(0.0));
        }
        Ok(())
    }

    /// Lets the weights of the layer called `name` learn, or keeps them as they are; of a model within this one, those of all
    /// its layers. A layer in such a model is named by both: `base/dense`; it learns if the model does too. What the
    /// optimizer remembers of all weights is forgotten.
    ///
    /// # Errors
    /// If there is no such layer.
    pub fn set_trainable(&mut self, name: &str, trainable: bool) -> Result<()> {
        let layer = self.network.layer_mut(name)?;
        set_trainable(layer, trainable);
        self.remembered = None;
        Ok(())
    }

    /// Every weight with the name of its layer.
    pub(super) fn named_weights(&self) -> Vec<(String, &Weight)> {
        let leaves = self.network.leaves().into_iter().zip(&self.built);
        let named = leaves.flat_map(|(leaf, built)| {
            let name = leaf.name();
            built.weights.iter().map(move |weight| (name.clone(), weight))
        });
        named.collect()
    }

    /// Takes all weights by name from what `path` holds.
    pub(super) fn take_named(&mut self, path: &Path, arrays: Vec<(String, Tensor)>) -> Result<()> {
        let mut found: BTreeMap<String, Tensor> = arrays.into_iter().collect();
        let (mut weights, mut missing) = (Vec::new(), Vec::new());
        for name in self.weight_paths() {
            match found.remove(&name) {
                Some(tensor) => weights.push(tensor),
                None => missing.push(name),
            }
        }
        if !missing.is_empty() || !found.is_empty() {
            let over: Vec<String> = found.into_keys().collect();
            let problem = format!("lacks {missing:?} and has {over:?}, which the model lacks");
            return Err(Error::file(path, problem, "build the model that the file was saved from"));
        }
        self.set_weights(&weights)
    }

    /// Keras's path of each weight, such as `dense/kernel` or `lstm/lstm_cell/kernel`.
    pub(super) fn weight_paths(&self) -> Vec<String> {
        let leaves = self.network.leaves().into_iter().zip(&self.built);
        let paths = leaves.flat_map(|(leaf, built)| {
            let path = |weight: &Weight| format!("{}{}", leaf.path, path_of(leaf.layer, weight.name));
            built.weights.iter().map(path).collect::<Vec<_>>()
        });
        paths.collect()
    }

    pub(super) fn check_built(&self, call: &str) -> Result<()> {
        if !self.network.layers.is_empty() && self.built.len() == leaf_count(&self.network) {
            return Ok(());
        }
        let remedy = "call `build`, `fit` or `predict` first";
        Err(Error::order(call, "the shape of the input is not known yet", remedy))
    }
}

fn path_of(layer: &dyn Layer, weight: &str) -> String {
    let (name, class) = (layer.name(), layer.class_name());
    let cell = |class: &str| format!("{}_cell", snake_case(class));
    match class {
        "SimpleRNN" | "LSTM" | "GRU" => format!("{name}/{}/{weight}", cell(class)),
        "Bidirectional" => {
            let (inner, inner_class) = inner(layer);
            let (direction, weight) = weight.split_once('_').unwrap_or(("forward", weight));
            format!("{name}/{direction}_{inner}/{}/{weight}", cell(&inner_class))
        }
        "TimeDistributed" => format!("{name}/{}/{weight}", inner(layer).0),
        _ => format!("{name}/{weight}"),
    }
}

/// Name and class of the layer within a layer; without a name of its own it has its class's.
fn inner(layer: &dyn Layer) -> (String, String) {
    let config = layer.config();
    let text =
        |pointer: &str| config.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string();
    let (name, class) = (text("/layer/config/name"), text("/layer/class_name"));
    let name = name.strip_prefix("forward_").unwrap_or(&name);
    (if name.is_empty() { snake_case(&class) } else { name.to_string() }, class)
}
