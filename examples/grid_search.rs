//! Which network reads the signs of hands best? Every combination of a few hyperparameters, each tested on parts of the
//! images that it has not seen, and the best trained anew on all of them.
//!
//! The images are made small first, 8x8 pixels, so that networks of dense layers learn them in a moment.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::data::{KFold, load_signs};
use gradus::model::plot::heat_map;
use gradus::search::{GridSearch, Parameters, SearchOptions, SearchResults};
use gradus::{Adam, AveragePooling2D, Dense, Device, Flatten, Sequential, Tensor};

const LAYERS: [usize; 2] = [1, 2];
const UNITS: [usize; 2] = [16, 64];
const ACTIVATIONS: [&str; 2] = ["relu", "tanh"];
const RATES: [f64; 3] = [0.0003, 0.003, 0.01];

/// Tests 24 networks by cross-validation on the signs of hands.
#[derive(Parser)]
struct Options {
    /// Folder with train_signs.h5 and test_signs.h5; by default the drawn images that come with gradus
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often each network sees its images
    #[arg(long, default_value_t = 100)]
    epochs: usize,
    /// Into how many parts the images are split; each is the test of one training
    #[arg(long, default_value_t = 3)]
    folds: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the parts, the first weights and the order of the images depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for results.csv and accuracy.png
    #[arg(long, default_value = "target/grid_search")]
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
    let device = options.device.as_deref().map(Device::parse).transpose()?;
    let data = load_signs(options.data.as_deref())?;
    let (x, test_x) = (small(&data.train_x, &device)?, small(&data.test_x, &device)?);
    let grid = GridSearch::new()
        .parameter("layers", LAYERS)
        .parameter("units", UNITS)
        .parameter("activation", ACTIVATIONS)
        .parameter("rate", RATES)
        .parameter("epochs", [options.epochs]);
    let search = SearchOptions::new()
        .folds(KFold::stratified(options.folds).shuffle(options.seed))
        .scoring("accuracy")
        .verbose(1);
    let mut results =
        grid.fit(x, &data.train_y, search, |parameters| network(parameters, options.seed, &device))?;

    println!("\n{results}");
    results.write_csv(options.out.join("results.csv"))?;
    draw(&results, options)?;
    let best = results.best().parameters.to_string();
    if let Some(model) = results.best_model() {
        let logs = model.evaluate(test_x, &data.test_y, None)?;
        println!("Best: {best}\nIts test, after a training on all images: {logs}");
    }
    println!("Wrote results.csv and accuracy.png to {}", options.out.display());
    Ok(())
}

/// The images with 8x8 pixels, in one row each.
fn small(images: &Tensor, device: &Option<Device>) -> Result<Tensor> {
    let side = images.shape()[1] / 8;
    let mut shrink = Sequential::new().add(AveragePooling2D::new(side)).add(Flatten::new());
    if let Some(device) = device {
        shrink = shrink.device(device.clone());
    }
    Ok(shrink.predict(images.clone().scaled(1.0 / 255.0), None)?)
}

fn network(parameters: &Parameters, seed: u64, device: &Option<Device>) -> gradus::Result<Sequential> {
    let mut model = Sequential::new().seed(seed);
    for _ in 0..parameters.count("layers")? {
        model = model.add(Dense::new(parameters.count("units")?).activation(parameters.text("activation")?));
    }
    model = model.add(Dense::new(6).activation("softmax"));
    if let Some(device) = device {
        model = model.device(device.clone());
    }
    model.compile(Adam::new(parameters.number("rate")?), "sparse_categorical_crossentropy", &["accuracy"])?;
    Ok(model)
}

/// The networks down, the ways to train them across.
fn draw(results: &SearchResults, options: &Options) -> Result<()> {
    let rows: Vec<(usize, usize)> = LAYERS.iter().flat_map(|&l| UNITS.map(|u| (l, u))).collect();
    let columns: Vec<(&str, f64)> = ACTIVATIONS.iter().flat_map(|&a| RATES.map(|r| (a, r))).collect();
    let mut values = Vec::new();
    for &(layers, units) in &rows {
        let score = |&(activation, rate): &(&str, f64)| {
            let wanted = |p: &Parameters| {
                Ok::<_, gradus::Error>(
                    (p.count("layers")?, p.count("units")?, p.text("activation")?, p.number("rate")?)
                        == (layers, units, activation, rate),
                )
            };
            let trial = results.trials().iter().find(|trial| wanted(&trial.parameters).unwrap_or(false));
            trial.map_or(f64::NAN, |trial| trial.mean_test_score)
        };
        values.push(columns.iter().map(score).collect());
    }
    let rows: Vec<String> = rows.iter().map(|(layers, units)| format!("{layers} x {units}")).collect();
    let columns: Vec<String> = columns.iter().map(|(name, rate)| format!("{name} {rate}")).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let labels = ["activation and learning rate", "layers x units"];
    let path = options.out.join("accuracy.png");
    Ok(heat_map(&path, "Accuracy in cross-validation", labels, &columns, &rows, &values, 3)?)
}
