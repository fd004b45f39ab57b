//! Class numbers as rows of zeros with a single one.

use crate::data::check::check_labels;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// `[N]` or `[N, 1]` class numbers as `[N, classes]` floats, 1 in the column of the class and 0 elsewhere, as
/// Keras's `to_categorical`.
///
/// ```
/// use gradus::{Tensor, data::one_hot};
/// let y = one_hot(&Tensor::u32(&[2], vec![2, 0])?, 3)?;
/// assert_eq!(y, Tensor::f32(&[2, 3], vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0])?);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Those of [`check_labels`](crate::data::check_labels), and [`Error::Argument`] if the result is larger than
/// memory can be.
pub fn one_hot(labels: &Tensor, classes: usize) -> Result<Tensor> {
    let numbers = check_labels("one_hot", labels, classes)?;
    let count = numbers.len().checked_mul(classes).filter(|&count| count <= isize::MAX as usize / 4);
    let Some(count) = count else {
        return Err(Error::argument("one_hot", "classes", classes, "as many classes as memory has room for"));
    };
    let mut values = vec![0.0; count];
    for (row, number) in numbers.iter().enumerate() {
        values[row * classes + *number as usize] = 1.0;
    }
    Tensor::f32(&[numbers.len(), classes], values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_out_of_range_is_named_with_its_index() -> Result<()> {
        let error = one_hot(&Tensor::u32(&[4], vec![0, 1, 9, 2])?, 3).unwrap_err().to_string();
        assert!(error.contains("label 9 at index 2 is out of range for 3 classes"), "{error}");
        let error = one_hot(&Tensor::u32(&[1], vec![0])?, 0).unwrap_err().to_string();
        assert!(error.contains("label 0 at index 0"), "{error}");
        Ok(())
    }

    #[test]
    fn columns_and_no_labels_are_taken() -> Result<()> {
        assert_eq!(one_hot(&Tensor::u8(&[2, 1], vec![1, 0])?, 2)?.to_f32(), [0.0, 1.0, 1.0, 0.0]);
        assert_eq!(one_hot(&Tensor::u32(&[0], vec![])?, 4)?.shape(), [0, 4]);
        Ok(())
    }

    #[test]
    fn more_classes_than_memory_holds_are_an_error() -> Result<()> {
        let error = one_hot(&Tensor::u32(&[1], vec![0])?, usize::MAX).unwrap_err().to_string();
        assert!(error.contains("classes is"), "{error}");
        Ok(())
    }
}
