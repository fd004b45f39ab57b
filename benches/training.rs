//! Training steps per second of whole models on random data, and products of square matrices, as the peers do them:
//! `cargo bench --bench training -- WORKLOAD [DEVICE]`. WORKLOAD is `signs_cnn`, `fashion_mlp`, `fashion_mlp_256`,
//! `lstm`, `xor`, or `matmul_N`; DEVICE is as in `GRADUS_DEVICE`. One epoch warms up; the median of the three that
//! follow counts; `STEPS=N` makes epochs N steps long. With `profile` behind DEVICE, the time of each kernel follows;
//! with `host`, batches have one sample and submissions 32 steps, as they have on a GPU, so that the host's own time
//! shows: it does not depend on the batch.

use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use gradus::graph::random::{Key, uniform};
use gradus::graph::{Graph, VariableId};
use gradus::layers::LSTM;
use gradus::model::{Callback, Logs, Training};
use gradus::schedule::{Options, Step, Target, schedule};
use gradus::train::optimizers::Optimizer;
use gradus::{
    Adam, Conv2D, Dense, Device, Error, FitOptions, Flatten, MaxPooling2D, Result, Sequential, Sgd, Tensor,
};

/// Products of matrices measured; the median counts.
const PRODUCTS: usize = 20;
/// Steps a submission where the host's time is measured: a GPU does as many of `signs_cnn` in 50 ms.
const STEPS: usize = 32;

fn main() -> Result<()> {
    let started = Instant::now();
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let name = arguments.first().map_or("signs_cnn", String::as_str);
    let device = arguments.get(1).map_or("cpu", String::as_str);
    if let Some(size) = name.strip_prefix("matmul_").and_then(|size| size.parse().ok()) {
        return multiply(name, size, device);
    }
    let extra = arguments.get(2).map_or("", String::as_str);
    let workload = Workload::named(name)?.of_single_samples(extra == "host");
    let chosen = Device::parse(device)?;
    let chosen = if extra == "host" { chosen.steps_per_submission(STEPS) } else { chosen };
    let mut model = workload.network()?.device(chosen);
    workload.compile(&mut model)?;
    let (x, y) = workload.data(workload.batch)?;
    let options = || FitOptions::new().batch_size(workload.batch).shuffle(false).verbose(0);
    model.fit(x, y, options().epochs(1))?;
    let first = started.elapsed().as_secs_f64();
    let (x, y) = workload.data(workload.samples)?;
    let (sender, receiver) = channel();
    model.fit(x, y, options().epochs(4).callback(Times::new(sender)))?;
    let (seconds, host): (Vec<f64>, Vec<f64>) = receiver.try_iter().skip(1).unzip();
    let steps = workload.samples.div_ceil(workload.batch) as f64;
    let (rate, host) = (steps / median(seconds), 1e6 * median(host) / steps);
    println!("gradus-{device} {name} steps_per_s={rate:.2} first_step_s={first:.3} {}", peak_memory());
    let kernels = model.explain()?;
    let kernels = kernels.lines().find(|line| line.contains("dispatches a step")).unwrap_or_default();
    println!("host_us_a_step={host:.1} of the thread that calls fit; {}", kernels.trim());
    if extra == "profile" {
        let (x, y) = workload.data(workload.batch)?;
        println!("{}", model.profile(x, Some(y.into()), 50)?);
    }
    Ok(())
}

fn median(mut seconds: Vec<f64>) -> f64 {
    seconds.sort_by(f64::total_cmp);
    seconds[seconds.len() / 2]
}

/// The largest resident set so far, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let kib = kib.and_then(|kib| kib.parse::<f64>().ok());
    kib.map_or(String::new(), |kib| format!("peak_rss_mb={:.0}", kib / 1024.0))
}

/// Sends how long each epoch took, and how much of that this thread was at work.
struct Times {
    start: Instant,
    host: f64,
    sender: Sender<(f64, f64)>,
}

/// Processor seconds of this thread, where the system tells: what the host spends on encoding and submitting.
fn host_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(f64::NAN, |n| n * 1e-9)
}

impl Times {
    fn new(sender: Sender<(f64, f64)>) -> Self {
        Self { start: Instant::now(), host: host_seconds(), sender }
    }
}

impl Callback for Times {
    fn on_epoch_begin(&mut self, _epoch: usize, _training: &mut Training<'_>) -> Result<()> {
        (self.start, self.host) = (Instant::now(), host_seconds());
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, _logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        let sent = self.sender.send((self.start.elapsed().as_secs_f64(), host_seconds() - self.host));
        sent.expect("the receiver lives as long as the training");
        Ok(())
    }
}

/// A network's name, and the sizes of its data.
struct Workload {
    name: String,
    samples: usize,
    row: &'static [usize],
    classes: u32,
    batch: usize,
}

impl Workload {
    fn named(name: &str) -> Result<Self> {
        let (samples, row, classes, batch): (_, &[usize], _, _) = match name {
            "signs_cnn" => (1080, &[64, 64, 3], 6, 32),
            "fashion_mlp" => (8000, &[784], 10, 32),
            "fashion_mlp_256" => (8000, &[784], 10, 256),
            "lstm" => (3200, &[28, 28], 10, 32),
            "xor" => (4000, &[2], 2, 4),
            _ => return Err(Error::argument("training", "workload", name, "one of those at the file's top")),
        };
        let samples = match std::env::var("STEPS") {
            Ok(steps) => samples.min(batch * steps.parse::<usize>().expect("STEPS is a number")),
            Err(_) => samples,
        };
        Ok(Self { name: name.to_string(), samples, row, classes, batch })
    }

