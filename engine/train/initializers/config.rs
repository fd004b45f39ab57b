//! Initializers by name, and as Keras's configs hold them.

use serde_json::{Value, json};

use super::{Distribution, Fan, Initializer, Kind};
use crate::error::{Error, Result};
use crate::train::by_name;
use crate::train::config::{Config, object};

/// Classes and what else they are called; those that several settings have come last.
const CLASSES: [(&str, &[&str], Initializer); 15] = [
    ("GlorotUniform", &["glorot_uniform"], Initializer::glorot_uniform()),
    ("GlorotNormal", &["glorot_normal"], Initializer::glorot_normal()),
    ("HeUniform", &["he_uniform"], Initializer::he_uniform()),
    ("HeNormal", &["he_normal"], Initializer::he_normal()),
    ("LecunUniform", &["lecun_uniform"], Initializer::lecun_uniform()),
    ("LecunNormal", &["lecun_normal"], Initializer::lecun_normal()),
    ("Zeros", &["zeros"], Initializer::zeros()),
    ("Ones", &["ones"], Initializer::ones()),
    ("Constant", &["constant"], Initializer::zeros()),
    ("Identity", &["identity", "IdentityInitializer"], Initializer::identity(1.0)),
    ("Orthogonal", &["orthogonal", "OrthogonalInitializer"], Initializer::orthogonal(1.0)),
    ("RandomUniform", &["random_uniform", "uniform"], Initializer::random_uniform(-0.05, 0.05)),
    ("RandomNormal", &["random_normal", "normal"], Initializer::random_normal(0.0, 0.05)),
    ("TruncatedNormal", &["truncated_normal"], Initializer::truncated_normal(0.0, 0.05)),
    ("VarianceScaling", &["variance_scaling"], Initializer::lecun_normal()),
];

const FANS: [(&str, Fan); 3] = [("fan_in", Fan::In), ("fan_out", Fan::Out), ("fan_avg", Fan::Average)];

const DISTRIBUTIONS: [(&str, Distribution); 3] = [
    ("uniform", Distribution::Uniform),
    ("truncated_normal", Distribution::TruncatedNormal),
    ("untruncated_normal", Distribution::UntruncatedNormal),
];

impl TryFrom<&str> for Initializer {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        let known = |(class, names, _): &&(&str, &[&str], Self)| *class == name || names.contains(&name);
        CLASSES.iter().find(known).map(|(.., initializer)| *initializer).ok_or_else(|| {
            let names: Vec<&str> = CLASSES.iter().map(|(_, names, _)| names[0]).collect();
            let expected = format!("one of {}", names.join(", "));
            Error::argument("initializer", "name", format!("{name:?}"), expected)
        })
    }
}

impl Initializer {
    /// Keras's name of the class, as configs hold it.
    pub fn class_name(self) -> &'static str {
        let plain = Self::of(self.kind);
        let named = CLASSES[..8].iter().find(|(.., initializer)| *initializer == plain);
        named.map_or(self.general_class(), |(class, ..)| class)
    }

    fn general_class(self) -> &'static str {
        match self.kind {
            Kind::Constant(_) => "Constant",
            Kind::Identity { .. } => "Identity",
            Kind::Orthogonal { .. } => "Orthogonal",
            Kind::Uniform { .. } => "RandomUniform",
            Kind::Normal { .. } => "RandomNormal",
            Kind::TruncatedNormal { .. } => "TruncatedNormal",
            Kind::VarianceScaling { .. } => "VarianceScaling",
        }
    }

    /// As Keras's configs hold it.
    pub fn config(self) -> Value {
        let class = self.class_name();
        let seed = self.seed;
        let options = match self.kind {
            _ if class == "Zeros" || class == "Ones" => json!({}),
            Kind::Constant(value) => json!({ "value": value }),
            Kind::Identity { gain } => json!({ "gain": gain }),
            Kind::Orthogonal { gain } => json!({ "gain": gain, "seed": seed }),
            Kind::Uniform { low, high } => json!({ "minval": low, "maxval": high, "seed": seed }),
            Kind::Normal { mean, deviation } | Kind::TruncatedNormal { mean, deviation } => {
                json!({ "mean": mean, "stddev": deviation, "seed": seed })
            }
            Kind::VarianceScaling { .. } if class != "VarianceScaling" => json!({ "seed": seed }),
            Kind::VarianceScaling { scale, mode, distribution } => {
                let mode = FANS.iter().find(|(_, fan)| *fan == mode).map(|(name, _)| *name);
                let known = DISTRIBUTIONS.iter().find(|(_, known)| *known == distribution);
                json!({ "scale": scale, "mode": mode, "distribution": known.map(|(name, _)| *name), "seed": seed })
            }
        };
        object("keras.initializers", class, options)
    }

    /// The initializer of a Keras config: a name, or an object with a class name and options.
    ///
    /// # Errors
    /// If there is no such class, or an option is unknown or not of the right kind.
    pub fn from_config(value: &Value) -> Result<Self> {
        if let Some(name) = value.as_str() {
            return name.try_into();
        }
        let (class, mut config) = crate::train::config::parts(value)?;
        // Which axes count as inputs and outputs follows from the layer, as in Keras where these are null; `dtype` comes
        // from Keras 2.
        let neutral =
            [("input_axes", &["null"][..]), ("output_axes", &["null"]), ("dtype", &["null", "\"float32\""])];
        config.pass_over(&neutral);
        let mut initializer = Self::try_from(class.as_str())?;
        // Several settings of one class share a kind: which options there are depends on the class.
        initializer.kind = match initializer.kind {
            Kind::VarianceScaling { .. } if !is_general(&class) => initializer.kind,
            Kind::Constant(_) if !is_general(&class) => initializer.kind,
            kind => options(kind, &mut config)?,
        };
        let seeded = !matches!(initializer.kind, Kind::Constant(_) | Kind::Identity { .. });
        if seeded {
            initializer.seed = config.count_or_none("seed")?.map(|seed| seed as u64);
        }
        config.finish()?;
        Ok(initializer)
    }
}

