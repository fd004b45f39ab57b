//! Cross-validation: the samples parted into folds, each of which is once what is tested on.

use super::permutation;
use crate::error::{Error, Result};
use crate::tensor::{Tensor, Values};

/// The rows of one fold, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// The rows to train on.
    pub train: Vec<usize>,
    /// The rows to test on.
    pub test: Vec<usize>,
}

/// Parts samples into folds, as scikit-learn's
/// [`KFold`](https://scikit-learn.org/stable/modules/generated/sklearn.model_selection.KFold.html) and `StratifiedKFold`.
///
/// ```
/// use gradus::{Tensor, data::KFold};
/// let y = Tensor::u32(&[4], vec![0, 1, 1, 0])?;
/// let folds = KFold::new(2).split(&y)?;
/// assert_eq!((&folds[0].train[..], &folds[0].test[..]), (&[2, 3][..], &[0, 1][..]));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KFold {
    splits: usize,
    seed: Option<u64>,
    stratified: bool,
}

impl KFold {
    /// `splits` folds of neighbouring rows; the first ones are one row longer where they do not come out even.
    pub fn new(splits: usize) -> Self {
        Self { splits, seed: None, stratified: false }
    }

    /// `splits` folds with the same share of each class. Targets are class numbers then.
    pub fn stratified(splits: usize) -> Self {
        Self { stratified: true, ..Self::new(splits) }
    }

