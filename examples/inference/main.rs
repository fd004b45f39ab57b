//! A finished model inside a program: its layers and weights are part of the executable, which needs no file.
//!
//! `cargo run --release --no-default-features --features inference --example inference`. Such a model comes from any that
//! gradus trained or Keras saved: `gradus convert model.keras model.json`, and the same to `model.safetensors`.

use std::process::ExitCode;

use gradus::{Device, Error, Model, Predictor, Result, Tensor};

const CONFIG: &str = include_str!("xor.json");
const WEIGHTS: &[u8] = include_bytes!("xor.safetensors");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let predictor = predictor()?;
    let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
    let answers = predictor.predict(&x)?.to_f32();
    for (x, answer) in x.to_f32().chunks(2).zip(answers) {
        println!("{} xor {}: {answer:.3}", x[0], x[1]);
    }
    Ok(())
}

/// What any number of threads may ask.
fn predictor() -> Result<Predictor> {
    let config = serde_json::from_str(CONFIG)
        .map_err(|error| Error::file("xor.json", error, "convert the model again"))?;
    // So small that a GPU would only wait.
    let mut model = Model::from_config(&config)?.device(Device::cpu());
    model.parse_weights("xor.safetensors", WEIGHTS)?;
    Ok(Predictor::new(model, 4))
}