fn is_general(class: &str) -> bool {
    ["VarianceScaling", "variance_scaling", "Constant", "constant"].contains(&class)
}

/// `kind` with the options of `config`.
fn options(kind: Kind, config: &mut Config) -> Result<Kind> {
    Ok(match kind {
        Kind::Constant(value) => Kind::Constant(config.number_or("value", value)?),
        Kind::Identity { gain } => Kind::Identity { gain: config.number_or("gain", gain)? },
        Kind::Orthogonal { gain } => Kind::Orthogonal { gain: config.number_or("gain", gain)? },
        Kind::Uniform { low, high } => {
            Kind::Uniform { low: config.number_or("minval", low)?, high: config.number_or("maxval", high)? }
        }
        Kind::Normal { mean, deviation } => Kind::Normal {
            mean: config.number_or("mean", mean)?,
            deviation: config.number_or("stddev", deviation)?,
        },
        Kind::TruncatedNormal { mean, deviation } => Kind::TruncatedNormal {
            mean: config.number_or("mean", mean)?,
            deviation: config.number_or("stddev", deviation)?,
        },
        Kind::VarianceScaling { scale, mode, distribution } => {
            let (fan, known) = (config.text("mode")?, config.text("distribution")?);
            Kind::VarianceScaling {
                scale: config.number_or("scale", scale)?,
                mode: fan.map_or(Ok(mode), |name| by_name("initializer", "mode", &name, &FANS))?,
                distribution: known.map_or(Ok(distribution), |name| {
                    by_name("initializer", "distribution", &name, &DISTRIBUTIONS)
                })?,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configs_come_back() {
        let scaling = Initializer::variance_scaling(0.3, Fan::Out, Distribution::UntruncatedNormal);
        let others = [
            scaling.seed(3),
            Initializer::he_uniform().seed(1 << 40),
            Initializer::constant(0.3),
            Initializer::random_uniform(-2.0, 1.0),
            Initializer::truncated_normal(1.0, 0.1).seed(0),
            Initializer::orthogonal(2.0).seed(9),
            Initializer::identity(0.5),
        ];
        for initializer in CLASSES.iter().map(|(.., initializer)| *initializer).chain(others) {
            assert_eq!(Initializer::from_config(&initializer.config()).unwrap(), initializer);
        }
        for (class, names, initializer) in CLASSES {
            assert!(names.iter().chain([&class]).all(|n| Initializer::try_from(*n).unwrap() == initializer));
        }
    }

    #[test]
    fn unknown_options_are_refused() {
        let message = |value: Value| Initializer::from_config(&value).unwrap_err().to_string();
        let of = |class: &str, config: Value| json!({ "class_name": class, "config": config });
        assert!(message(of("HeNormal", json!({ "gain": 2.0 }))).contains("gain"));
        assert!(message(of("Zeros", json!({ "value": 2.0 }))).contains("value"));
        assert!(message(of("Constant", json!({ "seed": 2 }))).contains("seed"));
        assert!(message(of("VarianceScaling", json!({ "mode": "fan" }))).contains("fan_avg"));
        assert!(message(of("Glorot", json!({}))).contains("lecun_normal"));
        assert!(message(json!(3)).contains("class_name"));
    }
}
