//! Metrics against Keras over uneven batches: `keras/metrics.py` has recorded them.

use std::sync::Arc;

use serde_json::Value;

use super::golden::unpacked;
use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::graph::{Element, Graph};
use crate::tensor::{Tensor, Values};
use crate::train::losses::Prediction;
use crate::train::metrics::{
    Auc, BinaryAccuracy, BinaryIoU, ConfusionMatrix, Curve, F1Score, FBetaScore, FScoreAverage, IoU, Measure,
    Metric, Precision, Recall, Summation, TopKCategoricalAccuracy, by_name,
};

/// How far from Keras's numbers ours may lie.
const BOUND: f64 = 1e-5;

const BATCHES: [usize; 3] = [5, 5, 3];

/// The metric that `metrics.py` calls `name`.
fn metric(name: &str) -> Arc<dyn Metric> {
    match name {
        "binary_accuracy 0.3" => Arc::new(BinaryAccuracy::new().threshold(0.3)),
        "top 2" => Arc::new(TopKCategoricalAccuracy::new(2)),
        "sparse top 2" => Arc::new(TopKCategoricalAccuracy::sparse(2)),
        "precision 0.3" => Arc::new(Precision::new().threshold(0.3)),
        "precision class 2" => Arc::new(Precision::new().class_id(2)),
        "recall 0.3 class 1" => Arc::new(Recall::new().threshold(0.3).class_id(1)),
        "f1 micro" => Arc::new(F1Score::new().average(FScoreAverage::Micro)),
        "f1 macro 0.4" => Arc::new(F1Score::new().average(FScoreAverage::Macro).threshold(0.4)),
        "f beta weighted" => Arc::new(FBetaScore::new(2.0).average(FScoreAverage::Weighted)),
        "auc logits" => Arc::new(Auc::new().from_logits(true)),
        "auc minoring" => Arc::new(Auc::new().num_thresholds(20).summation_method(Summation::Minoring)),
        "auc PR" => Arc::new(Auc::new().curve(Curve::PrecisionRecall)),
        "auc PR majoring" => {
            let auc = Auc::new().num_thresholds(11).curve(Curve::PrecisionRecall);
            Arc::new(auc.summation_method(Summation::Majoring))
        }
        "io_u 0 2" => Arc::new(IoU::new().target_class_ids(&[0, 2])),
        "binary_io_u 0.3" => Arc::new(BinaryIoU::new().target_class_ids(&[1]).threshold(0.3)),
        name => by_name(name).unwrap(),
    }
}

/// The sums of one batch.
fn graph(metric: &dyn Metric, target: &Tensor, prediction: &Tensor) -> Graph {
    let mut graph = Graph::new();
    let labels = matches!(target.values(), Values::U32(_));
    let element = if labels { Element::U32 } else { Element::F32 };
    let target = graph.input("y", &target.shape()[1..], element);
    let value = graph.input("x", &prediction.shape()[1..], Element::F32);
    let sums = metric.sums(&mut graph, target, &Prediction::of(value)).unwrap();
    for (i, sum) in sums.into_iter().enumerate() {
        graph.output(&i.to_string(), sum).unwrap();
    }
    graph
}

/// What follows from the sums of all batches.
fn result(metric: &dyn Metric, left: &Left<f32>) -> Vec<f64> {
    let sums = left.outputs.iter().flat_map(|values| {
        let length = values.len() / BATCHES.len();
        (0..length).map(move |i| values[i..].iter().step_by(length).map(|&v| f64::from(v)).sum())
    });
    match metric.result(&sums.collect::<Vec<f64>>(), BATCHES.iter().sum::<usize>() as f64) {
        Measure::Number(number) => vec![number],
        Measure::Table(table) => table.to_f32().into_iter().map(f64::from).collect(),
    }
}

fn close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        let error = (found - expected).abs();
        assert!(error <= BOUND * expected.abs().max(1.0), "{what}: {found}, expected {expected}");
    }
}

