//! Features brought to mean 0 and standard deviation 1.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Takes each feature's mean away and divides by its standard deviation, as scikit-learn's `StandardScaler`.
///
/// Each element of a sample is a feature of its own: `[N, 784]` and `[N, 28, 28]` have 784. The standard
/// deviation is the population's; where a feature is constant it counts as 1. Statistics are `f64`.
///
/// ```
/// use gradus::{Tensor, data::StandardScaler};
/// let x = Tensor::f32(&[2, 2], vec![0.0, 5.0, 2.0, 5.0])?;
/// let (scaler, scaled) = StandardScaler::fit_transform(&x)?;
/// assert_eq!(scaled.to_f32(), [-1.0, 0.0, 1.0, 0.0]);
/// assert_eq!(scaler.inverse_transform(&scaled)?, x);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StandardScaler {
    sample: Vec<usize>,
    mean: Vec<f64>,
    scale: Vec<f64>,
}

impl StandardScaler {
    /// Learns mean and standard deviation of each feature of `x`, `[N, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`] if `x` has no rows or no axis of samples, and those of
    /// [`check_finite`](crate::data::check_finite).
    pub fn fit(x: &Tensor) -> Result<Self> {
        if x.shape().is_empty() || x.rows() == 0 {
            let found = format!("{:?}", x.shape());
            return Err(Error::shape(
                "StandardScaler::fit",
                "x",
                found,
                "[N, …] with N > 0",
                "give at least one sample",
            ));
        }
        crate::data::check_finite("StandardScaler::fit", x)?;
        let values = x.to_f32();
        let count = x.rows() as f64;
        let mean = column_means(&values, x.row_len(), |_, value| value);
        let shift = column_means(&values, x.row_len(), |at, value| value - mean[at]);
        let square = column_means(&values, x.row_len(), |at, value| (value - mean[at]).powi(2));
        let deviation = |at: usize| {
            // The mean's own rounding is taken out of the squares, as scikit-learn does.
            let variance = square[at] - shift[at] * shift[at];
            let noise = count * f64::EPSILON * variance + (count * mean[at] * f64::EPSILON).powi(2);
            if variance <= noise { 1.0 } else { variance.sqrt() }
        };
        let scale = (0..mean.len()).map(deviation).collect();
        Ok(Self { sample: x.shape()[1..].to_vec(), mean, scale })
    }

    /// `(x - mean) / standard deviation`, as floats.
    ///
    /// # Errors
    /// [`Error::Shape`] if the samples of `x` are shaped otherwise than those given to [`fit`](Self::fit).
    pub fn transform(&self, x: &Tensor) -> Result<Tensor> {
        self.map("StandardScaler::transform", x, |value, mean, scale| (value - mean) / scale)
    }

    /// `x · standard deviation + mean`: what [`transform`](Self::transform) did, undone.
    ///
    /// # Errors
    /// Those of [`transform`](Self::transform).
    pub fn inverse_transform(&self, x: &Tensor) -> Result<Tensor> {
        self.map("StandardScaler::inverse_transform", x, |value, mean, scale| value * scale + mean)
    }

    /// [`fit`](Self::fit) and [`transform`](Self::transform) on the same data.
    ///
    /// # Errors
    /// Those of [`fit`](Self::fit).
    pub fn fit_transform(x: &Tensor) -> Result<(Self, Tensor)> {
        let scaler = Self::fit(x)?;
        let scaled = scaler.transform(x)?;
        Ok((scaler, scaled))
    }

    /// Each feature's mean, row-major over a sample.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// What each feature is divided by: its standard deviation, or 1.
    pub fn scale(&self) -> &[f64] {
        &self.scale
    }

