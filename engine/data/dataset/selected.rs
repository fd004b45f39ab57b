use std::sync::Arc;

use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// Some rows of a source, in an order.
#[derive(Debug)]
pub(super) struct Selected {
    source: Arc<dyn Source>,
    rows: Arc<[u32]>,
}

impl Selected {
    /// The rows numbered `rows`, all of which are there.
    pub(super) fn new(source: &Arc<dyn Source>, rows: Vec<u32>) -> Self {
        Self { source: source.clone(), rows: rows.into() }
    }
}

impl Source for Selected {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn columns(&self) -> &[Stored] {
        self.source.columns()
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let number = |&row: &u32| {
            let found = self.rows.get(row as usize).copied();
            let expected = || format!("less than {}, the number of rows", self.rows.len());
            found.ok_or_else(|| Error::argument("data set", "row", row, expected()))
        };
        self.source.read(&rows.iter().map(number).collect::<Result<Vec<u32>>>()?)
    }

    fn block(&self) -> usize {
        self.source.block()
    }

    fn tensors(&self) -> Option<Vec<Arc<Tensor>>> {
        self.source.tensors()?;
        let read = self.source.read(&self.rows).ok()?;
        Some(read.into_iter().map(Arc::new).collect())
    }
}
