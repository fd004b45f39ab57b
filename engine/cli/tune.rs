//! `gradus tune`

use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::fit::OneStep;
use super::model::DeviceName;
use super::output::Output;
use crate::formats::write_file;
use crate::graph::{Axis, Window};
use crate::model::Tuned;
use crate::schedule::{Contraction, Division, Tile};
use crate::{Device, Model};

/// Arguments of `gradus tune`.
#[derive(Args)]
pub struct Tune {
    /// The model whose products and convolutions are tuned; without it squares of 256, 1024 and 2048 and the three passes
    /// of six convolutions
    model: Option<PathBuf>,
    #[command(flatten)]
    device: DeviceName,
    #[command(flatten)]
    step: OneStep,
    /// Only those whose name contains this
    #[arg(long, default_value = "", value_name = "TEXT")]
    only: String,
    /// Where the better choices go, for GRADUS_TUNING
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
}

impl Tune {
    /// Searches, and writes what is better than the rule's choice.
    pub fn run(&self) -> Result<Output> {
        let mut contractions = match &self.model {
            Some(path) => self.of_model(path)?,
            None if self.step.is_given() => {
                bail!("--x and --batch need a model that takes these samples: name it first")
            }
            None => usual()?,
        };
        contractions.retain(|contraction| contraction.to_string().contains(&self.only));
        if contractions.is_empty() {
            bail!("there is nothing to tune: no product or convolution has {:?} in its name", self.only);
        }
        let mut found = Vec::new();
        let tuning = self.device.open()?.tune(&contractions, |tuned| {
            eprintln!("{}", line(tuned));
            found.push(tuned.clone());
        })?;
        if let Some(path) = &self.out {
            write_file(path, tuning.to_string().as_bytes())?;
        }
        let worst = found.iter().map(Tuned::share).fold(1.0, f64::min);
        let lines: Vec<String> = found.iter().map(line).collect();
        let text = format!(
            "{}\n{}\nthe rule's choice has at least {:.0} % of the best speed; {} choices are better",
            tuning.adapter,
            lines.join("\n"),
            worst * 100.0,
            tuning.choices.len()
        );
        let rows: Vec<Value> = found.iter().map(row).collect();
        Ok(Output::new(
            text,
            json!({ "adapter": tuning.adapter, "least_share": worst, "contractions": rows }),
        ))
    }

    fn of_model(&self, path: &PathBuf) -> Result<Vec<Contraction>> {
        let mut model = self.device.take(Model::load(path)?)?;
        let (x, y) = self.step.read(&mut model)?;
        Ok(model.contractions(x, y)?)
    }
}

impl DeviceName {
    /// The device of this name, or of the environment.
    fn open(&self) -> Result<Device> {
        Ok(match self.name() {
            Some(name) => Device::parse(name)?,
            None => Device::from_environment()?,
        })
    }
}

/// What is tuned without a model.
fn usual() -> Result<Vec<Contraction>> {
    let mut all: Vec<Contraction> =
        [256, 1024, 2048].into_iter().map(|n| Contraction::matmul(n, n, n)).collect();
    // Images, filters, kernel size, stride.
    let convolutions = [
        ([32, 60, 60, 32], 32, 3, 1),
        ([32, 28, 28, 64], 64, 3, 1),
        ([8, 56, 56, 128], 128, 3, 1),
        ([32, 28, 28, 64], 128, 1, 1),
        ([32, 56, 56, 64], 64, 3, 2),
        ([32, 56, 56, 64], 128, 1, 2),
    ];
    for (images, filters, size, stride) in convolutions {
        let pad = (size - 1) / 2;
        let axis = Axis { size, stride, dilation: 1, before: pad, after: pad };
        let window = Window { height: axis, width: axis };
        all.extend(Contraction::convolution(images, [size, size, images[3], filters], window)?);
    }
    Ok(all)
}

fn shown(Division { tile, splits }: Division) -> String {
    let tile = match tile {
        Tile::Registers { rows, columns } => format!("{rows}x{columns} a thread"),
        Tile::Subgroup { rows, columns } => format!("{rows}x{columns} a subgroup"),
        Tile::Workgroup { rows, columns, depth } => format!("{rows}x{columns}x{depth} a workgroup"),
    };
    if splits > 1 { format!("{tile} in {splits} parts") } else { tile }
}

fn line(tuned: &Tuned) -> String {
    let rate = |seconds: f64| tuned.flops as f64 / seconds * 1e-9;
    format!(
        "{}\n    rule {} {:.1} GFLOP/s, best of {} {} {:.1} GFLOP/s: {:.0} %",
        tuned.name,
        shown(tuned.rule.0),
        rate(tuned.rule.1),
        tuned.tried,
        shown(tuned.best.0),
        rate(tuned.best.1),
        tuned.share() * 100.0
    )
}

fn row(tuned: &Tuned) -> Value {
    let side =
        |(division, seconds): (Division, f64)| json!({ "division": shown(division), "seconds": seconds });
    json!({ "name": tuned.name, "flops": tuned.flops, "tried": tuned.tried, "share": tuned.share(),
        "rule": side(tuned.rule), "best": side(tuned.best) })
}
