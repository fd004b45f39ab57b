//! Files that Keras and tf_keras wrote (`keras/files.py`), read; and files that gradus writes, read by Keras 3.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::error::Result;
use crate::graph::random::philox;
use crate::layers::Dense;
use crate::model::{Device, FitOptions, Model, Sequential, Tensors};
use crate::tensor::Tensor;

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/keras/files")
}

pub fn golden(name: &str) -> Vec<(String, Value)> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    cases.as_object().unwrap().clone().into_iter().collect()
}

pub fn tensors(arrays: &Value) -> Vec<Tensor> {
    let tensor = |array: &Value| {
        let numbers = |key: &str| {
            array[key].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect::<Vec<_>>()
        };
        let shape: Vec<usize> = numbers("shape").into_iter().map(|n| n as usize).collect();
        Tensor::f32(&shape, numbers("values").into_iter().map(|n| n as f32).collect()).unwrap()
    };
    arrays.as_array().unwrap().iter().map(tensor).collect()
}

pub fn load(path: &Path) -> Model {
    Model::load(path).unwrap_or_else(|error| panic!("{error}")).device(Device::cpu())
}

pub fn steps(model: &mut Model, case: &Value, epochs: usize) -> Vec<f64> {
    let (x, y): (Tensors, Tensors) = (tensors(&case["x"]).into(), tensors(&case["y"]).into());
    let options = FitOptions::new().epochs(epochs).batch_size(4).shuffle(false).verbose(0);
    model.fit(x, y, options).unwrap_or_else(|error| panic!("{error}")).get("loss").unwrap()
}

/// Predictions within 1e-5 of the output's largest value.
#[track_caller]
pub fn check_predictions(what: &str, found: &[Tensor], expected: &[Tensor]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.shape(), expected.shape(), "{what}");
        let (found, expected) = (found.to_f32(), expected.to_f32());
        let largest = expected.iter().fold(0.0f32, |most, y| most.max(y.abs()));
        for (found, expected) in found.iter().zip(&expected) {
            let apart = (found - expected).abs();
            assert!(apart <= 1e-5 * largest, "{what}: {found} for {expected}, largest {largest}");
        }
    }
}

/// Losses within 1e-4 of each.
#[track_caller]
pub fn check_losses(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-4 * expected.abs(), "{what}: {found} for {expected}");
    }
}

pub fn numbers(list: &Value) -> Vec<f64> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is no list"));
    list.iter().map(|n| n.as_f64().unwrap()).collect()
}

fn check_file(path: &Path, case: &Value) {
    let what = path.display().to_string();
    let mut model = load(path);
    let found = model.predict_each(tensors(&case["x"]), None).unwrap();
    check_predictions(&what, &found, &tensors(&case["predictions"]));
    check_losses(&what, &steps(&mut model, case, 3), &numbers(&case["losses"]));
    if !case["later"].is_null() {
        let found = model.predict_each(tensors(&case["x"]), None).unwrap();
        check_predictions(&what, &found, &tensors(&case["later"]));
    }
}

#[test]
fn models_of_keras_3_predict_and_train_on_as_in_keras() {
    for (name, case) in golden("golden.json") {
        check_file(&folder().join(format!("{name}.keras")), &case);
        check_file(&folder().join(format!("{name}.h5")), &case);
    }
}

#[test]
fn models_of_tf_keras_predict_and_train_on_as_in_keras() {
    for (name, case) in golden("golden_tf.json") {
        check_file(&folder().join(format!("{name}.h5")), &case);
    }
}

#[test]
fn weights_alone_are_read_in_both_layouts() -> Result<()> {
    let (name, case) = golden("golden.json").into_iter().find(|(name, _)| name == "recurrent").unwrap();
    for weights in ["recurrent.weights.h5", "recurrent.h5", "recurrent.keras"] {
        let config = load(&folder().join(format!("{name}.keras"))).config()?;
        let mut model = Model::from_config(&config)?.device(Device::cpu());
        model.load_weights(folder().join(weights))?;
        let found = model.predict_each(tensors(&case["x"]), None)?;
        check_predictions(weights, &found, &tensors(&case["predictions"]));
    }
    let message = Model::load(folder().join("recurrent.weights.h5")).unwrap_err().to_string();
    assert!(message.contains("weights alone"), "{message}");
    Ok(())
}

