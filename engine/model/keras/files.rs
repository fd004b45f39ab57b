//! Models and weights in files: what they are is told by their names and first bytes.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::formats::write_file;
use crate::json;
use crate::model::named_weights::NamedArrays;
use crate::model::network::Model;
use crate::tensor::Tensor;

pub(super) const ZIP: &[u8] = b"PK\x03\x04";
/// The version of the format, which writers put first.
const ONNX: &[u8] = b"\x08";
const HDF5: &[u8] = b"\x89HDF\r\n\x1a\n";

impl Model {
    /// The model in a file that gradus, Keras 3 or tf.keras wrote: a `.keras` archive, a whole model as `.h5`, or the bare
    /// `config.json` of one, whose weights are drawn anew. It is compiled as it was saved, and its optimizer goes on from
    /// where it was.
    ///
    /// An ONNX file, such as PyTorch writes, becomes layers, node by node, if gradus has one for each; they take samples as
    /// the file does, images with the channels first too. One that [`Model::export_onnx`] wrote becomes its own layers again.
    ///
    /// ```
    /// use gradus::{Dense, Model, Sequential};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("model.keras");
    /// let mut model = Sequential::new().add(Dense::new(3)).input_shape(&[2]);
    /// model.build(&[2])?;
    /// model.save(&path)?;
    /// assert_eq!(Model::load(&path)?.get_weights()?, model.get_weights()?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the file is missing, damaged, of Keras 1, holds weights alone, or has a layer, a node or an option that gradus lacks;
    /// `.keras` and `.h5` need the feature `hdf5`.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut start = [0; 8];
        let unreadable =
            |error: std::io::Error| Error::file(path, format!("cannot be read: {error}"), "check the path");
        let length = fs::File::open(path).and_then(|mut file| file.read(&mut start)).map_err(unreadable)?;
        let start = &start[..length];
        if start.starts_with(ZIP) {
            Self::load_archive(path)
        } else if start.starts_with(HDF5) {
            Self::load_hdf5(path)
        } else if start.trim_ascii_start().starts_with(b"{") {
            let text = fs::read(path).map_err(unreadable)?;
            let config = parse(path, "the config", &text)?;
            Self::from_config(&config).map_err(|error| in_file(path, &error))
        } else if start.starts_with(ONNX) {
            Self::load_onnx(path)
        } else {
            Err(Error::file(
                path,
                "is no model",
                "give a .keras or .h5 file of a whole model, a config.json, or an .onnx",
            ))
        }
    }

    /// Writes the model with its weights, its compile settings, what the optimizer remembers, and where the training stands,
    /// so that `fit` goes on bitwise as if it had never stopped: to a `.keras` archive or a whole-model `.h5`, which Keras
    /// opens, or its config alone to a `.json`. Whole or not at all.
    ///
    /// # Errors
    /// If the name ends otherwise, the model is not built yet, or the file cannot be written; `.keras` and `.h5` need the
    /// feature `hdf5`.
    pub fn save(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        self.check_built("save")?;
        match extension.as_str() {
            "keras" => self.save_archive(path),
            "h5" | "hdf5" => self.save_hdf5(path),
            "json" => write_file(path, self.config()?.to_string().as_bytes()),
            _ => {
                let found = format!("{:?}", path.display().to_string());
                Err(Error::argument("save", "path", found, "a name that ends in .keras, .h5, .hdf5 or .json"))
            }
        }
    }

    /// Writes all weights to `path`, whole or not at all: in Keras 3's layout if the name ends in `.weights.h5`, as
    /// named arrays under Keras's names if it ends in `.safetensors` or `.npz`, else in the layout of Keras's older
    /// `model.h5`.
    ///
    /// # Errors
    /// If the model is not built yet, or the file cannot be written; other names than `.safetensors` and `.npz` need the
    /// feature `hdf5`.
    pub fn save_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let weights = self.get_weights()?;
        self.write_weights(path, weights)
    }

    /// Writes `weights`, which are this model's.
    pub(in crate::model) fn write_weights(&self, path: impl AsRef<Path>, weights: Vec<Tensor>) -> Result<()> {
        let path = path.as_ref();
        if let Some(format) = NamedArrays::of(path) {
            return self.write_named(format, path, weights);
        }
        self.write_hdf5_weights(path, weights)
    }

    /// Reads all weights from a file that gradus or Keras wrote: `.weights.h5`, older weights or whole models as `.h5`,
    /// `.keras`, or the `.weights.json` of sharded weights, whose layers are matched in order, those without weights left
    /// out, as in Keras; or `.safetensors` or `.npz`, matched by name.
    ///
    /// # Errors
    /// If the model is not built yet, the file is missing or damaged, or holds the weights of another model:
    /// nothing is changed then. Other names than `.safetensors` and `.npz` need the feature `hdf5`.
    pub fn load_weights(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.check_built("load_weights")?;
        if let Some(format) = NamedArrays::of(path) {
            return self.read_named(format, path);
        }
        self.read_hdf5_weights(path)
    }

    /// [`Model::load_weights`] of a `.safetensors` or `.npz` file in memory, such as an application has in itself; `name`
    /// says by its ending which of the two it is, and is what errors call it.
    ///
    /// ```
    /// use gradus::{Model, Tensor, formats::safetensors};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("scores.safetensors");
    /// # let kernel = Tensor::f32(&[2, 1], vec![2.0, -1.0])?;
    /// # safetensors::write(&path, &[("scores/kernel".into(), kernel), ("scores/bias".into(), Tensor::f32(&[1], vec![0.5])?)])?;
    /// # let file = std::fs::read(&path).unwrap();
    /// // An application says include_str!("config.json") and include_bytes!("scores.safetensors").
    /// let config = r#"{ "class_name": "Sequential", "config": { "layers": [
    ///     { "class_name": "InputLayer", "config": { "batch_shape": [null, 2] } },
    ///     { "class_name": "Dense", "config": { "name": "scores", "units": 1 } } ] } }"#;
    /// let mut model = Model::from_config(&serde_json::from_str(config).unwrap())?;
    /// model.parse_weights("scores.safetensors", &file)?;
    /// assert_eq!(model.predict(Tensor::f32(&[1, 2], vec![1.0, 1.0])?, None)?.to_f32(), [1.5]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if `name` ends otherwise, [`Error::Order`] if the model is not built yet, [`Error::File`] if the
    /// file is damaged or holds the weights of another model: nothing is changed then.
    pub fn parse_weights(&mut self, name: impl AsRef<Path>, file: &[u8]) -> Result<()> {
        let name = name.as_ref();
        self.check_built("parse_weights")?;
        let Some(format) = NamedArrays::of(name) else {
            let found = format!("{:?}", name.display().to_string());
            let expected = "a name that ends in .safetensors or .npz";
            return Err(Error::argument("parse_weights", "name", found, expected));
        };
        self.take_named(name, format.parse(name, file)?)
    }
}

pub(super) fn parse(path: &Path, what: &str, text: &[u8]) -> Result<Value> {
    json::parse(text).map_err(|error| {
        Error::file(
            path,
            format!("{what} is no valid JSON ({error})"),
            "the file is damaged: save the model again",
        )
    })
}

/// An error of a config, with the file that it is in.
pub(super) fn in_file(path: &Path, error: &Error) -> Error {
    Error::file(path, error, "change the model in Keras, or build it in gradus and load the weights alone")
}
