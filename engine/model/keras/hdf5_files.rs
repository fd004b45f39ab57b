//! Models and weights in Keras's archives and HDF5 files.

use std::fs;
use std::io::Read;
use std::path::Path;

use serde_json::{Value, json};

use super::files::{ZIP, in_file, parse};
use super::older::{check_new, older, older_settings};
use super::order::order;
use super::places::places;
use super::state::Order;
use crate::error::{Error, Result};
use crate::formats::hdf5::{File, Group, Storage};
use crate::formats::keras_archive::{self, Archive};
use crate::formats::keras_shards;
use crate::formats::keras_variables::{self, Variables};
use crate::formats::keras_weights::{self, LayerWeights};
use crate::layers::Layer;
use crate::model::network::Model;
use crate::tensor::Tensor;

/// The version whose layout `.keras` files have.
const KERAS_VERSION: &str = "3.15.1";
/// Where an `.h5` file keeps what Keras has no place for.
const TRAINING: &str = "gradus_training";
const OPTIMIZER: &str = "optimizer_weights";
/// What early versions of `.weights.h5` called `layers`.
const OLD_LAYERS: &str = "_layer_checkpoint_dependencies";
const REMEDY: &str = "build the model that the file was saved from";

impl Model {
    pub(super) fn load_archive(path: &Path) -> Result<Self> {
        let mut archive = keras_archive::read(path)?;
        // tf_keras names modules in `.keras` files, but means its own functions.
        if archive.metadata["keras_version"].as_str().is_some_and(|version| version.starts_with("2."))
            && let Some(config) = archive.config.as_object_mut()
        {
            config.remove("module");
        }
        let file = File::from_bytes(path, archive.weights)?;
        let mut model =
            Self::of_at_most(&archive.config, file.most_numbers()).map_err(|error| in_file(path, &error))?;
        model.take_variables(std::slice::from_ref(&file))?;
        let state = keras_variables::read(&file, "optimizer/vars")?;
        model.restore(path, (state, Order::ByWeight), archive.training.as_ref())?;
        archive.training.map_or(Ok(()), |training| model.take_standing(&file, &training))?;
        Ok(model)
    }

    pub(super) fn load_hdf5(path: &Path) -> Result<Self> {
        let file = File::open(path)?;
        let text = |name: &str| -> Result<Option<Value>> {
            let text = file.strings("", name)?.and_then(|strings| strings.into_iter().next());
            text.map(|text| parse(path, name, text.as_bytes())).transpose()
        };
        let Some(mut config) = text("model_config")? else {
            let remedy =
                "make the model, build it and call `load_weights`, or give a config.json with --weights";
            return Err(Error::file(path, "holds weights alone, no model", remedy));
        };
        if let Some(training) = text("training_config")? {
            config["compile_config"] = training;
        }
        let mut model =
            Self::of_at_most(&config, file.most_numbers()).map_err(|error| in_file(path, &error))?;
        model.take_layers(&file)?;
        if file.has_group(OPTIMIZER) {
            let state = keras_weights::read_group(&file, "", OPTIMIZER.to_string())?;
            let order = state.weights.first().map_or(Order::ByWeight, |(name, _)| Order::of(name));
            let state = state.weights.into_iter().map(|(_, tensor)| tensor).collect();
            model.restore(path, (state, order), text(TRAINING)?.as_ref())?;
        }
        text(TRAINING)?.map_or(Ok(()), |training| model.take_standing(&file, &training))?;
        Ok(model)
    }

    pub(super) fn save_archive(&mut self, path: &Path) -> Result<()> {
        let (config, weights) = (self.config()?, self.get_weights()?);
        check_new(&config)?;
        let mut variables = self.variables(&weights);
        if let Some(state) = self.optimizer_state(Order::ByWeight)? {
            let name = self.optimizer_class().to_lowercase();
            variables.push(Variables { path: "optimizer/vars".into(), name, arrays: state.keras3() });
        }
        variables.extend(self.training_arrays()?);
        let weights = keras_variables::tree(&variables)?.into_bytes(path)?;
        let metadata = json!({ "keras_version": KERAS_VERSION, "date_saved": "" });
        keras_archive::write(
            path,
            &Archive { metadata, config, weights, training: Some(self.training_state()) },
        )
    }

