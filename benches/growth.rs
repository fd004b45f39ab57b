//! How the time of a training step grows with batch, width and depth, and whether memory grows with steps:
//! `cargo bench --bench growth [-- DEVICE] [-- --out FOLDER]`. It writes `growth.csv` and a chart for each into FOLDER, by
//! default `target/growth`, and prints the resident set before and after 10,000 steps.

use std::path::{Path, PathBuf};
use std::time::Instant;

use gradus::formats::write_file;
use gradus::graph::random::{Key, uniform};
use gradus::model::plot::numbered_chart;
use gradus::{Dense, Device, FitOptions, Result, Sequential, Sgd, Tensor};

/// Features of a sample, and classes.
const FEATURES: usize = 128;
const CLASSES: usize = 10;
/// Steps of an epoch; the best of `EPOCHS` epochs counts.
const STEPS: usize = 50;
const EPOCHS: usize = 4;
/// Steps over which memory must not grow.
const MANY_STEPS: usize = 10_000;

/// A network of `depth` hidden layers of `width` units, trained in batches of `batch`.
#[derive(Clone, Copy)]
struct Case {
    batch: usize,
    width: usize,
    depth: usize,
}

/// A network of medium size; one of its sizes at a time is multiplied by 1, 2, 3, …
const MIDDLE: Case = Case { batch: 64, width: 256, depth: 2 };

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let folder = arguments.iter().position(|a| a == "--out").and_then(|at| arguments.get(at + 1));
    let folder = folder.map_or_else(|| PathBuf::from("target/growth"), PathBuf::from);
    let device = arguments.first().filter(|a| !a.starts_with("--")).map_or("cpu", String::as_str);
    let device = Device::parse(device)?;
    std::fs::create_dir_all(&folder)
        .map_err(|error| gradus::Error::file(&folder, error, "give a folder that may be made"))?;
    let batch = |n| Case { batch: 32 * n, ..MIDDLE };
    let width = |n| Case { width: 64 * n, ..MIDDLE };
    let depth = |n| Case { depth: n, ..MIDDLE };
    let mut csv = "size,batch,width,depth,microseconds_a_step,mflop_a_step\n".to_string();
    csv += &grow(&device, &folder, ("batch", "samples of a batch / 32"), batch)?;
    csv += &grow(&device, &folder, ("width", "units of a layer / 64"), width)?;
    csv += &grow(&device, &folder, ("depth", "hidden layers"), depth)?;
    write_file(folder.join("growth.csv"), csv.as_bytes())?;
    print!("{csv}");
    many_steps(&device)
}

/// The lines of one size, and its chart: what is measured beside a straight line through the arithmetic of the largest.
fn grow(
    device: &Device,
    folder: &Path,
    (name, label): (&str, &str),
    case: impl Fn(usize) -> Case,
) -> Result<String> {
    let mut lines = String::new();
    let (mut times, mut flops) = (Vec::new(), Vec::new());
    for case in (1..=10).map(case) {
        let micros = 1e6 * case.seconds(device)?;
        let Case { batch, width, depth } = case;
        lines += &format!("{name},{batch},{width},{depth},{micros:.1},{:.2}\n", case.flops() * 1e-6);
        times.push(micros);
        flops.push(case.flops());
    }
    let rate = times[times.len() - 1] / flops[flops.len() - 1];
    let line: Vec<f64> = flops.iter().map(|flops| flops * rate).collect();
    let series: [(&str, &[f64]); 2] = [("measured", &times), ("as the arithmetic", &line)];
    let path = folder.join(format!("{name}.png"));
    numbered_chart(&path, &format!("Time of a training step by {name}"), [label, "µs"], 1, &series)?;
    Ok(lines)
}

impl Case {
    /// Floating-point operations of the products of a step: forward, and for weights and inputs backward.
    fn flops(&self) -> f64 {
        let Case { batch, width, depth } = *self;
        let forward = FEATURES * width + (depth - 1) * width * width + width * CLASSES;
        // The first layer's input needs no gradient.
        (2 * batch * (3 * forward - FEATURES * width)) as f64
    }

    fn model(&self, device: &Device) -> Result<Sequential> {
        let hidden = |model: Sequential, _| model.add(Dense::new(self.width).activation("relu"));
        let model = (0..self.depth).fold(Sequential::new(), hidden);
        let mut model = model.add(Dense::new(CLASSES).activation("softmax")).device(device.clone());
        model.compile(Sgd::new(0.01), "sparse_categorical_crossentropy", &[])?;
        Ok(model)
    }

    /// Data for `steps` steps.
    fn data(&self, steps: usize) -> Result<(Tensor, Tensor)> {
        let samples = steps * self.batch;
        let x = (0..(samples * FEATURES) as u32).map(|i| uniform(Key::default(), 0, i)).collect();
        let y = (0..samples).map(|i| (i % CLASSES) as u32).collect();
        Ok((Tensor::f32(&[samples, FEATURES], x)?, Tensor::u32(&[samples], y)?))
    }

    /// Seconds of a step.
    fn seconds(&self, device: &Device) -> Result<f64> {
        let (mut model, (x, y)) = (self.model(device)?, self.data(STEPS)?);
        let options = || FitOptions::new().batch_size(self.batch).shuffle(false).verbose(0).epochs(1);
        let mut best = f64::INFINITY;
        for _ in 0..=EPOCHS {
            let start = Instant::now();
            model.fit(&x, &y, options())?;
            best = best.min(start.elapsed().as_secs_f64() / STEPS as f64);
        }
        Ok(best)
    }
}

/// Trains for many steps and prints the resident set before and after them.
fn many_steps(device: &Device) -> Result<()> {
    let case = Case { batch: 8, width: 32, depth: 1 };
    let (mut model, (x, y)) = (case.model(device)?, case.data(100)?);
    let options = |steps: usize| FitOptions::new().batch_size(8).verbose(0).epochs(steps / 100);
    model.fit(&x, &y, options(1_000))?;
    let before = resident();
    model.fit(&x, &y, options(MANY_STEPS))?;
    println!("{MANY_STEPS} steps: resident set {before} KiB before, {} KiB after", resident());
    Ok(())
}

/// KiB of this process in memory, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next());
    kib.unwrap_or("?").to_string()
}
