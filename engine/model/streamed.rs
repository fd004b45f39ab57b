//! A data set on its way to the device: checked and brought into the graph's form batch by batch.

use std::sync::Arc;

use super::examples::{Examples, Form};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// The columns of a data set as the graph's inputs take them.
#[derive(Clone, Debug)]
pub(super) struct Streamed {
    call: String,
    dataset: Dataset,
    targets: bool,
    form: Form,
    classes: Vec<(usize, f32)>,
    /// What becomes of the first row: it shows the form of all.
    first: Examples,
    columns: Vec<Stored>,
}

impl Streamed {
    /// Samples of `dataset`, with `targets` or without, checked for `call`.
    pub fn new(call: &str, dataset: &Dataset, targets: bool) -> Result<Self> {
        let mut columns = dataset.read(&[0])?;
        columns.truncate(if targets { columns.len() } else { dataset.inputs() });
        let first = examples(call, columns, dataset.inputs())?;
        let (call, dataset) = (call.to_string(), dataset.clone());
        let this = Self {
            call,
            dataset,
            targets,
            form: Form::Given,
            classes: Vec::new(),
            first,
            columns: Vec::new(),
        };
        this.shown()
    }

    /// The same, the targets in `form`.
    pub fn in_form(self, form: &Form) -> Result<Self> {
        Self { form: form.clone(), ..self }.shown()
    }

    /// The same, each sample counting as much as its class.
    pub fn weighted_by_class(self, classes: &[(usize, f32)]) -> Result<Self> {
        Self { classes: classes.to_vec(), ..self }.shown()
    }

    /// What becomes of the first row.
    pub fn first(&self) -> &Examples {
        &self.first
    }

    /// How many batches are read before they are needed.
    pub fn ahead(&self) -> usize {
        self.dataset.ahead()
    }

    /// The same with the first row and its columns made anew.
    fn shown(self) -> Result<Self> {
        let first = self.converted(&[0])?;
        let columns = first.tensors().iter().map(|tensor| Stored::of(tensor)).collect();
        Ok(Self { first, columns, ..self })
    }

    fn converted(&self, rows: &[u32]) -> Result<Examples> {
        let mut columns = self.dataset.read(rows)?;
        columns.truncate(if self.targets { columns.len() } else { self.dataset.inputs() });
        let examples = examples(&self.call, columns, self.dataset.inputs())?;
        examples.in_form(&self.call, &self.form)?.weighted_by_class(&self.classes)
    }

    /// `error`, with the number of the first of `rows` that causes it.
    fn located(&self, error: Error, rows: &[u32]) -> Error {
        // An error of the file names its place itself.
        if matches!(error, Error::File { .. }) {
            return error;
        }
        let found = rows.iter().find_map(|&row| Some((row, self.converted(&[row]).err()?)));
        match found {
            Some((row, Error::Data { place, problem, remedy })) => {
                let problem = format!("{problem} of row {row} of {:?}", self.dataset.source());
                Error::data(place, problem, remedy)
            }
            Some((_, other)) => other,
            None => error,
        }
    }
}

fn examples(call: &str, columns: Vec<Tensor>, inputs: usize) -> Result<Examples> {
    let mut x: Vec<Arc<Tensor>> = columns.into_iter().map(Arc::new).collect();
    let y = x.split_off(inputs.min(x.len()));
    Examples::new(call, x, y)
}

impl Source for Streamed {
    fn rows(&self) -> usize {
        self.dataset.rows()
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let examples = self.converted(rows).map_err(|error| self.located(error, rows))?;
        let tensors = examples.tensors();
        drop(examples);
        Ok(tensors.into_iter().map(Arc::unwrap_or_clone).collect())
    }

    fn block(&self) -> usize {
        self.dataset.source().block()
    }
}
