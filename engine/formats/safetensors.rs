//! Named arrays in safetensors files.

use std::path::Path;

use ::safetensors::tensor::TensorView;
use ::safetensors::{Dtype, SafeTensors, serialize};
use half::{bf16, f16};

use crate::error::{Error, Result};
use crate::formats::{elements, little_endian, read_file, sort_by_name, write_file};
use crate::tensor::Tensor;

const DAMAGED: &str = "give a whole safetensors file of F32, F16, BF16 or F64 tensors";

/// Reads all tensors, sorted by name, as `f32`: `F16` and `BF16` exactly, `F64` rounded.
///
/// ```
/// use gradus::{Tensor, formats::safetensors};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("model.safetensors");
/// let weights = [("dense/kernel".to_string(), Tensor::f32(&[2, 1], vec![1.0, -1.0])?)];
/// safetensors::write(&path, &weights)?;
/// assert_eq!(safetensors::read(&path)?, weights);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if the file is missing or damaged, a tensor holds no floats, or an `F64` lies beyond `f32`.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    parse(path, &read_file(path)?)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(name: impl AsRef<Path>, file: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let name = name.as_ref();
    let failed = |problem: String| Error::file(name, problem, DAMAGED);
    let file = SafeTensors::deserialize(file)
        .map_err(|error| failed(format!("is not a whole safetensors file ({error})")))?;
    let mut tensors = Vec::with_capacity(file.len());
    for (key, view) in file.iter() {
        let values = floats(view.dtype(), view.data())
            .map_err(|problem| failed(format!("tensor {key:?} {problem}")))?;
        tensors.push((key.to_string(), Tensor::f32(view.shape(), values)?));
    }
    sort_by_name(&mut tensors);
    Ok(tensors)
}

fn floats(kind: Dtype, data: &[u8]) -> Result<Vec<f32>, String> {
    match kind {
        Dtype::F32 => Ok(elements(data, f32::from_le_bytes)),
        Dtype::F16 => Ok(elements(data, |bytes| f16::from_le_bytes(bytes).to_f32())),
        Dtype::BF16 => Ok(elements(data, |bytes| bf16::from_le_bytes(bytes).to_f32())),
        Dtype::F64 => {
            let fits = |value: f64| !value.is_finite() || (value as f32).is_finite();
            let values: Vec<f64> = elements(data, f64::from_le_bytes);
            match values.iter().position(|&value| !fits(value)) {
                Some(at) => Err(format!("has {} at index {at}, too large for f32", values[at])),
                None => Ok(values.into_iter().map(|value| value as f32).collect()),
            }
        }
        other => Err(format!("holds {other:?}")),
    }
}

/// Writes tensors by name as `F32`, whole or not at all.
///
/// # Errors
/// [`Error::File`] if the file cannot be written.
pub fn write(path: impl AsRef<Path>, tensors: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let failed = |error: ::safetensors::SafeTensorError| {
        Error::file(path, format!("cannot be written as safetensors ({error})"), "give each tensor its name")
    };
    let data: Vec<Vec<u8>> =
        tensors.iter().map(|(_, tensor)| little_endian(&tensor.to_f32(), f32::to_le_bytes)).collect();
    let mut views = Vec::with_capacity(tensors.len());
    for ((name, tensor), data) in tensors.iter().zip(&data) {
        let view = TensorView::new(Dtype::F32, tensor.shape().to_vec(), data).map_err(failed)?;
        views.push((name.as_str(), view));
    }
    write_file(path, &serialize(views, None).map_err(failed)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(kind: Dtype, data: &[u8]) -> Vec<u8> {
        let view = TensorView::new(kind, vec![1], data).unwrap();
        serialize([("x", view)], None).unwrap()
    }

    #[test]
    fn every_float_is_read_and_all_else_refused() -> Result<()> {
        let x = [("x".to_string(), Tensor::f32(&[1], vec![-1.5])?)];
        assert_eq!(parse("x", &file(Dtype::F16, &f16::from_f32(-1.5).to_le_bytes()))?, x);
        assert_eq!(parse("x", &file(Dtype::BF16, &bf16::from_f32(-1.5).to_le_bytes()))?, x);
        assert_eq!(parse("x", &file(Dtype::F64, &(-1.5f64).to_le_bytes()))?, x);
        let refused = |file: &[u8]| parse("x", file).unwrap_err().to_string();
        assert!(refused(&file(Dtype::F64, &1e300f64.to_le_bytes())).contains("too large for f32"));
        assert!(refused(&file(Dtype::I64, &[0; 8])).contains("tensor \"x\" holds I64"));
        Ok(())
    }

    #[test]
    fn files_cut_short_anywhere_are_refused() {
        let whole = file(Dtype::F32, &[0; 4]);
        (0..whole.len()).for_each(|length| assert!(parse("x", &whole[..length]).is_err(), "{length}"));
    }
}
