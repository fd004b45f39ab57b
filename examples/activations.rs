//! What stands between layers: every activation function and its derivative in one picture.
//!
//! `cargo run --release --example activations -- [FILE]`: FILE ends in .png or .svg, by default
//! target/activations/activations.png. The derivatives come from the graph, as in a training.

use std::path::PathBuf;
use std::process::ExitCode;

use gradus::layers::ActivationFunction;
use gradus::model::plot::activation_functions;

fn main() -> ExitCode {
    let default = || PathBuf::from("target/activations/activations.png");
    let path = std::env::args_os().nth(1).map_or_else(default, PathBuf::from);
    let functions: Vec<ActivationFunction> = ActivationFunction::all().collect();
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all).map_err(|error| error.to_string());
    let title = "Activation functions and their derivatives";
    let drawn = folder
        .and_then(|()| activation_functions(&path, title, &functions).map_err(|error| error.to_string()));
    match drawn {
        Ok(()) => println!("Drew {} functions: {}", functions.len(), path.display()),
        Err(error) => {
            eprintln!("error: {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
