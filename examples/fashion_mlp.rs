//! A network of three dense layers that tells clothes apart: Fashion-MNIST, ten classes, images of 28x28 pixels.
//!
//! The images come from a folder, by default the one that Debian's package `dataset-fashion-mnist` installs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::data::{StandardScaler, load_fashion_mnist};
use gradus::{Dense, Device, FitOptions, History, Sequential, Sgd, Tensor};

/// Images trained and validated on.
const IMAGES: usize = 10_000;

/// Trains 784-256-128-10 on the first 10,000 images of Fashion-MNIST.
#[derive(Parser)]
struct Options {
    /// Folder with the four IDX files, plain or gzipped
    #[arg(long)]
    data: Option<PathBuf>,
    /// Trains on all 60,000 images, the test part for validation
    #[arg(long)]
    full: bool,
    /// How often all images are seen [default: 10, or 20 with --full]
    #[arg(long)]
    epochs: Option<usize>,
    /// Images in a step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the first weights and the order of the images depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for loss.png and accuracy.png
    #[arg(long, default_value = "target/fashion_mlp")]
    out: PathBuf,
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
    let data = load_fashion_mnist(options.data.as_deref())?;
    let images = if options.full { data.train_x.rows() } else { IMAGES.min(data.train_x.rows()) };
    let (scaler, x) = StandardScaler::fit_transform(&flat(&data.train_x.slice_rows(0..images)?)?)?;
    let y = data.train_y.slice_rows(0..images)?;

    let mut model = Sequential::new()
        .add(Dense::new(256).activation("relu"))
        .add(Dense::new(128).activation("relu"))
        .add(Dense::new(10).activation("softmax"))
        .seed(options.seed);
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    println!("Device: {}", model.describe_device()?);
    model.build(&x.shape()[1..])?;
    println!("{}", model.summary()?);

    model.compile(Sgd::new(0.01), "sparse_categorical_crossentropy", &["accuracy"])?;
    let fit = FitOptions::new()
        .epochs(options.epochs.unwrap_or(if options.full { 20 } else { 10 }))
        .batch_size(options.batch_size);
    let (test_x, test_y) = (scaler.transform(&flat(&data.test_x)?)?, data.test_y);
    let fit = match options.full {
        true => fit.validation_data(test_x.clone(), test_y.clone()),
        false => fit.validation_split(0.2),
    };
    let history = model.fit(x, y, fit)?;
    println!("Test: {}", model.evaluate(test_x, test_y, options.batch_size)?);
    draw(&history, &options.out)
}

/// Each image as one row of floats.
fn flat(images: &Tensor) -> Result<Tensor> {
    Ok(Tensor::f32(&[images.rows(), images.row_len()], images.to_f32())?)
}

fn draw(history: &History, folder: &Path) -> Result<()> {
    gradus::model::plot::history_charts(folder, "Fashion-MNIST", history)?;
    println!("Wrote loss.png and accuracy.png to {}", folder.display());
    Ok(())
}
