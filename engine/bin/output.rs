//! What a command prints: text for people, or the same as JSON.

use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use serde_json::Value;

/// The outcome of a command, in both forms.
pub struct Output {
    /// Lines for people.
    pub text: String,
    /// An object for machines.
    pub json: Value,
}

impl Output {
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
