//! What a layer inside of a model gives.

use super::network::Model;
use super::tensors::Tensors;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl Model {
    /// The names of the layers, in the order of the summary.
    pub fn layer_names(&self) -> Vec<&str> {
        self.network.layers.iter().map(|layer| layer.name()).collect()
    }

    /// What the layer called `name` gives for every sample of `x`, `[samples, …]`, in batches of `batch_size`, by default
    /// 32: Keras's `Model(inputs, layer.output)`. Only the layers before it run. For
    /// [`plot::feature_maps`](super::plot::feature_maps), and for features that another model learns from.
    ///
    /// ```
    /// use gradus::{Conv2D, Dense, Flatten, Sequential, Tensor};
    /// let mut model = Sequential::new()
    ///     .add(Conv2D::new(4, 3).name("edges"))
    ///     .add(Flatten::new())
    ///     .add(Dense::new(2));
    /// let images = Tensor::f32(&[5, 16, 16, 3], vec![0.5; 3840])?;
    /// assert_eq!(model.layer_output("edges", &images, None)?.shape(), [5, 14, 14, 4]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there is no such layer (the known ones are listed) or it is called more than once, the data do not fit the model
    /// or hold NaN, or the device fails.
    pub fn layer_output(
        &mut self,
        name: &str,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        let value = self.value_of(name)?;
        let outputs = std::mem::replace(&mut self.network.outputs, vec![value]);
        let output = self.predict(x, batch_size);
        self.network.outputs = outputs;
        output
    }

    /// The value that the layer called `name` gives.
    fn value_of(&self, name: &str) -> Result<usize> {
        let names = self.layer_names();
        let Some(layer) = names.iter().position(|known| *known == name) else {
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::argument("layer_output", "name", format!("{name:?}"), expected));
        };
        let mut calls = self.network.calls.iter().enumerate().filter(|(_, call)| call.layer == layer);
        match (calls.next(), calls.count()) {
            (Some((_, call)), 0) => Ok(call.first),
            (_, more) => {
                let found = format!("{name:?}, a layer called {} times", more + 1);
                let expected = "a layer called once: make a model with the value wanted as an output";
                Err(Error::argument("layer_output", "name", found, expected))
            }
        }
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::layers::{Add, Dense, Dropout};
    use crate::model::{Device, FitOptions, Input, Sequential, SharedLayer, Symbol};

    #[test]
    fn a_hidden_layer_gives_what_a_model_up_to_it_gives() -> Result<()> {
        let x = Tensor::f32(&[7, 3], (0..21).map(|i| (i as f32 * 0.7).sin()).collect())?;
        let y = Tensor::f32(&[7, 1], vec![1.0; 7])?;
        let start = || Sequential::new().device(Device::cpu()).seed(4).add(Dense::new(5).activation("tanh"));
        let mut whole = start().add(Dropout::new(0.5)).add(Dense::new(1));
        whole.compile("sgd", "mean_squared_error", &[])?;
        whole.fit(&x, &y, FitOptions::new().epochs(3).verbose(0))?;
        let before = whole.predict(&x, 3)?;

        let mut part = start();
        part.build(&[3])?;
        part.set_weights(&whole.get_weights()?[..2])?;
        let hidden = part.predict(&x, 3)?;
        assert_eq!(whole.layer_output("dense", &x, 3)?, hidden);
        // Dropout does nothing outside of a training.
        assert_eq!(whole.layer_output("dropout", &x, 3)?, hidden);
        // In batches of one size, so that nothing but the layer tells the programs apart.
        assert_eq!(whole.predict(&x, 3)?, before);
        assert_eq!(whole.layer_output("dense_1", &x, 3)?, before);
        whole.fit(&x, &y, FitOptions::new().verbose(0))?;
        assert_ne!(whole.layer_output("dense", &x, 3)?, hidden);
        Ok(())
    }

    #[test]
    fn unknown_and_shared_layers_are_refused() -> Result<()> {
        let input = Input::new(&[2]);
        let shared = SharedLayer::new(Dense::new(2).name("twice"));
        let (once, twice) = (input.apply(&shared), input.apply(&shared).apply(&shared));
        let mut model = Model::new([&input], [&Symbol::call(Add::new(), [&once, &twice])])?;
        let x = Tensor::f32(&[1, 2], vec![1.0; 2])?;
        let mut message = |name: &str| model.layer_output(name, &x, None).unwrap_err().to_string();
        assert!(message("third").contains("one of twice, add"));
        assert!(message("twice").contains("called 3 times"));
        Ok(())
    }
}
