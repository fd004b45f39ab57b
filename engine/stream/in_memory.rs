use std::sync::Arc;

use super::{Source, Stored};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Tensors as a [`Source`]: a column each.
#[derive(Debug)]
pub struct InMemory {
    tensors: Vec<Arc<Tensor>>,
    columns: Vec<Stored>,
    block: usize,
}

impl InMemory {
    /// The columns `tensors`, `[rows, …]` each.
    ///
    /// # Errors
    /// If there are none, or they differ in their number of rows.
    pub fn new(tensors: Vec<Arc<Tensor>>) -> Result<Self> {
        let Some(first) = tensors.first() else {
            return Err(Error::argument("data set", "number of tensors", 0, "at least 1"));
        };
        if let Some(other) = tensors.iter().find(|t| t.shape().is_empty() || t.rows() != first.rows()) {
            let (found, expected) = (format!("{:?}", other.shape()), format!("{} rows", first.rows()));
            let remedy = "give one row for each sample";
            return Err(Error::shape("data set", "a tensor", found, expected, remedy));
        }
        let columns = tensors.iter().map(|tensor| Stored::of(tensor)).collect();
        Ok(Self { tensors, columns, block: 1 })
    }

    /// The same, whose rows keep together as those of the source that they were read from.
    pub fn in_blocks(self, block: usize) -> Self {
        Self { block, ..self }
    }
}

impl Source for InMemory {
    fn rows(&self) -> usize {
        self.tensors[0].rows()
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
        self.tensors.iter().map(|tensor| tensor.select_rows(&rows)).collect()
    }

    fn block(&self) -> usize {
        self.block
    }

    fn tensors(&self) -> Option<Vec<Arc<Tensor>>> {
        Some(self.tensors.clone())
    }
}
