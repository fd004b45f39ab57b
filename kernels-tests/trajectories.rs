//! Whole training runs against Keras: same weights, same batches, every step's loss and the final weights.

use serde_json::Value;

use super::golden::Golden;
use crate::cpu::plain::{Feed, Plain};
use crate::graph::Graph;
use crate::layers;
use crate::model::{Device, FitOptions, Purpose, Sequential};
use crate::tensor::Tensor;
use crate::train::optimizers::{self, Optimizer};

/// The model of a run, compiled.
pub fn model(golden: &Golden) -> Sequential {
    let mut model = Sequential::new();
    for layer in golden.get("layers").as_array().unwrap() {
        let mut made = layers::from_config(layer["class_name"].as_str().unwrap(), &layer["config"]).unwrap();
        made.base_mut().set_trainable(layer["trainable"] != false);
        model = model.add(made);
    }
    let metrics = golden.get("metrics").as_array().unwrap().iter();
    let metrics: Vec<&str> = metrics.map(|m| m.as_str().unwrap()).collect();
    let loss = golden.get("loss").as_str().unwrap();
    model.compile(OfGolden(golden.get("optimizer")), loss, &metrics).unwrap();
    model
}

struct OfGolden<'a>(&'a Value);

impl TryFrom<OfGolden<'_>> for Box<dyn Optimizer> {
    type Error = crate::Error;

    fn try_from(OfGolden(json): OfGolden<'_>) -> crate::Result<Self> {
        optimizers::from_config(json)
    }
}

/// All samples; images as bytes, which the graph scales.
pub fn inputs(golden: &Golden) -> Tensor {
    let mut shape = vec![golden.count("samples")];
    shape.extend(golden.input_shape());
    if golden.get("inputs")["kind"] == "images" {
        return Tensor::u8(&shape, golden.images()).unwrap().scaled(1.0 / 255.0);
    }
    Tensor::f32(&shape, golden.inputs()).unwrap()
}

/// All targets: a column of class numbers for the sparse loss, floats for the others.
pub fn targets(golden: &Golden) -> Tensor {
    let mut shape = vec![golden.count("samples")];
    shape.extend(golden.target_shape());
    match golden.get("loss").as_str() {
        Some("sparse_categorical_crossentropy") => Tensor::u32(&[shape[0], 1], golden.labels()).unwrap(),
        _ => Tensor::f32(&shape, golden.targets()).unwrap(),
    }
}

fn plain(graph: &Graph, golden: &Golden) -> Plain {
    let mut plain = Plain::new(graph);
    for (parameter, weight) in graph.parameters.iter().zip(golden.weights()) {
        // Keras names a recurrent layer's weights after its cell.
        let own = weight.name.rsplit('/').next().unwrap();
        assert!(parameter.name.ends_with(own), "{} {}", parameter.name, weight.name);
        assert_eq!(parameter.shape, weight.shape, "{}", parameter.name);
        let values: Vec<f64> = weight.values.iter().map(|&v| f64::from(v)).collect();
        plain.set_parameter(parameter, &values).unwrap();
    }
    plain
}

/// The graph of every small run, computed in f64, follows Keras's f64 run. What differs are constants such
/// as the learning rate, which both hold in f32: 2⁻²⁴ relative each, a few in each step, 10 steps.
#[test]
fn the_graph_follows_keras() {
    for name in Golden::small().into_iter().chain(["xor"]) {
        let golden = Golden::load(name);
        let (x, y) = (inputs(&golden), targets(&golden));
        let graph = model(&golden).graph(Purpose::Training, &x).unwrap();
        let optimizer: Box<dyn Optimizer> = OfGolden(golden.get("optimizer")).try_into().unwrap();
        let mut plain = plain(&graph, &golden);
        let expected = golden.numbers("step_loss_f64");
        for (step, expected) in expected.iter().enumerate() {
            let rows = golden.batch(step);
            let scalars = optimizers::scalars(optimizer.as_ref(), step as u64 + 1, &graph.scalars).unwrap();
            let scalars = scalars.into_iter().map(f64::from).collect();
            let tensors = vec![x.slice_rows(rows.clone()).unwrap(), y.slice_rows(rows.clone()).unwrap()];
            let feed = Feed { batch: rows.len(), inputs: tensors, scalars, ..Feed::default() };
            let result = plain.step(&graph, &feed).unwrap();
            let loss = result.output("loss").unwrap().data[0];
            assert!(
                (loss - expected).abs() <= 1e-5 * expected,
                "{name} step {step}: {loss}, Keras {expected}"
            );
        }
        for (parameter, weight) in graph.parameters.iter().zip(golden.final_weights()) {
            let values: Vec<f32> = plain.parameter(parameter).iter().map(|&v| v as f32).collect();
            let error = weight.relative_error_f64(&values);
            assert!(error <= 1e-5, "{name} {}: {error}", weight.name);
        }
    }
}

