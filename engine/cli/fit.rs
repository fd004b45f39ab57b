//! `gradus fit`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::model::{DeviceName, ModelFile, Samples, read_all, read_or_make_up};
use super::output::{Output, logs};
use crate::json;
use crate::model::plot::history_charts;
use crate::{
    CSVLogger, CancellationToken, FitOptions, History, LambdaCallback, Model, RunReport, Tensors, Training,
};

/// What a model is trained for, where it differs from what the file says.
#[derive(Args)]
pub struct Settings {
    /// Keras's name of a loss, such as categorical_crossentropy [default: the file's]
    #[arg(long, requires = "y", value_name = "NAME")]
    loss: Option<String>,
    /// Names of metrics, with commas between them [default: the file's]
    #[arg(long, requires = "y", value_delimiter = ',', value_name = "A,B")]
    metrics: Option<Vec<String>>,
}

/// Arguments of `gradus fit`.
#[derive(Args)]
pub struct Fit {
    #[command(flatten)]
    model: ModelFile,
    #[command(flatten)]
    samples: Samples,
    /// Targets, in the same kinds of files as samples; once for each output
    #[arg(long, required = true, value_name = "FILE")]
    y: Vec<String>,
    /// Samples for validation
    #[arg(long, requires = "val_y", conflicts_with = "validation_split", value_name = "FILE")]
    val_x: Vec<String>,
    /// Targets for validation
    #[arg(long, requires = "val_x", value_name = "FILE")]
    val_y: Vec<String>,
    /// The share of the samples, the last ones, that is kept for validation
    #[arg(long, value_name = "F")]
    validation_split: Option<f64>,
    /// How often all samples are seen; with --resume those of earlier runs count
    #[arg(long, default_value_t = 1, value_name = "N")]
    epochs: usize,
    /// Samples in a step
    #[arg(long, default_value_t = 32, value_name = "N")]
    batch_size: usize,
    /// Take the samples in the order of the file in each epoch
    #[arg(long)]
    no_shuffle: bool,
    /// What fresh weights, the order of the samples and dropout depend on
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Keras's name of an optimizer, or its config as JSON [default: the file's, else rmsprop]
    #[arg(long, value_name = "NAME|JSON")]
    optimizer: Option<String>,
    /// Another learning rate than the optimizer's
    #[arg(long, value_name = "F")]
    learning_rate: Option<f64>,
    #[command(flatten)]
    settings: Settings,
    #[command(flatten)]
    device: DeviceName,
    /// Where the trained model goes: .keras or .h5
    #[arg(long, value_name = "MODEL")]
    save: Option<PathBuf>,
    /// Epochs between two saves of the model, so that --resume has something to go on from; 0 is never before the end
    #[arg(long, default_value_t = 1, requires = "save", value_name = "N")]
    save_every: usize,
    /// Where loss and metrics go, a row for each epoch
    #[arg(long, value_name = "FILE.csv")]
    history: Option<PathBuf>,
    /// Folder for a picture of each curve
    #[arg(long, value_name = "FOLDER")]
    plots: Option<PathBuf>,
    /// A page of HTML on the run: summary, curves, confusion matrices, filters, options, environment
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Go on from what an earlier run left at --save, if it is there, up to --epochs in all, within an epoch too: with the
    /// optimizer, loss and metrics of that run, whatever is given here
    #[arg(long, requires = "save")]
    resume: bool,
}

impl Settings {
    /// Compiles `model` by these settings over the file's. False if there is no loss.
    pub fn compile(&self, model: &mut Model) -> Result<bool> {
        compile(model, self, None)
    }
}

/// What one step of a model sees and is compiled for.
#[derive(Args)]
pub struct OneStep {
    /// Samples of the step, once for each input; without them made-up numbers from 0 to 1
    #[arg(long, value_name = "FILE")]
    x: Vec<String>,
    /// Targets, once for each output: then it is a training step, else a prediction
    #[arg(long, requires = "x", value_name = "FILE")]
    y: Vec<String>,
    #[command(flatten)]
    settings: Settings,
    /// How many samples are made up [default: 32]
    #[arg(long, conflicts_with = "x", value_name = "N")]
    batch: Option<usize>,
}

