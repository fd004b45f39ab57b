use std::path::Path;

use serde_json::json;

use super::Callback;
use super::file_name::fill;
use super::monitor::{Mode, Monitor};
use crate::error::{Error, Result};
use crate::model::{CallbackState, Logs, Training};

/// When a [`ModelCheckpoint`] saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveFreq {
    /// After each epoch.
    Epoch,
    /// After so many steps, counted across epochs.
    Batches(usize),
}

/// Saves the model while the training goes on: whole, or its weights alone.
///
/// Semantics and defaults are those of [Keras](https://keras.io/api/callbacks/model_checkpoint/). The name of the file may
/// hold `{epoch:02d}`, `{val_loss:.2f}` and the like, `{batch}` too where it saves by batches; epochs and batches
/// are counted from 1 there. Folders that are missing are made.
///
/// ```
/// use gradus::{FitOptions, ModelCheckpoint};
/// let best = ModelCheckpoint::new("best-{epoch:02d}-{val_loss:.2f}.h5")
///     .save_weights_only(true)
///     .save_best_only(true);
/// let options = FitOptions::new().epochs(10).validation_split(0.2).callback(best);
/// ```
#[derive(Clone, Debug)]
pub struct ModelCheckpoint {
    filepath: String,
    monitor: Monitor,
    save_best_only: bool,
    save_weights_only: bool,
    save_freq: SaveFreq,
    epoch: usize,
    /// Steps of this epoch that are counted already.
    counted: usize,
    /// Steps since the last save.
    waited: usize,
}

impl ModelCheckpoint {
    /// Saves to `filepath` after each epoch.
    pub fn new(filepath: &str) -> Self {
        Self {
            filepath: filepath.to_string(),
            monitor: Monitor::new("ModelCheckpoint", 0.0),
            save_best_only: false,
            save_weights_only: false,
            save_freq: SaveFreq::Epoch,
            epoch: 0,
            counted: 0,
            waited: 0,
        }
    }

    /// The value that is watched if only the best is saved. Default `val_loss`.
    pub fn monitor(mut self, name: &str) -> Self {
        self.monitor.name = name.to_string();
        self
    }

    /// Whether it saves only where the value is better than ever before. Default false.
    pub fn save_best_only(mut self, best_only: bool) -> Self {
        self.save_best_only = best_only;
        self
    }

    /// Whether the weights alone are saved, as by [`Model::save_weights`](crate::Model::save_weights), not all that
    /// [`Model::save`](crate::Model::save) does. Default false.
    pub fn save_weights_only(mut self, weights_only: bool) -> Self {
        self.save_weights_only = weights_only;
        self
    }

    /// Which way the value gets better. Default [`Mode::Auto`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.monitor.mode = mode;
        self
    }

    /// When it saves. Default [`SaveFreq::Epoch`]. By batches each save waits for the device.
    pub fn save_freq(mut self, save_freq: SaveFreq) -> Self {
        self.save_freq = save_freq;
        self
    }

    /// What a value must be better than to be saved at first. Default none.
    pub fn initial_value_threshold(mut self, value: f64) -> Self {
        self.monitor.best = Some(value);
        self
    }

    fn save(&mut self, batch: Option<usize>, logs: &Logs, training: &mut Training<'_>) -> Result<()> {
        let batch = batch.map(|batch| ("batch", batch));
        let counts: Vec<_> = std::iter::once(("epoch", self.epoch + 1)).chain(batch).collect();
        let path = fill(&self.filepath, &counts, logs)?;
        if self.save_best_only {
            let value = self.monitor.value(logs)?;
            if !self.monitor.take_better(value)? {
                return Ok(());
            }
        }
        training.keep_state(self.state());
        let path = Path::new(&path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| {
                let problem = format!("its folder cannot be made: {error}");
                Error::file(path, problem, "give a folder that may be written to")
            })?;
        }
        if self.save_weights_only { training.save_weights(path) } else { training.save(path) }
    }
}

impl Callback for ModelCheckpoint {
    fn on_train_begin(&mut self, _training: &mut Training<'_>) -> Result<()> {
        let refuse =
            |argument, found, expected| Err(Error::argument("ModelCheckpoint", argument, found, expected));
        if self.save_freq == SaveFreq::Batches(0) {
            return refuse("save_freq", "0 batches", "at least 1");
        }
        Ok(())
    }

    fn on_epoch_begin(&mut self, epoch: usize, _training: &mut Training<'_>) -> Result<()> {
        (self.epoch, self.counted) = (epoch, 0);
        Ok(())
    }

    fn on_epoch_resume(&mut self, epoch: usize, done: usize, _training: &mut Training<'_>) -> Result<()> {
        (self.epoch, self.counted) = (epoch, done);
        Ok(())
    }

    fn state(&self) -> Option<CallbackState> {
        let numbers = json!({ "waited": self.waited, "best": self.monitor.best.map(f64::to_bits) });
        Some(CallbackState::new("ModelCheckpoint", numbers))
    }

    fn restore(&mut self, state: CallbackState) -> Result<()> {
        (self.waited, self.monitor.best) = (state.whole("waited")?, state.bits("best")?);
        Ok(())
    }

    fn next_batch(&self) -> Option<usize> {
        match self.save_freq {
            SaveFreq::Epoch => None,
            SaveFreq::Batches(batches) => Some(batches.saturating_sub(self.waited).max(1)),
        }
    }

    fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
        let SaveFreq::Batches(batches) = self.save_freq else { return Ok(()) };
        self.waited += done - self.counted;
        self.counted = done;
        if self.waited < batches {
            return Ok(());
        }
        self.waited = 0;
        let logs = training.logs()?;
        self.save(Some(done), &logs, training)
    }

    fn on_epoch_end(&mut self, _epoch: usize, logs: &mut Logs, training: &mut Training<'_>) -> Result<()> {
        if self.save_freq == SaveFreq::Epoch { self.save(None, logs, training) } else { Ok(()) }
    }
}
