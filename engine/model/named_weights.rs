//! Weights in files of named arrays, under the names that Keras gives them.

use std::path::Path;

use super::network::Model;
use crate::error::Result;
use crate::formats::{npz, read_file, safetensors};
use crate::tensor::Tensor;

/// A format of named arrays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NamedArrays {
    Npz,
    Safetensors,
}

impl NamedArrays {
    /// The format of the file that is called so, if it is one of these.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_string_lossy().to_lowercase().as_str() {
            "npz" => Some(Self::Npz),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// All arrays of a file in memory; `name` is what errors call it.
    pub fn parse(self, name: &Path, file: &[u8]) -> Result<Vec<(String, Tensor)>> {
        match self {
            Self::Npz => npz::parse_all(name, file),
            Self::Safetensors => safetensors::parse(name, file),
        }
    }

    fn write(self, path: &Path, arrays: &[(String, Tensor)]) -> Result<()> {
        match self {
            Self::Npz => npz::write(path, arrays),
            Self::Safetensors => safetensors::write(path, arrays),
        }
    }
}

impl Model {
    /// Writes `weights`, which are this model's.
    pub(super) fn write_named(&self, format: NamedArrays, path: &Path, weights: Vec<Tensor>) -> Result<()> {
        let named: Vec<(String, Tensor)> = self.weight_paths().into_iter().zip(weights).collect();
        format.write(path, &named)
    }

    /// Takes all weights by name; the file has those and no others.
    pub(super) fn read_named(&mut self, format: NamedArrays, path: &Path) -> Result<()> {
        self.take_named(path, format.parse(path, &read_file(path)?)?)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::error::Error;
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
        ["model.safetensors", "model.npz"].iter().try_for_each(|name| check(&folder.path().join(name)))
    }

    fn check(path: &Path) -> Result<()> {
        let mut first = model(1)?;
        first.save_weights(path)?;
        let format = NamedArrays::of(path).expect("one of the formats");
        let names: Vec<String> =
            format.parse(path, &read_file(path)?)?.into_iter().map(|(name, _)| name).collect();
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
        second.load_weights(path)?;
        assert_eq!(second.get_weights()?, first.get_weights()?);
        let mut third = Model::from(model(1)?).seed(10);
        third.parse_weights(path.file_name().unwrap_or_default(), &read_file(path)?)?;
        assert_eq!(third.get_weights()?, first.get_weights()?);
        let message = third.parse_weights("model.h5", &[]).unwrap_err().to_string();
        assert!(message.contains("expected a name that ends in .safetensors or .npz"), "{message}");
        let message = third.parse_weights(path, &[7]).unwrap_err().to_string();
        assert!(message.contains("is not a whole"), "{message}");

        let mut fewer = Sequential::new().add(Dense::new(1));
        fewer.build(&[3])?;
        let message = fewer.load_weights(path).unwrap_err().to_string();
        assert!(message.contains("which the model lacks"), "{message}");
        Ok(())
    }
}
