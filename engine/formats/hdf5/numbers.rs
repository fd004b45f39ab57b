//! What data sets hold, as [`Tensor`]s.
//!
//! Bytes and 32-bit floats pass as they lie in the file: the library converts number by number, which is slow where it is
//! compiled for size, as in gradus's own release builds.

use std::fmt::Display;
use std::ops::Range;

use ::hdf5::{DType, Dataset, DatasetBuilder, make_f32_type, make_u8_type};

use super::{DAMAGED, File, Storage};
use crate::error::{Error, Result};
use crate::formats::{elements, little_endian};
use crate::tensor::{Tensor, Values};

impl File {
    /// Rows `range` of `dataset`, whose whole shape is `shape`.
    pub(super) fn read_rows(
        &self,
        name: &str,
        dataset: &Dataset,
        shape: &[usize],
        range: Range<usize>,
    ) -> Result<Tensor> {
        let damaged = |error: ::hdf5::Error| self.damaged(name, &error);
        let (start, count) = (range.start as u64, range.len() as u64);
        let row = shape.get(1..).unwrap_or_default();
        let first = range.start * row.iter().product::<usize>();
        let values = match dataset.dtype().map_err(damaged)? {
            DType::U8 => Values::U8 { bytes: bytes(dataset, start, count).map_err(damaged)?, scale: 1.0 },
            DType::I8 | DType::I16 | DType::I32 | DType::I64 => {
                let numbers = dataset.read_i64_rows(start, count).map_err(damaged)?;
                Values::U32(self.narrow(name, first, &numbers)?)
            }
            DType::U16 | DType::U32 | DType::U64 => {
                let numbers = dataset.read_u64_rows(start, count).map_err(damaged)?;
                Values::U32(self.narrow(name, first, &numbers)?)
            }
            DType::F32 => Values::F32(floats(dataset, start, count).map_err(damaged)?),
            DType::F64 => {
                let numbers = dataset.read_f64_rows(start, count).map_err(damaged)?;
                Values::F32(self.round(name, first, &numbers)?)
            }
            other => return Err(self.not_numbers(name, &other)),
        };
        let shape = if shape.is_empty() { Vec::new() } else { [&[range.len()], row].concat() };
        if values.len() != shape.iter().product::<usize>() {
            let problem = format!("dataset \"{name}\" has {} elements for {shape:?}", values.len());
            return Err(Error::file(&self.path, problem, DAMAGED));
        }
        Tensor::new(&shape, values)
    }

    /// Integers as labels; the first of `values` is element number `first`.
    fn narrow<T: Copy + TryInto<u32> + Display>(
        &self,
        name: &str,
        first: usize,
        values: &[T],
    ) -> Result<Vec<u32>> {
        let convert = |(index, &value): (usize, &T)| {
            value.try_into().map_err(|_| {
                let problem = format!("dataset \"{name}\" has {value} at index {}", first + index);
                Error::file(&self.path, problem, "labels must lie between 0 and 4294967295")
            })
        };
        values.iter().enumerate().map(convert).collect()
    }

    fn round(&self, name: &str, first: usize, values: &[f64]) -> Result<Vec<f32>> {
        let convert = |(index, &value): (usize, &f64)| {
            let rounded = value as f32;
            if rounded.is_infinite() && value.is_finite() {
                let at = first + index;
                let problem = format!("dataset \"{name}\" has {value} at index {at}, too large for f32");
                return Err(Error::file(&self.path, problem, "scale the data down"));
            }
            Ok(rounded)
        };
        values.iter().enumerate().map(convert).collect()
    }

    fn not_numbers(&self, name: &str, found: &DType) -> Error {
        let problem = format!("dataset \"{name}\" holds {found}");
        Error::file(
            &self.path,
            problem,
            "expected integers of 8 to 64 bits, or floats of 32 or 64: convert it",
        )
    }
}

/// Rows of bytes; the library converts what is no plain byte.
fn bytes(dataset: &Dataset, start: u64, count: u64) -> std::result::Result<Vec<u8>, ::hdf5::Error> {
    if dataset.datatype()? == make_u8_type() {
        dataset.read_raw_rows(start, count)
    } else {
        dataset.read_u8_rows(start, count)
    }
}

/// Rows of floats; the library converts those of another byte order or layout.
fn floats(dataset: &Dataset, start: u64, count: u64) -> std::result::Result<Vec<f32>, ::hdf5::Error> {
    if dataset.datatype()? == make_f32_type() {
        Ok(elements(&dataset.read_raw_rows(start, count)?, f32::from_le_bytes))
    } else {
        dataset.read_f32_rows(start, count)
    }
}

pub(super) fn fill(dataset: &mut DatasetBuilder, array: &Tensor, storage: Storage) {
    match array.values() {
        Values::U8 { bytes, scale: 1.0 } => dataset.with_u8_data(bytes),
        Values::U32(labels) => {
            let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
            dataset.with_i64_data(&labels)
        }
        Values::F32(values) => fill_floats(dataset, values),
        Values::U8 { .. } => fill_floats(dataset, &array.to_f32()),
    };
    let mut shape: Vec<u64> = array.shape().iter().map(|&size| size as u64).collect();
    dataset.with_shape(&shape);
    if let (Storage::Gzip { rows }, Some(first)) = (storage, shape.first_mut()) {
        *first = (rows as u64).clamp(1, (*first).max(1));
        dataset.with_chunks(&shape).with_deflate(9);
    }
}

fn fill_floats<'a>(dataset: &'a mut DatasetBuilder, values: &[f32]) -> &'a mut DatasetBuilder {
    dataset.with_raw_data(make_f32_type(), little_endian(values, f32::to_le_bytes), values.len() as u64)
}
