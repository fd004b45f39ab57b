//! Host tensors, and the shapes of the graph, whose one symbolic dimension is the batch B.

#[cfg(feature = "ndarray")]
mod ndarray;

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// One size of a graph shape: `c`, or `c·B` where B is the number of samples in the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dim {
    /// The constant factor c.
    pub factor: usize,
    /// Whether the size is c·B instead of c.
    pub batch: bool,
}

impl Dim {
    /// The size c.
    pub const fn fixed(factor: usize) -> Self {
        Self { factor, batch: false }
    }

    /// The size c·B.
    pub const fn batch(factor: usize) -> Self {
        Self { factor, batch: true }
    }

    /// The size for a batch of `batch` samples.
    pub const fn at(self, batch: usize) -> usize {
        if self.batch { self.factor * batch } else { self.factor }
    }

    /// Whether the size is 1 for every batch, so that NumPy's rules stretch it.
    pub const fn is_one(self) -> bool {
        self.factor == 1 && !self.batch
    }
}

impl From<usize> for Dim {
    fn from(factor: usize) -> Self {
        Self::fixed(factor)
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.batch, self.factor) {
            (false, n) => write!(f, "{n}"),
            (true, 1) => write!(f, "B"),
            (true, n) => write!(f, "{n}B"),
        }
    }
}

/// The shape of a graph node. At most one of its sizes contains the batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// The shape of a scalar: no axes, one element.
    pub fn scalar() -> Self {
        Self(Vec::new())
    }

    /// A shape without a batch.
    pub fn fixed(sizes: &[usize]) -> Self {
        Self(sizes.iter().map(|&n| Dim::fixed(n)).collect())
    }

    /// `[B, sizes…]`: one sample of shape `sizes` for each row of the batch.
    pub fn batched(sizes: &[usize]) -> Self {
        let sizes = sizes.iter().map(|&n| Dim::fixed(n));
        Self(std::iter::once(Dim::batch(1)).chain(sizes).collect())
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// Whether any size contains the batch.
    pub fn has_batch(&self) -> bool {
        self.0.iter().any(|d| d.batch)
    }

    /// The number of elements, as `c` or `c·B`.
    pub fn count(&self) -> Dim {
        Dim { factor: self.0.iter().map(|d| d.factor).product(), batch: self.has_batch() }
    }

    /// The sizes for a batch of `batch` samples.
    pub fn at(&self, batch: usize) -> Vec<usize> {
        self.0.iter().map(|d| d.at(batch)).collect()
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(Dim::to_string).collect();
        write!(f, "[{}]", sizes.join(", "))
    }
}

/// The values of a host tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    F32(Vec<f32>),
    /// 32-bit unsigned integers: class labels.
    U32(Vec<u32>),
    /// Bytes, as images are stored; the value of each is `byte * scale`.
    U8 {
        /// The bytes.
        bytes: Vec<u8>,
        /// What one unit is worth: 1, or 1/255 for pixels between 0 and 1.
        scale: f32,
    },
}

impl Values {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Self::F32(v) => v.len(),
            Self::U32(v) => v.len(),
            Self::U8 { bytes, .. } => bytes.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An array on the host: what a data set is made of, and what `predict` returns.
///
/// ```
/// use gradus::Tensor;
/// let x = Tensor::f32(&[2, 2], vec![0.0, 0.0, 0.0, 1.0])?;
/// assert_eq!(x.rows(), 2);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

impl Tensor {
    /// A tensor of `shape` over `values`: one for each element, row-major, the last axis changing fastest. `[]` is a scalar.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are more or fewer values than elements.
    pub fn new(shape: &[usize], values: Values) -> Result<Self> {
        let expected: usize = shape.iter().product();
        if values.len() != expected {
            return Err(Error::shape(
                "Tensor::new",
                "the data",
                format!("[{}]", values.len()),
                format!("{expected} elements for {shape:?}"),
                "give one value for each element",
            ));
        }
        Ok(Self { shape: shape.to_vec(), values })
    }

    /// A tensor of 32-bit floats, as [`Tensor::new`] makes it.
    ///
    /// ```
    /// use gradus::Tensor;
    /// // Two samples of three features.
    /// let x = Tensor::f32(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    /// assert_eq!((x.rows(), x.row_len()), (2, 3));
    /// assert!(Tensor::f32(&[2, 3], vec![1.0]).is_err());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn f32(shape: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::new(shape, Values::F32(values))
    }

    /// A tensor of class labels, counted from 0, as sparse losses and [`one_hot`](crate::data::one_hot) take them.
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn u32(shape: &[usize], values: Vec<u32>) -> Result<Self> {
        Self::new(shape, Values::U32(values))
    }

    /// A tensor of bytes, each worth its own value, 0 to 255, until [`Tensor::scaled`] says otherwise. They take a quarter of
    /// the memory of floats, on the device too.
    ///
    /// ```
    /// use gradus::Tensor;
    /// // One grey image of 1x2 pixels, from black to white.
    /// let image = Tensor::u8(&[1, 1, 2, 1], vec![0, 255])?.scaled(1.0 / 255.0);
    /// assert_eq!(image.to_f32(), [0.0, 1.0]);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Tensor::new`].
    pub fn u8(shape: &[usize], bytes: Vec<u8>) -> Result<Self> {
        Self::new(shape, Values::U8 { bytes, scale: 1.0 })
    }

