//! Optimizers in files that gradus writes: Keras 3 and tf_keras train on as gradus does.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::files::{check_losses, load, numbers, opened_by_keras, steps};
use crate::error::Result;
use crate::layers::Dense;
use crate::model::{Device, Model, Sequential};
use crate::train::optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Muon, Nadam, Optimizer, RmsProp, Sgd,
};

type Make = fn() -> Box<dyn Optimizer>;

/// Each with a name, and whether tf_keras has one that does the same.
const OPTIMIZERS: [(&str, bool, Make); 19] = [
    ("sgd", true, || Box::new(Sgd::new(0.05))),
    ("sgd_momentum", true, || Box::new(Sgd::new(0.05).momentum(0.9).nesterov(true).weight_decay(0.1))),
    // tf_keras's newer SGD remembers a momentum that it has not.
    ("sgd_decay", false, || Box::new(Sgd::new(0.05).weight_decay(0.1))),
    ("rmsprop", true, || Box::new(RmsProp::new(0.01))),
    ("rmsprop_centered", true, || Box::new(RmsProp::new(0.01).momentum(0.5).centered(true))),
    ("adagrad", true, || Box::new(Adagrad::new(0.05))),
    ("adadelta", true, || Box::new(Adadelta::new(0.5))),
    ("adadelta_decay", true, || Box::new(Adadelta::new(0.5).weight_decay(0.1))),
    ("adam", true, || Box::new(Adam::new(0.01).clipnorm(0.5))),
    ("adam_amsgrad", true, || Box::new(Adam::new(0.05).amsgrad(true).weight_decay(0.1))),
    ("adam_averaged", true, || {
        Box::new(Adam::new(0.05).use_ema(true).ema_momentum(0.9).ema_overwrite_frequency(3))
    }),
    ("adamw", true, || Box::new(AdamW::new(0.05).weight_decay(0.1).amsgrad(true))),
    ("adamax", true, || Box::new(Adamax::new(0.02))),
    ("ftrl", true, || Box::new(Ftrl::new(0.1))),
    ("lion", true, || Box::new(Lion::new(0.01).weight_decay(0.1))),
    // tf_keras's Nadam multiplies a product once a weight, not once a step, and forgets it in files.
    ("nadam", false, || Box::new(Nadam::new(0.01))),
    ("lamb", false, || Box::new(Lamb::new(0.01))),
    ("muon", false, || Box::new(Muon::new(0.01))),
    ("adam_accumulating", false, || Box::new(Adam::new(0.05).gradient_accumulation_steps(2))),
];

fn samples() -> Value {
    let array = |shape: [usize; 2], factor: f64| {
        let values: Vec<f64> = (0..shape[0] * shape[1]).map(|i| (i as f64 * factor).sin()).collect();
        json!({ "shape": shape, "values": values })
    };
    json!({ "x": [array([4, 3], 0.7)], "y": [array([4, 1], 1.3)] })
}

/// A file of a model that `make`'s optimizer has trained for 5 steps, with its samples beside, and the losses of 3 more.
fn write(path: &Path, make: Make) -> Result<Vec<f64>> {
    let case = samples();
    let model = Sequential::new().add(Dense::new(5).activation("tanh")).add(Dense::new(4)).add(Dense::new(1));
    let mut model = Model::from(model).device(Device::cpu());
    model.compile(make(), "mean_squared_error", &[])?;
    steps(&mut model, &case, 5);
    model.save(path)?;
    std::fs::write(path.with_extension("json"), case.to_string()).unwrap();
    let expected = steps(&mut model, &case, 3);
    assert_eq!(steps(&mut load(path), &case, 3), expected, "{}", path.display());
    Ok(expected)
}

/// Writes a file for each optimizer, and checks what `files.py COMMAND` finds in it.
fn all_resume(command: &str, extension: &str, has: impl Fn(bool) -> bool) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let mut written: Vec<(PathBuf, bool, Vec<f64>)> = Vec::new();
    for (name, common, make) in OPTIMIZERS {
        let path = directory.path().join(format!("{name}.{extension}"));
        let expected = write(&path, make)?;
        written.push((path, common, expected));
    }
    let paths: Vec<PathBuf> = written.iter().map(|(path, ..)| path.clone()).collect();
    let Some(found) = opened_by_keras(command, &paths) else { return Ok(()) };
    for (path, common, expected) in written {
        let what = path.file_name().unwrap().to_str().unwrap();
        assert!(found[what]["error"].is_null(), "{what}: {}", found[what]["error"]);
        if has(common) {
            check_losses(what, &numbers(&found[what]["losses"]), &expected);
        } else {
            assert!(found[what]["losses"].is_null(), "{what} trains on: {}", found[what]["losses"]);
        }
    }
    Ok(())
}

#[test]
fn keras_trains_on_with_every_optimizer() -> Result<()> {
    all_resume("open", "keras", |_| true)
}

#[test]
fn tf_keras_trains_on_with_the_optimizers_that_it_has() -> Result<()> {
    all_resume("tf-open", "h5", |common| common)
}
