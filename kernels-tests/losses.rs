//! Losses and their gradients against Keras: `keras/losses.py` has recorded them.

use serde_json::{Value, json};

use super::golden::{same_options, unpacked};
use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::graph::{Element, Graph};
use crate::tensor::Tensor;
use crate::train::losses::{
    BinaryCrossentropy, CategoricalCrossentropy, Dice, Loss, MeanBiasError, Prediction, Targets, config,
    from_config, reduce,
};

/// How far from Keras's numbers ours may lie, relative to their norm.
const BOUND: f64 = 1e-5;

const SAMPLES: usize = 6;

/// A batch's loss over rows of shape `row`, and its gradient as rows. `weight` and `mask` are the rows of weights and of a mask.
fn graph(loss: &dyn Loss, row: &[usize], weight: Option<&[usize]>, mask: Option<&[usize]>) -> Graph {
    let mut graph = Graph::new();
    let target = match loss.targets() {
        Targets::Labels => graph.input("y", &[&row[..row.len() - 1], &[1]].concat(), Element::U32),
        Targets::Sequences => graph.input("y", &row[..1], Element::U32),
        Targets::Values => graph.input("y", row, Element::F32),
    };
    let value = graph.input("x", row, Element::F32);
    let weight = weight.map(|row| graph.input("weight", row, Element::F32));
    let mask = mask.map(|row| graph.input("mask", row, Element::F32));
    let prediction = Prediction { mask, ..Prediction::of(value) };
    let whole = reduce(&mut graph, loss, target, &prediction, weight).unwrap();
    let (followed, reported) = (graph.sum_all(whole).unwrap(), graph.mean_all(whole).unwrap());
    let gradient = graph.gradients(followed, &[value]).unwrap()[0];
    graph.output("loss", reported).unwrap();
    graph.output("gradient", gradient).unwrap();
    graph
}

fn check(what: &str, found: &Left<f32>, json: &Value) {
    let expected = json["loss"].as_f64().unwrap();
    let loss = f64::from(found.outputs[0][0]);
    assert!(
        (loss - expected).abs() <= BOUND * expected.abs().max(1.0),
        "{what}: {loss}, expected {expected}"
    );
    let expected = unpacked(json["gradient"].as_str().unwrap());
    let difference = |(&f, &e): (&f32, &f32)| (f64::from(f) - f64::from(e)).powi(2);
    let distance: f64 = found.outputs[1].iter().zip(&expected).map(difference).sum();
    let norm: f64 = expected.iter().map(|&e| f64::from(e).powi(2)).sum();
    assert!(norm > 0.0, "{what}: a gradient of zeros proves nothing");
    let error = (distance / norm).sqrt();
    assert!(error <= BOUND, "{what}: {error:e}\nfound    {:?}\nexpected {expected:?}", found.outputs[1]);
}

#[test]
fn losses_are_those_of_keras() {
    let text = include_str!("keras/losses.json");
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    for json in &cases {
        let name = json["name"].as_str().unwrap();
        let shape = |key: &str| -> Vec<usize> { serde_json::from_value(json[key].clone()).unwrap() };
        let (row, target_row) = (shape("row"), shape("target_row"));
        let batch = |row: &[usize]| [&[SAMPLES], row].concat();
        let loss = from_config(&json["config"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = config(loss.as_ref());
        assert_eq!(config(from_config(&written).unwrap().as_ref()), written);
        same_options(&written, &json["config"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let target = unpacked(json["target"].as_str().unwrap());
        let target = match json["labels"] == true {
            // Labels were packed as floats.
            true => Tensor::u32(&batch(&target_row), target.iter().map(|&y| y as u32).collect()).unwrap(),
            false => Tensor::f32(&batch(&target_row), target).unwrap(),
        };
        let prediction = Tensor::f32(&batch(&row), unpacked(json["prediction"].as_str().unwrap())).unwrap();
        let factors = ["weight", "mask"].map(|key| {
            let values = unpacked(json[key].as_str()?);
            // One for each sample, or for each time step of one.
            let own = if values.len() == SAMPLES { &row[..0] } else { &row[..1] };
            Some((own.to_vec(), Tensor::f32(&batch(own), values).unwrap()))
        });
        let [weight, mask] = factors.each_ref().map(|factor| factor.as_ref().map(|(row, _)| row.as_slice()));
        let graph = graph(loss.as_ref(), &row, weight, mask);
        let mut data = vec![target, prediction];
        data.extend(factors.into_iter().flatten().map(|(_, values)| values));
        let steps = steps(&[SAMPLES], &[]);
        check(&format!("{name} on the CPU"), &run_cpu(&graph, FUSED, &data, (&[], &steps), &[]), json);
        if let Some(gpu) = shared() {
            let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let found = run(&mut gpu, &program(&graph, FUSED, SAMPLES), &data, (&[], &steps), &[]);
            check(&format!("{name} on the GPU"), &found, json);
        }
    }
}

/// Keras has no mean bias error: 2, 2 and 2 too much in one sample, 1 too little in the other's first.
#[test]
fn the_mean_bias_error_keeps_its_sign() {
    let graph = graph(&MeanBiasError, &[4], None, None);
    let target = Tensor::f32(&[2, 4], vec![0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    let prediction = Tensor::f32(&[2, 4], vec![2.0, 3.0, 4.0, 3.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let found = run_cpu(&graph, FUSED, &[target, prediction], (&[], &steps(&[2], &[])), &[]);
    assert_eq!(found.outputs[0], [5.0 / 8.0]);
    assert_eq!(found.outputs[1], [1.0 / 8.0; 8]);
}

#[test]
fn losses_that_do_not_fit_are_refused() {
    let mut graph = Graph::new();
    let y = graph.input("y", &[3, 4], Element::F32);
    let weight = graph.input("weight", &[3], Element::F32);
    let mut refused = |loss: Box<dyn Loss>, weight| {
        reduce(&mut graph, loss.as_ref(), y, &Prediction::of(y), weight).unwrap_err().to_string()
    };
    let far = refused(CategoricalCrossentropy::new().axis(3).into(), None);
    assert!(far.contains("axis is 3, expected an axis of the output"), "{far}");
    let far = refused(Dice::new().axis(&[1, -4]).into(), None);
    assert!(far.contains("axis is -4"), "{far}");
    // Along axis 1 a loss is left for each of four numbers, not of three time steps.
    let weighed = refused(BinaryCrossentropy::new().axis(1).into(), Some(weight));
    assert!(weighed.contains("the values"), "{weighed}");
    let config = json!({ "class_name": "MeanSquaredError", "config": { "reduction": "most" } });
    let unknown = from_config(&config).unwrap_err().to_string();
    assert!(unknown.contains("\"most\"") && unknown.contains("mean_with_sample_weight"), "{unknown}");
}
