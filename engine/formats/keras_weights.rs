//! Keras's `model.h5` weights layout: one group a layer, each with its arrays in order.
//!
//! Source: Keras 3.15, `legacy_h5_format.py`, and the files that it and tf_keras 2.21 write.

use std::path::Path;

use crate::error::{Error, Result};
use crate::formats::hdf5::{File, Group, Storage};
use crate::tensor::Tensor;

/// The version whose layout is written: the last of Keras 2, which Keras 3 reads too.
pub const KERAS_VERSION: &str = "2.15.0";
/// Weights that belong to the model itself and to none of its layers; gradus has none.
const TOP_LEVEL: &str = "top_level_model_weights";

/// One layer's arrays, in the layer's own order: kernel before bias.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerWeights {
    /// The layer's name, such as `conv2d`.
    pub name: String,
    /// Each array with its name, such as `conv2d/kernel:0`. Empty for a layer without weights.
    pub weights: Vec<(String, Tensor)>,
}

/// Writes `layers`, all of them, also those without weights, to a file that Keras and h5py read.
///
/// ```
/// use gradus::Tensor;
/// use gradus::formats::keras_weights::{LayerWeights, read, write};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.h5");
/// let kernel = Tensor::f32(&[2, 1], vec![1.0, -1.0])?;
/// let dense = LayerWeights { name: "dense".into(), weights: vec![("dense/kernel:0".into(), kernel)] };
/// write(&path, std::slice::from_ref(&dense))?;
/// assert_eq!(read(&path)?, [dense]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] if two layers or two arrays share a name, [`Error::File`] if the file cannot be
/// written. What was at `path` before then stays.
pub fn write(path: impl AsRef<Path>, layers: &[LayerWeights]) -> Result<()> {
    let mut root = Group::default();
    fill(&mut root, layers)?;
    root.write(path)
}

/// Puts `layers` into `root`.
///
/// # Errors
/// As [`write()`], but for the file.
pub fn fill(root: &mut Group, layers: &[LayerWeights]) -> Result<()> {
    let names: Vec<String> = layers.iter().map(|layer| layer.name.clone()).collect();
    check_distinct(&names)?;
    root.set_list("layer_names", &names);
    root.set_text("backend", "tensorflow");
    root.set_text("keras_version", KERAS_VERSION);
    for layer in layers {
        let group = root.group(&layer.name)?;
        let names: Vec<String> = layer.weights.iter().map(|(name, _)| name.clone()).collect();
        group.set_list("weight_names", &names);
        for (name, array) in &layer.weights {
            group.insert(name, array.clone(), Storage::Contiguous)?;
        }
    }
    root.group(TOP_LEVEL)?.set_list("weight_names", &[]);
    Ok(())
}

fn check_distinct(names: &[String]) -> Result<()> {
    let mut sorted: Vec<&str> = names.iter().map(String::as_str).chain([TOP_LEVEL]).collect();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(()),
        Some(pair) => {
            let found = format!("{:?}, used twice", pair[0]);
            Err(Error::argument("weights file", "layer name", found, "a name of its own for each layer"))
        }
    }
}

/// Reads the layers of a weights file, in the model's order, also those without weights. A whole model saved
/// as `.h5` is read too: its weights are.
///
/// # Errors
/// [`Error::File`] if the file is missing, damaged, or in another of Keras's layouts.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<LayerWeights>> {
    read_from(&File::open(path)?)
}

/// [`read`] of an open file.
///
/// # Errors
/// As [`read`].
pub fn read_from(file: &File) -> Result<Vec<LayerWeights>> {
    let root = root_of(file);
    let Some(names) = split_list(file, root, "layer_names")? else { return Err(other_layout(file)) };
    check_version(file, root)?;
    names.into_iter().map(|name| read_group(file, root, name)).collect()
}

/// The arrays of group `name` of `root`, in the order of its attribute `weight_names`.
///
/// # Errors
/// [`Error::File`] if there is no such group, or it is damaged.
pub fn read_group(file: &File, root: &str, name: String) -> Result<LayerWeights> {
    let group = join(root, &name);
    let names = split_list(file, &group, "weight_names")?.ok_or_else(|| {
        let problem = format!("group \"{group}\" has no attribute \"weight_names\"");
        Error::file(file.path(), problem, "save the weights again with Keras or gradus")
    })?;
    let array = |weight: String| Ok((weight.clone(), file.dataset(&join(&group, &weight))?));
    let weights = names.into_iter().map(array).collect::<Result<_>>()?;
    Ok(LayerWeights { name, weights })
}

fn join(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_string() } else { format!("{group}/{name}") }
}

/// A list of names, which Keras splits over `name0`, `name1`, … where it is longer than an HDF5 header.
fn split_list(file: &File, group: &str, name: &str) -> Result<Option<Vec<String>>> {
    if let Some(list) = file.strings(group, name)? {
        return Ok(Some(list));
    }
    let mut list = Vec::new();
    for part in 0.. {
        match file.strings(group, &format!("{name}{part}"))? {
            Some(names) => list.extend(names),
            None if part == 0 => return Ok(None),
            None => break,
        }
    }
    Ok(Some(list))
}

/// Keras 1 named, split and ordered its arrays differently, and left the version out.
fn check_version(file: &File, root: &str) -> Result<()> {
    let version = file.strings(root, "keras_version")?.unwrap_or_default();
    match version.first() {
        Some(version) if !version.starts_with("1.") => Ok(()),
        _ => {
            let remedy = "load it in Keras 2 and save the weights again";
            Err(Error::file(
                file.path(),
                "was written by Keras 1, whose weights are laid out differently",
                remedy,
            ))
        }
    }
}

/// Whether Keras 3 wrote the weights of `file`, which orders some otherwise.
///
/// # Errors
/// [`Error::File`] if the file is damaged.
pub fn is_of_keras3(file: &File) -> Result<bool> {
    let version = file.strings(root_of(file), "keras_version")?.unwrap_or_default();
    Ok(version.first().is_some_and(|version| version.starts_with("3.")))
}

/// A whole model keeps its weights in a group.
fn root_of(file: &File) -> &'static str {
    if file.has_group("model_weights") { "model_weights" } else { "" }
}

fn other_layout(file: &File) -> Error {
    let keras3 = file.has_group("layers") || file.has_group("_layer_checkpoint_dependencies");
    let problem = match keras3 {
        true => "holds weights in the layout of Keras's `.weights.h5`",
        false => "is no Keras weights file: it has no attribute \"layer_names\"",
    };
    Error::file(file.path(), problem, "save the whole model as `.h5` in Keras, or the weights with gradus")
}

#[cfg(test)]
mod tests;
