//! Options as Keras's configs hold them.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// Options under Keras's keys, taken one by one; what nobody takes is refused.
#[derive(Clone, Debug)]
pub struct Config {
    place: String,
    options: Map<String, Value>,
    known: BTreeSet<&'static str>,
}

impl Config {
    /// The options of an object of `class_name`.
    ///
    /// # Errors
    /// If `config` is no JSON object.
    pub fn new(class_name: &str, config: &Value) -> Result<Self> {
        let place = format!("config of {class_name}");
        let Some(options) = config.as_object() else {
            return Err(Error::argument(place, "config", config, "a JSON object"));
        };
        Ok(Self { place, options: options.clone(), known: BTreeSet::new() })
    }

    /// Option `key`, unless it is missing or null.
    pub fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.insert(key);
        self.options.remove(key).filter(|value| !value.is_null())
    }

    /// Whether option `key` is given as null, which some of Keras's take for a setting of its own.
    pub(crate) fn is_null(&self, key: &str) -> bool {
        self.options.get(key).is_some_and(Value::is_null)
    }

    /// Refuses option `key`, if it is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option.
    pub(crate) fn refuse(&self, key: &str, expected: &str) -> Result<()> {
        match self.options.get(key) {
            None | Some(Value::Null) => Ok(()),
            Some(found) => Err(self.wrong(key, found, expected)),
        }
    }

    /// Forgets the options that have one of the values given, printed, under which they change nothing.
    pub(crate) fn pass_over(&mut self, neutral: &[(&str, &[&str])]) {
        let changes = |key: &str, value: &Value| {
            let text = value.to_string();
            !neutral.iter().any(|(known, values)| *known == key && values.contains(&text.as_str()))
        };
        self.options.retain(|key, value| changes(key, value));
    }

    /// A whole number that must be given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is missing or of another kind.
    pub fn count(&mut self, key: &'static str) -> Result<usize> {
        let missing = self.wrong(key, &Value::Null, "a whole number");
        self.count_or_none(key)?.ok_or(missing)
    }

    /// A number that must be given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is missing or of another kind.
    pub fn number(&mut self, key: &'static str) -> Result<f64> {
        let missing = self.wrong(key, &Value::Null, "a number");
        self.number_or_none(key)?.ok_or(missing)
    }

    /// A number, or `default` where none is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn number_or(&mut self, key: &'static str, default: f64) -> Result<f64> {
        Ok(self.number_or_none(key)?.unwrap_or(default))
    }

    /// A whole number, unless none is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn count_or_none(&mut self, key: &'static str) -> Result<Option<usize>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
        count.map(Some).ok_or_else(|| self.wrong(key, &value, "a whole number"))
    }

    /// A number, unless none is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn number_or_none(&mut self, key: &'static str) -> Result<Option<f64>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        value.as_f64().map(Some).ok_or_else(|| self.wrong(key, &value, "a number"))
    }

    /// A number, or `default` where none is given; null is none.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn number_or_null(&mut self, key: &'static str, default: Option<f64>) -> Result<Option<f64>> {
        if !self.options.contains_key(key) {
            self.known.insert(key);
            return Ok(default);
        }
        self.number_or_none(key)
    }

    /// A list of numbers that must be given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is missing or of another kind.
    pub fn numbers(&mut self, key: &'static str) -> Result<Vec<f64>> {
        let value = self.take(key).unwrap_or(Value::Null);
        let numbers = value.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
        numbers.ok_or_else(|| self.wrong(key, &value, "a list of numbers"))
    }

    /// An axis, a negative one counted from the last. Default −1.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn axis(&mut self, key: &'static str) -> Result<isize> {
        let Some(value) = self.take(key) else { return Ok(-1) };
        let axis = value.as_i64().and_then(|axis| isize::try_from(axis).ok());
        axis.ok_or_else(|| self.wrong(key, &value, "an axis"))
    }

    /// An axis or several, negative ones counted from the last, unless none is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn axes_or_none(&mut self, key: &'static str) -> Result<Option<Vec<isize>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = |v: &Value| v.as_i64().and_then(|n| isize::try_from(n).ok());
        let axes = match value.as_array() {
            Some(axes) => axes.iter().map(whole).collect(),
            None => whole(&value).map(|axis| vec![axis]),
        };
        axes.map(Some).ok_or_else(|| self.wrong(key, &value, "an axis, or a list of axes"))
    }

    /// A list of whole numbers, unless none is given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn counts_or_none(&mut self, key: &'static str) -> Result<Option<Vec<usize>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        let counts = value.as_array().and_then(|list| list.iter().map(whole).collect());
        counts.map(Some).ok_or_else(|| self.wrong(key, &value, "a list of whole numbers"))
    }

    /// Floats, unless none are given: one, a list, or a tensor as Keras's configs hold it.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn floats_or_none(&mut self, key: &'static str) -> Result<Option<Vec<f32>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let list = value.pointer("/config/value").unwrap_or(&value);
        let float = |v: &Value| v.as_f64().map(|number| number as f32);
        let floats = match list.as_array() {
            Some(list) => list.iter().map(float).collect(),
            None => float(list).map(|number| vec![number]),
        };
        floats.map(Some).ok_or_else(|| self.wrong(key, &value, "a number, or a list of numbers"))
    }

    /// A list of strings; none if it is missing.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn texts(&mut self, key: &'static str) -> Result<Vec<String>> {
        let Some(value) = self.take(key) else { return Ok(Vec::new()) };
        let text = |v: &Value| v.as_str().map(str::to_string);
        let texts = value.as_array().and_then(|list| list.iter().map(text).collect());
        texts.ok_or_else(|| self.wrong(key, &value, "a list of strings"))
    }

    /// True or false.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool> {
        let Some(value) = self.take(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, &value, "true or false"))
    }

    /// A string.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_str() {
            Some(text) => Ok(Some(text.to_string())),
            None => Err(self.wrong(key, &value, "a string")),
        }
    }

    /// An option that gradus has but one setting for, spelt in any of the ways of `allowed`.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is another.
    pub fn only(&mut self, key: &'static str, allowed: &[Value]) -> Result<()> {
        match self.take(key) {
            Some(value) if !allowed.contains(&value) => {
                Err(self.wrong(key, &value, &format!("{}, the only one there is", allowed[0])))
            }
            _ => Ok(()),
        }
    }

    /// Refuses every option that nobody took.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option and lists the known ones.
    pub fn finish(self) -> Result<()> {
        let Some((key, value)) = self.options.iter().next() else { return Ok(()) };
        let known: Vec<&str> = self.known.iter().copied().collect();
        let expected = format!("absent: the options are {}", known.join(", "));
        Err(Error::argument(self.place, key, value, expected))
    }

    pub(crate) fn wrong(&self, key: &str, found: &Value, expected: &str) -> Error {
        Error::argument(&self.place, key, found, expected)
    }

    pub(crate) fn placed<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| error.at(&self.place))
    }
}

