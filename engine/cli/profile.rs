//! `gradus profile`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::fit::Settings;
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
    /// Samples of one step, once for each input; without them made-up numbers from 0 to 1
    #[arg(long, value_name = "FILE")]
    x: Vec<String>,
    /// Targets, once for each output: then a training step is measured, else a prediction
    #[arg(long, requires = "x", value_name = "FILE")]
    y: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// How many samples are made up
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch: usize,
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
        let (x, y) = self.settings.one_step(&mut model, [&self.x, &self.y], self.batch)?;
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
