//! `gradus summary` and `gradus explain`

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::model::{DeviceName, ModelFile, made_up};
use super::output::Output;

/// Arguments of `gradus summary`.
#[derive(Args)]
pub struct Summary {
    #[command(flatten)]
    model: ModelFile,
}

impl Summary {
    /// The table of layers.
    pub fn run(&self) -> Result<Output> {
        let model = self.model.open()?;
        let text = model.summary()?;
        let json =
            json!({ "summary": text, "parameters": model.count_parameters(), "config": model.config()? });
        Ok(Output::new(text, json))
    }
}

/// Arguments of `gradus explain`.
#[derive(Args)]
pub struct Explain {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    device: DeviceName,
    /// Samples in a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch: usize,
}

impl Explain {
    /// Predicts for one batch of made-up samples, and tells what ran.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open_on(&self.device)?;
        let device = model.describe_device()?;
        let x = made_up(&model, self.batch)?;
        model.predict_each(x, self.batch)?;
        let program = model.explain()?;
        let json = json!({ "device": device, "batch": self.batch, "program": program });
        Ok(Output::new(program, json))
    }
}
