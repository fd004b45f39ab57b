//! The options of nodes.

use super::Outcome;
use crate::formats::onnx::{Attribute, Node};

/// Sizes, strides and the like lie far below this.
const MOST: u64 = 1 << 20;

/// An integer option.
pub(super) fn int(node: &Node, name: &str, default: i64) -> Outcome<i64> {
    match node.attribute(name) {
        None => Ok(default),
        Some(Attribute::Int(value)) if value.unsigned_abs() <= MOST => Ok(*value),
        Some(other) => Err(wrong(name, other, "an integer")),
    }
}

/// An option that is a list of integers, if it is given.
pub(super) fn ints(node: &Node, name: &str) -> Outcome<Option<Vec<i64>>> {
    match node.attribute(name) {
        None => Ok(None),
        Some(Attribute::Ints(values)) if values.iter().all(|value| value.unsigned_abs() <= MOST) => {
            Ok(Some(values.clone()))
        }
        Some(other) => Err(wrong(name, other, "integers")),
    }
}

/// An option that is a list of counts, one for each of `rank` axes.
pub(super) fn counts(node: &Node, name: &str, rank: usize) -> Outcome<Vec<usize>> {
    let Some(values) = ints(node, name)? else { return Ok(vec![1; rank]) };
    let counts: Vec<usize> =
        values.iter().filter_map(|&value| usize::try_from(value).ok()).filter(|&count| count > 0).collect();
    if counts.len() != rank || values.len() != rank {
        return Err(format!("has {name} {values:?}, expected {rank} numbers above 0"));
    }
    Ok(counts)
}

/// A float option.
pub(super) fn float(node: &Node, name: &str, default: f32) -> Outcome<f32> {
    match node.attribute(name) {
        None => Ok(default),
        Some(Attribute::Float(value)) => Ok(*value),
        Some(other) => Err(wrong(name, other, "a float")),
    }
}

/// A string option.
pub(super) fn text<'a>(node: &'a Node, name: &str, default: &'a str) -> Outcome<&'a str> {
    match node.attribute(name) {
        None => Ok(default),
        Some(Attribute::Text(value)) => Ok(value),
        Some(other) => Err(wrong(name, other, "a string")),
    }
}

/// That an option has the one value under which gradus does the same.
pub(super) fn only(node: &Node, name: &str, value: i64) -> Outcome<()> {
    match int(node, name, value)? {
        found if found == value => Ok(()),
        found => Err(format!("has {name} {found}, where gradus's layers have {value} alone")),
    }
}

fn wrong(name: &str, found: &Attribute, expected: &str) -> String {
    format!("has {name} {found:?}, expected {expected}")
}