    /// Shuffles before parting, in an order that depends on `seed` alone. Default no shuffling.
    pub fn shuffle(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The folds of samples with the targets `y`.
    ///
    /// # Errors
    /// If there are fewer than two folds, more folds than rows, or stratified folds are wanted and `y` holds no class
    /// numbers or no class has as many rows as there are folds.
    pub fn split(&self, y: &Tensor) -> Result<Vec<Fold>> {
        let rows = if y.shape().is_empty() { 0 } else { y.rows() };
        if self.splits < 2 || self.splits > rows {
            let expected = format!("from 2 to {rows}, the number of rows");
            return Err(Error::argument("KFold", "splits", self.splits, expected));
        }
        let fold_of = if self.stratified { self.by_class(&classes(y)?)? } else { self.by_row(rows) };
        Ok((0..self.splits).map(|fold| fold_rows(&fold_of, fold)).collect())
    }

    /// The fold of each row.
    fn by_row(&self, rows: usize) -> Vec<usize> {
        let sizes = (0..self.splits).map(|i| rows / self.splits + usize::from(i < rows % self.splits));
        let folds = sizes.enumerate().flat_map(|(fold, size)| std::iter::repeat_n(fold, size));
        let mut fold_of = vec![0; rows];
        for (row, fold) in self.order(rows, 0).into_iter().zip(folds) {
            fold_of[row] = fold;
        }
        fold_of
    }

    /// The fold of each row, so that each class is spread evenly.
    fn by_class(&self, classes: &[usize]) -> Result<Vec<usize>> {
        let count = classes.iter().max().map_or(0, |largest| largest + 1);
        let mut sorted = classes.to_vec();
        sorted.sort_unstable();
        let mut fold_of = vec![0; classes.len()];
        let mut most = 0;
        for class in 0..count {
            let rows: Vec<usize> = (0..classes.len()).filter(|&row| classes[row] == class).collect();
            most = most.max(rows.len());
            // Fold i gets as many as every splits-th row from i on has in the sorted order.
            let share = |fold: usize| {
                sorted.iter().skip(fold).step_by(self.splits).filter(|&&found| found == class).count()
            };
            let folds = (0..self.splits).flat_map(|fold| std::iter::repeat_n(fold, share(fold)));
            let order = self.order(rows.len(), class as u32);
            for (place, fold) in order.into_iter().zip(folds) {
                fold_of[rows[place]] = fold;
            }
        }
        if most < self.splits {
            let expected = format!("at most {most}, the number of rows of the largest class");
            return Err(Error::argument("KFold::stratified", "splits", self.splits, expected));
        }
        Ok(fold_of)
    }

    /// The numbers 0 to `count` − 1, shuffled if that is wanted.
    fn order(&self, count: usize, part: u32) -> Vec<usize> {
        match self.seed {
            Some(seed) => permutation(count, seed, part).into_iter().map(|row| row as usize).collect(),
            None => (0..count).collect(),
        }
    }
}

fn fold_rows(fold_of: &[usize], fold: usize) -> Fold {
    let (test, train) = (0..fold_of.len()).partition(|&row| fold_of[row] == fold);
    Fold { train, test }
}

/// The classes, numbered in the order in which they first appear, as scikit-learn numbers them.
fn classes(y: &Tensor) -> Result<Vec<usize>> {
    let whole = match y.values() {
        Values::F32(values) => values.iter().all(|value| value.fract() == 0.0),
        Values::U32(_) => true,
        Values::U8 { scale, .. } => *scale == 1.0,
    };
    if y.row_len() != 1 || !whole {
        let found = format!("rows of shape {:?}", &y.shape()[1..]);
        return Err(Error::argument("KFold::stratified", "y", found, "one class number for each sample"));
    }
    let mut seen: Vec<u32> = Vec::new();
    let number = |value: f32| {
        let bits = value.to_bits();
        seen.iter().position(|&known| known == bits).unwrap_or_else(|| {
            seen.push(bits);
            seen.len() - 1
        })
    };
    Ok(y.to_f32().into_iter().map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: &[u32]) -> Tensor {
        Tensor::u32(&[values.len()], values.to_vec()).expect("one number a sample")
    }

    fn tests(folds: &[Fold]) -> Vec<&[usize]> {
        folds.iter().map(|fold| &fold.test[..]).collect()
    }

    /// What scikit-learn 1.9 gives.
    #[test]
    fn folds_are_those_of_scikit_learn() -> Result<()> {
        let y = labels(&[2, 2, 0, 0, 0, 2, 1, 1, 1, 0, 0]);
        let folds = KFold::new(3).split(&y)?;
        assert_eq!(tests(&folds), [&[0, 1, 2, 3][..], &[4, 5, 6, 7], &[8, 9, 10]]);
        assert_eq!(folds[1].train, [0, 1, 2, 3, 8, 9, 10]);
        let folds = KFold::stratified(3).split(&y)?;
        assert_eq!(tests(&folds), STRATIFIED);
        Ok(())
    }

    const STRATIFIED: [&[usize]; 3] = [&[0, 2, 3, 6], &[1, 4, 7, 9], &[5, 8, 10]];

    #[test]
    fn shuffled_folds_hold_each_row_once() -> Result<()> {
        let y = labels(&(0..50).map(|i| i % 3).collect::<Vec<_>>());
        for folds in [KFold::new(4), KFold::stratified(4)] {
            let plain = folds.split(&y)?;
            let shuffled = folds.shuffle(3).split(&y)?;
            assert_ne!(plain, shuffled);
            assert_eq!(shuffled, folds.shuffle(3).split(&y)?);
            assert_ne!(shuffled, folds.shuffle(4).split(&y)?);
            let mut rows: Vec<usize> = shuffled.iter().flat_map(|fold| fold.test.clone()).collect();
            rows.sort_unstable();
            assert!(rows.into_iter().eq(0..50));
            assert!(shuffled.iter().all(|fold| fold.train.len() + fold.test.len() == 50));
        }
        // 17, 17 and 16 rows a class: each fold holds four or five of each.
        for fold in KFold::stratified(4).shuffle(3).split(&y)? {
            let count = |class| fold.test.iter().filter(|&&row| row % 3 == class).count();
            assert!((0..3).all(|class| (4..=5).contains(&count(class))), "{fold:?}");
        }
        Ok(())
    }

    #[test]
    fn what_cannot_be_parted_is_refused() -> Result<()> {
        let message = |folds: KFold, y: &Tensor| folds.split(y).unwrap_err().to_string();
        let y = labels(&[0, 1, 0, 1, 2]);
        assert!(message(KFold::new(1), &y).contains("splits is 1, expected from 2 to 5"));
        assert!(message(KFold::new(6), &y).contains("splits is 6"));
        assert!(message(KFold::stratified(3), &y).contains("at most 2"));
        let half = Tensor::f32(&[2], vec![0.5, 1.0])?;
        assert!(message(KFold::stratified(2), &half).contains("class number"));
        assert!(message(KFold::stratified(2), &Tensor::f32(&[2, 2], vec![0.0; 4])?).contains("class number"));
        Ok(())
    }
}