    fn of_single_samples(self, wanted: bool) -> Self {
        if wanted { Self { samples: 3 * STEPS, batch: 1, ..self } } else { self }
    }

    fn network(&self) -> Result<Sequential> {
        let model = Sequential::new();
        let model = match self.name.as_str() {
            "signs_cnn" => model
                .add(Conv2D::new(32, 3).activation("relu"))
                .add(Conv2D::new(32, 3).activation("relu"))
                .add(MaxPooling2D::new(2))
                .add(Flatten::new()),
            "lstm" => model.add(LSTM::new(128)),
            "xor" => {
                return Ok(model
                    .add(Dense::new(8).activation("tanh"))
                    .add(Dense::new(1).activation("sigmoid")));
            }
            _ => model.add(Dense::new(256).activation("relu")).add(Dense::new(128).activation("relu")),
        };
        Ok(model.add(Dense::new(self.classes as usize).activation("softmax")))
    }

    fn compile(&self, model: &mut Sequential) -> Result<()> {
        let loss = if self.name == "xor" { "binary_crossentropy" } else { "sparse_categorical_crossentropy" };
        let optimizer: Box<dyn Optimizer> =
            if self.name == "lstm" { Box::new(Adam::default()) } else { Box::new(Sgd::new(0.01)) };
        model.compile(optimizer, loss, &[])
    }

    /// The first `samples` of the data.
    fn data(&self, samples: usize) -> Result<(Tensor, Tensor)> {
        if self.name == "xor" {
            let bit = |i: usize, bit: usize| (i >> bit & 1) as f32;
            let x = (0..samples).flat_map(|i| [bit(i, 1), bit(i, 0)]).collect();
            let y = (0..samples).map(|i| f32::from(bit(i, 1) != bit(i, 0))).collect();
            return Ok((Tensor::f32(&[samples, 2], x)?, Tensor::f32(&[samples, 1], y)?));
        }
        let mut shape = vec![samples];
        shape.extend(self.row);
        let label = |i| (uniform(Key::default(), 1, i) * self.classes as f32) as u32;
        let y = Tensor::u32(&[samples], (0..samples as u32).map(label).collect())?;
        Ok((Tensor::f32(&shape, numbers(shape.iter().product()))?, y))
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count as u32).map(|i| uniform(Key::default(), 0, i)).collect()
}

/// The product of two matrices of `size` by `size`, as a program of one kernel; on a GPU, reading the result counts, too.
fn multiply(name: &str, size: usize, device: &str) -> Result<()> {
    let mut graph = Graph::new();
    let variables = ["a", "b"].map(|name| graph.variable(name));
    let [a, b] = variables.map(|v| graph.parameter("factor", &[size, size], v));
    let product = graph.matmul(a, b, false, false)?;
    graph.output("product", product)?;
    let step = Step { batch: 1, offset: 0, row: 0, key: Key::default(), scalars: Vec::new() };
    let mut seconds = if device == "cpu" {
        products_on_the_cpu(&graph, &step)?
    } else {
        products_on_a_gpu(&graph, &step, device)?
    };
    let gflops = 2e-9 * (size as f64).powi(3) / median(seconds.split_off(1));
    println!("gradus-{device} {name} gflops={gflops:.2} {}", peak_memory());
    Ok(())
}

/// Words of a variable, padded.
fn words(graph: &Graph) -> impl Iterator<Item = (VariableId, usize)> {
    graph.variables.iter().enumerate().map(|(i, v)| (VariableId(i), v.segments * gradus::graph::SEGMENT))
}

fn products_on_the_cpu(graph: &Graph, step: &Step) -> Result<Vec<f64>> {
    let mut engine = gradus::cpu::Engine::new(None)?;
    engine.set_variables(&graph.variables)?;
    words(graph).try_for_each(|(id, words)| engine.write_variable(id, &numbers(words)))?;
    let program = engine.load(schedule(graph, Target::Cpu, Options::default(), 1)?)?;
    let binding = engine.bind(program, &[], 1)?;
    times(|| pollster::block_on(engine.run(binding, std::slice::from_ref(step))))
}

fn products_on_a_gpu(graph: &Graph, step: &Step, device: &str) -> Result<Vec<f64>> {
    let mut engine = pollster::block_on(gradus::gpu::Engine::new(&device.parse()?))?;
    engine.set_variables(&graph.variables)?;
    words(graph).try_for_each(|(id, words)| engine.write_variable(id, &numbers(words)))?;
    let program = engine.load(schedule(graph, engine.target(), Options::default(), 1)?)?;
    let binding = engine.bind(program, &[], 1)?;
    times(|| {
        pollster::block_on(engine.run(binding, std::slice::from_ref(step)))?;
        pollster::block_on(engine.outputs(binding)).map(|_| ())
    })
}

/// Seconds of a first run and of PRODUCTS more.
fn times(mut run: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    (0..=PRODUCTS)
        .map(|_| {
            let start = Instant::now();
            run()?;
            Ok(start.elapsed().as_secs_f64())
        })
        .collect()
}
