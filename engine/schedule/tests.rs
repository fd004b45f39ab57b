//! What the passes make of a convolutional network's training step.

use super::*;
use crate::graph::{Axis, Comparison, Element, Unary, Window};
use crate::tensor::Shape;

fn window(size: usize, stride: usize) -> Window {
    let axis = Axis { size, stride, dilation: 1, before: 0, after: 0 };
    Window { height: axis, width: axis }
}

/// The course's network for SIGNS with softmax cross-entropy, accuracy and plain gradient descent.
pub(crate) fn signs_step() -> Result<Graph> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let x = g.input("x", &[64, 64, 3], Element::U8);
    let y = g.input("y", &[6], Element::F32);
    g.enter("input");
    let x = g.cast(x, Element::F32);
    let mut h = g.scale(x, 1.0 / 255.0)?;
    let mut parameters = Vec::new();
    for (name, channels) in [("conv2d", 3), ("conv2d_1", 32)] {
        g.enter(name);
        let w = g.parameter(&format!("{name}/kernel"), &[3, 3, channels, 32], weights);
        let b = g.parameter(&format!("{name}/bias"), &[32], weights);
        parameters.extend([w, b]);
        h = g.conv(h, w, window(3, 1))?;
        h = g.add(h, b)?;
        h = g.unary(Unary::Relu, h);
    }
    g.enter("max_pooling2d");
    h = g.max_pool(h, window(2, 2))?;
    g.enter("flatten");
    h = g.reshape(h, &Shape::batched(&[28800]))?;
    g.enter("dense");
    let w = g.parameter("dense/kernel", &[28800, 6], weights);
    let b = g.parameter("dense/bias", &[6], weights);
    parameters.extend([w, b]);
    h = g.matmul(h, w, false, false)?;
    let logits = g.add(h, b)?;
    g.enter("loss");
    let loss = cross_entropy(&mut g, logits, y)?;
    g.output("loss", loss)?;
    g.enter("accuracy");
    let (a, b) = (g.argmax(logits, 1)?, g.argmax(y, 1)?);
    let correct = g.compare(Comparison::Equal, a, b)?;
    let accuracy = g.mean_all(correct)?;
    g.output("accuracy", accuracy)?;
    let gradients = g.gradients(loss, &parameters)?;
    g.enter("update");
    let gradient = g.pack(weights, &gradients)?;
    let rate = g.scalar("learning_rate");
    let step = g.multiply(gradient, rate)?;
    let old = g.read(weights);
    let new = g.subtract(old, step)?;
    g.assign(weights, new)?;
    Ok(g)
}

fn cross_entropy(g: &mut Graph, logits: NodeId, y: NodeId) -> Result<NodeId> {
    let largest = g.reduce(crate::graph::Reduction::Max, logits, &[1])?;
    let largest = g.detach(largest);
    let z = g.subtract(logits, largest)?;
    let e = g.unary(Unary::Exp, z);
    let sum = g.sum(e, &[1])?;
    let log = g.unary(Unary::Log, sum);
    let log_probability = g.subtract(z, log)?;
    let product = g.multiply(y, log_probability)?;
    let sample = g.sum(product, &[1])?;
    let sample = g.unary(Unary::Negate, sample);
    g.mean_all(sample)
}

#[test]
fn signs_is_few_kernels() -> Result<()> {
    for target in [Target::Cpu, Target::Gpu { software: true }, Target::Gpu { software: false }] {
        let program = schedule(&signs_step()?, target, Options::default(), 32)?;
        assert!(program.dispatches() <= 24, "{}", program.explain());
        let bound = program.liveness_words as f64 * 1.15;
        assert!(program.activation_words as f64 <= bound, "{}", program.explain());
    }
    Ok(())
}
