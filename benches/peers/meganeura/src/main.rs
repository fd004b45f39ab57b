//! meganeura on Vulkan: `cargo build --release`, then `peer-meganeura WORKLOAD`. It has no recurrent layer, and its batch
//! is fixed: the last, smaller batch of an epoch takes rows from the start.

use std::cell::RefCell;

use meganeura::nn::{Conv2d, Linear};
use meganeura::{Graph, Mode, NodeId, SessionConfig, build};

#[path = "../../workloads.rs"]
mod workloads;

use workloads::Workload;

const PEER: &str = "meganeura";

/// A graph under construction, with the length and the largest first value of each parameter.
struct Network {
    graph: Graph,
    parameters: Vec<(String, usize, f32)>,
}

impl Network {
    fn parameter(&mut self, name: String, length: usize, fans: usize) {
        let limit = if fans > 0 { (6.0 / fans as f32).sqrt() } else { 0.0 };
        self.parameters.push((name, length, limit));
    }

    fn dense(&mut self, name: &str, x: NodeId, inputs: usize, outputs: usize) -> NodeId {
        let layer = Linear::new(&mut self.graph, name, inputs, outputs);
        self.parameter(format!("{name}.weight"), inputs * outputs, inputs + outputs);
        self.parameter(format!("{name}.bias"), outputs, 0);
        layer.forward(&mut self.graph, x)
    }

    /// 32 filters of 3x3 with bias and relu over square images of `side`, channels first.
    fn convolution(&mut self, name: &str, x: NodeId, batch: u32, channels: u32, side: u32) -> NodeId {
        let layer = Conv2d::new(&mut self.graph, name, channels, 32, 3, side, side, 1, 0);
        self.parameter(format!("{name}.weight"), 32 * 9 * channels as usize, 9 * (32 + channels as usize));
        self.parameter(format!("{name}.bias"), 32, 0);
        let bias = self.graph.parameter(&format!("{name}.bias"), &[32]);
        let images = layer.forward(&mut self.graph, x, batch);
        let images = self.graph.add_per_channel(images, bias, 32, (side - 2) * (side - 2));
        self.graph.relu(images)
    }

    fn signs(&mut self, x: NodeId, batch: u32) -> NodeId {
        let images = self.convolution("first", x, batch, 3, 64);
        let images = self.convolution("second", images, batch, 32, 62);
        let images = self.graph.max_pool_2d(images, batch, 32, 60, 60, 2, 2, 2, 0);
        let rows = self.graph.reshape(images, &[batch as usize, 28_800]);
        self.dense("output", rows, 28_800, 6)
    }

    fn perceptron(&mut self, x: NodeId) -> NodeId {
        let x = self.dense("first", x, 784, 256);
        let x = self.graph.relu(x);
        let x = self.dense("second", x, 256, 128);
        let x = self.graph.relu(x);
        self.dense("output", x, 128, 10)
    }
}

fn train(name: &str) {
    let workload = Workload::named(name);
    let (batch, row, classes) = (workload.batch, workload.row, workload.classes);
    let mut network = Network { graph: Graph::new(), parameters: Vec::new() };
    let shape: &[usize] = if name == "signs_cnn" { &[batch * row] } else { &[batch, row] };
    let x = network.graph.input("x", shape);
    let labels = network.graph.input("labels", &[batch, classes]);
    let logits = if name == "signs_cnn" { network.signs(x, batch as u32) } else { network.perceptron(x) };
    let loss = network.graph.cross_entropy_loss(logits, labels);
    network.graph.set_outputs(vec![loss]);
    let mut session = build(&network.graph, SessionConfig::from_env()).0;
    for (name, length, limit) in &network.parameters {
        let numbers: Vec<f32> = workloads::factors(1 + length.isqrt())[0][..*length].to_vec();
        session.set_parameter(name, &numbers.iter().map(|n| (2.0 * n - 1.0) * limit).collect::<Vec<f32>>());
    }
    session.set_learning_rate(0.01);
    let session = RefCell::new(session);
    let step = |step| {
        let (mut rows, mut numbers) = workload.batch(step);
        if numbers.len() < batch {
            (rows, numbers) = workload.batch(0);
        }
        let mut one_hot = vec![0.0; batch * classes];
        for (i, &class) in numbers.iter().enumerate() {
            one_hot[i * classes + class as usize] = 1.0;
        }
        let mut session = session.borrow_mut();
        session.set_input("x", rows);
        session.set_input("labels", &one_hot);
        session.step();
        session.wait();
    };
    let finish = || assert!(session.borrow_mut().read_loss().is_finite());
    workload.report(PEER, name, step, finish);
}

fn multiply(size: usize) {
    let mut graph = Graph::new();
    let (a, b) = (graph.input("a", &[size, size]), graph.parameter("b", &[size, size]));
    let product = graph.matmul(a, b);
    graph.set_outputs(vec![product]);
    let mut session = build(&graph, SessionConfig { mode: Mode::Inference, ..SessionConfig::from_env() }).0;
    let [a, b] = workloads::factors(size);
    session.set_input("a", &a);
    session.set_parameter("b", &b);
    workloads::report_product(PEER, size, || {
        session.step();
        session.wait();
    });
}

fn main() {
    let name = std::env::args().nth(1).expect("a workload: see README.md");
    match (workloads::product_size(&name), name.as_str()) {
        (Some(size), _) => multiply(size),
        (None, "lstm") => println!("{PEER} {name} cannot: it has no recurrent layer"),
        _ => train(&name),
    }
}
