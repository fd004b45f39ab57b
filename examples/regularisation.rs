//! Remedies against overfitting, side by side: a network that is too large for 600 images of clothes, left alone, and
//! with early stopping, dropout, DropConnect, L1, L2, elastic net and max-norm.
//!
//! All losses in the table are cross-entropies without penalties, over all training and over all validation images,
//! with nothing dropped, so that the rows can be compared.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::data::load_fashion_mnist;
use gradus::layers::{DropConnect, Layer};
use gradus::model::plot::line_chart;
use gradus::train::constraints::Constraint;
use gradus::train::regularizers::Regularizer;
use gradus::{Adam, Dense, Device, Dropout, EarlyStopping, FitOptions, Sequential, Tensor};

/// Images trained on: too few for the network.
const TRAINING: usize = 600;
/// Images validated on.
const VALIDATION: usize = 2_000;
/// Units of each of the two hidden layers.
const UNITS: usize = 128;

/// Compares remedies against overfitting on Fashion-MNIST.
#[derive(Parser)]
struct Options {
    /// Folder with the four IDX files, plain or gzipped
    #[arg(long)]
    data: Option<PathBuf>,
    /// How often all images are seen
    #[arg(long, default_value_t = 40)]
    epochs: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the first weights and the order of the images depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for validation.png
    #[arg(long, default_value = "target/regularisation")]
    out: PathBuf,
}

/// A remedy: its name, a hidden layer with it, and a share dropped behind each.
type Remedy = (&'static str, fn() -> Box<dyn Layer>, Option<f64>);

fn hidden() -> Dense {
    Dense::new(UNITS).activation("relu").kernel_initializer("he_normal")
}

/// Strengths that help here; with other data other ones will.
const REMEDIES: [Remedy; 8] = [
    ("none", || hidden().into(), None),
    ("early stopping", || hidden().into(), None),
    ("dropout 0.5", || hidden().into(), Some(0.5)),
    (
        "DropConnect 0.3",
        || DropConnect::new(UNITS, 0.3).activation("relu").kernel_initializer("he_normal").into(),
        None,
    ),
    ("L1 (LASSO)", || hidden().kernel_regularizer(Regularizer::l1(1e-4)).into(), None),
    ("L2 (ridge)", || hidden().kernel_regularizer(Regularizer::l2(3e-3)).into(), None),
    ("elastic net", || hidden().kernel_regularizer(Regularizer::elastic_net(8e-3, 0.999)).into(), None),
    ("max-norm", || hidden().kernel_constraint(Constraint::max_norm(0.6)).into(), None),
];

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
    let part = |from: usize, to: usize| -> Result<(Tensor, Tensor)> {
        let images = data.train_x.slice_rows(from..to)?;
        let x =
            Tensor::f32(&[to - from, images.row_len()], images.to_f32().iter().map(|v| v / 255.0).collect())?;
        Ok((x, data.train_y.slice_rows(from..to)?))
    };
    let (training, validation) = (part(0, TRAINING)?, part(TRAINING, TRAINING + VALIDATION)?);

    println!("{:<16} {:>10} {:>10} {:>8} {:>12}", "remedy", "train", "validation", "gap", "best (epoch)");
    let mut curves = Vec::new();
    for (name, layer, dropped) in REMEDIES {
        let mut model = network(layer, dropped, options)?;
        let curve = match name {
            "early stopping" => stop_early(&mut model, &training, &validation, options)?,
            _ => train(&mut model, &training, &validation, options)?,
        };
        let (train, end) = (loss(&mut model, &training)?, loss(&mut model, &validation)?);
        let best = (0..curve.len()).min_by(|&a, &b| curve[a].total_cmp(&curve[b])).unwrap_or(0);
        let gap = end - train;
        println!("{name:<16} {train:>10.3} {end:>10.3} {gap:>8.3} {:>7.3} ({})", curve[best], best + 1);
        curves.push((name, curve));
    }
    let series: Vec<(&str, &[f64])> = curves.iter().map(|(name, curve)| (*name, curve.as_slice())).collect();
    let path = options.out.join("validation.png");
    line_chart(&path, "Remedies against overfitting", "validation loss", &series)?;
    println!("Wrote {}", path.display());
    Ok(())
}

/// Two hidden layers with a remedy, and ten classes.
fn network(layer: fn() -> Box<dyn Layer>, dropped: Option<f64>, options: &Options) -> Result<Sequential> {
    let mut model = Sequential::new().seed(options.seed);
    for _ in 0..2 {
        model = model.add(layer());
        if let Some(rate) = dropped {
            model = model.add(Dropout::new(rate));
        }
    }
    model = model.add(Dense::new(10).activation("softmax"));
    if let Some(name) = &options.device {
        model = model.device(Device::parse(name)?);
    }
    model.compile(Adam::new(0.001), "sparse_categorical_crossentropy", &[])?;
    Ok(model)
}

/// Trains epoch by epoch: the validation loss after each.
fn train(
    model: &mut Sequential,
    training: &(Tensor, Tensor),
    validation: &(Tensor, Tensor),
    options: &Options,
) -> Result<Vec<f64>> {
    let mut curve = Vec::with_capacity(options.epochs);
    for _ in 0..options.epochs {
        model.fit(training.0.clone(), training.1.clone(), FitOptions::new().verbose(0))?;
        curve.push(loss(model, validation)?);
    }
    Ok(curve)
}

/// Trains until the validation loss has not fallen for five epochs, and takes the best weights.
fn stop_early(
    model: &mut Sequential,
    training: &(Tensor, Tensor),
    validation: &(Tensor, Tensor),
    options: &Options,
) -> Result<Vec<f64>> {
    let fit = FitOptions::new().epochs(options.epochs).verbose(0);
    let fit = fit.validation_data(validation.0.clone(), validation.1.clone());
    let stop = EarlyStopping::new().patience(5).restore_best_weights(true);
    let history = model.fit(training.0.clone(), training.1.clone(), fit.callback(stop))?;
    Ok(history.get("val_loss").unwrap_or_default())
}

/// The cross-entropy over all of `images`, from the model's predictions.
fn loss(model: &mut Sequential, (x, y): &(Tensor, Tensor)) -> Result<f64> {
    let predictions = model.predict(x.clone(), 500)?.to_f32();
    let labels = y.to_f32();
    let cost = |(p, &label): (&[f32], &f32)| -f64::from(p[label as usize].max(1e-7)).ln();
    Ok(predictions.chunks(10).zip(&labels).map(cost).sum::<f64>() / labels.len() as f64)
}
