//! What a command prints: text for people, or the same as JSON.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::Logs;
use crate::json;

/// The outcome of a command, in both forms.
pub struct Output {
    /// Lines for people.
    pub text: String,
    /// An object for machines.
    pub json: Value,
    /// Success, unless what was found is a failure.
    pub code: ExitCode,
}

impl Output {
    /// The outcome of a command that has succeeded.
    pub fn new(text: String, json: Value) -> Self {
        Self { text, json, code: ExitCode::SUCCESS }
    }

    /// Writes one of the forms to standard output.
    pub fn print(&self, json: bool) -> Result<()> {
        let text = if json { serde_json::to_string_pretty(&self.json)? } else { self.text.clone() };
        match writeln!(std::io::stdout(), "{}", text.trim_end()) {
            // Whoever reads the output has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.context("standard output cannot be written to"),
        }
    }
}

/// Loss and metrics as an object; numbers that JSON lacks, such as NaN, are null.
pub fn logs(logs: &Logs) -> Value {
    json::object(logs.iter().map(|(name, value)| (name, json!(value))))
}
