//! A convolutional network that reads numbers off hands: SIGNS, six classes, 1,080 photographs of 64x64 pixels.
//!
//! `cargo run --release --example signs_cnn -- --help` lists the options.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Parser;
use gradus::data::{load_signs, one_hot};
use gradus::model::plot;
use gradus::{
    CSVLogger, CancellationToken, Conv2D, Dense, Device, FitOptions, Flatten, History, Logs, MaxPooling2D,
    Model, ModelCheckpoint, Sequential, Sgd, Tensor,
};

/// Trains the network of the course on SIGNS.
#[derive(Parser)]
struct Options {
    /// Folder with train_signs.h5 and test_signs.h5; by default the drawn stand-in that comes with gradus
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often all images are seen
    #[arg(long, default_value_t = 100)]
    epochs: usize,
    /// Images in a step
    #[arg(long, default_value_t = 32)]
    batch_size: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the first weights and the order of the images depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Go on from model.keras, which an interrupted run has left in the folder --out
    #[arg(long)]
    resume: bool,
    /// Folder for model.keras, model.h5, history.csv, report.html and pictures
    #[arg(long, default_value = "target/signs_cnn")]
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
    check_writable(&options.out)?;
    let data = load_signs(options.data.as_deref())?;
    let classes = data.classes.len();
    let (train_x, test_x) = (data.train_x.scaled(1.0 / 255.0), data.test_x.scaled(1.0 / 255.0));
    let (train_y, test_y) = (one_hot(&data.train_y, classes)?, one_hot(&data.test_y, classes)?);

    let mut model = start(options, &train_x.shape()[1..], classes)?;
    println!("Device: {}", model.describe_device()?);
    println!("{}", model.summary()?);

    let history = model.fit(train_x, train_y, fit_options(options)?.validation_data(&test_x, &test_y))?;
    if history.is_cancelled() {
        model.save(options.out.join("model.keras"))?;
        let epoch = model.trained_epochs() + 1;
        bail!(
            "interrupted in epoch {epoch}; model.keras has all until then: go on with the same options and --resume"
        );
    }
    let test = model.evaluate(&test_x, &test_y, options.batch_size)?;
    println!("Test: {test}");
    save(&mut model, &history, &options.out)?;
    let names: Vec<String> = data.classes.iter().map(|fingers| fingers.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    draw(&mut model, (&test_x, &data.test_y, &names), &test, &options.out)?;
    let report =
        model.report("SIGNS")?.option("epochs", options.epochs).option("batch size", options.batch_size);
    let report = report.classes(&names).history(&history)?.evaluation("Test", &test)?;
    report.write(options.out.join("report.html"))?;
    println!(
        "Wrote model.keras, model.h5, history.csv, report.html and pictures to {}",
        options.out.display()
    );
    Ok(())
}

/// The model, compiled: fresh, or as the last run has left it.
fn start(options: &Options, image: &[usize], classes: usize) -> Result<Model> {
    let mut model = match options.resume {
        true => Model::load(options.out.join("model.keras"))?,
        false => {
            let mut fresh = network(classes).seed(options.seed);
            fresh.build(image)?;
            let metrics = ["accuracy", "confusion_matrix"];
            fresh.compile(Sgd::new(0.01), "categorical_crossentropy", &metrics)?;
            fresh.into()
        }
    };
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    Ok(model)
}

/// Each epoch is saved and written down when it is over, and Ctrl-C ends the training.
fn fit_options(options: &Options) -> Result<FitOptions> {
    let history = CSVLogger::new(options.out.join("history.csv")).append(options.resume);
    let save = ModelCheckpoint::new(&options.out.join("model.keras").to_string_lossy());
    Ok(FitOptions::new()
        .epochs(options.epochs)
        .resume(options.resume)
        .batch_size(options.batch_size)
        .callback(history)
        .callback(save)
        .cancel_on(CancellationToken::on_interrupt()?))
}

/// Two convolutions, one pooling, one layer of scores.
fn network(classes: usize) -> Sequential {
    Sequential::new()
        .add(Conv2D::new(32, (3, 3)).activation("relu"))
        .add(Conv2D::new(32, (3, 3)).activation("relu"))
        .add(MaxPooling2D::new((2, 2)))
        .add(Flatten::new())
        .add(Dense::new(classes).activation("softmax"))
}

/// An hour of training is not to end with a folder that cannot be written to.
fn check_writable(folder: &Path) -> Result<()> {
    let check = || {
        std::fs::create_dir_all(folder)?;
        tempfile::tempfile_in(folder).map(drop)
    };
    check().with_context(|| format!("--out {}: cannot be written to, give another folder", folder.display()))
}

fn save(model: &mut Model, history: &History, folder: &Path) -> Result<()> {
    model.save_weights(folder.join("model.h5"))?;
    plot::history_charts(folder, "SIGNS", history)?;
    Ok(())
}

/// What the network takes for what, what it looks for, and what it sees in the first test image.
fn draw(
    model: &mut Model,
    (images, labels, names): (&Tensor, &Tensor, &[&str]),
    test: &Logs,
    folder: &Path,
) -> Result<()> {
    if let Some(counts) = test.table("confusion_matrix") {
        plot::confusion_matrix(folder.join("confusion.png"), "SIGNS: test", counts, names)?;
    }
    let probabilities = model.predict(images, None)?;
    let path = folder.join("misclassified.png");
    plot::misclassified(path, "SIGNS: mistakes in the test", images, labels, &probabilities, names)?;
    plot::filters(folder.join("filters.png"), "SIGNS: first convolution", &model.get_weights()?[0])?;
    let maps = model.layer_output("conv2d", &images.slice_rows(0..1)?, None)?;
    Ok(plot::feature_maps(folder.join("feature_maps.png"), "SIGNS: first convolution, first image", &maps)?)
}
