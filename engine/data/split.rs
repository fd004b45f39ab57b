//! A part of the data for training, the rest for validation.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Samples and targets, parted in two.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Samples to train on.
    pub train_x: Tensor,
    /// Their targets.
    pub train_y: Tensor,
    /// Samples to validate on.
    pub validation_x: Tensor,
    /// Their targets.
    pub validation_y: Tensor,
}

/// Takes the last `fraction` of the rows for validation, without shuffling, as Keras's `validation_split`.
///
/// ```
/// use gradus::{Tensor, data::split};
/// let x = Tensor::f32(&[5, 1], vec![0.0, 1.0, 2.0, 3.0, 4.0])?;
/// let y = Tensor::u32(&[5], vec![0, 1, 0, 1, 0])?;
/// let parts = split(&x, &y, 0.2)?;
/// assert_eq!(parts.train_x.rows(), 4);
/// assert_eq!(parts.validation_x.to_f32(), [4.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] if `fraction` is not between 0 and 1 or leaves one of the parts empty,
/// [`Error::Shape`] if `x` and `y` differ in their number of rows.
pub fn split(x: &Tensor, y: &Tensor, fraction: f64) -> Result<Split> {
    let rows = x.rows();
    if y.rows() != rows || x.shape().is_empty() || y.shape().is_empty() {
        let (found, remedy) = (format!("{:?}", y.shape()), "give one target for each sample");
        return Err(Error::shape(
            "split",
            "y",
            found,
            format!("{rows} rows, as x of shape {:?}", x.shape()),
            remedy,
        ));
    }
    let at = split_row(rows, fraction)?;
    Ok(Split {
        train_x: x.slice_rows(0..at)?,
        train_y: y.slice_rows(0..at)?,
        validation_x: x.slice_rows(at..rows)?,
        validation_y: y.slice_rows(at..rows)?,
    })
}

/// The first row kept for validation.
pub(crate) fn split_row(rows: usize, fraction: f64) -> Result<usize> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::argument("split", "fraction", fraction, "more than 0 and less than 1"));
    }
    // The product is taken as Keras takes it, so that both part at the same row.
    let at = (rows as f64 * (1.0 - fraction)).floor() as usize;
    if at == 0 || at == rows {
        let expected = format!("a fraction of {rows} rows that leaves at least one row on each side");
        return Err(Error::argument("split", "fraction", fraction, expected));
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize) -> Result<Tensor> {
        Tensor::u32(&[count], (0..count as u32).collect())
    }

    #[test]
    fn the_parting_row_is_keras_s() -> Result<()> {
        // (rows, fraction, rows to train on): int(math.floor(rows * (1.0 - fraction))) in Python.
        for (count, fraction, train) in
            [(10_000, 0.2, 8_000), (10, 0.1, 9), (10, 0.7, 3), (3, 0.5, 1), (1080, 0.15, 918)]
        {
            let parts = split(&rows(count)?, &rows(count)?, fraction)?;
            assert_eq!(parts.train_x.rows(), train, "{count} {fraction}");
            assert_eq!(parts.validation_y, rows(count)?.slice_rows(train..count)?);
        }
        Ok(())
    }

    #[test]
    fn bad_fractions_and_shapes_are_refused() -> Result<()> {
        let refused = |x: usize, y: usize, fraction| -> Result<String> {
            Ok(split(&rows(x)?, &rows(y)?, fraction).unwrap_err().to_string())
        };
        for fraction in [0.0, 1.0, -0.1, f64::NAN, f64::INFINITY] {
            assert!(refused(4, 4, fraction)?.contains("more than 0 and less than 1"));
        }
        assert!(refused(1, 1, 0.5)?.contains("at least one row on each side"));
        assert!(refused(0, 0, 0.5)?.contains("at least one row on each side"));
        assert!(refused(3, 4, 0.5)?.contains("expected 3 rows"));
        let scalar = Tensor::f32(&[], vec![1.0])?;
        assert!(split(&scalar, &scalar, 0.5).is_err());
        Ok(())
    }
}
