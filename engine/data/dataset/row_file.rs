//! Files whose rows lie one behind the other, each of the same number of bytes.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};
use crate::stream::{Source, Stored};
use crate::tensor::{Tensor, Values};

/// Turns the bytes of whole rows into values.
type Decode = dyn Fn(&[u8]) -> Result<Values, String> + Send + Sync;

/// How the elements of an array lie in its file.
pub struct Layout {
    /// All axes, that of the rows first.
    pub shape: Vec<usize>,
    /// Where the first row starts.
    pub start: u64,
    /// The bytes of one element.
    pub element: usize,
    pub decode: Box<Decode>,
}

/// Rows of such a file, read when they are asked for.
pub(super) struct RowFile {
    path: PathBuf,
    file: Mutex<File>,
    layout: Layout,
    columns: [Stored; 1],
}

const DAMAGED: &str = "the file is damaged or was cut short: copy or make it again";

impl fmt::Debug for RowFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

impl RowFile {
    /// The rows of `file`, which must have exactly the bytes that `layout` says.
    pub(super) fn new(path: &Path, file: File, layout: Layout) -> Result<Self> {
        let failed = |problem: String| Error::file(path, problem, DAMAGED);
        let Some((_, row)) = layout.shape.split_first() else {
            return Err(failed("holds one number, not rows".into()));
        };
        let bytes = layout
            .shape
            .iter()
            .try_fold(layout.element as u64, |product, &size| product.checked_mul(size as u64));
        let found = file.metadata().map_err(|error| failed(format!("cannot be read: {error}")))?.len();
        let expected = bytes.and_then(|bytes| bytes.checked_add(layout.start));
        if expected != Some(found) {
            let problem = format!("has {found} bytes, which shape {:?} does not have", layout.shape);
            return Err(failed(problem));
        }
        let none = Tensor::new(&[&[0], row].concat(), (layout.decode)(&[]).map_err(failed)?)?;
        let columns = [Stored::of(&none)];
        Ok(Self { path: path.into(), file: Mutex::new(file), layout, columns })
    }

    fn row_bytes(&self) -> usize {
        self.layout.shape[1..].iter().product::<usize>() * self.layout.element
    }

    /// The bytes of all of `rows`; neighbours are read at once.
    fn bytes(&self, rows: &[u32]) -> Result<Vec<u8>> {
        let length = self.row_bytes();
        let mut bytes = vec![0; rows.len() * length];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut at = 0;
        for run in rows.chunk_by(|a, b| a + 1 == *b) {
            let start = self.layout.start + u64::from(run[0]) * length as u64;
            let part = &mut bytes[at..at + run.len() * length];
            at += part.len();
            let read = file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(part));
            read.map_err(|error| {
                let problem = format!("row {} cannot be read: {error}", run[0]);
                Error::file(&self.path, problem, DAMAGED)
            })?;
        }
        Ok(bytes)
    }

    /// The first of `rows` that cannot be decoded, as an error.
    fn undecodable(&self, rows: &[u32], problem: &str) -> Error {
        let decoded =
            |&&row: &&u32| self.bytes(&[row]).is_ok_and(|bytes| (self.layout.decode)(&bytes).is_ok());
        let row = rows.iter().find(|row| !decoded(row)).copied().unwrap_or_default();
        let problem = format!("row {row} {problem}");
        Error::file(&self.path, problem, "repair the row, or leave it out")
    }
}

impl Source for RowFile {
    fn rows(&self) -> usize {
        self.layout.shape[0]
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let values = (self.layout.decode)(&self.bytes(rows)?);
        let values = values.map_err(|problem| self.undecodable(rows, &problem))?;
        Ok(vec![Tensor::new(&[&[rows.len()], &self.layout.shape[1..]].concat(), values)?])
    }
}
