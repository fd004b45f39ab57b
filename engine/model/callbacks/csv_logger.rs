use std::path::{Path, PathBuf};

use super::Callback;
use crate::error::{Error, Result};
use crate::formats::write_file;
use crate::model::{Logs, Training};

/// Writes a line for each epoch to a CSV file, under a line of names.
///
/// Columns are those of [Keras](https://keras.io/api/callbacks/csv_logger/): `epoch`, the logs of the first epoch in
/// alphabetical order and, without validation in that epoch, a `val_` column for each, filled with `NA`. Lines end
/// in a line feed alone. The file is replaced after each epoch, so that it is whole at any time.
///
/// ```
/// use gradus::{CSVLogger, FitOptions};
/// let options = FitOptions::new().epochs(10).callback(CSVLogger::new("training.csv").separator(';'));
/// ```
#[derive(Clone, Debug)]
pub struct CSVLogger {
    path: PathBuf,
    separator: char,
    append: bool,
    names: Vec<String>,
    text: String,
}

impl CSVLogger {
    /// Writes to the file at `path`, in place of what is there.
    pub fn new(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref().to_path_buf();
        Self { path, separator: ',', append: false, names: Vec::new(), text: String::new() }
    }

    /// What stands between values. Default a comma.
    pub fn separator(mut self, separator: char) -> Self {
        self.separator = separator;
        self
    }

    /// Whether lines go behind those that the file holds, without a line of names if there are any; those of epochs that the
    /// training does again, for it goes on from an earlier one, give way. Default false.
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// What the file holds of the epochs before `first`, or all if that is 0.
    fn old_text(&self, first: usize) -> Result<String> {
        if !(self.append && self.path.exists()) {
            return Ok(String::new());
        }
        let text = std::fs::read_to_string(&self.path).map_err(|error| {
            let problem = format!("cannot be read: {error}");
            Error::file(&self.path, problem, "give a text file, or do not append")
        })?;
        let epoch =
            |line: &str| line.split(self.separator).next().and_then(|cell| cell.parse::<usize>().ok());
        let is_kept = |line: &&str| first == 0 || epoch(line).is_none_or(|epoch| epoch < first);
        Ok(text.split_inclusive('\n').filter(is_kept).collect())
    }

    fn push_line(&mut self, cells: &[String]) {
        let mut separator = [0; 4];
        self.text += &cells.join(self.separator.encode_utf8(&mut separator));
        self.text.push('\n');
    }
}

/// The columns after `epoch`, known from the first epoch's logs.
fn columns(logs: &Logs) -> Vec<String> {
    let mut names: Vec<String> = logs.iter().map(|(name, _)| name.to_string()).collect();
    if !names.iter().any(|name| name.starts_with("val_")) {
        let validation: Vec<String> = names.iter().map(|name| format!("val_{name}")).collect();
        names.extend(validation);
    }
    names
}

impl Callback for CSVLogger {
    fn on_train_begin(&mut self, training: &mut Training<'_>) -> Result<()> {
        self.names.clear();
        self.text = self.old_text(training.initial_epoch)?;
        Ok(())
    }

    fn on_epoch_end(&mut self, epoch: usize, logs: &mut Logs, _training: &mut Training<'_>) -> Result<()> {
        if self.names.is_empty() {
            self.names = columns(logs);
            if self.text.is_empty() {
                self.push_line(&[&["epoch".to_string()], &self.names[..]].concat());
            }
        }
        let value = |name: &String| logs.get(name).map_or("NA".to_string(), |value| format!("{value:?}"));
        let values = self.names.iter().map(value);
        let cells: Vec<String> = std::iter::once(epoch.to_string()).chain(values).collect();
        self.push_line(&cells);
        write_file(&self.path, self.text.as_bytes())
    }
}
