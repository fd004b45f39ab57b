//! File formats, syntax only: named arrays and trees of names, without layers.

// A browser has no clock.
#[cfg(not(target_arch = "wasm32"))]
pub mod event_file;
#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "hdf5")]
pub mod keras_archive;
#[cfg(feature = "hdf5")]
pub mod keras_shards;
#[cfg(feature = "hdf5")]
pub mod keras_variables;
#[cfg(feature = "hdf5")]
pub mod keras_weights;
pub mod npy;
pub mod npz;
pub mod onnx;
#[cfg(feature = "images")]
pub(crate) mod picture;
pub mod protobuf;
pub mod safetensors;
mod zip_archive;

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::tensor::Tensor;
pub use crate::write_file::write_file;

/// The whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::file(path, format!("cannot be read: {error}"), "check the path"))
}

/// The numbers that lie in `data`, least significant byte first, as all formats here store them.
pub(crate) fn elements<const N: usize, T>(data: &[u8], element: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks::<N>().0.iter().map(|&bytes| element(bytes)).collect()
}

/// `values` as [`elements`] reads them.
pub(crate) fn little_endian<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().map(|&value| bytes(value)).collect::<Vec<_>>().into_flattened()
}

/// Arrays in the order of their names.
pub(crate) fn sort_by_name(arrays: &mut [(String, Tensor)]) {
    arrays.sort_by(|(one, _), (other, _)| one.cmp(other));
}

/// How many bytes a file of `packed` bytes may become in memory. Data shrinks less than eightfold; a file that
/// says more is made to exhaust the memory, or was compressed where storing it would do. Whoever trusts such a file lets
/// `GRADUS_MOST_UNPACKED` name a larger number of bytes.
pub(crate) fn most_unpacked(packed: usize) -> usize {
    let trusted = std::env::var("GRADUS_MOST_UNPACKED").ok().and_then(|bytes| bytes.parse().ok());
    packed.saturating_mul(8).saturating_add(32 << 20).max(trusted.unwrap_or(0))
}

/// What to do about a file that unpacks to more.
#[cfg(feature = "hdf5")]
pub(crate) const TRUST: &str = "copy or download it again; if you trust it, let GRADUS_MOST_UNPACKED name the number of bytes that it may take";
