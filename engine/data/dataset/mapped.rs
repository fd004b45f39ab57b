use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// What becomes of the columns of some rows.
pub(super) type Function = dyn Fn(Vec<Tensor>) -> Result<Vec<Tensor>> + Send + Sync;

/// A source whose rows are changed as they are read.
pub(super) struct Mapped {
    source: Arc<dyn Source>,
    function: Box<Function>,
    columns: Vec<Stored>,
}

impl fmt::Debug for Mapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mapped({:?})", self.source)
    }
}

impl Mapped {
    /// The rows of `source` under `function`; the first shows how what it gives is stored.
    ///
    /// # Errors
    /// If the first row cannot be read, or `function` fails or gives another number of rows.
    pub(super) fn new(source: &Arc<dyn Source>, function: Box<Function>) -> Result<Self> {
        let mut this = Self { source: source.clone(), function, columns: Vec::new() };
        this.columns = this.read(&[0])?.iter().map(Stored::of).collect();
        Ok(this)
    }
}

impl Source for Mapped {
    fn rows(&self) -> usize {
        self.source.rows()
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let columns = (self.function)(self.source.read(rows)?)?;
        match columns.iter().find(|column| column.shape().is_empty() || column.rows() != rows.len()) {
            None if !columns.is_empty() => Ok(columns),
            found => {
                let found = found.map_or("nothing".to_string(), |column| format!("{:?}", column.shape()));
                let expected = format!("[{}, …]", rows.len());
                let remedy = "give as many rows as the function gets";
                Err(Error::shape("Dataset::map", "what the function gives", found, expected, remedy))
            }
        }
    }

    fn block(&self) -> usize {
        self.source.block()
    }
}