/// Keras 3's sharded weights, whose optimizer's group goes over several files; and gradus's own, small and large.
#[test]
fn sharded_weights_are_read_and_written() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own.weights.json");
    let mut expected = load(&folder().join("orthogonal.keras"));
    let config = expected.config()?;
    let mut model = Model::from_config(&config)?.device(Device::cpu());
    model.load_weights(folder().join("orthogonal.weights.json"))?;
    assert_eq!(model.get_weights()?, expected.get_weights()?);
    for size in [1, 150, 1 << 20] {
        model.save_weights_sharded(&path, size)?;
        let mut again = Model::from_config(&config)?.seed(9);
        again.load_weights(&path)?;
        assert_eq!(again.get_weights()?, expected.get_weights()?, "shards of {size} bytes");
    }
    let shards = std::fs::read_dir(directory.path()).unwrap().count() - 1;
    assert_eq!(shards, 6, "one for each array of the smallest shards, which the others are over");
    let map = r#"{ "weight_map": { "/layers/dense/vars": "../orthogonal_00000.weights.h5" } }"#;
    std::fs::write(&path, map).unwrap();
    let message = model.load_weights(&path).unwrap_err().to_string();
    assert!(message.contains("lies in another folder"), "{message}");
    Ok(())
}

#[test]
fn what_gradus_writes_goes_on_bitwise() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (name, case) in golden("golden.json") {
        for extension in ["keras", "h5"] {
            let mut model = load(&folder().join(format!("{name}.keras")));
            steps(&mut model, &case, 2);
            let path = directory.path().join(format!("{name}.{extension}"));
            model.save(&path)?;
            let mut restored = load(&path);
            let what = format!("{name}.{extension}");
            assert_eq!(restored.trained_epochs(), model.trained_epochs(), "{what}");
            assert_eq!(restored.config()?, model.config()?, "{what}");
            assert_eq!(steps(&mut restored, &case, 2), steps(&mut model, &case, 2), "{what}");
            assert_eq!(restored.get_weights()?, model.get_weights()?, "{what}");
        }
    }
    Ok(())
}

/// A run that stops after any epoch, in a process that forgets all but the file, ends with the weights of one that never
/// stopped: order of the samples, dropout, learning rate and gathered gradients included.
#[test]
fn a_stopped_run_ends_as_one_that_never_stopped() -> Result<()> {
    use crate::layers::Dropout;
    use crate::train::optimizers::{Adam, Optimizer};
    use crate::train::schedules::ExponentialDecay;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoint.keras");
    let draw = |seed: u32, count: u32| {
        (0..count).map(move |i| philox([i, 0, 0, 0], [seed, 0])[0] as f32 / u32::MAX as f32)
    };
    let x = Tensor::f32(&[23, 5], draw(1, 115).collect())?;
    let y = Tensor::f32(&[23, 1], draw(2, 23).collect())?;
    let fit = |model: &mut Model, epochs: usize| {
        model.fit(&x, &y, FitOptions::new().epochs(epochs).batch_size(4).verbose(0)).map(drop)
    };
    let fresh = || -> Result<Model> {
        let mut model = Sequential::new()
            .add(Dense::new(7).activation("relu"))
            .add(Dropout::new(0.3))
            .add(Dense::new(1))
            .seed(5)
            .device(Device::cpu());
        let rate = ExponentialDecay::new(0.01, 10, 0.9);
        let adam = Adam::new(rate).gradient_accumulation_steps(4);
        model.compile(adam, "mean_squared_error", &["mean_absolute_error"])?;
        Ok(model.into())
    };
    let mut whole = fresh()?;
    fit(&mut whole, 12)?;
    let expected = whole.get_weights()?;
    for stop in (0..20).map(|i| 1 + philox([i, 7, 0, 0], [3, 0])[0] as usize % 11) {
        let mut first = fresh()?;
        fit(&mut first, stop)?;
        first.save(&path)?;
        drop(first);
        let mut second = load(&path);
        fit(&mut second, 12 - stop)?;
        assert_eq!(second.get_weights()?, expected, "stopped after epoch {stop}");
    }
    Ok(())
}

/// What `files.py COMMAND` finds in `paths`, if `GRADUS_KERAS_PYTHON` names a Python with Keras 3 and tf_keras.
pub fn opened_by_keras(command: &str, paths: &[PathBuf]) -> Option<Value> {
    let Some(python) = std::env::var_os("GRADUS_KERAS_PYTHON") else {
        println!("skipped: GRADUS_KERAS_PYTHON does not name a Python with Keras 3 and tf_keras");
        return None;
    };
    let script = folder().with_file_name("files.py");
    let output = Command::new(&python).arg(script).arg(command).args(paths).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}")))
}

