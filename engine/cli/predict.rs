//! `gradus predict`

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};

use super::model::{DeviceName, ModelFile, Samples};
use super::output::Output;
use crate::Tensor;
use crate::formats::npy;

/// Arguments of `gradus predict`.
#[derive(Args)]
pub struct Predict {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    samples: Samples,
    #[command(flatten)]
    device: DeviceName,
    /// Where the output goes; further outputs go to FILE_1.npy and so on. Without it the numbers are printed
    #[arg(long, value_name = "FILE.npy")]
    out: Option<PathBuf>,
    /// Samples in a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch_size: usize,
}

impl Predict {
    /// Predicts, and prints or saves what comes out.
    pub fn run(&self) -> Result<Output> {
        let mut model = self.model.open_on(&self.device)?;
        let outputs = model.predict_each(self.samples.read()?, self.batch_size)?;
        let Some(path) = &self.out else { return Ok(printed(&outputs)) };
        let mut text = String::new();
        let mut files = Vec::new();
        for (number, output) in outputs.iter().enumerate() {
            let path = numbered(path, number);
            npy::write(&path, output)?;
            text += &format!("Wrote {} {:?}\n", path.display(), output.shape());
            files.push(json!({ "file": path.display().to_string(), "shape": output.shape() }));
        }
        Ok(Output::new(text, json!({ "outputs": files })))
    }
}

/// The file of output `number`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 0 {
        return path.to_path_buf();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or(String::new(), |e| format!(".{}", e.to_string_lossy()));
    path.with_file_name(format!("{stem}_{number}{extension}"))
}

/// A line for each sample of each output.
fn printed(outputs: &[Tensor]) -> Output {
    let mut text = String::new();
    let mut arrays = Vec::new();
    for output in outputs {
        let values = output.to_f32();
        let rows = values.chunks(output.row_len().max(1));
        for row in rows.clone() {
            let numbers: Vec<String> = row.iter().map(|value| format!("{value:.6}")).collect();
            text += &format!("{}\n", numbers.join(" "));
        }
        let rows: Vec<Value> = rows.map(|row| json!(row)).collect();
        arrays.push(json!({ "shape": output.shape(), "rows": rows }));
    }
    Output::new(text, json!({ "outputs": arrays }))
}
