//! Weights that let rare classes count as much as common ones.

use std::collections::BTreeMap;

use crate::data::check::check_labels;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A weight for each class that occurs among `labels` `[N]` or `[N, 1]`, so that all classes count alike in a loss:
/// N / (classes · samples of the class), as scikit-learn's `balanced`. For
/// [`FitOptions::class_weight`](crate::FitOptions::class_weight).
///
/// ```
/// use gradus::{FitOptions, Tensor, data::class_weights};
/// let weights = class_weights(&Tensor::u32(&[4], vec![0, 0, 0, 2])?)?;
/// assert_eq!(weights, [(0, 4.0 / 6.0), (2, 2.0)]);
/// let options = FitOptions::new().class_weight(&weights);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// Those of [`check_labels`](crate::data::check_labels), and if there are no labels.
pub fn class_weights(labels: &Tensor) -> Result<Vec<(usize, f32)>> {
    let numbers = check_labels("class_weights", labels, usize::MAX)?;
    if numbers.is_empty() {
        return Err(Error::argument("class_weights", "number of labels", 0, "at least 1"));
    }
    let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
    for &number in &numbers {
        *counts.entry(number as usize).or_default() += 1;
    }
    let all = numbers.len() as f64 / counts.len() as f64;
    Ok(counts.into_iter().map(|(class, count)| (class, (all / count as f64) as f32)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_scikit_learn_s() -> Result<()> {
        // compute_class_weight("balanced", classes=[1, 2, 5], y=[1, 1, 1, 1, 2, 2, 5])
        let labels = Tensor::u8(&[7, 1], vec![1, 5, 2, 1, 1, 2, 1])?;
        let expected = [(1, 0.583_333_3), (2, 1.166_666_7), (5, 2.333_333_3)];
        for ((class, weight), (expected_class, expected)) in class_weights(&labels)?.into_iter().zip(expected)
        {
            assert_eq!(class, expected_class);
            assert!((weight - expected).abs() <= f32::EPSILON * expected, "{class}: {weight}");
        }
        assert!(class_weights(&Tensor::u32(&[0], vec![])?).is_err());
        assert!(class_weights(&Tensor::f32(&[1], vec![0.5])?).is_err());
        Ok(())
    }
}
