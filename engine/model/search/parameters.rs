use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::error::{Error, Result};

/// One value for each hyperparameter: what a model is built from.
///
/// ```
/// use gradus::search::Parameters;
/// let parameters = Parameters::new().with("units", 8).with("activation", "relu");
/// assert_eq!(parameters.count("units")?, 8);
/// assert_eq!(parameters.to_string(), "activation=relu, units=8");
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, Value>);

impl Parameters {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with `name` set to `value`: a number, a text, true or false, or a list.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_string(), value.into());
        self
    }

    /// All names and values, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// The value called `name`.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A whole number, such as units, a batch size or epochs.
    ///
    /// # Errors
    /// If there is no such parameter, or it is something else.
    pub fn count(&self, name: &str) -> Result<usize> {
        self.read(name, "a whole number", |value| value.as_u64().and_then(|n| usize::try_from(n).ok()))
    }

    /// A number, such as a learning rate.
    ///
    /// # Errors
    /// If there is no such parameter, or it is something else.
    pub fn number(&self, name: &str) -> Result<f64> {
        self.read(name, "a number", Value::as_f64)
    }

    /// A text, such as an activation's name.
    ///
    /// # Errors
    /// If there is no such parameter, or it is something else.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.read(name, "a text", Value::as_str)
    }

    /// True or false.
    ///
    /// # Errors
    /// If there is no such parameter, or it is something else.
    pub fn flag(&self, name: &str) -> Result<bool> {
        self.read(name, "true or false", Value::as_bool)
    }

    /// A list of whole numbers, such as the units of several layers.
    ///
    /// # Errors
    /// If there is no such parameter, or it is something else.
    pub fn counts(&self, name: &str) -> Result<Vec<usize>> {
        let count = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let list = |value: &Value| value.as_array()?.iter().map(count).collect();
        self.read(name, "a list of whole numbers", list)
    }

    fn read<'a, T>(
        &'a self,
        name: &str,
        expected: &str,
        take: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<T> {
        let Some(value) = self.0.get(name) else {
            let known: Vec<&str> = self.0.keys().map(String::as_str).collect();
            let expected = format!("one of {}", known.join(", "));
            return Err(Error::argument("Parameters", "name", format!("{name:?}"), expected));
        };
        take(value).ok_or_else(|| Error::argument("Parameters", name, value, expected))
    }
}

/// A value without the quotes of a text.
pub(super) fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

impl fmt::Display for Parameters {
    /// `activation=relu, units=8`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs: Vec<String> = self.iter().map(|(name, value)| format!("{name}={}", bare(value))).collect();
        f.write_str(&pairs.join(", "))
    }
}
