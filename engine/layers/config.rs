use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::recurrent::Recurrent;
use super::{ActivationFunction, Base, Layer, Padding, Size2};
use crate::error::{Error, Result};
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Options that gradus does not have, with the values under which Keras does the same without them.
const NEUTRAL: [(&str, &[&str]); 17] = [
    ("recurrent_regularizer", &["null"]),
    ("recurrent_constraint", &["null"]),
    ("embeddings_regularizer", &["null"]),
    ("embeddings_constraint", &["null"]),
    ("beta_regularizer", &["null"]),
    ("gamma_regularizer", &["null"]),
    ("beta_constraint", &["null"]),
    ("gamma_constraint", &["null"]),
    ("synchronized", &["null", "false"]),
    ("kernel_regularizer", &["null"]),
    ("bias_regularizer", &["null"]),
    ("activity_regularizer", &["null"]),
    ("kernel_constraint", &["null"]),
    ("bias_constraint", &["null"]),
    ("noise_shape", &["null"]),
    ("seed", &["null"]),
    ("data_format", &["null", "\"channels_last\""]),
];

/// A layer's options under Keras's keys, taken one by one; what nobody takes is refused.
#[derive(Clone, Debug)]
pub struct Config {
    place: String,
    options: Map<String, Value>,
    known: BTreeSet<&'static str>,
}

impl Config {
    /// The options of a layer of `class_name`.
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

    /// The name, whether it learns, and that the numbers are 32-bit floats.
    pub fn base(&mut self) -> Result<Base> {
        let mut base = Base::default();
        if let Some(name) = self.text("name")? {
            base.set_name(&name);
        }
        base.set_trainable(self.flag("trainable", true)?);
        if let Some(dtype) = self.take("dtype") {
            let name = dtype.pointer("/config/name").unwrap_or(&dtype);
            if name != "float32" {
                return Err(self.wrong("dtype", &dtype, "\"float32\""));
            }
        }
        Ok(base)
    }

    /// A whole number that must be given.
    pub fn count(&mut self, key: &'static str) -> Result<usize> {
        let value = self.take(key).unwrap_or(Value::Null);
        let count = value.as_u64().and_then(|n| usize::try_from(n).ok());
        count.ok_or_else(|| self.wrong(key, &value, "a whole number"))
    }

    /// A number that must be given.
    pub fn number(&mut self, key: &'static str) -> Result<f64> {
        let value = self.take(key).unwrap_or(Value::Null);
        value.as_f64().ok_or_else(|| self.wrong(key, &value, "a number"))
    }

    /// A number, or `default` where none is given.
    pub fn number_or(&mut self, key: &'static str, default: f64) -> Result<f64> {
        let Some(value) = self.take(key) else { return Ok(default) };
        value.as_f64().ok_or_else(|| self.wrong(key, &value, "a number"))
    }

    /// Sizes that must be given as a list.
    pub fn sizes(&mut self, key: &'static str) -> Result<Vec<isize>> {
        let value = self.take(key).unwrap_or(Value::Null);
        let whole = |v: &Value| v.as_i64().and_then(|n| isize::try_from(n).ok());
        let sizes = value.as_array().and_then(|list| list.iter().map(whole).collect());
        sizes.ok_or_else(|| self.wrong(key, &value, "a list of whole numbers"))
    }

