//! Models as layers of other models: weights, freezing, summaries and files.

use serde_json::{Value, json};

use super::files::{check_predictions, folder, golden, load, steps, tensors};
use crate::error::Result;
use crate::layers::{Add, BatchNormalization, Dense, Dropout, Embedding, LSTM, Subtract, TimeDistributed};
use crate::model::{Device, FitOptions, Input, Model, Sequential, SharedLayer, Symbol};
use crate::tensor::Tensor;

fn numbers(shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::f32(shape, (0..count).map(|i| (i as f32 * 0.7).sin()).collect()).unwrap()
}

fn base() -> Sequential {
    Sequential::new().add(Dense::new(4).activation("tanh")).add(BatchNormalization::new()).name("base")
}

fn fit(model: &mut Model, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
    let history = model.fit(x, y, FitOptions::new().epochs(3).verbose(0).shuffle(false))?;
    Ok(history.get("loss").unwrap_or_default())
}

/// The same layers, flat and in models in models, learn the same, bit for bit.
#[test]
fn nesting_changes_nothing() -> Result<()> {
    let (x, y) = (numbers(&[9, 3]), numbers(&[9, 1]));
    let flat = Sequential::new()
        .add(Dense::new(4).activation("tanh"))
        .add(Dropout::new(0.5))
        .add(BatchNormalization::new())
        .add(Dense::new(2))
        .add(Dense::new(1));
    let inner = Sequential::new().add(Dropout::new(0.5)).add(BatchNormalization::new()).add(Dense::new(2));
    let outer = Sequential::new().add(Dense::new(4).activation("tanh")).add(inner);
    let nested = Sequential::new().add(outer).add(Dense::new(1));
    let run = |model: Sequential| -> Result<_> {
        let mut model = Model::from(model).seed(5).device(Device::cpu());
        model.compile("adam", "mse", &[])?;
        let losses = fit(&mut model, &x, &y)?;
        Ok((losses, model.get_weights()?, model.predict(&x, 9)?))
    };
    assert_eq!(run(nested)?, run(flat)?);
    Ok(())
}

#[test]
fn a_model_called_twice_shares_its_weights() -> Result<()> {
    let (left, right) = (Input::named("left", &[3]), Input::named("right", &[3]));
    let twin = SharedLayer::new(base());
    let apart = Symbol::call(Subtract::new(), [&left.apply(&twin), &right.apply(&twin)]);
    let mut model = Model::new([&left, &right], [&apart])?.device(Device::cpu());
    assert_eq!(model.count_parameters(), 3 * 4 + 4 + 4 * 4);
    let x = numbers(&[5, 3]);
    let found = model.predict_each(vec![x.clone(), x], None)?;
    assert_eq!(found[0].to_f32(), vec![0.0; 20], "the same on both sides");
    let summary = model.summary()?;
    assert!(summary.contains("base (Sequential)") && !summary.contains("dense"), "{summary}");
    assert!(summary.contains("left, right"), "{summary}");
    Ok(())
}

#[test]
fn what_a_model_has_learned_comes_along_and_may_be_frozen() -> Result<()> {
    let (x, y) = (numbers(&[8, 3]), numbers(&[8, 1]));
    let mut first = Model::from(base().add(Dense::new(1))).device(Device::cpu());
    first.compile("adam", "mse", &[])?;
    fit(&mut first, &x, &y)?;
    let learned = first.get_weights()?;
    let mut model =
        Model::from(Sequential::new().add(first.name("base").trainable(false)).add(Dense::new(1)));
    model = model.device(Device::cpu());
    model.compile("adam", "mse", &[])?;
    fit(&mut model, &x, &y)?;
    assert_eq!(model.get_weights()?[..8], learned[..], "frozen, moving averages too");
    let summary = model.summary()?;
    assert!(
        summary.contains(" Trainable params: 2 ") && summary.contains(" Non-trainable params: 37 "),
        "{summary}"
    );
    model.set_trainable("base/dense", true)?;
    fit(&mut model, &x, &y)?;
    assert_eq!(model.get_weights()?[..8], learned[..], "a layer of a frozen model does not learn");
    model.set_trainable("base", true)?;
    model.set_trainable("base/dense_1", false)?;
    fit(&mut model, &x, &y)?;
    let weights = model.get_weights()?;
    let kept: Vec<bool> = weights.iter().zip(&learned).map(|(now, before)| now == before).collect();
    assert_eq!(kept, [false, false, false, false, false, false, true, true]);
    let message = model.set_trainable("base/conv", true).unwrap_err().to_string();
    assert!(message.contains("one of dense, batch_normalization, dense_1"), "{message}");
    Ok(())
}

