//! Keras 3's `.weights.h5` layout: a tree of groups called `vars`, whose arrays are numbered.
//!
//! Source: Keras 3.15, `saving_lib.py`, and the files that it writes.

use crate::error::{Error, Result};
use crate::formats::hdf5::{File, Group, Storage};
use crate::tensor::Tensor;

/// One group of numbered arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct Variables {
    /// Where it lies, such as `layers/lstm/cell/vars`.
    pub path: String,
    /// The name of what it belongs to, such as `lstm_cell`.
    pub name: String,
    /// The arrays, in order.
    pub arrays: Vec<Tensor>,
}

/// The tree that holds `all`.
///
/// # Errors
/// [`Error::Argument`] if two groups have one path.
pub fn tree(all: &[Variables]) -> Result<Group> {
    let mut root = Group::default();
    for variables in all {
        let group = root.group(&variables.path)?;
        group.set_text("name", &variables.name);
        for (number, array) in variables.arrays.iter().enumerate() {
            group.insert(&number.to_string(), array.clone(), Storage::Contiguous)?;
        }
    }
    Ok(root)
}

/// The arrays of the group at `path`, in the order of their numbers; none if there is no such group.
///
/// # Errors
/// [`Error::File`] if a number is left out, or the file is damaged.
pub fn read(file: &File, path: &str) -> Result<Vec<Tensor>> {
    if !file.has_group(path) {
        return Ok(Vec::new());
    }
    let mut numbers: Vec<usize> = file.names(path)?.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    if let Some(missing) = (0..numbers.len()).find(|&i| numbers[i] != i) {
        let problem = format!("\"{path}\" has no array {missing}, though it has {}", numbers[missing]);
        return Err(Error::file(file.path(), problem, "save the model again with Keras or gradus"));
    }
    numbers.into_iter().map(|number| file.dataset(&format!("{path}/{number}"))).collect()
}