impl OneStep {
    /// The samples for `model`, and the targets if there are any: then it is compiled.
    pub fn read(&self, model: &mut Model) -> Result<(Tensors, Option<Tensors>)> {
        let x = read_or_make_up(&self.x, model, self.batch.unwrap_or(32))?;
        let y = if self.y.is_empty() { None } else { Some(read_all(&self.y, 1.0)?.into()) };
        if y.is_some() && !self.settings.compile(model)? {
            bail!("{NO_LOSS}");
        }
        Ok((x, y))
    }

    /// Whether anything was said of it; targets, loss and metrics come with samples.
    pub fn is_given(&self) -> bool {
        !self.x.is_empty() || self.batch.is_some()
    }
}

/// What a model without a loss cannot do anything about itself.
pub const NO_LOSS: &str =
    "the model's file holds no loss: give --loss, such as --loss categorical_crossentropy";

/// Compiles `model` by its file's settings, those of `settings`, and `optimizer`. False if there is no loss.
fn compile(model: &mut Model, settings: &Settings, optimizer: Option<&str>) -> Result<bool> {
    let own = model.compile_config()?;
    if settings.loss.is_none() && settings.metrics.is_none() && optimizer.is_none() {
        return Ok(own.is_some());
    }
    let mut config = own.unwrap_or_else(|| json!({ "optimizer": "rmsprop", "loss": null, "metrics": null }));
    if let Some(loss) = &settings.loss {
        config["loss"] = json!(loss);
    }
    if let Some(metrics) = &settings.metrics {
        config["metrics"] = json!(metrics);
    }
    if let Some(optimizer) = optimizer {
        config["optimizer"] = optimizer_config(optimizer)?;
    }
    if config["loss"].is_null() {
        return Ok(false);
    }
    model.compile_from_config(&config)?;
    Ok(true)
}

/// A name as it is, and JSON as what it says.
fn optimizer_config(text: &str) -> Result<Value> {
    if !text.trim_start().starts_with('{') {
        return Ok(json!(text));
    }
    json::parse(text.as_bytes())
        .context("--optimizer is no valid JSON: give a name, or {\"class_name\": …, \"config\": {…}}")
}

impl Fit {
    /// Trains, saves, draws.
    pub fn run(&self, quiet: bool) -> Result<Output> {
        let (mut model, resumed) = self.start()?;
        let done = model.trained_epochs();
        if resumed && done >= self.epochs {
            let text = format!("{done} epochs are done already: give more than --epochs {}", self.epochs);
            return Ok(Output::new(text, json!({ "epochs": [], "trained_epochs": done })));
        }
        if !quiet {
            println!("Device: {}", model.describe_device()?);
        }
        let options = self.options(resumed, quiet)?;
        let history = model.fit(self.samples.read()?, read_all(&self.y, 1.0)?, options)?;
        if history.is_cancelled() {
            return self.interrupted(&mut model);
        }
        let mut written = Vec::new();
        if let Some(path) = &self.save {
            model.save(path)?;
            written.push(path.clone());
        }
        written.extend(self.history.clone());
        if let Some(folder) = &self.plots {
            written.extend(draw(&self.title(), &history, folder)?);
        }
        if let Some(path) = &self.report {
            self.report(&mut model, &history)?.write(path)?;
            written.push(path.clone());
        }
        let files: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
        let text = if files.is_empty() { String::new() } else { format!("Wrote {}", files.join(", ")) };
        let epochs: Vec<Value> = history.epochs().iter().map(logs).collect();
        Ok(Output::new(text, json!({ "epochs": epochs, "files": files })))
    }

    /// What pictures and report call the run.
    fn title(&self) -> String {
        self.save.as_deref().unwrap_or(self.model.path()).display().to_string()
    }

