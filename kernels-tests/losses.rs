//! Losses and their gradients against Keras: `keras/losses.py` has recorded them.

use serde_json::Value;

use super::golden::unpacked;
use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::graph::{Element, Graph};
use crate::tensor::Tensor;
use crate::train::losses::{
    BinaryCrossentropy, BinaryFocalCrossentropy, CategoricalCrossentropy, CategoricalFocalCrossentropy,
    Huber, Loss, MeanBiasError, Prediction, SparseCategoricalCrossentropy, Targets, Tversky,
};

/// How far from Keras's numbers ours may lie, relative to their norm.
const BOUND: f64 = 1e-5;

const SAMPLES: usize = 6;

/// The loss that `losses.py` calls `name`.
fn loss(name: &str) -> Box<dyn Loss> {
    match name {
        "huber 0.4" => Huber::new(0.4).into(),
        "tversky 0.3 0.8" => Tversky::new(0.3, 0.8).into(),
        "binary_focal options" => BinaryFocalCrossentropy::new()
            .apply_class_balancing(true)
            .alpha(0.3)
            .gamma(1.5)
            .label_smoothing(0.1)
            .into(),
        "binary_focal logits" => BinaryFocalCrossentropy::new().from_logits(true).into(),
        "categorical_focal options" => {
            CategoricalFocalCrossentropy::new().alpha(0.4).gamma(1.5).label_smoothing(0.1).into()
        }
        "categorical_focal logits" => CategoricalFocalCrossentropy::new().from_logits(true).into(),
        "binary_crossentropy smooth" => BinaryCrossentropy::new().label_smoothing(0.2).into(),
        "categorical_crossentropy smooth" => {
            CategoricalCrossentropy::new().from_logits(true).label_smoothing(0.2).into()
        }
        "sparse ignore" => SparseCategoricalCrossentropy::new().from_logits(true).ignore_class(2).into(),
        name => Box::try_from(name).unwrap(),
    }
}

/// The loss over one batch of rows of shape `row`, and its gradient as rows.
fn graph(loss: &dyn Loss, row: &[usize]) -> Graph {
    let mut graph = Graph::new();
    let target = match loss.targets() {
        Targets::Labels => graph.input("y", &[1], Element::U32),
        Targets::Sequences => graph.input("y", &row[..1], Element::U32),
        Targets::Values => graph.input("y", row, Element::F32),
    };
    let value = graph.input("x", row, Element::F32);
    let values = loss.values(&mut graph, target, &Prediction::of(value)).unwrap();
    let mean = graph.mean_all(values).unwrap();
    let gradient = graph.gradients(mean, &[value]).unwrap()[0];
    graph.output("loss", mean).unwrap();
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
        let row: Vec<usize> = serde_json::from_value(json["row"].clone()).unwrap();
        let graph = graph(loss(name).as_ref(), &row);
        let target = unpacked(json["target"].as_str().unwrap());
        let shape = [&[SAMPLES], row.as_slice()].concat();
        let target = match json["labels"] == true {
            // Labels were packed as floats.
            true => {
                let labels: Vec<u32> = target.iter().map(|&y| y as u32).collect();
                Tensor::u32(&[SAMPLES, labels.len() / SAMPLES], labels).unwrap()
            }
            false => Tensor::f32(&shape, target).unwrap(),
        };
        let prediction = Tensor::f32(&shape, unpacked(json["prediction"].as_str().unwrap())).unwrap();
        let (data, steps) = ([target, prediction], steps(&[SAMPLES], &[]));
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
    let graph = graph(&MeanBiasError, &[4]);
    let target = Tensor::f32(&[2, 4], vec![0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 0.0, 0.0]).unwrap();
    let prediction = Tensor::f32(&[2, 4], vec![2.0, 3.0, 4.0, 3.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    let found = run_cpu(&graph, FUSED, &[target, prediction], (&[], &steps(&[2], &[])), &[]);
    assert_eq!(found.outputs[0], [5.0 / 8.0]);
    assert_eq!(found.outputs[1], [1.0 / 8.0; 8]);
}
