//! `gradus evaluate`

use anyhow::{Result, bail};
use clap::Args;

use super::fit::{NO_LOSS, Settings};
use super::model::{DeviceName, ModelFile, Samples, read_all};
use super::output::{Output, logs};

/// Arguments of `gradus evaluate`.
#[derive(Args)]
pub struct Evaluate {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    samples: Samples,
    /// Targets, in the same kinds of files as samples; once for each output
    #[arg(long, required = true, value_name = "FILE")]
    y: Vec<String>,
    #[command(flatten)]
    device: DeviceName,
    /// Samples in a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch_size: usize,
    #[command(flatten)]
    settings: Settings,
}

impl Evaluate {
    /// Loss and metrics.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open_on(&self.device)?;
        if !self.settings.compile(&mut model)? {
            bail!("{NO_LOSS}");
        }
        let found = model.evaluate(self.samples.read()?, read_all(&self.y, 1.0)?, self.batch_size)?;
        Ok(Output::new(found.to_string(), logs(&found)))
    }
}
