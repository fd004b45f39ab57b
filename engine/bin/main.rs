//! `gradus`: see [`gradus::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    gradus::cli::main()
}
