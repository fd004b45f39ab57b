//! Functional models against Keras's: `keras/functional.py` holds the same models, and what Keras made of them.

use serde_json::Value;

use super::golden::{uniform, word};
use crate::error::Result;
use crate::layers::{
    Add, Average, Bidirectional, Concatenate, Dense, Dot, Flatten, GRU, LSTM, Layer, Maximum, Minimum,
    Multiply, Permute, Reshape, Subtract, TimeDistributed,
};
use crate::model::{Device, FitOptions, Input, Logs, Model, Objective, Sequential, SharedLayer, Symbol};
use crate::tensor::Tensor;
use crate::train::optimizers::Sgd;
use crate::train::regularizers::Regularizer;

const SAMPLES: usize = 12;

fn numbers(stream: u32, shape: &[usize], amplitude: f32) -> Tensor {
    let count: usize = shape.iter().product();
    Tensor::f32(shape, uniform(stream, count, amplitude)).expect("as many numbers as the shape has")
}

/// A model, its inputs and its targets.
struct Case {
    model: Model,
    x: Vec<Tensor>,
    y: Vec<Tensor>,
}

fn two_outputs() -> Result<Case> {
    let (a, b) = (Input::named("a", &[4]), Input::named("b", &[3]));
    let shared = Dense::new(5).activation("tanh").kernel_regularizer(Regularizer::l2(0.01));
    let shared = SharedLayer::new(shared);
    let (left, right) = (a.apply(&shared), b.apply(Dense::new(4)).apply(&shared));
    let residual = Symbol::call(Add::new(), [&left, &left.apply(Dense::new(5).activation("relu"))]);
    let joined = Symbol::call(Concatenate::new(), [&residual, &right]);
    let scores = joined.apply(Dense::new(3).activation("softmax").name("scores"));
    let value = right.apply(Dense::new(1).name("value"));
    let mut model = Model::new([&a, &b], [&scores, &value])?;
    let class = Objective::new("sparse_categorical_crossentropy", &["accuracy"])?;
    let distance = Objective::new("mean_squared_error", &[])?.weight(0.3);
    model.compile_each(Sgd::new(0.1), [class, distance])?;
    let classes = (0..SAMPLES as u32).map(|i| word(20, i) % 3).collect();
    let x = vec![numbers(10, &[SAMPLES, 4], 1.0), numbers(11, &[SAMPLES, 3], 1.0)];
    let y = vec![Tensor::u32(&[SAMPLES], classes)?, numbers(21, &[SAMPLES, 1], 1.0)];
    Ok(Case { model, x, y })
}

fn merges() -> Result<Case> {
    let x = Input::named("x", &[4]);
    let (a, b) = (x.apply(Dense::new(3)), x.apply(Dense::new(3)));
    let layers: [Box<dyn Layer>; 7] = [
        Subtract::new().into(),
        Multiply::new().into(),
        Average::new().into(),
        Maximum::new().into(),
        Minimum::new().into(),
        Dot::new().into(),
        Dot::new().normalize(true).into(),
    ];
    let mut parts: Vec<Symbol> = layers.into_iter().map(|layer| Symbol::call(layer, [&a, &b])).collect();
    parts.push(Symbol::call(Add::new(), [&a, &b.apply(Dense::new(1))]));
    let last = Symbol::call(Concatenate::new(), &parts).apply(Dense::new(2).name("last"));
    let mut model = Model::new([&x], [&last])?;
    model.compile(Sgd::new(0.1), "mean_squared_error", &[])?;
    let (x, y) = (numbers(10, &[SAMPLES, 4], 1.0), numbers(22, &[SAMPLES, 2], 1.0));
    Ok(Case { model, x: vec![x], y: vec![y] })
}

fn one_loss_of_two() -> Result<Case> {
    let x = Input::named("x", &[4]);
    let early = x.apply(Dense::new(2).name("early"));
    let twice = SharedLayer::new(Dense::new(4).activation("tanh"));
    let late = x.apply(&twice).apply(Dense::new(4)).apply(&twice).apply(Dense::new(1).name("late"));
    let mut model = Model::new([&x], [&early, &late])?;
    model.compile_each(Sgd::new(0.1), [Objective::none(), Objective::new("mean_squared_error", &[])?])?;
    let (x, y) = (numbers(10, &[SAMPLES, 4], 1.0), numbers(23, &[SAMPLES, 1], 1.0));
    Ok(Case { model, x: vec![x], y: vec![y] })
}

