//! Weights as safetensors, under the names that Keras gives them.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::network::Model;
use crate::error::{Error, Result};
use crate::formats::safetensors;
use crate::layers::Layer;
use crate::tensor::Tensor;
use crate::train::config::snake_case;

impl Model {
    /// Writes `weights`, which are this model's.
    pub(super) fn write_safetensors(&self, path: &Path, weights: Vec<Tensor>) -> Result<()> {
        let named: Vec<(String, Tensor)> = self.weight_paths().into_iter().zip(weights).collect();
        safetensors::write(path, &named)
    }

    /// Takes all weights by name; the file has those and no others.
    pub(super) fn take_safetensors(&mut self, path: &Path) -> Result<()> {
        let mut found: BTreeMap<String, Tensor> = safetensors::read(path)?.into_iter().collect();
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
    fn weight_paths(&self) -> Vec<String> {
        let layers = self.layers.iter().zip(&self.built);
        let paths = layers.flat_map(|(layer, built)| {
            built.weights.iter().map(|weight| path_of(layer.as_ref(), weight.name)).collect::<Vec<_>>()
        });
        paths.collect()
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

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::layers::{BatchNormalization, Bidirectional, Dense, LSTM, TimeDistributed};
    use crate::model::Sequential;

    fn model(units: usize) -> Result<Sequential> {
        let mut model = Sequential::new()
            .add(Bidirectional::new(LSTM::new(2).return_sequences(true)))
            .add(TimeDistributed::new(Dense::new(3)))
            .add(LSTM::new(2))
            .add(BatchNormalization::new())
            .add(Dense::new(units));
        model.build(&[4, 3])?;
        Ok(model)
    }

    #[test]
    fn weights_have_keras_names_and_come_back() -> Result<()> {
        let folder = tempfile::tempdir().map_err(|error| Error::file("", error, ""))?;
        let path = folder.path().join("model.safetensors");
        let mut first = model(1)?;
        first.save_weights(&path)?;
        let names: Vec<String> = safetensors::read(&path)?.into_iter().map(|(name, _)| name).collect();
        for expected in [
            "batch_normalization/moving_mean",
            "bidirectional/backward_lstm/lstm_cell/recurrent_kernel",
            "bidirectional/forward_lstm/lstm_cell/kernel",
            "dense/kernel",
            "lstm/lstm_cell/bias",
            "time_distributed/dense/kernel",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected}: {names:?}");
        }
        let mut second = Model::from(model(1)?).seed(9);
        second.load_weights(&path)?;
        assert_eq!(second.get_weights()?, first.get_weights()?);

        let mut fewer = Sequential::new().add(Dense::new(1));
        fewer.build(&[3])?;
        let message = fewer.load_weights(&path).unwrap_err().to_string();
        assert!(message.contains("which the model lacks"), "{message}");
        Ok(())
    }
}
