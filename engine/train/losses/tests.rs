//! Losses against the formulas in f64, with their derivatives where an activation stands before them.

use super::*;
use crate::cpu::plain::{Feed, Plain};
use crate::graph::Element;
use crate::tensor::Tensor;

/// Loss and its gradient for `z`, `[2, n]`, behind `link`.
fn run(loss: &dyn Loss, link: Option<fn(NodeId) -> Logits>, z: &[f32], y: Tensor) -> Result<(f64, Vec<f64>)> {
    let mut graph = Graph::new();
    let n = z.len() / 2;
    let element = if loss.targets() == Targets::Labels { Element::U32 } else { Element::F32 };
    let target = graph.input("y", &y.shape()[1..], element);
    let logits = graph.input("x", &[n], Element::F32);
    let (value, link) = match link {
        None => (logits, None),
        Some(link) => match link(logits) {
            Logits::Sigmoid(x) => (graph.unary(Unary::Sigmoid, x), Some(Logits::Sigmoid(x))),
            Logits::Softmax(x) => (x, Some(Logits::Softmax(x))),
        },
    };
    let values = loss.values(&mut graph, target, &Prediction { logits: link, ..Prediction::of(value) })?;
    let mean = graph.mean_all(values)?;
    let gradient = graph.gradients(mean, &[logits])?[0];
    graph.output("loss", mean)?;
    graph.output("gradient", gradient)?;
    let x = Tensor::f32(&[2, n], z.to_vec())?;
    let feed = Feed { batch: 2, inputs: vec![y, x], ..Feed::default() };
    let result = Plain::new(&graph).step(&graph, &feed)?;
    let data = |name| result.output(name).map(|v| v.data.clone()).unwrap_or_default();
    Ok((data("loss")[0], data("gradient")))
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-6 * expected.abs().max(1.0), "{found}, expected {expected}");
}

#[test]
fn crossentropies_from_logits_agree_with_each_other_and_with_the_formula() -> Result<()> {
    let z = [1.0_f32, -2.0, 0.5, 40.0, 3.0, -60.0];
    let one_hot = Tensor::f32(&[2, 3], vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0])?;
    let labels = Tensor::u32(&[2, 1], vec![2, 1])?;
    let softmax = Some(Logits::Softmax as fn(NodeId) -> Logits);
    let dense = run(&CategoricalCrossentropy::new(), softmax, &z, one_hot.clone())?;
    let sparse = run(&SparseCategoricalCrossentropy::new(), softmax, &z, labels)?;
    assert_eq!(dense, sparse);
    let unlinked = run(&CategoricalCrossentropy::new().from_logits(true), None, &z, one_hot)?;
    assert_eq!(dense, unlinked);
    let powers: f64 = [1.0_f64, -2.0, 0.5].iter().map(|v| v.exp()).sum();
    close(dense.0, (powers.ln() - 0.5 + 37.0) / 2.0);
    close(dense.1[0], 1.0_f64.exp() / powers / 2.0);
    close(dense.1[4], -0.5);
    Ok(())
}

#[test]
fn crossentropies_from_probabilities_are_clipped() -> Result<()> {
    let p = [0.2_f32, 0.3, 0.5, 1.0, 0.0, 0.0];
    let one_hot = Tensor::f32(&[2, 3], vec![0.0, 0.0, 1.0, 0.0, 1.0, 0.0])?;
    let (loss, _) = run(&CategoricalCrossentropy::new(), None, &p, one_hot)?;
    let clipped = -f64::from(EPSILON).ln();
    close(loss, (-0.5_f64.ln() + clipped) / 2.0);
    let labels = Tensor::u32(&[2, 1], vec![2, 1])?;
    let (loss, _) = run(&SparseCategoricalCrossentropy::new(), None, &p, labels)?;
    close(loss, (-0.5_f64.ln() + clipped) / 2.0);
    Ok(())
}

#[test]
fn binary_crossentropy_is_right_at_and_far_from_zero() -> Result<()> {
    let sigmoid = Some(Logits::Sigmoid as fn(NodeId) -> Logits);
    let y = Tensor::f32(&[2, 2], vec![1.0, 0.0, 1.0, 0.0])?;
    let (loss, gradient) = run(&BinaryCrossentropy::new(), sigmoid, &[0.0, 0.0, 80.0, 90.0], y.clone())?;
    close(loss, (2.0 * 2.0_f64.ln() + 90.0) / 4.0);
    for (found, expected) in gradient.iter().zip([-0.125, 0.125, 0.0, 0.25]) {
        close(*found, expected);
    }
    let (loss, _) = run(&BinaryCrossentropy::new(), None, &[0.25, 0.25, 1.0, 1.0], y)?;
    let clipped = -f64::from(1.0 - (1.0 - EPSILON)).ln();
    assert!((loss - (-0.25_f64.ln() - 0.75_f64.ln() + clipped) / 4.0).abs() <= 0.1, "{loss}");
    Ok(())
}

#[test]
fn regression_losses() -> Result<()> {
    let y = Tensor::f32(&[2, 2], vec![1.0, 0.0, 0.0, 2.0])?;
    let z = [3.0, -1.0, 0.0, 0.0];
    let (loss, gradient) = run(&MeanSquaredError, None, &z, y.clone())?;
    assert_eq!((loss, gradient), (2.25, vec![1.0, -0.5, 0.0, -1.0]));
    let (loss, gradient) = run(&MeanAbsoluteError, None, &z, y)?;
    assert_eq!((loss, gradient), (1.25, vec![0.25, -0.25, 0.0, -0.25]));
    Ok(())
}

#[test]
fn unknown_losses_list_the_known_ones() {
    let message = Box::<dyn Loss>::try_from("crossentropy").unwrap_err().to_string();
    assert!(message.contains("sparse_categorical_crossentropy"), "{message}");
}