    /// Top, bottom, left and right: one number for all, two for height and width, or two pairs.
    pub fn sides(&mut self, key: &'static str, default: [usize; 4]) -> Result<[usize; 4]> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        let pair = |v: &Value| match v.as_array().map(Vec::as_slice) {
            Some([before, after]) => whole(before).zip(whole(after)),
            Some(_) => None,
            None => whole(v).map(|n| (n, n)),
        };
        let sides = match value.as_array().map(Vec::as_slice) {
            Some([height, width]) => pair(height).zip(pair(width)),
            Some(_) => None,
            None => pair(&value).map(|both| (both, both)),
        };
        let expected = "a whole number, two, or two pairs";
        let ((top, bottom), (left, right)) = sides.ok_or_else(|| self.wrong(key, &value, expected))?;
        Ok([top, bottom, left, right])
    }

    /// An axis or several, negative ones counted from the last.
    pub fn axes(&mut self, key: &'static str) -> Result<Vec<isize>> {
        let Some(value) = self.take(key) else { return Ok(vec![-1]) };
        let whole = |v: &Value| v.as_i64().and_then(|n| isize::try_from(n).ok());
        let axes = match value.as_array() {
            Some(axes) => axes.iter().map(whole).collect(),
            None => whole(&value).map(|axis| vec![axis]),
        };
        axes.ok_or_else(|| self.wrong(key, &value, "an axis, or a list of axes"))
    }

    /// True or false.
    pub fn flag(&mut self, key: &'static str, default: bool) -> Result<bool> {
        let Some(value) = self.take(key) else { return Ok(default) };
        value.as_bool().ok_or_else(|| self.wrong(key, &value, "true or false"))
    }

    /// A string.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.as_str() {
            Some(text) => Ok(Some(text.to_string())),
            None => Err(self.wrong(key, &value, "a string")),
        }
    }

    /// Height and width: one number for both, or a list of two.
    pub fn size(&mut self, key: &'static str) -> Result<Option<Size2>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        let pair = match value.as_array().map(Vec::as_slice) {
            Some([height, width]) => whole(height).zip(whole(width)),
            Some(_) => None,
            None => whole(&value).map(|n| (n, n)),
        };
        let expected = "a whole number, or a list of two";
        pair.map(|pair| Some(pair.into())).ok_or_else(|| self.wrong(key, &value, expected))
    }

    /// Height and width, which must be given.
    pub fn required_size(&mut self, key: &'static str) -> Result<Size2> {
        let missing = self.wrong(key, &Value::Null, "a whole number, or a list of two");
        self.size(key)?.ok_or(missing)
    }

    /// The padding's name. Default `valid`.
    pub fn padding(&mut self) -> Result<Padding> {
        let name = self.text("padding")?;
        name.map_or(Ok(Padding::Valid), |name| self.placed(name.as_str().try_into()))
    }

    /// An option that gradus has but one setting for, spelt in any of the ways of `allowed`.
    pub fn only(&mut self, key: &'static str, allowed: &[Value]) -> Result<()> {
        match self.take(key) {
            Some(value) if !allowed.contains(&value) => {
                Err(self.wrong(key, &value, &format!("{}, the only one there is", allowed[0])))
            }
            _ => Ok(()),
        }
    }

    /// An activation function: its name, or a layer that is one.
    pub fn activation(&mut self) -> Result<ActivationFunction> {
        self.activation_or("activation", ActivationFunction::Linear)
    }

    /// An activation function under another key, or with another default.
    pub fn activation_or(
        &mut self,
        key: &'static str,
        default: ActivationFunction,
    ) -> Result<ActivationFunction> {
        let Some(value) = self.take(key) else { return Ok(default) };
        self.placed(ActivationFunction::from_config(&value)).map_err(|error| match error {
            Error::Argument { place, found, expected, .. } => Error::argument(place, key, found, expected),
            other => other,
        })
    }

    /// A regularizer: its name, or Keras's object with a class name.
    pub fn regularizer(&mut self, key: &'static str) -> Result<Option<Regularizer>> {
        let value = self.take(key);
        value.map(|value| self.placed(Regularizer::from_config(&value))).transpose()
    }

    /// A constraint: its name, or Keras's object with a class name.
    pub fn constraint(&mut self, key: &'static str) -> Result<Option<Constraint>> {
        let value = self.take(key);
        value.map(|value| self.placed(Constraint::from_config(&value))).transpose()
    }

    /// A layer within the layer: its class and its config.
    pub fn layer(&mut self, key: &'static str) -> Result<Option<Box<dyn Layer>>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let empty = json!({});
        match value.get("class_name").and_then(Value::as_str) {
            Some(class) => super::from_config(class, value.get("config").unwrap_or(&empty)).map(Some),
            None => Err(self.wrong(key, &value, "a layer: its class_name and config")),
        }
    }

    /// A recurrent layer within the layer.
    pub(super) fn recurrent(&mut self, key: &'static str) -> Result<Option<Recurrent>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let class = value.get("class_name").and_then(Value::as_str).unwrap_or_default().to_string();
        if !["SimpleRNN", "LSTM", "GRU"].contains(&class.as_str()) {
            return Err(self.wrong(key, &value, "a SimpleRNN, LSTM or GRU"));
        }
        let mut inner = Self::new(&class, value.get("config").unwrap_or(&json!({})))?;
        let layer = Recurrent::from_config(&class, &mut inner)?;
        inner.finish()?;
        Ok(Some(layer))
    }

    /// An initializer: its name, or Keras's object with a class name.
    pub fn initializer(&mut self, key: &'static str, default: Initializer) -> Result<Initializer> {
        let Some(value) = self.take(key) else { return Ok(default) };
        let seed = value.pointer("/config/seed");
        if seed.is_some_and(|seed| !seed.is_null()) {
            return Err(self.wrong(key, &value, "an initializer without a seed of its own"));
        }
        match value.get("class_name").unwrap_or(&value).as_str() {
            Some(name) => self.placed(name.try_into()),
            None => Err(self.wrong(key, &value, "a name, or an object with a class_name")),
        }
    }

    /// Refuses every option that nobody took.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option and lists the known ones.
    pub fn finish(self) -> Result<()> {
        let neutral = |key: &str, value: &Value| {
            let text = value.to_string();
            NEUTRAL.iter().any(|(known, values)| *known == key && values.contains(&text.as_str()))
        };
        let Some((key, value)) = self.options.iter().find(|(key, value)| !neutral(key, value)) else {
            return Ok(());
        };
        let known: Vec<&str> = self.known.iter().copied().collect();
        let expected = format!("absent: the options are {}", known.join(", "));
        Err(Error::argument(self.place, key, value, expected))
    }

    fn wrong(&self, key: &str, found: &Value, expected: &str) -> Error {
        Error::argument(&self.place, key, found, expected)
    }

    fn placed<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| match error {
            Error::Argument { argument, found, expected, .. } => {
                Error::argument(&self.place, argument, found, expected)
            }
            other => other,
        })
    }
}

/// The options of both objects.
pub(super) fn merged(mut options: Value, others: Value) -> Value {
    if let (Value::Object(options), Value::Object(others)) = (&mut options, others) {
        options.extend(others);
    }
    options
}

/// The options that every layer has, and those of `own`.
pub(super) fn with_base(layer: &dyn Layer, own: Value) -> Value {
    merged(json!({ "name": layer.name(), "trainable": layer.trainable(), "dtype": "float32" }), own)
}

/// An initializer as Keras's configs hold it.
pub(super) fn initializer_config(initializer: Initializer) -> Value {
    let config = match initializer {
        Initializer::GlorotUniform | Initializer::HeNormal => json!({ "seed": null }),
        Initializer::RandomUniform => json!({ "minval": -0.05, "maxval": 0.05, "seed": null }),
        Initializer::Orthogonal => json!({ "gain": 1.0, "seed": null }),
        Initializer::Zeros | Initializer::Ones => json!({}),
    };
    json!({
        "module": "keras.initializers",
        "class_name": initializer.class_name(),
        "config": config,
        "registered_name": null,
    })
}