/// Models that were built alike before are not drawn alike.
#[test]
fn weights_that_were_drawn_are_drawn_anew() -> Result<()> {
    let branch = || -> Result<Model> {
        let x = Input::new(&[3]);
        Model::new([&x], [&x.apply(Dense::new(4))])
    };
    let x = Input::new(&[3]);
    let sum = Symbol::call(Add::new(), [&x.apply(branch()?), &x.apply(branch()?)]);
    let mut model = Model::new([&x], [&sum])?;
    assert_eq!(model.layer_names(), ["functional", "functional_1", "add"]);
    let weights = model.get_weights()?;
    assert_ne!(weights[0], weights[2]);
    Ok(())
}

#[test]
fn several_outputs_and_masks_pass() -> Result<()> {
    let x = Input::new(&[4, 2]);
    let states = Symbol::call_each(LSTM::new(3).return_state(true), [&x]);
    let encoder = Model::new([&x], [&states[1], &states[2]])?.name("encoder");
    let y = Input::new(&[4, 2]);
    let both = Symbol::call_each(encoder, [&y]);
    let mut model =
        Model::new([&y], [&Symbol::call(Add::new(), [&both[0], &both[1]])])?.device(Device::cpu());
    assert_eq!(model.predict(numbers(&[2, 4, 2]), None)?.shape(), [2, 3]);

    let words = |steps: Vec<f32>| Tensor::f32(&[1, 4], steps);
    let mut model = Model::from(
        Sequential::new().add(Sequential::new().add(Embedding::new(5, 3).mask_zero(true))).add(LSTM::new(2)),
    );
    model = model.device(Device::cpu());
    let short = model.predict(words(vec![1.0, 2.0, 0.0, 0.0])?, None)?;
    let long = model.predict(words(vec![0.0, 0.0, 1.0, 2.0])?, None)?;
    assert_eq!(short.to_f32(), long.to_f32(), "steps of zeros do not count");
    Ok(())
}

#[test]
fn what_cannot_be_nested_is_refused() -> Result<()> {
    let build = |mut model: Sequential, shape: &[usize]| model.build(shape).unwrap_err().to_string();
    let known = base().input_shape(&[3]);
    let message = build(Sequential::new().add(known), &[4]);
    assert!(message.contains("base") && message.contains("[None, 4], expected [None, 3]"), "{message}");
    let message = build(Sequential::new().add(Sequential::new()), &[4]);
    assert!(message.contains("a model with a layer at least"), "{message}");
    let x = Input::new(&[3]);
    let two = Model::new([&x], [&x.apply(Dense::new(2)), &x.apply(Dense::new(1))])?;
    let message = build(Sequential::new().add(TimeDistributed::new(two)), &[4, 3]);
    assert!(message.contains("a layer or a model that gives one value"), "{message}");
    let message = build(Sequential::new().add(TimeDistributed::new(base().input_shape(&[3]))), &[4, 2]);
    assert!(message.contains("[None, 2], expected [None, 3]"), "{message}");
    let mut deep = Sequential::new().add(Dense::new(1));
    for _ in 0..1000 {
        deep = Sequential::new().add(deep);
    }
    assert!(build(deep, &[2]).contains("at most 16 deep"));
    let mut wide = SharedLayer::new(Dense::new(2));
    let mut four_times = || -> Result<()> {
        let x = Input::new(&[2]);
        let output = x.apply(&wide).apply(&wide).apply(&wide).apply(&wide);
        wide = SharedLayer::new(Model::new([&x], [&output])?);
        Ok(())
    };
    let message = (0..8).find_map(|_| four_times().err()).expect("65,536 calls are too many").to_string();
    assert!(message.contains("calls of layers is 65536"), "{message}");
    Ok(())
}