    fn report(&self, model: &mut Model, history: &History) -> Result<RunReport> {
        let mut report =
            model.report(&self.title())?.option("epochs", self.epochs).option("batch size", self.batch_size);
        report = report.option("shuffle", !self.no_shuffle).option("x", self.samples.files().join(", "));
        report = report.option("y", self.y.join(", "));
        if let Some(seed) = self.seed {
            report = report.option("seed", seed);
        }
        Ok(report.history(history)?)
    }

    /// Saves what Ctrl-C leaves, within an epoch too, and says how to go on from there.
    fn interrupted(&self, model: &mut Model) -> Result<Output> {
        let again = std::env::args().map(|word| if word.contains(' ') { format!("'{word}'") } else { word });
        let mut again = again.collect::<Vec<_>>().join(" ");
        let kept = match &self.save {
            Some(path) => {
                model.save(path)?;
                again += if self.resume { "" } else { " --resume" };
                format!("all steps until then are in {}", path.display())
            }
            None => "nothing was saved".to_string(),
        };
        let epochs = model.trained_epochs();
        let text = format!("Interrupted in epoch {}; {kept}. To go on:\n{again}", epochs + 1);
        let json = json!({
            "interrupted": true, "trained_epochs": epochs, "saved": self.save.is_some(), "resume": again,
        });
        Ok(Output { text, json, code: ExitCode::from(130) })
    }

    /// The compiled model, and whether it goes on from an earlier run.
    fn start(&self) -> Result<(Model, bool)> {
        if let Some(path) = self.save.as_ref().filter(|path| self.resume && path.exists()) {
            let mut model = self.device.take(Model::load(path)?)?;
            self.set_rate(&mut model)?;
            return Ok((model, true));
        }
        let mut model = self.model.open_on(&self.device)?;
        if let Some(seed) = self.seed.filter(|_| !self.model.has_weights()) {
            model = model.seed(seed);
        }
        if !compile(&mut model, &self.settings, self.optimizer.as_deref())? {
            bail!("{NO_LOSS}");
        }
        self.set_rate(&mut model)?;
        Ok((model, false))
    }

    fn set_rate(&self, model: &mut Model) -> Result<()> {
        Ok(self.learning_rate.map_or(Ok(()), |rate| model.set_learning_rate(rate))?)
    }

    fn options(&self, resumed: bool, quiet: bool) -> Result<FitOptions> {
        let mut options = FitOptions::new()
            .epochs(self.epochs)
            .resume(resumed)
            .batch_size(self.batch_size)
            .shuffle(!self.no_shuffle)
            .validation_split(self.validation_split.unwrap_or(0.0))
            .cancel_on(CancellationToken::on_interrupt()?)
            .verbose(if quiet { 0 } else { 1 });
        if !self.val_x.is_empty() {
            let x = self.samples.read_others(&self.val_x)?;
            options = options.validation_data(x, read_all(&self.val_y, 1.0)?);
        }
        if let Some(seed) = self.seed {
            options = options.seed(seed);
        }
        if let Some(path) = &self.history {
            options = options.callback(CSVLogger::new(path).append(resumed));
        }
        // Behind the history: what is saved there twice gives way to the model's epoch, not the other way.
        if let Some(path) = self.save.clone().filter(|_| self.save_every > 0) {
            let every = self.save_every;
            let save = move |epoch: usize, training: &mut Training<'_>| {
                if (epoch + 1).is_multiple_of(every) { training.save(&path) } else { Ok(()) }
            };
            options =
                options.callback(LambdaCallback::new().on_epoch_end(move |n, _, training| save(n, training)));
        }
        Ok(options)
    }
}

/// A picture for each number of the history, training and validation in one.
fn draw(title: &str, history: &History, folder: &Path) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("--plots {}: cannot be made", folder.display()))?;
    Ok(history_charts(folder, title, history)?)
}
