//! A network of two convolutions that tells clothes apart: Fashion-MNIST, ten classes, all 60,000 images of 28x28 pixels.
//!
//! The images come from a folder, by default the one that Debian's package `dataset-fashion-mnist` installs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::data::load_fashion_mnist;
use gradus::{
    Adam, Conv2D, Dense, Device, Dropout, FitOptions, Flatten, History, MaxPooling2D, Sequential, Tensor,
};

/// Trains two convolutions, each with pooling behind it, on Fashion-MNIST.
#[derive(Parser)]
struct Options {
    /// Folder with the four IDX files, plain or gzipped
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often all images are seen
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    /// Images in a step
    #[arg(long, default_value_t = 64)]
    batch_size: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the first weights and the order of the images depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for loss.png and accuracy.png
    #[arg(long, default_value = "target/fashion_cnn")]
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
    let (x, test_x) = (images(&data.train_x)?, images(&data.test_x)?);

    let mut model = Sequential::new()
        .add(Conv2D::new(32, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Conv2D::new(64, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(128).activation("relu"))
        .add(Dense::new(10).activation("softmax"))
        .seed(options.seed);
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    println!("Device: {}", model.describe_device()?);
    model.build(&x.shape()[1..])?;
    println!("{}", model.summary()?);

    model.compile(Adam::new(0.001), "sparse_categorical_crossentropy", &["accuracy"])?;
    let fit = FitOptions::new().epochs(options.epochs).batch_size(options.batch_size);
    let fit = fit.validation_data(test_x.clone(), data.test_y.clone());
    let history = model.fit(x, data.train_y, fit)?;
    println!("Test: {}", model.evaluate(test_x, data.test_y, options.batch_size)?);
    draw(&history, &options.out)
}

/// Images of one channel, their bytes scaled to 0 to 1 on the device.
fn images(images: &Tensor) -> Result<Tensor> {
    let shape = [images.shape(), &[1]].concat();
    Ok(Tensor::new(&shape, images.values().clone())?.scaled(1.0 / 255.0))
}

fn draw(history: &History, folder: &Path) -> Result<()> {
    gradus::model::plot::history_charts(folder, "Fashion-MNIST", history)?;
    println!("Wrote loss.png and accuracy.png to {}", folder.display());
    Ok(())
}
