//! What batch size and epochs cost and bring: the same network trained for 10, 100 and 1000 epochs in batches of 100, 200
//! and 300 samples. Larger batches take fewer steps an epoch, each of them surer and dearer.
//!
//! The network parts two spirals that wind around each other, one turn each, with a little noise.

use std::f32::consts::TAU;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use gradus::model::plot::heat_map;
use gradus::{Adam, Dense, Device, FitOptions, Sequential, Tensor};

const EPOCHS: [usize; 3] = [10, 100, 1000];
const BATCHES: [usize; 3] = [100, 200, 300];

/// Points trained on, and as many others for the test.
const POINTS: usize = 1_200;

/// Trains one network with several batch sizes and numbers of epochs.
#[derive(Parser)]
struct Options {
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the noise, the first weights and the order of the samples depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for results.csv, accuracy.png and seconds.png
    #[arg(long, default_value = "target/batch_and_epochs")]
    out: PathBuf,
}

/// What one training took and brought.
struct Trial {
    epochs: usize,
    batch: usize,
    seconds: f64,
    training: f64,
    test: f64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    std::fs::create_dir_all(&options.out)?;
    let (training, test) = (spirals(options.seed)?, spirals(options.seed + 1)?);
    println!(
        "{:>6} {:>6} {:>7} {:>9} {:>9} {:>9}",
        "epochs", "batch", "steps", "seconds", "training", "test"
    );
    let mut trials = Vec::new();
    for epochs in EPOCHS {
        for batch in BATCHES {
            let trial = train(epochs, batch, &training, &test, options)?;
            let Trial { seconds, training, test, .. } = trial;
            let steps = epochs * POINTS.div_ceil(batch);
            println!("{epochs:>6} {batch:>6} {steps:>7} {seconds:>9.2} {training:>9.3} {test:>9.3}");
            trials.push(trial);
        }
    }
    write(&trials, options)
}

/// Points `[POINTS, 2]` on two spirals, and which of the two each lies on.
fn spirals(seed: u64) -> Result<(Tensor, Tensor)> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    // Knuth's generator: enough for noise.
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for i in 0..POINTS {
        let (spiral, way) = (i % 2, (i / 2) as f32 / (POINTS / 2) as f32);
        let angle = TAU * way + spiral as f32 * TAU / 2.0;
        let radius = 0.15 + 0.85 * way;
        points.extend([radius * angle.cos() + 0.04 * noise(), radius * angle.sin() + 0.04 * noise()]);
        labels.push(spiral as f32);
    }
    Ok((Tensor::f32(&[POINTS, 2], points)?, Tensor::f32(&[POINTS, 1], labels)?))
}

fn train(
    epochs: usize,
    batch: usize,
    (x, y): &(Tensor, Tensor),
    (test_x, test_y): &(Tensor, Tensor),
    options: &Options,
) -> Result<Trial> {
    let mut model = Sequential::new().seed(options.seed);
    for _ in 0..2 {
        model = model.add(Dense::new(32).activation("tanh"));
    }
    model = model.add(Dense::new(1).activation("sigmoid"));
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    model.compile(Adam::new(0.01), "binary_crossentropy", &["accuracy"])?;
    // What is made once is not counted.
    model.describe_device()?;
    let start = Instant::now();
    model.fit(x, y, FitOptions::new().epochs(epochs).batch_size(batch).verbose(0))?;
    let seconds = start.elapsed().as_secs_f64();
    let mut accuracy = |x: &Tensor, y: &Tensor| -> Result<f64> {
        Ok(model.evaluate(x, y, batch)?.get("accuracy").unwrap_or(f64::NAN))
    };
    Ok(Trial { epochs, batch, seconds, training: accuracy(x, y)?, test: accuracy(test_x, test_y)? })
}

fn write(trials: &[Trial], options: &Options) -> Result<()> {
    let mut csv = String::from("epochs,batch_size,seconds,training_accuracy,test_accuracy\n");
    for Trial { epochs, batch, seconds, training, test } in trials {
        csv += &format!("{epochs},{batch},{seconds},{training},{test}\n");
    }
    std::fs::write(options.out.join("results.csv"), csv)?;
    let [columns, rows] = [BATCHES, EPOCHS].map(|sizes| sizes.map(|size| size.to_string()));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let table = |value: fn(&Trial) -> f64| -> Vec<Vec<f64>> {
        trials.chunks(BATCHES.len()).map(|row| row.iter().map(value).collect()).collect()
    };
    let labels = ["batch size", "epochs"];
    let map = |name: &str, title: &str, value: fn(&Trial) -> f64, digits: usize| {
        heat_map(options.out.join(name), title, labels, &columns, &rows, &table(value), digits)
    };
    map("accuracy.png", "Two spirals: test accuracy", |trial| trial.test, 3)?;
    map("seconds.png", "Two spirals: seconds", |trial| trial.seconds, 2)?;
    println!("Wrote results.csv, accuracy.png and seconds.png to {}", options.out.display());
    Ok(())
}