fn products() -> Result<Case> {
    let (x, y) = (Input::named("x", &[4, 3]), Input::named("y", &[5, 3]));
    let vector = x.apply(Flatten::new()).apply(Dense::new(3));
    let cube = y.apply(Reshape::new(&[5, 3, 1]));
    let turned = y.apply(Permute::new(&[2, 1]));
    let pairs = [
        (&x, &y, Dot::new().axes(2, 2)),
        (&x, &turned, Dot::new().axes(2, 1).normalize(true)),
        (&vector, &y, Dot::new().axes(1, 2)),
        (&x, &vector, Dot::new().axes(-1, -1).normalize(true)),
        (&x, &cube, Dot::new().axes(2, -2)),
        (&cube, &x, Dot::new().axes(2, 2)),
    ];
    let parts = pairs.map(|(a, b, dot)| Symbol::call(dot, [a, b]).apply(Flatten::new()));
    let last = Symbol::call(Concatenate::new(), &parts).apply(Dense::new(2).name("last"));
    let mut model = Model::new([&x, &y], [&last])?;
    model.compile(Sgd::new(0.01), "mean_squared_error", &[])?;
    let x = vec![numbers(10, &[SAMPLES, 4, 3], 1.0), numbers(11, &[SAMPLES, 5, 3], 1.0)];
    Ok(Case { model, x, y: vec![numbers(22, &[SAMPLES, 2], 1.0)] })
}

fn states() -> Result<Case> {
    let (x, y) = (Input::named("x", &[4, 3]), Input::named("y", &[5, 2]));
    let encoded = Symbol::call_each(LSTM::new(4).return_state(true).name("encoder"), [&x]);
    let decoder = LSTM::new(4).return_sequences(true).return_state(true).name("decoder");
    let decoded = Symbol::call_each(decoder, [&y, &encoded[1], &encoded[2]]);
    let both = Bidirectional::new(GRU::new(3)).merge_mode("none").name("both");
    let both = Symbol::call_each(both, [&decoded[0]]);
    let joined = Symbol::call(Concatenate::new(), [&both[0], &both[1], &decoded[1]]);
    let value = joined.apply(Dense::new(1).name("value"));
    let mut model = Model::new([&x, &y], [&value, &both[1].apply(Dense::new(2).name("last"))])?;
    let distance = || Objective::new("mean_squared_error", &[]);
    model.compile_each(Sgd::new(0.1), [distance()?, distance()?])?;
    let x = vec![numbers(10, &[SAMPLES, 4, 3], 1.0), numbers(11, &[SAMPLES, 5, 2], 1.0)];
    let y = vec![numbers(21, &[SAMPLES, 1], 1.0), numbers(22, &[SAMPLES, 2], 1.0)];
    Ok(Case { model, x, y })
}

/// |found − expected| within 1e-5 of the norm of what is expected.
fn check(found: &[f32], expected: &Value, what: &str) {
    let expected: Vec<f64> = expected.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(found.len(), expected.len(), "{what}");
    let norm = expected.iter().map(|v| v * v).sum::<f64>().sqrt();
    let distance = found.iter().zip(&expected).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum::<f64>().sqrt();
    assert!(distance <= 1e-5 * norm, "{what}: {distance} of {norm}: {found:?} {expected:?}");
}

fn check_logs(logs: &Logs, expected: &Value, value: impl Fn(&Value) -> f64, what: &str) {
    let names: Vec<&str> = logs.iter().map(|(name, _)| name).collect();
    let known: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, known, "{what}");
    for (name, found) in logs.iter() {
        let expected = value(&expected[name]);
        assert!((found - expected).abs() <= 1e-5 * expected, "{what} {name}: {found} {expected}");
    }
}

fn follows_keras(case: Case, golden: &Value, device: Device) -> Result<()> {
    let Case { model, x, y } = case;
    let (name, mut model) = (golden["model"].as_str().unwrap(), model.device(device));
    let shapes: Vec<Vec<usize>> = model.get_weights()?.iter().map(|w| w.shape().to_vec()).collect();
    assert_eq!(serde_json::to_value(&shapes).unwrap(), golden["weights"], "{name}");
    let weights = shapes.iter().enumerate().map(|(i, shape)| numbers(100 + i as u32, shape, 0.5));
    model.set_weights(&weights.collect::<Vec<_>>())?;
    let options = FitOptions::new().batch_size(4).epochs(3).shuffle(false).verbose(0);
    let history = model.fit(x.clone(), y.clone(), options)?;
    for (epoch, logs) in history.epochs().iter().enumerate() {
        check_logs(logs, &golden["history"], |list| list[epoch].as_f64().unwrap(), name);
    }
    for (i, weight) in model.get_weights()?.iter().enumerate() {
        check(&weight.to_f32(), &golden["final"][i], &format!("{name}: weight {i}"));
    }
    check_logs(&model.evaluate(x.clone(), y, 4)?, &golden["evaluate"], |v| v.as_f64().unwrap(), name);
    for (i, output) in model.predict_each(x, 4)?.iter().enumerate() {
        check(&output.to_f32(), &golden["predict"][i], &format!("{name}: output {i}"));
    }
    Ok(())
}

