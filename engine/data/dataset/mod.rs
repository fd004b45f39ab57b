//! Samples and targets from anywhere, as one table of rows that models train on.

#[cfg(feature = "hdf5")]
mod hdf5_rows;
mod joined;
mod mapped;
mod open;
mod row_file;
mod selected;

use std::fmt;
use std::sync::Arc;

pub(super) use self::row_file::Layout;

use self::joined::Joined;
use self::mapped::Mapped;
use self::selected::Selected;
use super::{shuffled, split_row};
use crate::error::{Error, Result};
use crate::stream::{InMemory, ReadAhead, Source, Stored};
use crate::tensor::Tensor;

/// Batches that are read before they are needed, unless told otherwise.
const AHEAD: usize = 2;
/// Samples in a batch of [`Dataset::batches`] unless told otherwise: Keras's default.
const BATCH_SIZE: usize = 32;

/// Samples and their targets, in memory or on disk. [`Model::fit`](crate::Model::fit), `evaluate` and `predict` take one
/// in the place of arrays.
///
/// What is on disk is read while the device computes, some batches ahead, so that a data set may be larger than the memory;
/// the weights that come of it are bitwise those of [`Dataset::cache`].
///
/// ```
/// use gradus::data::Dataset;
/// use gradus::{Adam, Dense, FitOptions, Sequential, Tensor};
/// let x = Tensor::f32(&[8, 2], (0..16).map(|i| i as f32 / 16.0).collect())?;
/// let y = Tensor::f32(&[8, 1], (0..8).map(|i| i as f32).collect())?;
/// let (training, validation) = Dataset::new([x], [y])?.shuffle(7).split(0.25)?;
/// let mut model = Sequential::new().add(Dense::new(1));
/// model.compile(Adam::new(0.1), "mean_squared_error", &[])?;
/// let options = FitOptions::new().epochs(3).validation_data(&validation, ()).verbose(0);
/// model.fit(&training.batch(2), (), options)?;
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone)]
pub struct Dataset {
    source: Arc<dyn Source>,
    inputs: usize,
    batch: Option<usize>,
    ahead: usize,
    classes: Arc<[String]>,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dataset of {} rows of {:?}", self.rows(), self.source)
    }
}

impl Dataset {
    /// Tensors in memory: one for each input of a model, and one for each target, `[samples, …]`.
    ///
    /// # Errors
    /// If there is no input, or the tensors differ in their number of rows.
    pub fn new(
        inputs: impl IntoIterator<Item = Tensor>,
        targets: impl IntoIterator<Item = Tensor>,
    ) -> Result<Self> {
        let mut tensors: Vec<Arc<Tensor>> = inputs.into_iter().map(Arc::new).collect();
        let inputs = tensors.len();
        tensors.extend(targets.into_iter().map(Arc::new));
        Self::from_source(InMemory::new(tensors)?, inputs)
    }