    pub(super) fn save_hdf5(&mut self, path: &Path) -> Result<()> {
        let mut config = self.config()?;
        let compile =
            config.as_object_mut().and_then(|config| config.remove("compile_config")).unwrap_or_default();
        older(&mut config)?;
        let weights = self.get_weights()?;
        let mut root = Group::default();
        root.set_text("backend", "tensorflow");
        root.set_text("keras_version", keras_weights::KERAS_VERSION);
        root.set_text("model_config", &config.to_string());
        root.set_text(TRAINING, &self.training_state().to_string());
        keras_variables::fill(&mut root, &self.training_arrays()?)?;
        keras_weights::fill(root.group("model_weights")?, &self.named_layers(&weights))?;
        let mut training = compile;
        let order = older_settings(&mut training);
        if let Some(state) = self.optimizer_state(order)? {
            root.set_text("training_config", &training.to_string());
            let group = root.group(OPTIMIZER)?;
            let arrays = state.keras2(self.optimizer_class(), order);
            let names: Vec<String> = arrays.iter().map(|(name, _)| name.clone()).collect();
            group.set_list("weight_names", &names);
            for (name, array) in arrays {
                group.insert(&name, array, Storage::Contiguous)?;
            }
        }
        root.write(path)
    }

    /// Writes all weights as Keras's sharded ones: to `path`, which ends in `.weights.json`, and to files beside it, each of
    /// arrays of at most `max_shard_size` bytes, unless one alone is larger.
    ///
    /// ```
    /// use gradus::{Dense, Sequential};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("model.weights.json");
    /// let mut model = Sequential::new().add(Dense::new(100)).add(Dense::new(3));
    /// model.build(&[20])?;
    /// model.save_weights_sharded(&path, 5 << 10)?;
    /// model.load_weights(&path)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the name ends otherwise, the model is not built yet, or a file cannot be written.
    pub fn save_weights_sharded(&mut self, path: impl AsRef<Path>, max_shard_size: usize) -> Result<()> {
        let weights = self.get_weights()?;
        keras_shards::write(path, &self.variables(&weights), max_shard_size)
    }

    /// Writes `weights`, which are this model's, as an HDF5 file.
    pub(super) fn write_hdf5_weights(&self, path: &Path, weights: Vec<Tensor>) -> Result<()> {
        if path.to_string_lossy().to_lowercase().ends_with(".weights.h5") {
            return keras_variables::tree(&self.variables(&weights))?.write(path);
        }
        keras_weights::write(path, &self.named_layers(&weights))
    }

