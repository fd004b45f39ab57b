//! Losses as Keras's configs hold them.

use serde_json::{Value, json};

use super::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    CategoricalGeneralizedCrossEntropy, CosineSimilarity, Dice, Huber, Loss, Reduced, Reduction,
    SparseCategoricalCrossentropy, Tversky,
};
use crate::error::Result;
use crate::train::config::{Config, merged, object, parts, snake_case};

/// What changes nothing here: floats have 32 bits.
const NEUTRAL: [(&str, &[&str]); 2] = [("dtype", &["null", "\"float32\""]), ("fn", &["null"])];

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
    let (options, reduction) = (loss.options(), loss.reduction());
    if reduction == Reduction::Mean && options.as_object().is_none_or(serde_json::Map::is_empty) {
        return json!(loss.name());
    }
    let own = json!({ "name": loss.name(), "reduction": reduction.to_string() });
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
    let reduction = reduction(&mut config)?;
    let loss = configured(&class_name, &mut config)?;
    config.finish()?;
    Ok(if reduction == Reduction::Mean { loss } else { Box::new(Reduced::new(loss, reduction)) })
}

fn reduction(config: &mut Config) -> Result<Reduction> {
    let none = config.is_null("reduction");
    match config.text("reduction")?.as_deref() {
        None if none => Ok(Reduction::None),
        // tf.keras calls its default so.
        None | Some("auto") => Ok(Reduction::Mean),
        Some(name) => config.placed(name.try_into()),
    }
}

/// The losses that have an axis.
fn along_axis(name: &str, c: &mut Config) -> Result<Option<Box<dyn Loss>>> {
    Ok(Some(match name {
        "categorical_crossentropy" => Box::new(
            CategoricalCrossentropy::new()
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32)
                .axis(c.axis("axis")?),
        ),
        "binary_crossentropy" => Box::new(
            BinaryCrossentropy::new()
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32)
                .axis(c.axis("axis")?),
        ),
        "binary_focal_crossentropy" => Box::new(
            BinaryFocalCrossentropy::new()
                .alpha(c.number_or("alpha", 0.25)? as f32)
                .gamma(c.number_or("gamma", 2.0)? as f32)
                .apply_class_balancing(c.flag("apply_class_balancing", false)?)
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32)
                .axis(c.axis("axis")?),
        ),
        "categorical_focal_crossentropy" => Box::new(
            CategoricalFocalCrossentropy::new()
                .alpha(c.number_or("alpha", 0.25)? as f32)
                .gamma(c.number_or("gamma", 2.0)? as f32)
                .from_logits(c.flag("from_logits", false)?)
                .label_smoothing(c.number_or("label_smoothing", 0.0)? as f32)
                .axis(c.axis("axis")?),
        ),
        "cosine_similarity" => Box::new(CosineSimilarity::new().axis(c.axis("axis")?)),
        "dice" => match c.axes_or_none("axis")? {
            Some(axes) => Box::new(Dice::new().axis(&axes)),
            None => Box::new(Dice::new()),
        },
        "tversky" => {
            let (alpha, beta) = (c.number_or("alpha", 0.5)? as f32, c.number_or("beta", 0.5)? as f32);
            match c.axes_or_none("axis")? {
                Some(axes) => Box::new(Tversky::new(alpha, beta).axis(&axes)),
                None => Box::new(Tversky::new(alpha, beta)),
            }
        }
        _ => return Ok(None),
    }))
}

/// The loss of class `class_name` with the options `c`.
pub(crate) fn configured(class_name: &str, c: &mut Config) -> Result<Box<dyn Loss>> {
    let name = snake_case(class_name);
    let plain: Result<Box<dyn Loss>> = name.as_str().try_into();
    if let Some(loss) = along_axis(&name, c)? {
        return Ok(loss);
    }
    Ok(match name.as_str() {
        "sparse_categorical_crossentropy" => {
            // Keras on TensorFlow has no other either.
            c.only("axis", &[json!(-1)])?;
            let loss = SparseCategoricalCrossentropy::new().from_logits(c.flag("from_logits", false)?);
            let ignored = c.count_or_none("ignore_class")?;
            Box::new(ignored.map_or(loss, |class| loss.ignore_class(class as u32)))
        }
        "huber" => Box::new(Huber::new(c.number_or("delta", 1.0)? as f32)),
        "categorical_generalized_cross_entropy" => {
            Box::new(CategoricalGeneralizedCrossEntropy::new(c.number_or("q", 0.5)? as f32))
        }
        _ => plain?,
    })
}

/// Keras's class of a name: `binary_crossentropy` becomes `BinaryCrossentropy`.
pub(crate) fn class_name(name: &str) -> String {
    match name {
        "ctc" => return "CTC".into(),
        "kl_divergence" => return "KLDivergence".into(),
        _ => {}
    }
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
    };
    name.split('_').map(word).collect()
}