/// What this test needs is a Python with NumPy and safetensors: `GRADUS_KERAS_PYTHON=python3`.
#[test]
fn python_reads_the_named_arrays_of_gradus_and_gradus_those_of_python() -> Result<()> {
    let Some(python) = std::env::var_os("GRADUS_KERAS_PYTHON") else {
        println!("skipped: GRADUS_KERAS_PYTHON does not name a Python with NumPy and safetensors");
        return Ok(());
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let mut model = load(&folder().join("recurrent.keras"));
    model.save_weights(at("weights.safetensors"))?;
    model.save_weights(at("weights.npz"))?;
    let script = folder().with_file_name("named_arrays.py");
    let output = Command::new(&python).arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(names.contains("bidirectional/backward_lstm/lstm_cell/recurrent_kernel"), "{names}");
    let expected: Vec<Tensor> = model.get_weights()?.into_iter().map(|weight| weight.scaled(-1.0)).collect();
    for file in ["negative.safetensors", "negative.npz"] {
        model.load_weights(at(file))?;
        assert_eq!(model.get_weights()?, expected, "{file}");
    }
    Ok(())
}

/// Each golden model as gradus writes it, with what is known of it.
fn written(directory: &Path, golden_name: &str, from: &str, to: &[&str]) -> Vec<(PathBuf, Value)> {
    let write = |(name, case): (String, Value)| {
        to.iter().map(move |extension| {
            let path = directory.join(format!("{name}.{extension}"));
            load(&folder().join(format!("{name}.{from}")))
                .save(&path)
                .unwrap_or_else(|error| panic!("{error}"));
            (path, case.clone())
        })
    };
    golden(golden_name).into_iter().flat_map(write).collect()
}

#[test]
fn keras_reads_what_gradus_writes() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = written(directory.path(), "golden.json", "keras", &["keras", "h5"]);
    // In Keras 2's words Keras 3 does not find the second call of a functional model, not in tf_keras's own files either.
    files.retain(|(path, _)| !path.ends_with("twins.h5"));
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
    let Some(found) = opened_by_keras("open", &paths) else { return };
    for (path, case) in files {
        let what = path.file_name().unwrap().to_str().unwrap();
        let found = &found[what];
        assert!(found["error"].is_null(), "{what}: {}", found["error"]);
        check_predictions(what, &tensors(&found["predictions"]), &tensors(&case["predictions"]));
        // Keras 3 forgets the optimizer of an .h5 file, its own too, and cannot train on.
        if what.ends_with("keras") {
            check_losses(what, &numbers(&found["losses"]), &numbers(&case["losses"]));
        }
    }
}

#[test]
fn tf_keras_reads_what_gradus_writes() {
    let directory = tempfile::tempdir().unwrap();
    let mut files = written(directory.path(), "golden.json", "keras", &["h5"]);
    files.extend(written(directory.path(), "golden_tf.json", "h5", &["h5"]));
    // First states of recurrences have no words that both read; Muon is Keras 3's alone.
    let common =
        |path: &Path| ["states", "orthogonal"].iter().all(|name| !path.ends_with(format!("{name}.h5")));
    files.retain(|(path, _)| common(path) && !path.ends_with("states_tf.h5"));
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| path.clone()).collect();
    let Some(found) = opened_by_keras("tf-open", &paths) else { return };
    for (path, case) in files {
        let what = path.file_name().unwrap().to_str().unwrap();
        let found = &found[what];
        assert!(found["error"].is_null(), "{what}: {}", found["error"]);
        check_predictions(what, &tensors(&found["predictions"]), &tensors(&case["predictions"]));
        // Nadam is no optimizer of both, so that tf_keras reads the rest alone; where Keras 3 normalizes each time step, tf_keras
        // normalizes all.
        if !["series.h5", "steps.h5"].contains(&what) {
            check_losses(what, &numbers(&found["losses"]), &numbers(&case["losses"]));
        }
    }
}

/// Keras 2's function keeps its meaning in `.h5` files, and is refused where it would become Keras 3's.
#[test]
fn hard_sigmoid_keeps_its_meaning_or_is_refused() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let [old, new] = ["old", "new"].map(|name| directory.path().join(format!("{name}.h5")));
    let (_, case) = golden("golden_tf.json").into_iter().find(|(name, _)| name == "gates_tf").unwrap();
    let mut model = load(&folder().join("gates_tf.h5"));
    model.save(&old)?;
    check_predictions(
        "old",
        &load(&old).predict_each(tensors(&case["x"]), None)?,
        &tensors(&case["predictions"]),
    );
    let message = model.save(directory.path().join("gates.keras")).unwrap_err().to_string();
    assert!(
        message.contains("Keras 2's hard_sigmoid") && message.contains("save the model as .h5"),
        "{message}"
    );
    let mut model = Sequential::new().add(Dense::new(2).activation("hard_sigmoid")).input_shape(&[3]);
    model.build(&[3])?;
    model.save(&new)?;
    assert_eq!(load(&new).config()?, model.config()?);
    Ok(())
}