    /// Takes all weights from an HDF5 file, the shards of one, or a `.keras` archive.
    pub(super) fn read_hdf5_weights(&mut self, path: &Path) -> Result<()> {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            return self.take_variables(&keras_shards::open(path)?);
        }
        let mut start = [0; 4];
        let is_zip =
            fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == ZIP;
        let file = if is_zip {
            File::from_bytes(path, keras_archive::read(path)?.weights)?
        } else {
            File::open(path)?
        };
        if file.has_group("layers") || file.has_group(OLD_LAYERS) {
            return self.take_variables(std::slice::from_ref(&file));
        }
        self.take_layers(&file)
    }

    /// All weights in the layout of `.weights.h5`.
    fn variables(&self, weights: &[Tensor]) -> Vec<Variables> {
        let firsts = self.first_weights();
        let variables = places(self).into_iter().map(|place| {
            let first = firsts[place.leaf];
            let arrays = weights[first + place.weights.start..first + place.weights.end].to_vec();
            Variables { path: place.path, name: place.name, arrays }
        });
        let name = self.network.name().to_string();
        let own = Variables { path: "vars".into(), name, arrays: Vec::new() };
        std::iter::once(own).chain(variables).collect()
    }

    /// All weights in the layout of `model.h5`.
    fn named_layers(&self, weights: &[Tensor]) -> Vec<LayerWeights> {
        let names = self.named_weights();
        let named = |&number: &usize| {
            let (layer, weight) = &names[number];
            (format!("{layer}/{}:0", weight.name), weights[number].clone())
        };
        let layers = self.network.layers.iter().zip(order(self, false));
        let layers = layers.map(|(layer, numbers)| LayerWeights {
            name: layer.name().to_string(),
            weights: numbers.iter().map(named).collect(),
        });
        layers.collect()
    }

    /// The number of each leaf's first weight.
    fn first_weights(&self) -> Vec<usize> {
        let mut next = 0;
        let mut first = |count: usize| {
            next += count;
            next - count
        };
        self.built.iter().map(|built| first(built.weights.len())).collect()
    }

    /// Takes all weights from files in the layout of `.weights.h5`.
    fn take_variables(&mut self, files: &[File]) -> Result<()> {
        self.check_built("load_weights")?;
        let mut weights = self.get_weights()?;
        let firsts = self.first_weights();
        for place in places(self) {
            let path = match files.iter().any(|file| file.has_group(OLD_LAYERS)) {
                false => place.path.clone(),
                true => place.path.replace("layers/", &format!("{OLD_LAYERS}/")),
            };
            let found = keras_variables::read_all(files, &path)?;
            let file = files.first().map_or(Path::new(""), File::path);
            let layer = format!("layer {:?}", place.name);
            if found.len() != place.weights.len() {
                let problem = format!(
                    "{layer}: \"{path}\" has {} arrays, expected {}",
                    found.len(),
                    place.weights.len()
                );
                return Err(Error::file(file, problem, REMEDY));
            }
            for (number, tensor) in place.weights.zip(found) {
                let own = &mut weights[firsts[place.leaf] + number];
                check_shape(file, &layer, &format!("{path}/{number}"), (tensor.shape(), own.shape()))?;
                *own = tensor;
            }
        }
        self.set_weights(&weights)
    }

    /// Takes all weights from a file in the layout of `model.h5`, layer by layer.
    fn take_layers(&mut self, file: &File) -> Result<()> {
        self.check_built("load_weights")?;
        let mut found = keras_weights::read_from(file)?;
        found.retain(|layer| !layer.weights.is_empty());
        let own = self.network.layers.iter().zip(order(self, keras_weights::is_of_keras3(file)?));
        let own: Vec<_> = own.filter(|(_, numbers)| !numbers.is_empty()).collect();
        let path = file.path();
        if own.len() != found.len() {
            let problem = format!("has {} layers with weights, the model {}", found.len(), own.len());
            return Err(Error::file(path, problem, REMEDY));
        }
        let mut weights = self.host_weights()?;
        for ((layer, numbers), found) in own.into_iter().zip(found) {
            let place = format!("{} from {:?}", layer.place(), found.name);
            let (expected, count) = (numbers.len(), found.weights.len());
            if expected != count {
                let problem = format!("{place}: has {count} weights, expected {expected}");
                return Err(Error::file(path, problem, REMEDY));
            }
            for (number, (name, tensor)) in numbers.into_iter().zip(found.weights) {
                check_shape(path, &place, &name, (tensor.shape(), weights[number].shape()))?;
                weights[number] = tensor;
            }
        }
        self.set_weights(&weights)
    }
}

fn check_shape(path: &Path, place: &str, name: &str, (found, expected): (&[usize], &[usize])) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::file(path, format!("{place}: {name} has shape {found:?}, expected {expected:?}"), REMEDY))
}
