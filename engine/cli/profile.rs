//! `gradus profile`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::fit::OneStep;
use super::model::{DeviceName, ModelFile};
use super::output::Output;
use crate::formats::write_file;

/// Arguments of `gradus profile`.
#[derive(Args)]
pub struct Profile {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    device: DeviceName,
    #[command(flatten)]
    step: OneStep,
    /// How many steps the times are medians of
    #[arg(long, default_value_t = 10, value_name = "N")]
    steps: usize,
    /// Where a trace for Chrome's viewer or Perfetto goes
    #[arg(long, value_name = "FILE.json")]
    trace: Option<PathBuf>,
}

impl Profile {
    /// Measures each kernel.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open_on(&self.device)?;
        let (x, y) = self.step.read(&mut model)?;
        let profile = model.profile(x, y, self.steps)?;
        if let Some(path) = &self.trace {
            write_file(path, profile.to_chrome_trace().to_string().as_bytes())?;
        }
        let kernels = profile.kernels.iter().map(|kernel| {
            json!({ "name": kernel.name, "seconds": kernel.seconds, "flops": kernel.flops, "bytes": kernel.bytes })
        });
        let json = json!({ "device": profile.device, "batch": profile.batch, "seconds": profile.seconds(),
            "kernels": kernels.collect::<Vec<_>>() });
        Ok(Output::new(profile.to_string(), json))
    }
}
