//! Metrics against Keras over uneven batches: `keras/metrics.py` has recorded them.

use serde_json::{Value, json};

use super::golden::{same_options, unpacked};
use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::graph::{Element, Graph, NodeId};
use crate::tensor::{Tensor, Values};
use crate::train::losses::{Huber, Loss, Prediction, Reduction};
use crate::train::metrics::{
    Auc, ConfusionMatrix, Correlation, IoU, Measure, Metric, OfLoss, Precision, RecallAtPrecision, by_name,
    config, from_config,
};
use crate::{Dense, Objective, Sequential};

/// How far from Keras's numbers ours may lie.
const BOUND: f64 = 1e-5;

const BATCHES: [usize; 3] = [5, 5, 3];

/// The sums of one batch of targets and predictions, and behind them of a mask, or of weights, or of both.
fn graph(metric: &dyn Metric, data: &[Tensor], has_weight: bool) -> Graph {
    let mut graph = Graph::new();
    let mut inputs: Vec<NodeId> = Vec::new();
    for (i, tensor) in data.iter().enumerate() {
        let labels = matches!(tensor.values(), Values::U32(_));
        let element = if labels { Element::U32 } else { Element::F32 };
        inputs.push(graph.input(&format!("input {i}"), &tensor.shape()[1..], element));
    }
    let weight = has_weight.then(|| inputs.pop().unwrap());
    let (target, value, mask) = (inputs[0], inputs[1], inputs.get(2).copied());
    let prediction = Prediction { mask, weight, ..Prediction::of(value) };
    let sums = metric.sums(&mut graph, target, &prediction).unwrap();
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
fn check(what: &str, metric: &dyn Metric, data: &[Tensor], expected: &[f64]) {
    check_on_all(what, metric, (data, false), expected);
}

/// [`check`]; the last of the data may be weights.
fn check_on_all(what: &str, metric: &dyn Metric, (data, has_weight): (&[Tensor], bool), expected: &[f64]) {
    let (graph, steps) = (graph(metric, data, has_weight), steps(&BATCHES, &[]));
    let found = run_cpu(&graph, FUSED, data, (&[], &steps), &[]);
    close(&format!("{what} on the CPU"), &result(metric, &found), expected);
    if let Some(gpu) = shared() {
        let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let found = run(&mut gpu, &program(&graph, FUSED, BATCHES[0]), data, (&[], &steps), &[]);
        close(&format!("{what} on the GPU"), &result(metric, &found), expected);
    }
}

#[test]
fn metrics_are_those_of_keras() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("keras/metrics.json")).unwrap();
    for json in &cases {
        let samples = BATCHES.iter().sum();
        let shape = |key: &str| -> Vec<usize> {
            let row: Vec<usize> = serde_json::from_value(json[key].clone()).unwrap();
            [&[samples], row.as_slice()].concat()
        };
        let target = unpacked(json["target"].as_str().unwrap());
        let target = match json["labels"] == true {
            // Labels were packed as floats.
            true => Tensor::u32(&shape("row"), target.iter().map(|&y| y as u32).collect()).unwrap(),
            false => Tensor::f32(&shape("row"), target).unwrap(),
        };
        let prediction = unpacked(json["prediction"].as_str().unwrap());
        let mut data = vec![target, Tensor::f32(&shape("prediction_row"), prediction).unwrap()];
        if let Some(mask) = json["mask"].as_str().map(unpacked) {
            data.push(Tensor::f32(&[samples, mask.len() / samples], mask).unwrap());
        }
        let expected: Vec<f64> = serde_json::from_value(json["result"].clone()).unwrap();
        let name = json["name"].as_str().unwrap();
        let metric = from_config(&json["config"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = config(metric.as_ref());
        assert_eq!(config(from_config(&written).unwrap().as_ref()), written);
        same_options(&written, &json["config"]).unwrap_or_else(|error| panic!("{name}: {error}"));
        check(name, metric.as_ref(), &data, &expected);
        let weighted: Option<Vec<f64>> = serde_json::from_value(json["weighted_result"].clone()).unwrap();
        let Some(expected) = weighted else { continue };
        data.push(Tensor::f32(&shape("weight_row"), unpacked(json["weight"].as_str().unwrap())).unwrap());
        check_on_all(&format!("{name} weighted"), metric.as_ref(), (&data, true), &expected);
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
    check("confusion matrix", &ConfusionMatrix, &[target, prediction], &expected);
    // One output has two classes.
    let target = Tensor::f32(&[13, 1], (0..13).map(|i| (i % 2) as f32).collect()).unwrap();
    let prediction = Tensor::f32(&[13, 1], (0..13).map(|i| i as f32 / 13.0).collect()).unwrap();
    check("two classes", &ConfusionMatrix, &[target, prediction], &[4.0, 3.0, 3.0, 3.0]);
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

#[test]
fn options_that_do_not_fit_are_refused() {
    let mut graph = Graph::new();
    let y = graph.input("y", &[4], Element::F32);
    let labels = graph.input("labels", &[1], Element::U32);
    let mut refused = |metric: &dyn Metric, target| {
        metric.sums(&mut graph, target, &Prediction::of(y)).unwrap_err().to_string()
    };
    for (metric, expected) in [
        (Auc::new().num_labels(4), "num_labels is 4, expected absent: it goes with multi_label"),
        (Auc::new().multi_label(true).num_labels(3), "expected 4, the classes of the output"),
        (Auc::new().label_weights(&[1.0]), "number of label_weights is 1, expected 4"),
        (Auc::new().thresholds(&[0.5, 1.5]), "thresholds is 1.5"),
        (Auc::new().num_thresholds(1), "num_thresholds is 1, expected at least 2"),
    ] {
        let message = refused(&metric, y);
        assert!(message.contains(expected), "{message}");
    }
    let message = refused(&Precision::new().thresholds(&[]), y);
    assert!(message.contains("number of thresholds is 0"), "{message}");
    let message = refused(&RecallAtPrecision::new(1.5), y);
    assert!(message.contains("precision is 1.5, expected from 0 to 1"), "{message}");
    let message = refused(&IoU::new().sparse_y_pred(true), labels);
    assert!(message.contains("num_classes is missing"), "{message}");
    let message = refused(&IoU::new().num_classes(4).sparse_y_true(false), labels);
    assert!(message.contains("sparse_y_true is false"), "{message}");
    let message = refused(&IoU::new().num_classes(4).sparse_y_true(true), y);
    assert!(message.contains("see sparse_y_true"), "{message}");
    let message = refused(&Correlation::pearson().axis(0), y);
    assert!(message.contains("axis is 0"), "{message}");
    let message = refused(&OfLoss::new(Huber::new(1.0).reduced(Reduction::Sum)), y);
    assert!(message.contains("reduction is sum"), "{message}");
    let unknown = json!({ "class_name": "AUC", "config": { "curve": "DET" } });
    let message = from_config(&unknown).unwrap_err().to_string();
    assert!(message.contains("curve") && message.contains("PRGAIN"), "{message}");
}

/// What a model is compiled with is what its config compiles it with, options and all.
#[test]
fn compile_settings_keep_every_option() {
    let loss = Huber::new(0.5).reduced(Reduction::MeanWithSampleWeight);
    let objective = Objective::new(loss, &["mae"]).unwrap();
    let objective = objective.metric(Auc::new().multi_label(true).label_weights(&[0.5, 2.0]).named("area"));
    let objective = objective.metric(Precision::new().thresholds(&[0.25, 0.75]).top_k(1));
    let objective =
        objective.weighted_metrics(&["mae"]).unwrap().weighted_metric(Auc::new().num_thresholds(9));
    let mut model = Sequential::new().add(Dense::new(2));
    model.compile_each("sgd", [objective]).unwrap();
    let config = model.compile_config().unwrap().unwrap();
    assert_eq!(config["metrics"][1]["config"]["name"], "area");
    assert_eq!(config["metrics"][2]["config"]["top_k"], 1);
    assert_eq!((&config["metrics"][0], &config["weighted_metrics"][0]), (&json!("mae"), &json!("mae")));
    assert_eq!(config["weighted_metrics"][1]["config"]["num_thresholds"], 9);
    let mut other = Sequential::new().add(Dense::new(2));
    other.compile_from_config(&config).unwrap();
    assert_eq!(other.compile_config().unwrap().unwrap(), config);
}
