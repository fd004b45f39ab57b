//! Samples that need not be in memory: what they are read from, and the thread that reads them ahead.

mod in_memory;
mod read_ahead;

pub use in_memory::InMemory;
pub use read_ahead::ReadAhead;

use std::fmt::Debug;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::{Element, Input};
use crate::tensor::{Tensor, Values};

/// How the rows of one column of a data set are stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The shape of one row.
    pub row: Vec<usize>,
    /// What one element is.
    pub element: Element,
    /// What one unit of a byte is worth; 1 for all else.
    pub scale: f32,
}

impl Stored {
    /// How `tensor` is stored.
    pub fn of(tensor: &Tensor) -> Self {
        let (element, scale) = match *tensor.values() {
            Values::F32(_) => (Element::F32, 1.0),
            Values::U32(_) => (Element::U32, 1.0),
            Values::U8 { scale, .. } => (Element::U8, scale),
        };
        Self { row: tensor.shape().iter().skip(1).copied().collect(), element, scale }
    }

    /// The bytes of one row.
    pub fn row_bytes(&self) -> usize {
        let element = if self.element == Element::U8 { 1 } else { 4 };
        self.row.iter().product::<usize>() * element
    }
}

/// How much data a program is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// How many samples there are.
    pub rows: usize,
    /// The bytes of each column.
    pub columns: Vec<u64>,
    /// Whether they are read while steps run.
    pub is_streamed: bool,
}

/// Where samples are read from: a table of rows, each with one entry for every column.
pub trait Source: Send + Sync + Debug {
    /// How many rows there are.
    fn rows(&self) -> usize;

    /// What each column holds.
    fn columns(&self) -> &[Stored];

    /// The rows numbered `rows`, in that order: a tensor `[rows, …]` for each column, stored as the column says. What a
    /// row holds does not depend on those that are read with it.
    ///
    /// # Errors
    /// If there is no such row, or it cannot be read.
    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>>;

    /// How many neighbouring rows are read as one, as a compressed chunk is.
    fn block(&self) -> usize {
        1
    }

    /// All columns, where they are in memory anyway.
    fn tensors(&self) -> Option<Vec<Arc<Tensor>>> {
        None
    }
}

/// Checks columns, each with its number of rows, against the inputs of a graph.
pub(crate) fn check_columns(inputs: &[Input], found: &[(Stored, usize)]) -> Result<()> {
    if inputs.len() != found.len() {
        let expected = format!("{}, one for each input of the graph", inputs.len());
        return Err(Error::argument("bind", "number of data sets", found.len(), expected));
    }
    for (input, (stored, count)) in inputs.iter().zip(found) {
        let (place, rows) = (format!("input {:?}", input.name), found[0].1);
        if stored.row != input.row || *count != rows || rows == 0 {
            let shape = |rows: usize, row: &[usize]| format!("{:?}", [&[rows], row].concat());
            let (found, expected) = (shape(*count, &stored.row), shape(rows, &input.row));
            let remedy = "give each data set as many rows, at least one, of the input's shape";
            return Err(Error::shape(place, "the data set", found, expected, remedy));
        }
        if stored.element != input.element {
            let expected = format!("{:?}, as the input was declared", input.element);
            return Err(Error::argument(place, "element type", format!("{:?}", stored.element), expected));
        }
    }
    Ok(())
}
