//! `gradus`: models in files, from the command line. `gradus --help` lists what it does.

mod devices;
mod output;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Trains, runs and converts neural networks on any GPU, from files that Keras writes.
///
/// Exit code 0: done; 1: it failed, and the message says why; 2: wrong usage.
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Command::Devices => devices::run(),
    };
    match done.and_then(|output| output.print(arguments.json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
