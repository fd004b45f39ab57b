//! Models as Keras's configs and files hold them.
//!
//! Source: Keras 3.15 and tf_keras 2.21, and the files that they write.

mod compile;
mod files;
#[cfg(feature = "hdf5")]
mod hdf5_files;
#[cfg(feature = "hdf5")]
mod older;
#[cfg(feature = "hdf5")]
mod order;
#[cfg(feature = "hdf5")]
mod places;
mod read;
#[cfg(feature = "hdf5")]
mod standing;
#[cfg(feature = "hdf5")]
mod state;
#[cfg(not(feature = "hdf5"))]
mod without_hdf5;

use serde_json::Value;

use super::build::MOST_ELEMENTS;
use super::network::Model;
use crate::error::{Error, Result};
use crate::layers::network::entry;

impl Model {
    /// The model of a Keras config: that of a `Sequential` or of a functional model, from Keras 3 or tf.keras. It is
    /// built if the config says the shapes of its inputs, and compiled if it has a `compile_config`.
    ///
    /// ```
    /// use gradus::Model;
    /// let config = serde_json::json!({ "class_name": "Sequential", "config": { "layers": [
    ///     { "class_name": "InputLayer", "config": { "batch_shape": [null, 2] } },
    ///     { "class_name": "Dense", "config": { "name": "scores", "units": 3 } },
    /// ] } });
    /// assert_eq!(Model::from_config(&config)?.count_parameters(), 9);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a layer, an option, a loss, a metric or an optimizer is none that gradus has: it is named.
    pub fn from_config(config: &Value) -> Result<Self> {
        Self::of_at_most(config, MOST_ELEMENTS)
    }

    /// The model of a config, whose weights are at most `most` numbers.
    fn of_at_most(config: &Value, most: usize) -> Result<Self> {
        let mut model = read::model(config, most)?;
        if let Some(compile) = config.get("compile_config").filter(|compile| !compile.is_null()) {
            model.compile_from_config(compile)?;
        }
        Ok(model)
    }

    /// The model as Keras 3's configs hold it, with its compile settings.
    ///
    /// # Errors
    /// If the model has no layers.
    pub fn config(&self) -> Result<Value> {
        if self.network.layers.is_empty() {
            return Err(Error::order("config", "the model has no layers", "add one first"));
        }
        let mut config = entry(&self.network);
        config["compile_config"] = self.compile_config()?.unwrap_or(Value::Null);
        Ok(config)
    }

    /// The shape of a sample of each input, if all are known.
    pub fn input_shapes(&self) -> Option<Vec<Vec<usize>>> {
        self.network.inputs.iter().map(|port| port.shape.clone()).collect()
    }

    /// How many epochs the model has been trained since it was compiled; those before it was saved count.
    pub fn trained_epochs(&self) -> usize {
        self.epoch as usize
    }
}