fn all_follow_keras(device: &Device) -> Result<()> {
    let golden: Vec<Value> = serde_json::from_str(include_str!("keras/functional.json")).unwrap();
    let makes = [two_outputs, merges, one_loss_of_two, products, states];
    assert_eq!(makes.len(), golden.len());
    for (make, golden) in makes.into_iter().zip(&golden) {
        follows_keras(make()?, golden, device.clone())?;
    }
    Ok(())
}

#[test]
#[cfg(feature = "cpu")]
fn functional_models_follow_keras() -> Result<()> {
    all_follow_keras(&Device::cpu())
}

#[test]
#[cfg(feature = "native")]
fn functional_models_follow_keras_on_the_gpu() -> Result<()> {
    if pollster::block_on(crate::gpu::adapter::list()).is_empty() {
        println!("no adapter: nothing tested");
        return Ok(());
    }
    all_follow_keras(&Device::gpu())
}

#[test]
#[cfg(feature = "cpu")]
fn weights_summary_and_splits_of_several_inputs() -> Result<()> {
    let Case { model, x, y } = two_outputs()?;
    let mut model = model.device(Device::cpu()).seed(3);
    let text = model.summary()?;
    assert!(text.contains("Connected to") && text.contains("a (InputLayer)"), "{text}");
    assert!(text.contains("│ add (Add)") && text.contains("dense, dense_1"), "{text}");
    let options = || FitOptions::new().verbose(0).validation_split(0.25);
    let history = model.fit(x.clone(), y.clone(), options())?;
    assert!(history.get("val_scores_accuracy").is_some() && history.get("val_value_loss").is_some());
    // The samples that were split off are those of validation_data.
    let part = |tensors: &[Tensor], range: std::ops::Range<usize>| {
        tensors.iter().map(|tensor| tensor.slice_rows(range.clone())).collect::<Result<Vec<_>>>()
    };
    let mut other = two_outputs()?.model.device(Device::cpu()).seed(3);
    let (test_x, test_y) = (part(&x, 9..12)?, part(&y, 9..12)?);
    let given = FitOptions::new().verbose(0).validation_data(test_x, test_y);
    assert_eq!(other.fit(part(&x, 0..9)?, part(&y, 0..9)?, given)?, history);
    Ok(())
}

#[test]
#[cfg(all(feature = "cpu", feature = "hdf5"))]
fn files_hold_the_weights_of_functional_models() -> anyhow::Result<()> {
    let (folder, Case { mut model, x, .. }) = (tempfile::tempdir()?, two_outputs()?);
    let path = folder.path().join("model.h5");
    model = model.device(Device::cpu());
    model.save_weights(&path)?;
    let mut other = two_outputs()?.model.device(Device::cpu()).seed(9);
    assert_ne!(other.predict_each(x.clone(), None)?, model.predict_each(x.clone(), None)?);
    other.load_weights(&path)?;
    assert_eq!(other.predict_each(x.clone(), None)?, model.predict_each(x, None)?);
    Ok(())
}

#[test]
#[cfg(feature = "cpu")]
fn layers_of_several_outputs_stand_last_in_a_row() -> Result<()> {
    let lstm = || LSTM::new(3).return_state(true);
    let build = |mut model: Sequential| model.build(&[4, 2]).map(|()| model);
    let mut model = Model::from(build(Sequential::new().add(lstm()))?).device(Device::cpu());
    assert_eq!(model.predict_each(numbers(1, &[2, 4, 2], 1.0), None)?.len(), 3);
    assert!(model.summary()?.contains("[(None, 3), (None, 3), (None, 3)]"), "{}", model.summary()?);
    assert_eq!(Model::from_config(&model.config()?)?.config()?, model.config()?);
    build(Sequential::new().add(lstm()).add(Concatenate::new()))?;
    let refused = |model: Sequential| build(model).unwrap_err().to_string();
    let dense = refused(Sequential::new().add(lstm()).add(Dense::new(1)));
    assert!(dense.contains("number of inputs is 3, expected 1: merge them first"), "{dense}");
    let twice = refused(Sequential::new().add(lstm().return_sequences(true)).add(LSTM::new(3)));
    assert!(twice.contains("expected 1: call the layer in a functional Model"), "{twice}");
    let inner = refused(Sequential::new().add(TimeDistributed::new(lstm())));
    assert!(inner.contains("a layer or a model that gives one value"), "{inner}");
    Ok(())
}

