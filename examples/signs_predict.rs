//! Reads the number off a hand: the six probabilities as bars, and what the first convolution sees.
//!
//! `cargo run --release --example signs_predict -- IMAGE`, after `cargo run --release --example signs_cnn`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use gradus::data::load_image;
use gradus::model::plot;
use gradus::{Model, Tensor};

/// The widest bar, in characters.
const WIDTH: f32 = 40.0;
/// What the bytes of the training images were multiplied by.
const SCALE: f32 = 1.0 / 255.0;

/// Reads the number off a hand.
#[derive(Parser)]
struct Options {
    /// A PNG or JPEG file of any size
    image: PathBuf,
    /// The model, as the example signs_cnn saves it
    #[arg(long, default_value = "target/signs_cnn/model.keras")]
    model: PathBuf,
    /// Folder for feature_maps.png
    #[arg(long, default_value = "target/signs_predict")]
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
    let path = &options.model;
    if !path.is_file() {
        bail!("there is no model {}: make it by `cargo run --release --example signs_cnn`", path.display());
    }
    let mut model = Model::load(path)?;
    let image = load_image(&options.image, [64, 64], "rgb")?;
    let image = Tensor::new(&[1, 64, 64, 3], image.values().clone())?.scaled(SCALE);
    let probabilities = model.predict(&image, None)?.to_f32();
    ensure!(
        probabilities.len() == 6,
        "{} tells {} classes apart, not six",
        path.display(),
        probabilities.len()
    );
    for (fingers, &probability) in probabilities.iter().enumerate() {
        println!("{fingers}  {:>5.1} %  {}", 100.0 * probability, bar(probability));
    }
    draw(&mut model, &image, &options.out)
}

fn bar(share: f32) -> String {
    "█".repeat((share * WIDTH).round() as usize)
}

fn draw(model: &mut Model, image: &Tensor, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("--out {}", folder.display()))?;
    let path = folder.join("feature_maps.png");
    plot::feature_maps(&path, "SIGNS: first convolution", &model.layer_output("conv2d", image, None)?)?;
    println!("Wrote {}", path.display());
    Ok(())
}