/// An object as Keras's configs hold it.
pub(crate) fn object(module: &str, class_name: &str, config: Value) -> Value {
    json!({ "module": module, "class_name": class_name, "config": config, "registered_name": null })
}

/// What [`object`] was made of: the class, its options taken one by one.
pub(crate) fn parts(value: &Value) -> Result<(String, Config)> {
    let Some(class_name) = value.get("class_name").and_then(Value::as_str) else {
        return Err(Error::argument("config", "object", value, "an object with class_name and config"));
    };
    let config = value.get("config").cloned().unwrap_or_else(|| json!({}));
    Ok((class_name.to_string(), Config::new(class_name, &config)?))
}

/// The options of both objects.
pub(crate) fn merged(mut options: Value, others: Value) -> Value {
    if let (Value::Object(options), Value::Object(others)) = (&mut options, others) {
        options.extend(others);
    }
    options
}

/// Keras's name of a class without a name of its own: `MaxPooling2D` becomes `max_pooling2d`.
pub(crate) fn snake_case(class_name: &str) -> String {
    let letters: Vec<char> = class_name.chars().collect();
    let mut name = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let follows_small = i > 0 && letters[i - 1].is_lowercase();
        let starts_word = i > 0 && letters.get(i + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (follows_small || starts_word) {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn names_are_those_of_keras() {
        for (class, name) in [
            ("Conv2D", "conv2d"),
            ("MaxPooling2D", "max_pooling2d"),
            ("AveragePooling2D", "average_pooling2d"),
            ("Dense", "dense"),
            ("BatchNormalization", "batch_normalization"),
            ("GlobalMaxPooling1D", "global_max_pooling1d"),
            ("LSTM", "lstm"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }
}
