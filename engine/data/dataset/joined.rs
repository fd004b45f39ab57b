use std::sync::Arc;

use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// The columns of several sources side by side.
#[derive(Debug)]
pub(super) struct Joined {
    sources: Vec<Arc<dyn Source>>,
    columns: Vec<Stored>,
}

impl Joined {
    /// Row i of each of `sources`, as one row.
    ///
    /// # Errors
    /// If they differ in their number of rows.
    pub(super) fn new(sources: Vec<Arc<dyn Source>>) -> Result<Self> {
        let rows = sources.first().map_or(0, |source| source.rows());
        if let Some(other) = sources.iter().find(|source| source.rows() != rows) {
            let (found, expected) = (format!("{} rows", other.rows()), format!("{rows} rows"));
            let (place, remedy) = (format!("{other:?}"), "give one target for each sample");
            return Err(Error::shape(place, "it", found, expected, remedy));
        }
        let columns = sources.iter().flat_map(|source| source.columns().to_vec()).collect();
        Ok(Self { sources, columns })
    }
}

impl Source for Joined {
    fn rows(&self) -> usize {
        self.sources[0].rows()
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let parts = self.sources.iter().map(|source| source.read(rows)).collect::<Result<Vec<_>>>()?;
        Ok(parts.into_iter().flatten().collect())
    }

    fn block(&self) -> usize {
        self.sources.iter().map(|source| source.block()).max().unwrap_or(1)
    }

    fn tensors(&self) -> Option<Vec<Arc<Tensor>>> {
        let parts: Option<Vec<_>> = self.sources.iter().map(|source| source.tensors()).collect();
        Some(parts?.into_iter().flatten().collect())
    }
}
