//! What must hold of data before a model sees them.

use crate::error::{Error, Result};
use crate::tensor::{Tensor, Values};

/// Checks that `x` holds neither NaN nor infinity. `place` is what an error calls it: a file or an argument.
///
/// ```
/// let x = gradus::Tensor::f32(&[1, 2], vec![0.5, f32::NAN])?;
/// let error = gradus::data::check_finite("x_train", &x).unwrap_err();
/// assert!(error.to_string().contains("x_train: holds NaN at [0, 1]"));
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] with the first index that holds one.
pub fn check_finite(place: &str, x: &Tensor) -> Result<()> {
    let Values::F32(values) = x.values() else { return Ok(()) };
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(at) => {
            let problem = format!("holds {} at {:?}", values[at], index_of(at, x.shape()));
            Err(Error::data(place, problem, "remove or replace such values before training"))
        }
    }
}

/// Checks that `labels` are `[N]` or `[N, 1]` class numbers below `classes`, and returns them.
/// `place` is what an error calls them.
///
/// # Errors
/// [`Error::Shape`] for another shape, [`Error::Data`] if they are not integers, or with the first index and
/// value that is too large.
pub fn check_labels(place: &str, labels: &Tensor, classes: usize) -> Result<Vec<u32>> {
    if !matches!(labels.shape(), [_] | [_, 1]) {
        let (found, remedy) = (format!("{:?}", labels.shape()), "give one class number for each sample");
        return Err(Error::shape(place, "labels", found, "[N] or [N, 1]", remedy));
    }
    let numbers = match labels.values() {
        Values::U32(numbers) => numbers.clone(),
        Values::U8 { bytes, scale: 1.0 } => bytes.iter().map(|&byte| u32::from(byte)).collect(),
        Values::U8 { .. } | Values::F32(_) => {
            let remedy = "give class numbers as unscaled integers";
            return Err(Error::data(place, "labels are floats, expected integers", remedy));
        }
    };
    match numbers.iter().position(|&number| number as usize >= classes) {
        None => Ok(numbers),
        Some(at) => {
            let problem =
                format!("label {} at index {at} is out of range for {classes} classes", numbers[at]);
            Err(Error::data(place, problem, "labels must start at 0; check the number of classes"))
        }
    }
}

/// The index of element `at` of a row-major array.
fn index_of(mut at: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, &size) in shape.iter().enumerate().rev() {
        index[axis] = at % size;
        at /= size;
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_that_is_not_finite_is_named() -> Result<()> {
        let mut values = vec![0.0; 24];
        (values[17], values[20]) = (f32::NEG_INFINITY, f32::NAN);
        let error = check_finite("x", &Tensor::f32(&[2, 3, 4], values)?).unwrap_err().to_string();
        assert!(error.contains("-inf at [1, 1, 1]"), "{error}");
        let error = check_finite("x", &Tensor::f32(&[], vec![f32::NAN])?).unwrap_err().to_string();
        assert!(error.contains("NaN at []"), "{error}");
        check_finite("x", &Tensor::f32(&[2], vec![f32::MAX, -0.0])?)?;
        check_finite("x", &Tensor::u8(&[1], vec![255])?)
    }

    #[test]
    fn labels_come_back_from_integers_of_both_kinds() -> Result<()> {
        assert_eq!(check_labels("y", &Tensor::u32(&[3, 1], vec![0, 2, 1])?, 3)?, [0, 2, 1]);
        assert_eq!(check_labels("y", &Tensor::u8(&[2], vec![9, 0])?, 10)?, [9, 0]);
        Ok(())
    }

    #[test]
    fn labels_out_of_range_of_wrong_shape_or_type_are_refused() -> Result<()> {
        let refused = |labels: Tensor| check_labels("train_set_y", &labels, 6).unwrap_err().to_string();
        let message = refused(Tensor::u32(&[3], vec![5, 6, 7])?);
        assert!(
            message.contains("train_set_y: label 6 at index 1 is out of range for 6 classes"),
            "{message}"
        );
        assert!(refused(Tensor::u32(&[1, 2], vec![0, 1])?).contains("expected [N] or [N, 1]"));
        assert!(refused(Tensor::u32(&[], vec![0])?).contains("has shape []"));
        assert!(refused(Tensor::f32(&[1], vec![1.0])?).contains("expected integers"));
        assert!(refused(Tensor::u8(&[1], vec![1])?.scaled(0.5)).contains("expected integers"));
        Ok(())
    }
}
