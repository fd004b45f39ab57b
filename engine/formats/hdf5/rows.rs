use std::fmt;
use std::ops::Range;

use ::hdf5::Dataset;

use super::File;
use crate::error::Result;
use crate::tensor::Tensor;

/// The rows of one dataset, read when they are asked for.
pub struct Rows {
    file: File,
    name: String,
    dataset: Dataset,
    shape: Vec<usize>,
    block: usize,
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.path.display(), self.name)
    }
}

impl Rows {
    pub(super) fn new(file: File, name: &str, dataset: Dataset, shape: Vec<usize>) -> Result<Self> {
        let chunk = dataset.chunk_shape().map_err(|error| file.damaged(name, &error))?;
        let block = chunk.and_then(|chunk| chunk.first().copied()).map_or(1, |rows| rows.max(1) as usize);
        Ok(Self { file, name: name.into(), dataset, shape, block })
    }

    /// The shape of the whole dataset, the rows first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// How many rows lie in one chunk; 1 where the dataset lies in one piece.
    pub fn block(&self) -> usize {
        self.block
    }

    /// The rows `range`, `[rows, …]`, read as [`File::dataset`] reads all.
    ///
    /// # Errors
    /// As [`File::dataset`].
    pub fn read(&self, range: Range<usize>) -> Result<Tensor> {
        self.file.read_rows(&self.name, &self.dataset, &self.shape, range)
    }
}
