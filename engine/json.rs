//! One way to read JSON and one to make an object of it, so that what `serde_json` has of either is compiled once.

use serde_json::{Map, Value};

/// What `text` says.
///
/// # Errors
/// If it is no JSON.
pub(crate) fn parse(text: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(text)
}

/// An object of `members`.
pub(crate) fn object<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let mut object = Map::new();
    for (name, value) in members {
        object.insert(name.to_string(), value);
    }
    Value::Object(object)
}
