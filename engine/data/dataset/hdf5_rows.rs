use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::data::permutation::BLOCKS_TOGETHER;
use crate::error::{Error, Result};
use crate::formats::hdf5::{File, Rows};
use crate::stream::{Source, Stored};
use crate::tensor::Tensor;

/// The rows of a dataset in an HDF5 file.
///
/// Of a dataset in chunks, whole chunks are read, and those read last are kept: as many as a shuffled order mixes with
/// each other, and one more.
#[derive(Debug)]
pub(super) struct Hdf5Rows {
    rows: Rows,
    columns: [Stored; 1],
    kept: Mutex<VecDeque<(usize, Arc<Tensor>)>>,
}

impl Hdf5Rows {
    pub(super) fn open(path: &Path, name: &str) -> Result<Self> {
        let rows = File::open(path)?.rows(name)?;
        if rows.shape()[0] == 0 {
            return Err(Error::file(
                path,
                format!("dataset \"{name}\" has no rows"),
                "give at least one sample",
            ));
        }
        let columns = [Stored::of(&rows.read(0..1)?)];
        Ok(Self { rows, columns, kept: Mutex::default() })
    }

    /// Chunk number `number`, from those kept or from the file.
    fn chunk(&self, number: usize) -> Result<Arc<Tensor>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| *known == number) {
            let found = kept.remove(at).expect("it was found there");
            kept.push_front(found.clone());
            return Ok(found.1);
        }
        let (start, size, count) = (number * self.rows.block(), self.rows.block(), self.rows());
        let chunk = Arc::new(self.rows.read(start..(start + size).min(count))?);
        kept.truncate(BLOCKS_TOGETHER);
        kept.push_front((number, chunk.clone()));
        Ok(chunk)
    }
}

impl Source for Hdf5Rows {
    fn rows(&self) -> usize {
        self.rows.shape()[0]
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let size = self.rows.block();
        let parts: Result<Vec<Tensor>> = if size == 1 {
            // In one piece: neighbours are read at once.
            let run = |run: &[u32]| self.rows.read(run[0] as usize..run[0] as usize + run.len());
            rows.chunk_by(|a, b| a + 1 == *b).map(run).collect()
        } else {
            let row = |&row: &u32| self.chunk(row as usize / size)?.select_rows(&[row as usize % size]);
            rows.iter().map(row).collect()
        };
        Ok(vec![Tensor::concat_rows(&parts?)?])
    }

    fn block(&self) -> usize {
        self.rows.block()
    }
}
