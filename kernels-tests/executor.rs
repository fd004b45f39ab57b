//! Programs with products, convolutions and poolings on the GPU, trained for a few steps beside the reference.

use super::harness::random;
use super::programs::{FUSED, Left, PLAIN, assert_close, reference, run, shared, steps};
use super::shaders::{translate, validate};
use crate::gpu::lower;
use crate::graph::{Axis, Element, Graph, NodeId, SEGMENT, Unary, Window};
use crate::schedule::{Options, Program, Target, schedule};
use crate::tensor::{Shape, Tensor};

const SAMPLES: usize = 7;

fn axis(size: usize, stride: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation: 1, before, after }
}

/// A small network with everything that has a kernel: a padded and a strided convolution, both poolings, two
/// products, biases, and a step of gradient descent.
fn network() -> Graph {
    let mut graph = Graph::new();
    let x = graph.input("images", &[9, 8, 3], Element::U8);
    let targets = graph.input("targets", &[5], Element::F32);
    let weights = graph.variable("weights");
    let x = graph.cast(x, Element::F32);
    let x = graph.scale(x, 1.0 / 255.0).unwrap();
    let mut parameters = Vec::new();
    let mut parameter = |graph: &mut Graph, name: &str, shape: &[usize]| {
        let node = graph.parameter(name, shape, weights);
        parameters.push(node);
        node
    };
    let first = parameter(&mut graph, "conv/kernel", &[3, 3, 3, 8]);
    let bias = parameter(&mut graph, "conv/bias", &[8]);
    let window = Window { height: axis(3, 1, 1, 1), width: axis(3, 1, 1, 1) };
    let x = graph.conv(x, first, window).unwrap();
    let x = graph.add(x, bias).unwrap();
    let x = graph.unary(Unary::Tanh, x);
    let x = graph.max_pool(x, Window { height: axis(2, 2, 0, 0), width: axis(2, 2, 0, 0) }).unwrap();
    let second = parameter(&mut graph, "conv_1/kernel", &[2, 3, 8, 5]);
    let bias = parameter(&mut graph, "conv_1/bias", &[5]);
    let window = Window { height: axis(2, 2, 0, 0), width: axis(3, 1, 1, 1) };
    let x = graph.conv(x, second, window).unwrap();
    let x = graph.add(x, bias).unwrap();
    let x = graph.unary(Unary::Softplus, x);
    let x = graph.average_pool(x, Window { height: axis(2, 1, 0, 0), width: axis(2, 2, 0, 0) }).unwrap();
    let x = dense(&mut graph, x, &mut parameter, 12);
    let x = graph.unary(Unary::Sigmoid, x);
    let y = dense(&mut graph, x, &mut parameter, 5);
    graph.output("y", y).unwrap();
    let error = graph.subtract(y, targets).unwrap();
    let squares = graph.multiply(error, error).unwrap();
    let loss = graph.mean_all(squares).unwrap();
    graph.output("loss", loss).unwrap();
    descend(&mut graph, loss, &parameters);
    graph
}

fn dense(
    graph: &mut Graph,
    x: NodeId,
    parameter: &mut impl FnMut(&mut Graph, &str, &[usize]) -> NodeId,
    units: usize,
) -> NodeId {
    let features = graph.shape(x).count().factor;
    let x = graph.reshape(x, &Shape::batched(&[features])).unwrap();
    let kernel = parameter(graph, "dense/kernel", &[features, units]);
    let bias = parameter(graph, "dense/bias", &[units]);
    let product = graph.matmul(x, kernel, false, false).unwrap();
    graph.add(product, bias).unwrap()
}

fn descend(graph: &mut Graph, loss: NodeId, parameters: &[NodeId]) {
    let weights = crate::graph::VariableId(0);
    let rate = graph.scalar("rate");
    let gradients = graph.gradients(loss, parameters).unwrap();
    let packed = graph.pack(weights, &gradients).unwrap();
    let change = graph.multiply(packed, rate).unwrap();
    let old = graph.read(weights);
    let new = graph.subtract(old, change).unwrap();
    graph.assign(weights, new).unwrap();
}

fn data() -> [Tensor; 2] {
    let bytes = random(SAMPLES * 216, 6).iter().map(|x| (x * 127.0 + 128.0) as u8).collect();
    let images = Tensor::u8(&[SAMPLES, 9, 8, 3], bytes).unwrap();
    [images, Tensor::f32(&[SAMPLES, 5], random(SAMPLES * 5, 7)).unwrap()]
}

/// Weights as small as training starts from, zero where no parameter lies.
fn weights(graph: &Graph) -> Vec<f32> {
    let mut values = vec![0.0; graph.variables[0].segments * SEGMENT];
    for (i, parameter) in graph.parameters.iter().enumerate() {
        let drawn = random(parameter.len(), 10 + i as u64);
        for (value, drawn) in values[parameter.offset..].iter_mut().zip(drawn) {
            *value = drawn * 0.4;
        }
    }
    values
}

fn programs(graph: &Graph) -> Vec<(&'static str, Program)> {
    let apart = Options { reuse: false, ..FUSED };
    let software = Target::Software { subgroups: false };
    let variants = [
        ("register tiles", software, FUSED),
        ("register tiles, no memory reused", software, apart),
        ("register tiles, no passes", software, PLAIN),
        ("workgroup tiles", Target::Gpu, FUSED),
    ];
    let program = |target, options| schedule(graph, target, options, 4).unwrap();
    variants.map(|(what, target, options)| (what, program(target, options))).into()
}

/// Three steps, the last batch smaller: outputs, losses and weights, for both kinds of tile.
#[test]
fn a_network_trains_as_the_reference_does() {
    let Some(engine) = shared() else { return };
    let mut engine = engine.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let graph = network();
    let (data, start) = (data(), vec![weights(&graph)]);
    let order = [6, 0, 5, 1, 4, 2, 3];
    let mut steps = steps(&[4, 3, 4], &[0.1]);
    steps[2].offset = 2;
    let expected = reference(&graph, &data, (&order, &steps), &start);
    let mut results: Vec<Left<f32>> = Vec::new();
    for (what, program) in programs(&graph) {
        let found = run(&mut engine, &program, &data, (&order, &steps), &start);
        // Sums of at most 108 terms of size 1 through five layers, each bending by at most 1.
        let bound = 5.0 * 8.0 * 108f64.sqrt() * 2f64.powi(-24) * 10.0;
        assert_close(what, &found.outputs[0], &expected.outputs[0], 0.0, bound);
        assert_close(what, &found.outputs[1], &expected.outputs[1], 0.0, bound);
        assert_close(what, &found.variables[0], &expected.variables[0], 0.0, bound);
        results.push(found);
    }
    assert_eq!(results[0], results[1], "memory planning changes no bit");
}

/// Every kernel of the network is what all drivers take.
#[test]
fn generated_kernels_are_valid_everywhere() {
    let mut seen = 0;
    for (what, program) in programs(&network()) {
        let shaders = lower(&program).unwrap();
        assert_eq!(shaders.len(), program.dispatches(), "{what}");
        for shader in shaders {
            let name = format!("{what}: {}", shader.name);
            let (module, info) = validate(&name, &shader.wgsl);
            translate(&name, &module, &info);
            seen += 1;
        }
    }
    assert!(seen > 80, "only {seen} kernels");
}