    /// Arrays of files, each named as in [`read_array`](super::read_array): the samples, and the targets if there are any.
    ///
    /// Rows of `.npy` files, of IDX files (`.idx`, or `ubyte` at the end of the name) and of datasets in HDF5 files are
    /// read when they are needed; `.npz` files, tables, gzipped IDX files, `.npy` files in Fortran's order and folders of
    /// images without labels are read as a whole, at once.
    ///
    /// ```no_run
    /// use gradus::data::Dataset;
    /// let signs = Dataset::open("train_signs.h5:train_set_x", "train_signs.h5:train_set_y")?;
    /// let digits = Dataset::open("train-images-idx3-ubyte", "train-labels-idx1-ubyte")?;
    /// let unlabelled = Dataset::open("x.npy", None)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such kind of file, [`Error::File`] if one is missing or damaged, and if both
    /// differ in their number of rows.
    pub fn open<'a>(x: &str, y: impl Into<Option<&'a str>>) -> Result<Self> {
        let x = open::open(x)?;
        match y.into() {
            Some(y) => Self::from_source(Joined::new(vec![x, open::open(y)?])?, 1),
            None => Self::from_parts(x, 1),
        }
    }

    /// A source of your own, the first `inputs` columns of which are inputs of a model and the others targets.
    ///
    /// # Errors
    /// If it has no rows or fewer columns, or no input.
    pub fn from_source(source: impl Source + 'static, inputs: usize) -> Result<Self> {
        Self::from_parts(Arc::new(source), inputs)
    }

    fn from_parts(source: Arc<dyn Source>, inputs: usize) -> Result<Self> {
        let columns = source.columns().len();
        if inputs == 0 || inputs > columns {
            let expected = format!("1 to {columns}, the number of columns");
            return Err(Error::argument("data set", "number of inputs", inputs, expected));
        }
        if source.rows() == 0 || u32::try_from(source.rows()).is_err() {
            return Err(Error::argument("data set", "number of rows", source.rows(), "1 to 4294967295"));
        }
        Ok(Self { source, inputs, batch: None, ahead: AHEAD, classes: Arc::new([]) })
    }

    /// The same with names of classes, by number.
    #[cfg(any(feature = "csv", feature = "images"))]
    pub(super) fn with_classes(self, classes: Vec<String>) -> Self {
        Self { classes: classes.into(), ..self }
    }

    /// How many samples there are.
    pub fn rows(&self) -> usize {
        self.source.rows()
    }

    /// How many of the columns are inputs of a model; the others are targets.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// What the columns hold, inputs first.
    pub fn columns(&self) -> &[Stored] {
        self.source.columns()
    }

    /// What the numbers of classes mean, where the source has names for them, as folders of images have.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// Samples in a batch, as [`Dataset::batch`] has set it.
    pub fn batch_size(&self) -> Option<usize> {
        self.batch
    }

    /// Where the rows come from.
    pub(crate) fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// How many batches are read before they are needed.
    pub(crate) fn ahead(&self) -> usize {
        self.ahead
    }

    /// The first rows, and the last `fraction` of them, as Keras's `validation_split`. Call [`Dataset::shuffle`] first
    /// where neighbours are alike, as in folders of images, whose classes follow each other.
    ///
    /// # Errors
    /// If `fraction` is not between 0 and 1, or leaves one of the parts empty.
    pub fn split(&self, fraction: f64) -> Result<(Self, Self)> {
        let at = split_row(self.rows(), fraction)? as u32;
        let part = |rows: std::ops::Range<u32>| self.over(Selected::new(&self.source, rows.collect()));
        Ok((part(0..at), part(at..self.rows() as u32)))
    }

    /// The rows in another order, which depends on `seed` alone. [`Model::fit`](crate::Model::fit) shuffles anew for each
    /// epoch in any case, unless [`FitOptions::shuffle`](crate::FitOptions::shuffle) says otherwise.
    ///
    /// Rows of compressed chunks, which are read together, stay near each other: chunks are shuffled, and then the rows of
    /// each 16 of them.
    pub fn shuffle(&self, seed: u64) -> Self {
        let order = shuffled(self.rows(), self.source.block(), seed, 0);
        self.over(Selected::new(&self.source, order))
    }

    /// The rows numbered `rows`, in that order.
    ///
    /// # Errors
    /// If there are none, or there is no such row.
    pub fn select(&self, rows: &[u32]) -> Result<Self> {
        if let Some(row) = rows.iter().find(|&&row| row as usize >= self.rows()) {
            let expected = format!("less than {}, the number of rows", self.rows());
            return Err(Error::argument("Dataset::select", "row", row, expected));
        }
        if rows.is_empty() {
            return Err(Error::argument("Dataset::select", "number of rows", 0, "at least 1"));
        }
        Ok(self.over(Selected::new(&self.source, rows.to_vec())))
    }

    /// Each sample changed by `function`, whenever it is read: it gets the columns of some rows, `[rows, …]` each, inputs
    /// first, and gives as many columns of as many rows. What becomes of a row must not depend on the rows beside it.
    ///
    /// ```
    /// use gradus::{Tensor, data::Dataset};
    /// let data = Dataset::new([Tensor::f32(&[2], vec![1.0, 4.0])?], [])?;
    /// let roots = data.map(|columns| {
    ///     let roots = columns[0].to_f32().into_iter().map(f32::sqrt).collect();
    ///     Ok(vec![Tensor::f32(columns[0].shape(), roots)?])
    /// })?;
    /// assert_eq!(roots.read(&[1])?[0].to_f32(), [2.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the first row cannot be read, or `function` does not give one row for it.
    pub fn map(
        &self,
        function: impl Fn(Vec<Tensor>) -> Result<Vec<Tensor>> + Send + Sync + 'static,
    ) -> Result<Self> {
        let mapped = Mapped::new(&self.source, Box::new(function))?;
        let targets = self.columns().len() - self.inputs;
        let inputs = mapped.columns().len().saturating_sub(targets);
        let fresh = Self::from_source(mapped, inputs)?;
        Ok(Self { source: fresh.source, inputs, ..self.clone() })
    }

    /// Every number of every input times `factor`, such as 1/255 for bytes of images. Bytes stay bytes: the device
    /// multiplies.
    ///
    /// # Errors
    /// If the first row cannot be read.
    pub fn scaled(&self, factor: f32) -> Result<Self> {
        let inputs = self.inputs;
        let scale = move |columns: Vec<Tensor>| -> Result<Vec<Tensor>> {
            let scaled =
                |(i, column): (usize, Tensor)| if i < inputs { column.scaled(factor) } else { column };
            Ok(columns.into_iter().enumerate().map(scaled).collect())
        };
        match self.source.tensors() {
            None => self.map(scale),
            Some(tensors) => {
                let tensors = scale(tensors.iter().map(|tensor| (**tensor).clone()).collect())?;
                let block = self.source.block();
                Ok(self.over(InMemory::new(tensors.into_iter().map(Arc::new).collect())?.in_blocks(block)))
            }
        }
    }

    /// Samples in a batch; the last takes what is left. `fit` and `evaluate` then take no batch size of their own.
    pub fn batch(&self, size: usize) -> Self {
        Self { batch: Some(size), ..self.clone() }
    }

    /// How many batches of data on disk are read before they are needed. Default 2. With 0 the device waits for each.
    pub fn prefetch(&self, batches: usize) -> Self {
        Self { ahead: batches, ..self.clone() }
    }

    /// The same in memory, read once and for all.
    ///
    /// # Errors
    /// If a row cannot be read.
    pub fn cache(&self) -> Result<Self> {
        let tensors = match self.source.tensors() {
            Some(tensors) => tensors,
            None => {
                let rows: Vec<u32> = (0..self.rows() as u32).collect();
                self.read(&rows)?.into_iter().map(Arc::new).collect()
            }
        };
        Ok(self.over(InMemory::new(tensors)?.in_blocks(self.source.block())))
    }

    /// The columns of the rows numbered `rows`, in that order.
    ///
    /// # Errors
    /// If there is no such row, or it cannot be read.
    pub fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        self.source.read(rows)
    }

    /// All batches in order, each the columns of as many rows, read ahead: `[batch, …]` each, the last with the rows that are
    /// left. The size is that of [`Dataset::batch`], or 32. A batch that cannot be read is an error in its place.
    pub fn batches(&self) -> impl Iterator<Item = Result<Vec<Arc<Tensor>>>> {
        let (rows, size) = (self.rows(), self.batch.unwrap_or(BATCH_SIZE).max(1));
        let mut ahead = ReadAhead::new(self.source.clone(), self.ahead);
        (0..rows).step_by(size).map(move |offset| ahead.take(offset, size.min(rows - offset)))
    }

    fn over(&self, source: impl Source + 'static) -> Self {
        Self { source: Arc::new(source), ..self.clone() }
    }
}