    /// The same tensor with every value multiplied by `factor`. Bytes stay bytes: they are scaled where
    /// they are read, on the device. Labels become floats.
    pub fn scaled(mut self, factor: f32) -> Self {
        self.values = match self.values {
            Values::U8 { bytes, scale } => Values::U8 { bytes, scale: scale * factor },
            Values::F32(v) => Values::F32(v.into_iter().map(|x| x * factor).collect()),
            Values::U32(v) => Values::F32(v.into_iter().map(|x| x as f32 * factor).collect()),
        };
        self
    }

    /// The sizes of the axes, the samples first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The values, row-major.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The size of the first axis: the number of samples. A scalar has one.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// The number of elements in one row.
    pub fn row_len(&self) -> usize {
        self.shape.iter().skip(1).product()
    }

    /// All values as floats, scaled.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Values::F32(v) => v.clone(),
            Values::U32(v) => v.iter().map(|&x| x as f32).collect(),
            Values::U8 { bytes, scale } => bytes.iter().map(|&b| f32::from(b) * scale).collect(),
        }
    }

    /// The rows `range`, copied: `[range.len(), …]`, which may be none.
    ///
    /// # Errors
    /// [`Error::Argument`] if the range ends before it starts, or beyond the last row.
    pub fn slice_rows(&self, range: std::ops::Range<usize>) -> Result<Self> {
        if range.start > range.end || range.end > self.rows() {
            let expected = format!("a range within 0..{}", self.rows());
            return Err(Error::argument("Tensor::slice_rows", "range", format!("{range:?}"), expected));
        }
        let mut shape = self.shape.clone();
        if let Some(rows) = shape.first_mut() {
            *rows = range.len();
        }
        let at = range.start * self.row_len()..range.end * self.row_len();
        let values = match &self.values {
            Values::F32(v) => Values::F32(v[at].to_vec()),
            Values::U32(v) => Values::U32(v[at].to_vec()),
            Values::U8 { bytes, scale } => Values::U8 { bytes: bytes[at].to_vec(), scale: *scale },
        };
        Self::new(&shape, values)
    }

    /// The rows `numbers`, counted from 0, copied in that order: `[numbers.len(), …]`. A row may be taken more than once.
    ///
    /// # Errors
    /// [`Error::Argument`] if there is no such row.
    pub fn select_rows(&self, numbers: &[usize]) -> Result<Self> {
        if let Some(&number) = numbers.iter().find(|&&number| number >= self.rows()) {
            let expected = format!("less than {}, the number of rows", self.rows());
            return Err(Error::argument("Tensor::select_rows", "row", number, expected));
        }
        let mut shape = self.shape.clone();
        if let Some(rows) = shape.first_mut() {
            *rows = numbers.len();
        }
        let values = match &self.values {
            Values::F32(v) => Values::F32(self.rows_of(v, numbers)),
            Values::U32(v) => Values::U32(self.rows_of(v, numbers)),
            Values::U8 { bytes, scale } => Values::U8 { bytes: self.rows_of(bytes, numbers), scale: *scale },
        };
        Self::new(&shape, values)
    }

    /// The rows of all `parts`, one after the other: `[sum of rows, …]`.
    ///
    /// # Errors
    /// [`Error::Argument`] if there are no parts or they differ in how they are stored (floats, labels, bytes, their scale),
    /// [`Error::Shape`] if they differ in the shape of a row.
    pub fn concat_rows(parts: &[Self]) -> Result<Self> {
        let place = "Tensor::concat_rows";
        let Some((first, others)) = parts.split_first() else {
            return Err(Error::argument(place, "number of parts", 0, "at least 1"));
        };
        let mut whole = first.clone();
        for part in others {
            if part.shape.get(1..) != first.shape.get(1..) || first.shape.is_empty() {
                let (found, expected) =
                    (format!("{:?}", part.shape), format!("rows as of {:?}", first.shape));
                return Err(Error::shape(place, "a part", found, expected, "give rows of one shape"));
            }
            match (&mut whole.values, &part.values) {
                (Values::F32(a), Values::F32(b)) => a.extend_from_slice(b),
                (Values::U32(a), Values::U32(b)) => a.extend_from_slice(b),
                (Values::U8 { bytes: a, scale }, Values::U8 { bytes: b, scale: other }) if scale == other => {
                    a.extend_from_slice(b);
                }
                _ => return Err(Error::argument(place, "type of a part", "another", "one for all parts")),
            }
            whole.shape[0] += part.shape[0];
        }
        Ok(whole)
    }

    fn rows_of<T: Copy>(&self, values: &[T], numbers: &[usize]) -> Vec<T> {
        let length = self.row_len();
        let mut rows = Vec::with_capacity(numbers.len() * length);
        numbers.iter().for_each(|&number| rows.extend_from_slice(&values[number * length..][..length]));
        rows
    }
}

impl From<&Tensor> for Arc<Tensor> {
    /// A copy, for the calls that take data sets as values or by reference.
    fn from(tensor: &Tensor) -> Self {
        Self::new(tensor.clone())
    }
}
