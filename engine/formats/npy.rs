//! NumPy's `.npy` arrays.
//!
//! Six magic bytes, two of version, the header's length, a Python dictionary that names element type, order and
//! shape, then the elements. Source: NumPy's `numpy.lib.format`, versions 1.0 to 3.0.

mod header;

use std::io::Read;
use std::path::Path;

use self::header::{Element, Header};
use crate::error::{Error, Result};
use crate::formats::{little_endian, most_unpacked, read_file, write_file};
use crate::tensor::{Tensor, Values};

const DAMAGED: &str = "save it again with numpy.save, as numbers of 8 to 64 bits";
/// Elements decoded at once.
const BLOCK: usize = 8192;

/// Reads an array: `u1` and `bool` stay bytes, other integers become `u32` labels, `f8` is rounded to `f32`.
/// Both byte orders, both orders of the axes.
///
/// ```
/// use gradus::Tensor;
/// use gradus::formats::npy;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.npy");
/// let x = Tensor::f32(&[2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
/// npy::write(&path, &x)?;
/// assert_eq!(npy::read(&path)?, x);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if it is missing or damaged, holds something else than numbers, an integer below 0 or above
/// 4294967295, or an `f8` beyond `f32`.
pub fn read(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    parse(path, &read_file(path)?)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(name: impl AsRef<Path>, file: &[u8]) -> Result<Tensor> {
    read_from(file, most_unpacked(file.len()))
        .and_then(|(tensor, rest)| if rest.is_empty() { Ok(tensor) } else { Err(too_long()) })
        .map_err(|problem| Error::file(name, problem, DAMAGED))
}

/// Writes an array: floats as `f4`, labels as `u4`, bytes as `u1`, scaled bytes as `f4`; whole or not at all.
///
/// # Errors
/// [`Error::File`] if the file cannot be written.
pub fn write(path: impl AsRef<Path>, tensor: &Tensor) -> Result<()> {
    write_file(path, &to_bytes(tensor))
}

/// The bytes of a `.npy` file.
pub fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    let (descriptor, elements) = match tensor.values() {
        Values::F32(values) => ("<f4", little_endian(values, f32::to_le_bytes)),
        Values::U32(values) => ("<u4", little_endian(values, u32::to_le_bytes)),
        Values::U8 { bytes, scale: 1.0 } => ("|u1", bytes.clone()),
        Values::U8 { .. } => ("<f4", little_endian(&tensor.to_f32(), f32::to_le_bytes)),
    };
    let mut file = header::write(descriptor, tensor.shape());
    file.extend(elements);
    file
}

fn too_long() -> String {
    "goes on after its last element".into()
}

/// What a file says before its elements: enough to read any of its rows alone.
pub(crate) struct Preface(Header);

impl Preface {
    /// Leaves `file` at its first element.
    pub(crate) fn read(file: &mut impl Read) -> Result<Self, String> {
        header::read(file).map(Self)
    }

    pub(crate) fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    pub(crate) fn element_bytes(&self) -> usize {
        self.0.element.size()
    }

    /// Whether the elements of a row follow each other.
    pub(crate) fn is_row_major(&self) -> bool {
        !self.0.fortran_order
    }

    /// The values of some whole elements.
    pub(crate) fn decode(&self, mut bytes: &[u8]) -> Result<Values, String> {
        let count = bytes.len() / self.element_bytes();
        decode(&mut bytes, &self.0, count)
    }
}

/// Reads one array, which may take no more than `most` bytes of memory, and returns what of `file` is left.
pub(super) fn read_from<R: Read>(mut file: R, most: usize) -> Result<(Tensor, R), String> {
    let header = header::read(&mut file)?;
    let count = header.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let wide = header.element.size().max(size_of::<f32>());
    let Some(count) = count.filter(|count| count.checked_mul(wide).is_some_and(|bytes| bytes <= most)) else {
        return Err(format!("says that it has shape {:?}, more than {most} bytes", header.shape));
    };
    let values = decode(&mut file, &header, count)?;
    let tensor = match header.fortran_order {
        false => Tensor::new(&header.shape, values),
        true => Tensor::new(&header.shape, row_major(values, &header.shape)),
    };
    Ok((tensor.map_err(|error| error.to_string())?, file))
}

fn decode(file: &mut dyn Read, header: &Header, count: usize) -> Result<Values, String> {
    let big = header.big_endian;
    Ok(match header.element {
        Element::Unsigned(1) | Element::Bool => {
            let bytes = elements(file, count, 1, |element| Ok(element[0]))?;
            Values::U8 { bytes, scale: 1.0 }
        }
        Element::Unsigned(size) => Values::U32(elements(file, count, size, |element| {
            let value = unsigned(element, big);
            u32::try_from(value).map_err(|_| value.to_string())
        })?),
        Element::Signed(size) => Values::U32(elements(file, count, size, |element| {
            // Shifted up and down again, the sign fills the bytes above.
            let unused = 64 - 8 * size as u32;
            let value = (unsigned(element, big) << unused) as i64 >> unused;
            u32::try_from(value).map_err(|_| value.to_string())
        })?),
        Element::Float(4) => Values::F32(elements(file, count, 4, |element| {
            Ok(f32::from_bits(unsigned(element, big) as u32))
        })?),
        Element::Float(size) => Values::F32(elements(file, count, size, |element| {
            let value = f64::from_bits(unsigned(element, big));
            let rounded = value as f32;
            if rounded.is_infinite() && value.is_finite() { Err(value.to_string()) } else { Ok(rounded) }
        })?),
    })
}

/// Reads `count` elements of `size` bytes each; `element` fails with the value that does not fit.
fn elements<T>(
    file: &mut dyn Read,
    count: usize,
    size: usize,
    element: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let mut values = Vec::with_capacity(count);
    let mut block = vec![0; size * BLOCK.min(count)];
    while values.len() < count {
        let bytes = &mut block[..size * BLOCK.min(count - values.len())];
        file.read_exact(bytes)
            .map_err(|error| format!("ends before its last of {count} elements ({error})"))?;
        for bytes in bytes.chunks_exact(size) {
            let at = values.len();
            values.push(element(bytes).map_err(|value| {
                format!("has {value} at index {at}, expected 0 to 4294967295 for integers, f32 for floats")
            })?);
        }
    }
    Ok(values)
}

/// An integer of 1 to 8 bytes.
fn unsigned(element: &[u8], big_endian: bool) -> u64 {
    let append = |value: u64, &byte: &u8| value << 8 | u64::from(byte);
    if big_endian { element.iter().fold(0, append) } else { element.iter().rev().fold(0, append) }
}

/// Elements whose first axis runs fastest, with the last axis running fastest.
fn row_major(values: Values, shape: &[usize]) -> Values {
    match values {
        Values::F32(values) => Values::F32(reordered(&values, shape)),
        Values::U32(values) => Values::U32(reordered(&values, shape)),
        Values::U8 { bytes, scale } => Values::U8 { bytes: reordered(&bytes, shape), scale },
    }
}

fn reordered<T: Copy>(values: &[T], shape: &[usize]) -> Vec<T> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut stride = 1;
    for &size in shape {
        strides.push(stride);
        stride *= size;
    }
    let (mut index, mut from) = (vec![0; shape.len()], 0);
    let mut ordered = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        ordered.push(values[from]);
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            from += strides[axis];
            if index[axis] < shape[axis] {
                break;
            }
            from -= strides[axis] * shape[axis];
            index[axis] = 0;
        }
    }
    ordered
}

#[cfg(test)]
mod tests;
