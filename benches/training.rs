//! Training steps per second of whole models on random data, for comparison with the peers:
//! `cargo bench --bench training -- WORKLOAD [DEVICE]`, WORKLOAD `signs_cnn` or `fashion_mlp`, DEVICE as in
//! `GRADUS_DEVICE`. One epoch warms up; the median of the three that follow counts.

use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

use gradus::graph::random::{Key, uniform};
use gradus::model::{Callback, Logs, Training};
use gradus::{Conv2D, Dense, Device, FitOptions, Flatten, MaxPooling2D, Result, Sequential, Sgd, Tensor};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let workload = arguments.first().map_or("signs_cnn", String::as_str);
    let device = arguments.get(1).map_or("cpu", String::as_str);
    let (mut model, x, y, loss) = if workload == "fashion_mlp" { fashion_mlp()? } else { signs_cnn()? };
    model = model.device(Device::parse(device)?);
    model.compile(Sgd::new(0.01), loss, &[])?;
    let (sender, receiver) = channel();
    let started = Instant::now();
    model.fit(x.clone(), y.clone(), FitOptions::new().epochs(1).shuffle(false).verbose(0))?;
    let first = started.elapsed().as_secs_f64();
    let times = FitOptions::new().epochs(3).shuffle(false).verbose(0).callback(Times::new(sender));
    model.fit(x.clone(), y, times)?;
    let mut seconds: Vec<f64> = receiver.try_iter().collect();
    seconds.sort_by(f64::total_cmp);
    let steps = x.rows().div_ceil(32) as f64;
    let rate = steps / seconds[seconds.len() / 2];
    println!("gradus-{device} {workload} steps_per_s={rate:.3} first_epoch_s={first:.3}");
    Ok(())
}

/// Sends how long each epoch took.
struct Times {
    start: Instant,
    sender: Sender<f64>,
}

impl Times {
    fn new(sender: Sender<f64>) -> Self {
        Self { start: Instant::now(), sender }
    }
}

impl Callback for Times {
    fn on_epoch_begin(&mut self, _epoch: usize, _training: &mut Training<'_>) -> Result<()> {
        self.start = Instant::now();
        Ok(())
    }

    fn on_epoch_end(&mut self, _epoch: usize, _logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        let sent = self.sender.send(self.start.elapsed().as_secs_f64());
        sent.expect("the receiver lives as long as the training");
        Ok(())
    }
}

type Workload = (Sequential, Tensor, Tensor, &'static str);

/// The course's network on 1,080 images: 34 steps an epoch.
fn signs_cnn() -> Result<Workload> {
    let model = Sequential::new()
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dense::new(6).activation("softmax"));
    let y = gradus::data::one_hot(&labels(1080, 6)?, 6)?;
    Ok((model, numbers(&[1080, 64, 64, 3])?, y, "categorical_crossentropy"))
}

/// 784-256-128-10 on 8,000 samples: 250 steps an epoch.
fn fashion_mlp() -> Result<Workload> {
    let model = Sequential::new()
        .add(Dense::new(256).activation("relu"))
        .add(Dense::new(128).activation("relu"))
        .add(Dense::new(10).activation("softmax"));
    Ok((model, numbers(&[8000, 784])?, labels(8000, 10)?, "sparse_categorical_crossentropy"))
}

fn numbers(shape: &[usize]) -> Result<Tensor> {
    let count: usize = shape.iter().product();
    Tensor::f32(shape, (0..count as u32).map(|i| uniform(Key::default(), 0, i)).collect())
}

fn labels(count: u32, classes: u32) -> Result<Tensor> {
    let label = |i| (uniform(Key::default(), 1, i) * classes as f32) as u32;
    Tensor::u32(&[count as usize], (0..count).map(label).collect())
}
