//! Losses as Keras's configs hold them.

use serde_json::{Value, json};

use super::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    Huber, Loss, SparseCategoricalCrossentropy, Tversky,
};
use crate::error::Result;
use crate::train::config::{Config, merged, object, parts, snake_case};

/// What changes nothing here: means are over the batch, classes on the last axis, floats have 32 bits.
const NEUTRAL: [(&str, &[&str]); 4] = [
    ("reduction", &["\"sum_over_batch_size\"", "\"auto\""]),
    ("axis", &["-1", "null"]),
    ("dtype", &["null", "\"float32\""]),
    ("fn", &["null"]),
];

/// `loss` as Keras's configs hold it: its name, or an object if it has options.
///
/// ```
/// use gradus::train::losses::{CategoricalCrossentropy, MeanSquaredError, config, from_config};
/// assert_eq!(config(&MeanSquaredError), "mean_squared_error");
/// let smooth = config(&CategoricalCrossentropy::new().label_smoothing(0.25));
/// assert_eq!(config(from_config(&smooth)?.as_ref()), smooth);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn config(loss: &dyn Loss) -> Value {
    let options = loss.options();
    if options.as_object().is_none_or(serde_json::Map::is_empty) {
        return json!(loss.name());
    }
    let own = json!({ "name": loss.name(), "reduction": "sum_over_batch_size" });
    object("keras.losses", &class_name(loss.name()), merged(own, options))
}

/// The loss of a Keras config: a name, or an object with a class name and options.
///
/// # Errors
/// If there is no such loss, or an option is unknown, or not of the right kind.
pub fn from_config(config: &Value) -> Result<Box<dyn Loss>> {
    if let Some(name) = config.as_str() {
        let plain: Result<Box<dyn Loss>> = name.try_into();
        return plain.or_else(|error| snake_case(name).as_str().try_into().map_err(|_| error));
    }
    let (class_name, mut config) = parts(config)?;
    config.pass_over(&NEUTRAL);
    config.take("name");
    // tf.keras says which function the class calls.
    let own = format!("{:?}", snake_case(&class_name));
    config.pass_over(&[("fn", &[own.as_str()])]);
    let loss = configured(&class_name, &mut config)?;
    config.finish()?;
    Ok(loss)
}

fn configured(class_name: &str, c: &mut Config) -> Result<Box<dyn Loss>> {
    let name = snake_case(class_name);
    let plain: Result<Box<dyn Loss>> = name.as_str().try_into();
    Ok(match name.as_str() {
        "categorical_crossentropy" => Box::new(
            CategoricalCrossentropy::new()
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32),
        ),
        "binary_crossentropy" => Box::new(
            BinaryCrossentropy::new()
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32),
        ),
        "sparse_categorical_crossentropy" => {
            let loss = SparseCategoricalCrossentropy::new().from_logits(c.flag("from_logits", false)?);
            let ignored = c.count_or_none("ignore_class")?;
            Box::new(ignored.map_or(loss, |class| loss.ignore_class(class as u32)))
        }
        "binary_focal_crossentropy" => Box::new(
            BinaryFocalCrossentropy::new()
                .alpha(c.number_or("alpha", 0.25)? as f32)
                .gamma(c.number_or("gamma", 2.0)? as f32)
                .apply_class_balancing(c.flag("apply_class_balancing", false)?)
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32),
        ),
        "categorical_focal_crossentropy" => Box::new(
            CategoricalFocalCrossentropy::new()
                .alpha(c.number_or("alpha", 0.25)? as f32)
                .gamma(c.number_or("gamma", 2.0)? as f32)
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32),
        ),
        "huber" => Box::new(Huber::new(c.number_or("delta", 1.0)? as f32)),
        "tversky" => {
            Box::new(Tversky::new(c.number_or("alpha", 0.5)? as f32, c.number_or("beta", 0.5)? as f32))
        }
        _ => plain?,
    })
}

/// Keras's class of a name: `binary_crossentropy` becomes `BinaryCrossentropy`.
fn class_name(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(word).collect()
}
