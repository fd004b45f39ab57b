//! `gradus convert`

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::model::ModelFile;
use super::output::Output;

/// Arguments of `gradus convert`.
#[derive(Args)]
pub struct Convert {
    #[command(flatten)]
    model: ModelFile,
    /// Where it goes, in the format of the name: .keras, .h5 or .json for the model, .onnx for what it predicts,
    /// .weights.h5, .safetensors or .npz for its weights
    out: PathBuf,
}

impl Convert {
    /// Reads one format and writes the other.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open()?;
        let name = self.out.to_string_lossy().to_lowercase();
        if [".weights.h5", ".safetensors", ".npz"].iter().any(|ending| name.ends_with(ending)) {
            model.save_weights(&self.out)?;
        } else if name.ends_with(".onnx") {
            model.export_onnx(&self.out)?;
        } else {
            model.save(&self.out)?;
        }
        let text = format!("Wrote {}, {} parameters", self.out.display(), model.count_parameters());
        Ok(Output::new(
            text,
            json!({ "file": self.out.display().to_string(), "parameters": model.count_parameters() }),
        ))
    }
}