/// `metric` over the batches on every executor.
fn check(what: &str, metric: &dyn Metric, [target, prediction]: [Tensor; 2], expected: &[f64]) {
    let graph = graph(metric, &target, &prediction);
    let (data, steps) = ([target, prediction], steps(&BATCHES, &[]));
    let found = run_cpu(&graph, FUSED, &data, (&[], &steps), &[]);
    close(&format!("{what} on the CPU"), &result(metric, &found), expected);
    if let Some(gpu) = shared() {
        let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = run(&mut gpu, &program(&graph, FUSED, BATCHES[0]), &data, (&[], &steps), &[]);
        close(&format!("{what} on the GPU"), &result(metric, &found), expected);
    }
}

#[test]
fn metrics_are_those_of_keras() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("keras/metrics.json")).unwrap();
    for json in &cases {
        let row: Vec<usize> = serde_json::from_value(json["row"].clone()).unwrap();
        let samples = BATCHES.iter().sum();
        let prediction = unpacked(json["prediction"].as_str().unwrap());
        let scores = prediction.len() / samples;
        let target = unpacked(json["target"].as_str().unwrap());
        let shape = [&[samples], row.as_slice()].concat();
        let target = match json["labels"] == true {
            // Labels were packed as floats.
            true => Tensor::u32(&shape, target.iter().map(|&y| y as u32).collect()).unwrap(),
            false => Tensor::f32(&shape, target).unwrap(),
        };
        let prediction = Tensor::f32(&[samples, scores], prediction).unwrap();
        let expected: Vec<f64> = serde_json::from_value(json["result"].clone()).unwrap();
        let name = json["name"].as_str().unwrap();
        check(name, metric(name).as_ref(), [target, prediction], &expected);
    }
}

/// Thirteen samples of three classes, counted by hand.
#[test]
fn confusions_are_counted() {
    let truth = vec![0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
    let found = [0, 0, 0, 1, 2, 1, 1, 1, 0, 2, 2, 1, 1];
    let scores = found.iter().flat_map(|&class| (0..3).map(move |c| if c == class { 0.7 } else { 0.1 }));
    let target = Tensor::u32(&[13, 1], truth).unwrap();
    let prediction = Tensor::f32(&[13, 3], scores.collect()).unwrap();
    let expected = [3.0, 1.0, 1.0, 1.0, 3.0, 0.0, 0.0, 2.0, 2.0];
    check("confusion matrix", &ConfusionMatrix, [target, prediction], &expected);
    // One output has two classes.
    let target = Tensor::f32(&[13, 1], (0..13).map(|i| (i % 2) as f32).collect()).unwrap();
    let prediction = Tensor::f32(&[13, 1], (0..13).map(|i| i as f32 / 13.0).collect()).unwrap();
    check("two classes", &ConfusionMatrix, [target, prediction], &[4.0, 3.0, 3.0, 3.0]);
}

#[test]
fn targets_of_another_kind_are_refused() {
    let mut graph = Graph::new();
    let labels = graph.input("y", &[1], Element::U32);
    let scores = graph.input("x", &[4], Element::F32);
    let mut refused = |name: &str| {
        let metric = by_name(name).unwrap();
        metric.sums(&mut graph, labels, &Prediction::of(scores)).unwrap_err().to_string()
    };
    assert!(refused("categorical_accuracy").contains("fits the loss's targets"));
    assert!(refused("AUC").contains("one-hot encode class numbers"));
    assert!(refused("mse").contains("takes the same targets as the loss"));
    let unknown = by_name("beauty").unwrap_err().to_string();
    assert!(unknown.contains("\"beauty\"") && unknown.contains("f1_score"), "{unknown}");
    let class = Precision::new().class_id(4);
    let y = graph.input("other", &[4], Element::F32);
    let refused = class.sums(&mut graph, y, &Prediction::of(y)).unwrap_err().to_string();
    assert!(refused.contains("class_id is 4, expected below 4"), "{refused}");
}