    fn map(&self, place: &str, x: &Tensor, f: impl Fn(f64, f64, f64) -> f64) -> Result<Tensor> {
        if x.shape().get(1..) != Some(&self.sample[..]) {
            let expected = format!("samples of shape {:?}, as in fit", self.sample);
            let remedy = "fit and transform data of the same features";
            return Err(Error::shape(place, "x", format!("{:?}", x.shape()), expected, remedy));
        }
        let mut values = x.to_f32();
        for row in values.chunks_exact_mut(self.mean.len().max(1)) {
            for ((value, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *value = f(f64::from(*value), *mean, *scale) as f32;
            }
        }
        Tensor::f32(x.shape(), values)
    }
}

/// The mean over the rows of `f(column, value)`.
fn column_means(values: &[f32], columns: usize, f: impl Fn(usize, f64) -> f64) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    let mut rows = 0.0;
    for row in values.chunks_exact(columns.max(1)) {
        rows += 1.0;
        for (at, (sum, value)) in sums.iter_mut().zip(row).enumerate() {
            *sum += f(at, f64::from(*value));
        }
    }
    sums.iter().map(|sum| sum / rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_scikit_learn_s() -> Result<()> {
        // sklearn.preprocessing.StandardScaler().fit_transform([[1, 10, 3], [2, 10, 5], [4, 10, -1], [9, 10, 2]])
        let x = Tensor::f32(&[4, 3], vec![1.0, 10.0, 3.0, 2.0, 10.0, 5.0, 4.0, 10.0, -1.0, 9.0, 10.0, 2.0])?;
        let (scaler, scaled) = StandardScaler::fit_transform(&x)?;
        assert_eq!(scaler.mean(), [4.0, 10.0, 2.25]);
        let deviations = [9.5f64.sqrt(), 1.0, 4.6875f64.sqrt()];
        // A square root and a handful of operations, each within 2^-53 of its operands.
        assert!(scaler.scale().iter().zip(deviations).all(|(a, b)| (a - b).abs() <= 8.0 * f64::EPSILON * b));
        for (at, (&found, &value)) in scaled.to_f32().iter().zip(&x.to_f32()).enumerate() {
            let expected = (f64::from(value) - scaler.mean()[at % 3]) / deviations[at % 3];
            // One rounding to f32.
            assert!((f64::from(found) - expected).abs() <= f64::from(f32::EPSILON) * expected.abs(), "{at}");
        }
        Ok(())
    }

    #[test]
    fn a_constant_feature_far_from_zero_becomes_zero() -> Result<()> {
        let x = Tensor::f32(&[1000, 1], vec![16_777_217.0 / 3.0; 1000])?;
        let (scaler, scaled) = StandardScaler::fit_transform(&x)?;
        assert_eq!(scaler.scale(), [1.0]);
        assert!(scaled.to_f32().iter().all(|&value| value == 0.0));
        Ok(())
    }

    #[test]
    fn bytes_keep_their_scale_and_images_their_shape() -> Result<()> {
        let x = Tensor::u8(&[2, 1, 2], vec![0, 255, 255, 255])?;
        let (plain, scaled) =
            (StandardScaler::fit(&x)?, StandardScaler::fit(&x.clone().scaled(1.0 / 255.0))?);
        assert_eq!(plain.mean(), [127.5, 255.0]);
        assert_eq!(scaled.mean()[0], 0.5);
        assert_eq!(plain.transform(&x)?, Tensor::f32(&[2, 1, 2], vec![-1.0, 0.0, 1.0, 0.0])?);
        Ok(())
    }

    #[test]
    fn other_features_no_rows_and_nan_are_refused() -> Result<()> {
        let scaler = StandardScaler::fit(&Tensor::f32(&[1, 3], vec![0.0; 3])?)?;
        let other = Tensor::f32(&[3, 1], vec![0.0; 3])?;
        assert!(scaler.transform(&other).unwrap_err().to_string().contains("expected samples of shape [3]"));
        assert!(scaler.inverse_transform(&Tensor::f32(&[], vec![0.0])?).is_err());
        assert!(StandardScaler::fit(&Tensor::f32(&[0, 3], vec![])?).is_err());
        let error = StandardScaler::fit(&Tensor::f32(&[1, 2], vec![0.0, f32::NAN])?).unwrap_err().to_string();
        assert!(error.contains("NaN at [0, 1]"), "{error}");
        assert_eq!(scaler.transform(&Tensor::f32(&[0, 3], vec![])?)?.rows(), 0);
        Ok(())
    }
}
