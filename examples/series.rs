//! Forecasts of sunspots: what the next year brings, from the twenty before, by a simple recurrent network, an LSTM and
//! a GRU, beside the forecast that everything stays as it is.
//!
//! The series holds the yearly mean of the sunspot numbers from 1700 to 2008, as the Royal Observatory of Belgium
//! publishes them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use gradus::layers::{GRU, LSTM, Recurrent, SimpleRNN};
use gradus::model::plot::numbered_chart;
use gradus::{Adam, Dense, Device, FitOptions, Sequential, Tensor};

const SUNSPOTS: &str = include_str!("../assets/sunspots/sunspots.csv");
/// Years that a forecast looks back.
const WINDOW: usize = 20;
/// The first year that no network is trained on.
const HELD_OUT: i32 = 1960;
/// Numbers are divided by this, so that they lie between 0 and 2.
const SCALE: f32 = 100.0;

/// A recurrent layer of so many units.
type Make = fn(usize) -> Recurrent;

const LAYERS: [(&str, Make); 3] = [("SimpleRNN", SimpleRNN::new), ("LSTM", LSTM::new), ("GRU", GRU::new)];

/// Compares three recurrent networks on the sunspot numbers.
#[derive(Parser)]
struct Options {
    /// How often all years are seen
    #[arg(long, default_value_t = 300)]
    epochs: usize,
    /// Units of each recurrent layer
    #[arg(long, default_value_t = 16)]
    units: usize,
    /// auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name [default: $GRADUS_DEVICE, or auto]
    #[arg(long)]
    device: Option<String>,
    /// What the first weights and the order of the years depend on
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Folder for forecast.png
    #[arg(long, default_value = "target/series")]
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
    let (years, numbers) = sunspots()?;
    let split = years.iter().position(|&year| year == HELD_OUT).expect("the table holds the year") - WINDOW;
    let (x, y) = windows(&numbers)?;
    let (train_x, train_y) = (x.slice_rows(0..split)?, y.slice_rows(0..split)?);
    let (test_x, test_y) = (x.slice_rows(split..x.rows())?, y.slice_rows(split..y.rows())?);

    let truth = test_y.to_f32();
    let stays = numbers[split + WINDOW - 1..numbers.len() - 1].to_vec();
    let baseline = error(&stays, &truth);
    println!("{:<10} {baseline:.1} sunspots on average (root of the mean square)", "as before");
    let mut curves = vec![("truth".to_string(), truth.clone())];
    for (name, layer) in LAYERS {
        let mut model = Sequential::new().add(layer(options.units)).add(Dense::new(1)).seed(options.seed);
        if let Some(device) = &options.device {
            model = model.device(Device::parse(device)?);
        }
        model.compile(Adam::new(0.003), "mean_squared_error", &[])?;
        model.fit(train_x.clone(), train_y.clone(), FitOptions::new().epochs(options.epochs).verbose(0))?;
        let forecast = model.predict(test_x.clone(), None)?.to_f32();
        let own = error(&forecast, &truth);
        println!("{name:<10} {own:.1} sunspots, {:.0} % less", 100.0 * (1.0 - own / baseline));
        curves.push((name.to_string(), forecast));
    }
    draw(options, &curves)
}

/// The years, and their sunspot numbers divided by [`SCALE`].
fn sunspots() -> Result<(Vec<i32>, Vec<f32>)> {
    let (mut years, mut numbers) = (Vec::new(), Vec::new());
    for line in SUNSPOTS.lines().skip(1) {
        let (year, number) = line.split_once(',').expect("two columns");
        years.push(year.parse()?);
        numbers.push(number.parse::<f32>()? / SCALE);
    }
    Ok((years, numbers))
}

/// Each twenty years `[count, 20, 1]`, and the year after them `[count, 1]`.
fn windows(numbers: &[f32]) -> Result<(Tensor, Tensor)> {
    let count = numbers.len() - WINDOW;
    let x = (0..count).flat_map(|i| numbers[i..i + WINDOW].to_vec()).collect();
    Ok((Tensor::f32(&[count, WINDOW, 1], x)?, Tensor::f32(&[count, 1], numbers[WINDOW..].to_vec())?))
}

/// The root of the mean squared error, in sunspots.
fn error(forecast: &[f32], truth: &[f32]) -> f64 {
    let square = |(f, t): (&f32, &f32)| f64::from((f - t) * SCALE).powi(2);
    (forecast.iter().zip(truth).map(square).sum::<f64>() / truth.len() as f64).sqrt()
}

fn draw(options: &Options, curves: &[(String, Vec<f32>)]) -> Result<()> {
    let in_sunspots = |values: &Vec<f32>| values.iter().map(|&v| f64::from(v * SCALE)).collect::<Vec<f64>>();
    let values: Vec<(&str, Vec<f64>)> =
        curves.iter().map(|(name, v)| (name.as_str(), in_sunspots(v))).collect();
    let series: Vec<(&str, &[f64])> = values.iter().map(|(name, v)| (*name, v.as_slice())).collect();
    let path = options.out.join("forecast.png");
    numbered_chart(&path, "Sunspots: one year ahead", ["year", "sunspots"], HELD_OUT, &series)?;
    println!("Wrote {}", path.display());
    Ok(())
}