/// The whole way on `device`: model, schedule, executor. Returns the loss of every step.
fn fit(golden: &Golden, model: &mut Sequential) -> Vec<f32> {
    let (x, y) = (inputs(golden), targets(golden));
    model.build(&golden.input_shape()).unwrap();
    let weights = golden.weights();
    let tensors: Vec<Tensor> =
        weights.iter().map(|w| Tensor::f32(&w.shape, w.values.clone()).unwrap()).collect();
    model.set_weights(&tensors).unwrap();
    let (samples, size, steps) = (golden.count("samples"), golden.count("batch_size"), golden.count("steps"));
    let options = || FitOptions::new().batch_size(size).shuffle(false).verbose(0);
    let (epochs, rest) = (steps / samples.div_ceil(size), steps % samples.div_ceil(size));
    let mut losses = model.fit(&x, &y, options().epochs(epochs)).unwrap().step_losses().to_vec();
    if rest > 0 {
        let part = 0..(rest * size).min(samples);
        let (x, y) = (x.slice_rows(part.clone()).unwrap(), y.slice_rows(part).unwrap());
        losses.extend(model.fit(x, y, options()).unwrap().step_losses());
    }
    losses
}

/// Every step's loss within 1e-4, every final weight within 1e-3 of its norm.
fn follows_keras(name: &str, device: Device) {
    let golden = Golden::load(name);
    let mut model = model(&golden).device(device);
    let losses = fit(&golden, &mut model);
    let expected = golden.numbers("step_loss");
    assert_eq!(losses.len(), expected.len());
    for (step, (&loss, &expected)) in losses.iter().zip(&expected).enumerate() {
        let difference = (f64::from(loss) - expected).abs();
        assert!(difference <= 1e-4 * expected, "{name} step {step}: {loss}, Keras {expected}");
    }
    for (tensor, weight) in model.get_weights().unwrap().iter().zip(golden.final_weights()) {
        let error = weight.relative_error(&tensor.to_f32());
        assert!(error <= 1e-3, "{name} {}: {error}", weight.name);
    }
}

#[test]
#[cfg(feature = "cpu")]
fn the_cpu_follows_keras() {
    for name in Golden::small().into_iter().chain(["xor", "fashion_mlp", "signs_cnn"]) {
        follows_keras(name, Device::cpu());
    }
}

/// Every loss, window and padding once: the drivers compile each kernel anew.
#[test]
#[cfg(feature = "native")]
fn the_gpu_follows_keras() {
    if pollster::block_on(crate::gpu::adapter::list()).is_empty() {
        println!("no adapter: nothing tested");
        return;
    }
    let names = [
        "sgd_nesterov",
        "frozen",
        "binary",
        "mean_absolute",
        "conv_same_strides",
        "max_pooling",
        "average_pooling",
    ];
    for name in names {
        follows_keras(name, Device::gpu());
    }
}

/// What Keras's `evaluate`, `predict` and `fit` say of the same model and samples.
#[test]
#[cfg(feature = "cpu")]
fn whole_calls_agree_with_keras() {
    for name in Golden::small() {
        let golden = Golden::load(name);
        let (x, y) = (inputs(&golden), targets(&golden));
        let mut model = model(&golden).device(Device::cpu());
        fit(&golden, &mut model);
        // As close as the losses of the steps before.
        let close = |found: f64, expected: f64, size: f64, what: &str| {
            let difference = (found - expected).abs();
            assert!(difference <= 1e-4 * size, "{name} {what}: {found}, Keras {expected}");
        };
        let part = |tensor: &Tensor| tensor.slice_rows(0..10).unwrap();
        for (key, value) in model.evaluate(part(&x), part(&y), 4).unwrap().iter() {
            let expected = golden.get("evaluate")[key].as_f64().unwrap();
            close(value, expected, expected, key);
        }
        let predicted = model.predict(part(&x), 4).unwrap().to_f32();
        let expected: Vec<f64> = flattened(&golden.get("predict")["values"]);
        let largest = expected.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        assert_eq!(predicted.len(), expected.len(), "{name}");
        for (&value, &expected) in predicted.iter().zip(&expected) {
            close(f64::from(value), expected, largest, "prediction");
        }
    }
}

fn flattened(json: &Value) -> Vec<f64> {
    json.as_array()
        .map_or_else(|| vec![json.as_f64().unwrap()], |list| list.iter().flat_map(flattened).collect())
}
