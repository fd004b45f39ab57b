//! Keras 3's sharded weights: `NAME.weights.json`, which says what lies in which of `NAME_00000.weights.h5`, ….
//!
//! Source: Keras 3.15, `saving_lib.py`, and the files that it writes.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::formats::hdf5::{File, Group};
use crate::formats::keras_variables::{self, Variables};
use crate::formats::{read_file, write_file};
use crate::json;
use crate::tensor::Tensor;

const DAMAGED: &str =
    "give the .weights.json of weights that Keras or gradus has saved, with all of its shards beside it";

/// The shards that the map at `path` names.
///
/// # Errors
/// [`Error::File`] if the map or a shard is missing or damaged, or a shard is to lie in another folder.
pub fn open(path: impl AsRef<Path>) -> Result<Vec<File>> {
    let path = path.as_ref();
    let failed = |problem: String| Error::file(path, problem, DAMAGED);
    let map =
        json::parse(&read_file(path)?).map_err(|error| failed(format!("is no valid JSON ({error})")))?;
    let map = map["weight_map"].as_object().ok_or_else(|| failed("has no weight_map".into()))?;
    let mut names = BTreeSet::new();
    for value in map.values() {
        let list = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        for name in list {
            let name = name.as_str().ok_or_else(|| failed(format!("has {name} for a shard's name")))?;
            let parts: Vec<Component<'_>> = Path::new(name).components().collect();
            if !matches!(parts.as_slice(), [Component::Normal(_)]) {
                return Err(failed(format!("names the shard {name:?}, which lies in another folder")));
            }
            names.insert(name);
        }
    }
    names.into_iter().map(|name| File::open(path.with_file_name(name))).collect()
}

/// Writes `all` to shards of at most `most` bytes, and the map to `path`. An array larger than that has a shard of its own.
/// Each file is written whole or not at all, the map last.
///
/// # Errors
/// [`Error::Argument`] if `path` does not end in `.weights.json`, [`Error::File`] if a file cannot be written.
pub fn write(path: impl AsRef<Path>, all: &[Variables], most: usize) -> Result<()> {
    let path = path.as_ref();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let stem = name.strip_suffix(".weights.json").ok_or_else(|| {
        Error::argument("sharded weights", "path", format!("{name:?}"), "a name that ends in .weights.json")
    })?;
    let (shards, total) =
        (split(all, most), all.iter().flat_map(|group| &group.arrays).map(bytes).sum::<usize>());
    let mut map: Map<String, Value> = Map::new();
    for (number, shard) in shards.iter().enumerate() {
        let file: PathBuf = path.with_file_name(format!("{stem}_{number:05}.weights.h5"));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut root = Group::default();
        for (group, range) in shard {
            keras_variables::fill_range(&mut root, group, range.clone())?;
            let entry = map.entry(format!("/{}", group.path)).or_insert_with(|| json!([]));
            entry.as_array_mut().into_iter().for_each(|list| list.push(json!(name)));
        }
        root.write(&file)?;
    }
    let text = json!({ "metadata": { "total_size": total }, "weight_map": map });
    write_file(path, format!("{text:#}").as_bytes())
}

fn bytes(array: &Tensor) -> usize {
    array.shape().iter().product::<usize>() * size_of::<f32>()
}

/// A group, and which of its arrays are in a shard.
type Piece<'a> = (&'a Variables, std::ops::Range<usize>);

/// The arrays in order, cut before each that would make a shard larger than `most` bytes.
fn split(all: &[Variables], most: usize) -> Vec<Vec<Piece<'_>>> {
    let (mut shards, mut size): (Vec<Vec<Piece<'_>>>, usize) = (vec![Vec::new()], 0);
    for group in all {
        for (number, array) in group.arrays.iter().enumerate() {
            if size > 0 && size + bytes(array) > most {
                shards.push(Vec::new());
                size = 0;
            }
            size += bytes(array);
            let Some(shard) = shards.last_mut() else { continue };
            match shard.last_mut() {
                Some((last, range)) if std::ptr::eq(*last, group) => range.end = number + 1,
                _ => shard.push((group, number..number + 1)),
            }
        }
    }
    shards
}
