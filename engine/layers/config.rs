use serde_json::{Value, json};

use super::recurrent::Recurrent;
use super::{ActivationFunction, Base, Layer, Padding, Sizes};
use crate::error::{Error, Result};
pub use crate::train::config::Config;
pub(super) use crate::train::config::merged;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Options that gradus does not have, with the values under which Keras does the same without them.
const NEUTRAL: [(&str, &[&str]); 8] = [
    ("quantization_config", &["null"]),
    ("kernel_regularizer", &["null"]),
    ("bias_regularizer", &["null"]),
    ("kernel_constraint", &["null"]),
    ("bias_constraint", &["null"]),
    ("noise_shape", &["null"]),
    ("seed", &["null"]),
    ("data_format", &["null", "\"channels_last\""]),
];

impl Config {
    /// The name, whether it learns, what the output adds to the loss, and that the numbers are 32-bit floats.
    ///
    /// # Errors
    /// [`Error::Argument`] if one of them is of another kind, or the numbers are others.
    pub fn base(&mut self) -> Result<Base> {
        self.pass_over(&NEUTRAL);
        let remedy = "absent: Keras's files have what it learned within the kernel, so leave it out and load the weights";
        self.refuse("lora_rank", remedy)?;
        let mut base = Base::default();
        if let Some(name) = self.text("name")? {
            base.set_name(&name);
        }
        base.set_trainable(self.flag("trainable", true)?);
        base.set_activity_regularizer(self.regularizer("activity_regularizer")?);
        if let Some(dtype) = self.take("dtype") {
            let name = dtype.pointer("/config/name").unwrap_or(&dtype);
            if name != "float32" {
                return Err(self.wrong("dtype", &dtype, "\"float32\""));
            }
        }
        Ok(base)
    }

    /// Sizes that must be given as a list.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is missing or of another kind.
    pub fn sizes(&mut self, key: &'static str) -> Result<Vec<isize>> {
        let value = self.take(key).unwrap_or(Value::Null);
        let whole = |v: &Value| v.as_i64().and_then(|n| isize::try_from(n).ok());
        let sizes = value.as_array().and_then(|list| list.iter().map(whole).collect());
        sizes.ok_or_else(|| self.wrong(key, &value, "a list of whole numbers"))
    }

    /// Top, bottom, left and right: one number for all, two for height and width, or two pairs.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
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

    /// An axis or several, negative ones counted from the last, which is the default.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn axes(&mut self, key: &'static str) -> Result<Vec<isize>> {
        Ok(self.axes_or_none(key)?.unwrap_or_else(|| vec![-1]))
    }

    /// A number for each spatial axis: one for all, or a list.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is of another kind.
    pub fn spatial(&mut self, key: &'static str) -> Result<Option<Sizes>> {
        let Some(value) = self.take(key) else { return Ok(None) };
        let whole = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
        let sizes = match value.as_array() {
            Some(list) => list.iter().map(whole).collect::<Option<Vec<usize>>>(),
            None => whole(&value).map(|n| vec![n]),
        };
        let expected = "a whole number, or a list of one for each axis";
        sizes.map(|sizes| Some(sizes.into())).ok_or_else(|| self.wrong(key, &value, expected))
    }

    /// A number for each spatial axis, which must be given.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the option, if it is missing or of another kind.
    pub fn required_spatial(&mut self, key: &'static str) -> Result<Sizes> {
        let missing = self.wrong(key, &Value::Null, "a whole number, or a list of one for each axis");
        self.spatial(key)?.ok_or(missing)
    }

    /// The padding's name. Default `valid`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such padding; those that there are are listed.
    pub fn padding(&mut self) -> Result<Padding> {
        let name = self.text("padding")?;
        name.map_or(Ok(Padding::Valid), |name| self.placed(name.as_str().try_into()))
    }

    /// An activation function: its name, or a layer that is one.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such function, or one of its options is wrong.
    pub fn activation(&mut self) -> Result<ActivationFunction> {
        self.activation_or("activation", ActivationFunction::Linear)
    }

    /// An activation function under another key, or with another default.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such function, or one of its options is wrong.
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
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such regularizer, or one of its options is wrong.
    pub fn regularizer(&mut self, key: &'static str) -> Result<Option<Regularizer>> {
        let value = self.take(key);
        value.map(|value| self.placed(Regularizer::from_config(&value))).transpose()
    }

    /// A constraint: its name, or Keras's object with a class name.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such constraint, or one of its options is wrong.
    pub fn constraint(&mut self, key: &'static str) -> Result<Option<Constraint>> {
        let value = self.take(key);
        value.map(|value| self.placed(Constraint::from_config(&value))).transpose()
    }

    /// A layer within the layer: its class and its config.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such layer, or one of its options is wrong.
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
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such initializer, or one of its options is wrong.
    pub fn initializer(&mut self, key: &'static str, default: Initializer) -> Result<Initializer> {
        let value = self.take(key);
        value.map_or(Ok(default), |value| self.placed(Initializer::from_config(&value)))
    }
}

/// The options that every layer has, and those of `own`.
pub(super) fn with_base(layer: &dyn Layer, own: Value) -> Value {
    let mut base = json!({ "name": layer.name(), "trainable": layer.trainable(), "dtype": "float32" });
    if let Some(regularizer) = layer.base().activity_regularizer() {
        base["activity_regularizer"] = regularizer.config();
    }
    merged(base, own)
}

/// [`with_base`] of a layer in whose config Keras tells what the output adds to the loss, be it nothing.
pub(super) fn with_activity(layer: &dyn Layer, own: Value) -> Value {
    merged(json!({ "activity_regularizer": null }), with_base(layer, own))
}
