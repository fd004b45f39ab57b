//! Every option of Keras's classes that gradus has: taken, or refused by name. `keras/options.py` lists them.

use serde_json::Value;

use crate::error::Result;
use crate::layers;
use crate::train::{constraints::Constraint, initializers::Initializer, regularizers::Regularizer};
use crate::train::{losses, metrics, optimizers};

/// What gradus has not, by class and option; `*` stands for every class.
const REFUSED: [(&str, &str); 6] = [
    // Adapters of low rank.
    ("*", "lora_rank"),
    // Keras's own results fail with any but the last.
    ("IoU", "axis"),
    ("MeanIoU", "axis"),
    ("OneHotIoU", "axis"),
    ("OneHotMeanIoU", "axis"),
    // Class numbers have no other; Keras on TensorFlow has none either.
    ("SparseCategoricalCrossentropy", "axis"),
];

/// Whether gradus takes a config.
fn read(kind: &str, config: &Value) -> Result<()> {
    match kind {
        "layer" => layers::from_config(config["class_name"].as_str().unwrap(), &config["config"]).map(drop),
        "loss" => losses::from_config(config).map(drop),
        "metric" => metrics::from_config(config).map(drop),
        "optimizer" => optimizers::from_config(config).map(drop),
        "initializer" => Initializer::from_config(config).map(drop),
        "regularizer" => Regularizer::from_config(config).map(drop),
        _ => Constraint::from_config(config).map(drop),
    }
}

#[test]
fn every_option_is_taken_or_refused_by_name() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("keras/options.json")).unwrap();
    let mut wrong = Vec::new();
    for case in &cases {
        let (class, option) = (case["config"]["class_name"].as_str().unwrap(), case["option"].as_str());
        let listed = |known: &&(&str, &str)| [class, "*"].contains(&known.0) && Some(known.1) == option;
        let refused = REFUSED.iter().any(|known| listed(&known));
        match (read(case["kind"].as_str().unwrap(), &case["config"]), refused) {
            (Ok(()), true) => wrong.push(format!("{class} takes {option:?}: the list is too long")),
            (Err(error), false) => wrong.push(format!("{class} refuses {option:?}: {error}")),
            (Err(error), true) if !error.to_string().contains(option.unwrap()) => {
                wrong.push(format!("{class}: {error} does not name {option:?}"));
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