/// A config of models in models, as hostile files have it: too deep, or in a circle.
#[test]
fn hostile_configs_are_refused() {
    let layer = json!({ "class_name": "Dense", "config": { "name": "dense", "units": 1 } });
    let mut config = json!({ "class_name": "Sequential", "config": { "layers": [layer] } });
    for _ in 0..40 {
        config = json!({ "class_name": "Sequential", "config": { "layers": [config] } });
    }
    let message = Model::from_config(&config).unwrap_err().to_string();
    assert!(message.contains("depth of models in models is 17, expected at most 16"), "{message}");

    let inner = json!({ "class_name": "Sequential", "config": { "name": "inner", "layers": [
        { "class_name": "Dense", "config": { "name": "dense", "units": 2 } } ] },
        "name": "inner", "inbound_nodes": [[["inner", 1, 0, {}]]] });
    let config = json!({ "class_name": "Functional", "config": { "name": "outer", "layers": [
        { "class_name": "InputLayer", "name": "x", "config": { "batch_shape": [null, 2] }, "inbound_nodes": [] }, inner ],
        "input_layers": [["x", 0, 0]], "output_layers": [["inner", 1, 0]] } });
    let message = Model::from_config(&config).unwrap_err().to_string();
    assert!(message.contains("without circles"), "{message}");
}

/// The weights alone, in all layouts, as Keras 3 and tf_keras write them.
#[test]
fn weights_of_nested_models_are_read() -> Result<()> {
    let files = [
        ("golden.json", "nested", vec!["nested.weights.h5", "nested.h5", "nested.keras"]),
        ("golden.json", "steps", vec!["steps.weights.h5", "steps.h5", "steps.keras"]),
        ("golden_tf.json", "nested_tf", vec!["nested_tf.weights.h5", "nested_tf_weights.h5"]),
        ("golden_tf.json", "twins_tf", vec!["twins_tf.weights.h5", "twins_tf_weights.h5"]),
    ];
    let directory = tempfile::tempdir().unwrap();
    for (list, name, weights) in files {
        let (_, case) = golden(list).into_iter().find(|(known, _)| known == name).unwrap();
        let config = load(&folder().join(format!("{name}.h5"))).config()?;
        let check = |path: &std::path::Path| -> Result<Model> {
            let mut model = Model::from_config(&config)?.device(Device::cpu());
            model.load_weights(path)?;
            let found = model.predict_each(tensors(&case["x"]), None)?;
            check_predictions(&path.display().to_string(), &found, &tensors(&case["predictions"]));
            Ok(model)
        };
        for file in weights {
            let mut model = check(&folder().join(file))?;
            for own in ["own.weights.h5", "own.h5", "own.safetensors", "own.npz"] {
                model.save_weights(directory.path().join(own))?;
                check(&directory.path().join(own))?;
            }
        }
    }
    Ok(())
}

/// A file read, written and read again is the same model, trained and frozen as before.
#[test]
fn frozen_layers_stay_frozen_in_files() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (name, learning) in [("transfer", 16), ("twins", 17), ("steps", 88)] {
        let (_, case) = golden("golden.json").into_iter().find(|(known, _)| known == name).unwrap();
        for extension in ["keras", "h5"] {
            let mut model = load(&folder().join(format!("{name}.keras")));
            let path = directory.path().join(format!("{name}.{extension}"));
            model.save(&path)?;
            let summary = load(&path).summary()?;
            assert_eq!(summary, model.summary()?);
            assert!(summary.contains(&format!(" Trainable params: {learning} ")), "{summary}");
            let mut again = load(&path);
            assert_eq!(steps(&mut again, &case, 2), steps(&mut model, &case, 2), "{name}.{extension}");
        }
    }
    Ok(())
}

#[test]
fn onnx_files_hold_nested_models() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("nested.onnx");
    let (_, case): (String, Value) =
        golden("golden.json").into_iter().find(|(name, _)| name == "nested").unwrap();
    let mut model = load(&folder().join("nested.keras"));
    model.export_onnx(&path)?;
    let mut again = load(&path);
    assert_eq!(again.layer_names(), model.layer_names());
    let (found, expected) =
        (again.predict_each(tensors(&case["x"]), None)?, model.predict_each(tensors(&case["x"]), None)?);
    check_predictions("nested.onnx", &found, &expected);
    Ok(())
}
