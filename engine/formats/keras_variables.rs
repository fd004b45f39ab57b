//! Keras 3's `.weights.h5` layout: a tree of groups called `vars`, whose arrays are numbered.
//!
//! Source: Keras 3.15, `saving_lib.py`, and the files that it writes.

use std::ops::Range;

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
    fill(&mut root, all)?;
    Ok(root)
}

/// Puts `all` below `root`.
///
/// # Errors
/// As [`tree`].
pub fn fill(root: &mut Group, all: &[Variables]) -> Result<()> {
    all.iter().try_for_each(|variables| fill_range(root, variables, 0..variables.arrays.len()))
}

/// Puts the arrays `range` of `variables` below `root`, under their numbers.
pub(super) fn fill_range(root: &mut Group, variables: &Variables, range: Range<usize>) -> Result<()> {
    let group = root.group(&variables.path)?;
    group.set_text("name", &variables.name);
    for number in range {
        group.insert(&number.to_string(), variables.arrays[number].clone(), Storage::Contiguous)?;
    }
    Ok(())
}

/// The arrays of the group at `path`, in the order of their numbers; none if there is no such group.
///
/// # Errors
/// [`Error::File`] if a number is left out, or the file is damaged.
pub fn read(file: &File, path: &str) -> Result<Vec<Tensor>> {
    read_all(std::slice::from_ref(file), path)
}

/// [`read`] of a group whose arrays lie in several files.
///
/// # Errors
/// As [`read`].
pub fn read_all(files: &[File], path: &str) -> Result<Vec<Tensor>> {
    let mut numbers: Vec<(usize, &File)> = Vec::new();
    for file in files.iter().filter(|file| file.has_group(path)) {
        numbers.extend(file.names(path)?.iter().filter_map(|name| Some((name.parse().ok()?, file))));
    }
    numbers.sort_by_key(|(number, _)| *number);
    if let Some(missing) = (0..numbers.len()).find(|&i| numbers[i].0 != i) {
        let (found, file) = numbers[missing];
        let problem = format!("\"{path}\" has array {found} where {missing} is expected");
        return Err(Error::file(file.path(), problem, "save the model again with Keras or gradus"));
    }
    numbers.into_iter().map(|(number, file)| file.dataset(&format!("{path}/{number}"))).collect()
}
