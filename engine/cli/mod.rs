//! The program `gradus`: models in files, from the command line. `gradus --help` lists what it does.
//!
//! It is part of the library so that it is built beside the rest of it, not after it: in a crate of its own, what drops a
//! model would be compiled once more.

mod check;
mod convert;
mod devices;
mod evaluate;
mod fit;
mod inspect;
mod model;
mod output;
mod predict;
mod profile;
mod tune;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trains, runs and converts neural networks on any GPU, from files that Keras writes and reads.
///
/// Exit code 0: done; 1: it failed, and the message on standard error says why; 2: wrong usage; 130: ended by Ctrl-C.
#[derive(Parser)]
#[command(name = "gradus", version)]
struct Arguments {
    /// Print one JSON object instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Every adapter of this machine, which one `auto` takes, and why
    Devices,
    /// The layers of a model, their shapes and parameters
    Summary(inspect::Summary),
    /// The kernels that a model runs as, and why those
    Explain(inspect::Explain),
    /// What a model gives for data
    Predict(predict::Predict),
    /// Loss and metrics of a model over data
    Evaluate(evaluate::Evaluate),
    /// Trains a model
    Fit(Box<fit::Fit>),
    /// Writes a model, or its weights, in another format
    Convert(convert::Convert),
    /// The time of each kernel of a model, against its arithmetic and its bytes
    Profile(profile::Profile),
    /// The fastest tile for each product and convolution on the present adapter, by trying all
    Tune(Box<tune::Tune>),
    /// Compares a model on its device with f64, and its gradients with finite differences
    Check(check::Check),
}

/// Does what the arguments of this process ask for; the exit codes are those of `gradus --help`.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.command {
        Command::Devices => devices::run(),
        Command::Summary(summary) => summary.run(),
        Command::Explain(explain) => explain.run(),
        Command::Predict(predict) => predict.run(),
        Command::Evaluate(evaluate) => evaluate.run(),
        Command::Fit(fit) => fit.run(arguments.json),
        Command::Convert(convert) => convert.run(),
        Command::Profile(profile) => profile.run(),
        Command::Tune(tune) => tune.run(),
        Command::Check(check) => check.run(),
    };
    match done.and_then(|output| output.print(arguments.json).map(|()| output.code)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
