//! Arrays in ONNX files.

use half::{bf16, f16};

use crate::formats;

/// An array: floats of 16 to 64 bits are read as `f32`, integers and truth values as `i64`.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The sizes of its axes.
    pub shape: Vec<usize>,
    /// Its elements, row-major.
    pub values: Numbers,
}

/// The elements of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
}

impl Array {
    /// Floats of `shape`.
    pub fn floats(shape: &[usize], values: Vec<f32>) -> Self {
        Self { shape: shape.to_vec(), values: Numbers::Floats(values) }
    }

    /// Integers of `shape`.
    pub fn ints(shape: &[usize], values: Vec<i64>) -> Self {
        Self { shape: shape.to_vec(), values: Numbers::Ints(values) }
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        match &self.values {
            Numbers::Floats(values) => values.len(),
            Numbers::Ints(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The elements as a file holds them: as bytes, or as numbers of their own kind.
#[derive(Debug, Default)]
pub(super) struct Stored<'a> {
    pub dims: Vec<i64>,
    pub element: i64,
    pub raw: Option<&'a [u8]>,
    pub floats: Vec<f32>,
    pub doubles: Vec<f64>,
    /// Integers up to 32 bits, truth values, and the bits of 16-bit floats.
    pub ints: Vec<i64>,
    pub longs: Vec<i64>,
}

impl Stored<'_> {
    /// The array, which has as many elements as its sizes say.
    pub fn array(self) -> Result<Array, String> {
        let shape: Option<Vec<usize>> = self.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
        let shape = shape.ok_or_else(|| format!("has shape {:?}", self.dims))?;
        let values = self.values()?;
        let array = Array { shape, values };
        let expected = array.shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        if expected != Some(array.len()) {
            return Err(format!(
                "says that it has shape {:?}, but holds {} elements",
                array.shape,
                array.len()
            ));
        }
        Ok(array)
    }

    fn values(self) -> Result<Numbers, String> {
        let Self { element, raw, floats, doubles, ints, longs, .. } = self;
        let half = |bits: &i64| f16::from_bits(*bits as u16).to_f32();
        let brain = |bits: &i64| bf16::from_bits(*bits as u16).to_f32();
        if let Some(raw) = raw {
            return from_bytes(element, raw);
        }
        Ok(match element {
            1 => Numbers::Floats(floats),
            11 => Numbers::Floats(doubles.into_iter().map(|value| value as f32).collect()),
            10 => Numbers::Floats(ints.iter().map(half).collect()),
            16 => Numbers::Floats(ints.iter().map(brain).collect()),
            2..=6 | 9 => Numbers::Ints(ints),
            7 | 12 | 13 => Numbers::Ints(longs),
            other => return Err(not_numbers(other)),
        })
    }
}

/// Elements in little-endian order.
fn from_bytes(element: i64, raw: &[u8]) -> Result<Numbers, String> {
    Ok(match element {
        1 => Numbers::Floats(whole_elements(raw, f32::from_le_bytes)?),
        11 => Numbers::Floats(whole_elements(raw, |bytes| f64::from_le_bytes(bytes) as f32)?),
        10 => Numbers::Floats(whole_elements(raw, |bytes| f16::from_le_bytes(bytes).to_f32())?),
        16 => Numbers::Floats(whole_elements(raw, |bytes| bf16::from_le_bytes(bytes).to_f32())?),
        2 | 9 => Numbers::Ints(whole_elements(raw, |[byte]| i64::from(byte))?),
        3 => Numbers::Ints(whole_elements(raw, |bytes| i64::from(i8::from_le_bytes(bytes)))?),
        4 => Numbers::Ints(whole_elements(raw, |bytes| i64::from(u16::from_le_bytes(bytes)))?),
        5 => Numbers::Ints(whole_elements(raw, |bytes| i64::from(i16::from_le_bytes(bytes)))?),
        6 => Numbers::Ints(whole_elements(raw, |bytes| i64::from(i32::from_le_bytes(bytes)))?),
        12 => Numbers::Ints(whole_elements(raw, |bytes| i64::from(u32::from_le_bytes(bytes)))?),
        7 | 13 => Numbers::Ints(whole_elements(raw, i64::from_le_bytes)?),
        other => return Err(not_numbers(other)),
    })
}

fn whole_elements<const N: usize, T>(raw: &[u8], element: impl Fn([u8; N]) -> T) -> Result<Vec<T>, String> {
    if !raw.len().is_multiple_of(N) {
        return Err(format!("has {} bytes, no multiple of {N}", raw.len()));
    }
    Ok(formats::elements(raw, element))
}

fn not_numbers(element: i64) -> String {
    format!("holds elements of type {element}, expected floats of 16 to 64 bits, integers or truth values")
}
