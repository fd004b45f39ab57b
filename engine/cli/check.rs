//! `gradus check`

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::model::{DeviceName, ModelFile, read_or_make_up};
use super::output::Output;
use crate::model::Against;

/// Arguments of `gradus check`.
#[derive(Args)]
pub struct Check {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    device: DeviceName,
    /// Samples to check with, once for each input; without them made-up numbers from 0 to 1
    #[arg(long, value_name = "FILE")]
    x: Vec<String>,
    /// How many samples are made up
    #[arg(long, default_value_t = 2, conflicts_with = "x", value_name = "N")]
    batch: usize,
}

impl Check {
    /// Compares; a disagreement is a failure.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open_on(&self.device)?;
        let x = read_or_make_up(&self.x, &model, self.batch)?;
        let check = model.check(x)?;
        let findings = check.findings.iter().map(|finding| {
            let against = match finding.against {
                Against::Reference => "f64 reference",
                Against::Differences => "finite differences",
            };
            json!({ "what": finding.what, "against": against, "error": finding.error, "bound": finding.bound,
                "holds": finding.holds() })
        });
        let findings: Vec<_> = findings.collect();
        let json = json!({ "device": check.device, "holds": check.holds(), "findings": findings });
        let code = if check.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        Ok(Output { text: check.to_string(), json, code })
    }
}