#[test]
fn first_states_fit_the_layer() {
    let (x, small, right) = (Input::new(&[4, 2]), Input::new(&[2]), Input::new(&[3]));
    let refused = |layer: Box<dyn Layer>, inputs: &[&Symbol]| {
        let output = Symbol::call(layer, inputs.iter().copied());
        Model::new(inputs.iter().copied(), [&output]).unwrap_err().to_string()
    };
    let one = refused(LSTM::new(3).into(), &[&x, &right]);
    assert!(one.contains("number of inputs is 2, expected 1, or 3 with first states"), "{one}");
    let size = refused(LSTM::new(3).into(), &[&x, &small, &right]);
    assert!(size.contains("[None, 2], expected [None, 3]"), "{size}");
    let half = refused(Bidirectional::new(GRU::new(3)).into(), &[&x, &right]);
    assert!(half.contains("expected 1, or 3 with first states of both directions"), "{half}");
}

#[test]
fn what_no_model_can_be_is_refused() -> Result<()> {
    let message = |result: Result<Model>| result.map(|_| ()).unwrap_err().to_string();
    let (a, b) = (Input::named("a", &[4]), Input::new(&[3]));
    let both = |layer: Box<dyn Layer>| message(Model::new([&a, &b], [&Symbol::call(layer, [&a, &b])]));
    assert!(both(Dense::new(1).into()).contains("number of inputs is 2, expected 1: merge them first"));
    let add = both(Add::new().into());
    assert!(add.contains("layer \"add\" (Add)") && add.contains("[None, 3], expected [None, 4]"), "{add}");
    assert!(both(Dot::new().into()).contains("[None, 3], expected 4 along axis 1, as [None, 4]"));
    assert!(both(Concatenate::new().axis(2).into()).contains("axis is 2, expected from 1 to 1"));
    let sum = |output: &Symbol| message(Model::new([&a], [output]));
    assert!(sum(&Symbol::call(Concatenate::new(), [&a, &b])).contains("which an output needs"));
    assert!(sum(&Symbol::call(Add::new(), [&a])).contains("at least 2"));
    assert!(message(Model::new([&a, &b], [&a.apply(Dense::new(1))])).contains("which no output needs"));
    assert!(message(Model::new([&a, &a], [&a.apply(Dense::new(1))])).contains("listed twice"));
    let hidden = a.apply(Dense::new(2));
    assert!(message(Model::new([&hidden], [&hidden])).contains("a value of Input::new"));
    Model::new([&a], [&hidden])?;
    assert!(sum(&hidden).contains("another model"));
    let shared = SharedLayer::new(Dense::new(2));
    let other = Symbol::call(Add::new(), [&a.apply(&shared), &b.apply(&shared)]);
    assert!(message(Model::new([&a, &b], [&other])).contains("values of one shape"));
    Ok(())
}

#[test]
#[cfg(feature = "cpu")]
fn data_that_do_not_fit_are_refused() -> Result<()> {
    let Case { model, x, y } = two_outputs()?;
    let mut model = model.device(Device::cpu());
    let mut fit = |x: Vec<Tensor>, y: Vec<Tensor>| {
        model.fit(x, y, FitOptions::new().verbose(0)).map(|_| ()).unwrap_err().to_string()
    };
    assert!(fit(x[..1].to_vec(), y.clone()).contains("number of inputs is 1, expected 2"));
    assert!(fit(x.clone(), y[..1].to_vec()).contains("number of targets is 1, expected 2"));
    assert!(
        fit(vec![x[0].clone(), x[1].slice_rows(0..9)?], y.clone())
            .contains("x[1] has shape [9, 3], expected 12 rows")
    );
    assert!(fit(vec![x[1].clone(), x[0].clone()], y).contains("a has shape [None, 3], expected [None, 4]"));
    assert!(model.predict(x, None).unwrap_err().to_string().contains("predict_each"));
    assert!(model.compile("sgd", "mse", &[]).unwrap_err().to_string().contains("compile_each"));
    let none = model.compile_each("sgd", [Objective::none(), Objective::none()]);
    assert!(none.unwrap_err().to_string().contains("without a loss"));
    Ok(())
}
