//! Training steps a second of the course's convolutional network on the CPU: `cargo bench --bench cpu_step [THREADS]`.
//! The median time of each kernel follows.

use std::sync::Arc;
use std::time::Instant;

use gradus::graph::{Axis, Element, Graph, NodeId, Reduction, Unary, VariableId, Window};
use gradus::schedule::{BindingId, Options, Step, Target, schedule};
use gradus::{Result, Shape, Tensor, cpu::Engine};

const BATCH: usize = 32;
const STEPS: usize = 60;

fn main() -> Result<()> {
    let threads = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let graph = step()?;
    let mut engine = Engine::new(threads)?;
    engine.set_variables(&graph.variables)?;
    let count = graph.variables[0].segments * gradus::graph::SEGMENT;
    let weights: Vec<f32> = (0..count).map(|i| ((i * 7919 % 1009) as f32 / 1009.0 - 0.5) * 0.1).collect();
    engine.write_variable(VariableId(0), &weights)?;
    let program = schedule(&graph, Target::Cpu, Options::default(), BATCH)?;
    let costs = program.costs();
    let program = engine.load(program)?;
    let pixels = (0..BATCH * 64 * 64 * 3).map(|i| (i * 31 % 251) as u8).collect();
    let labels = (0..BATCH * 6).map(|i| f32::from(u8::from(i % 6 == i / 6 % 6))).collect();
    let data = [Tensor::u8(&[BATCH, 64, 64, 3], pixels)?, Tensor::f32(&[BATCH, 6], labels)?].map(Arc::new);
    let binding = engine.bind(program, &data, 1)?;
    let step = Step { batch: BATCH, offset: 0, row: 0, key: Default::default(), scalars: vec![0.01] };
    pollster::block_on(engine.run(binding, std::slice::from_ref(&step)))?;
    let mut times: Vec<f64> = Vec::with_capacity(STEPS);
    for _ in 0..STEPS {
        let start = Instant::now();
        pollster::block_on(engine.run(binding, std::slice::from_ref(&step)))?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let loss = pollster::block_on(engine.outputs(binding))?[0][0];
    let (best, middle) = (1.0 / times[0], 1.0 / times[STEPS / 2]);
    println!("{}: {middle:.1} steps/s (best {best:.1}); loss {loss}", engine.describe());
    for (cost, seconds) in costs.iter().zip(kernels(&mut engine, binding, &step)?) {
        println!("{:<40} {:>10.1} µs", cost.name, seconds * 1e6);
    }
    Ok(())
}

/// The median seconds of each kernel.
fn kernels(engine: &mut Engine, binding: BindingId, step: &Step) -> Result<Vec<f64>> {
    let steps = (0..STEPS).map(|_| pollster::block_on(engine.profile(binding, step)));
    let steps = steps.collect::<Result<Vec<_>>>()?;
    let median = |kernel: usize| {
        let mut times: Vec<f64> = steps.iter().map(|step| step[kernel]).collect();
        times.sort_by(f64::total_cmp);
        times[STEPS / 2]
    };
    Ok((0..steps[0].len()).map(median).collect())
}

fn window(size: usize, stride: usize) -> Window {
    let axis = Axis { size, stride, dilation: 1, before: 0, after: 0 };
    Window { height: axis, width: axis }
}

/// Forward, backward and the update by plain gradient descent.
fn step() -> Result<Graph> {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let x = g.input("x", &[64, 64, 3], Element::U8);
    let y = g.input("y", &[6], Element::F32);
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
    g.enter("dense");
    h = g.reshape(h, &Shape::batched(&[28800]))?;
    let w = g.parameter("dense/kernel", &[28800, 6], weights);
    let b = g.parameter("dense/bias", &[6], weights);
    parameters.extend([w, b]);
    h = g.matmul(h, w, false, false)?;
    let logits = g.add(h, b)?;
    g.enter("loss");
    let loss = cross_entropy(&mut g, logits, y)?;
    g.output("loss", loss)?;
    let gradients = g.gradients(loss, &parameters)?;
    g.enter("update");
    let gradient = g.pack(weights, &gradients)?;
    let rate = g.scalar("learning_rate");
    let change = g.multiply(gradient, rate)?;
    let old = g.read(weights);
    let new = g.subtract(old, change)?;
    g.assign(weights, new)?;
    Ok(g)
}

fn cross_entropy(g: &mut Graph, logits: NodeId, y: NodeId) -> Result<NodeId> {
    let largest = g.reduce(Reduction::Max, logits, &[1])?;
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
