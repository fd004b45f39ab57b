//! SIGNS: images of hands that show the numbers 0 to 5.
//!
//! The course's own photographs may not be handed on, so the crate embeds a data set in the same layout that is
//! drawn: see `examples/draw_signs`.

use std::path::Path;

use crate::data::check_labels;
use crate::error::{Error, Result};
use crate::formats::hdf5::File;
use crate::tensor::{Tensor, Values};

const TRAIN: &[u8] = include_bytes!("../../assets/signs/train_signs.h5");
const TEST: &[u8] = include_bytes!("../../assets/signs/test_signs.h5");
const LAYOUT: &str =
    "expected the datasets train_set_x and train_set_y (test_set_x and test_set_y), and list_classes";

/// Images and their labels, for training and for the test after it.
#[derive(Clone, Debug)]
pub struct Signs {
    /// `[N, height, width, channels]` bytes: 1080 images of 64x64x3 for SIGNS.
    pub train_x: Tensor,
    /// `[N]` labels.
    pub train_y: Tensor,
    /// Images as those of `train_x`: 120 for SIGNS.
    pub test_x: Tensor,
    /// `[N]` labels.
    pub test_y: Tensor,
    /// The file's `list_classes`: what each label means. 0 to 5 for SIGNS.
    pub classes: Vec<u32>,
}

/// Reads `train_signs.h5` and `test_signs.h5` from `folder`, or the drawn data set that is part of this crate.
///
/// ```
/// let data = gradus::data::load_signs(None)?;
/// assert_eq!(data.train_x.shape(), [1080, 64, 64, 3]);
/// assert_eq!(data.classes, [0, 1, 2, 3, 4, 5]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if a file or a dataset in it is missing or damaged, [`Error::Shape`] if a dataset has the
/// wrong rank or length, [`Error::Data`] if a label is out of range.
pub fn load_signs(folder: Option<&Path>) -> Result<Signs> {
    let (train, test) = match folder {
        Some(folder) => {
            (File::open(folder.join("train_signs.h5"))?, File::open(folder.join("test_signs.h5"))?)
        }
        None => (
            File::from_bytes("the embedded train_signs.h5", TRAIN.to_vec())?,
            File::from_bytes("the embedded test_signs.h5", TEST.to_vec())?,
        ),
    };
    let (train_x, train_y, classes) = load_part(&train, "train")?;
    let (test_x, test_y, test_classes) = load_part(&test, "test")?;
    if train_x.shape()[1..] != test_x.shape()[1..] {
        let found = format!("{:?}", test_x.shape());
        let expected = format!("{:?} after the first axis, as train_set_x", &train_x.shape()[1..]);
        return Err(wrong(&test, "test_set_x", found, expected));
    }
    if classes != test_classes {
        let problem = format!("list_classes is {test_classes:?}, but {classes:?} in the training file");
        return Err(Error::data(
            test.path().display().to_string(),
            problem,
            "give two files of one data set",
        ));
    }
    Ok(Signs { train_x, train_y, test_x, test_y, classes })
}

fn load_part(file: &File, part: &str) -> Result<(Tensor, Tensor, Vec<u32>)> {
    let (images, labels) = (format!("{part}_set_x"), format!("{part}_set_y"));
    let x = file.dataset(&images)?;
    let (y, classes) = (file.dataset(&labels)?, file.dataset("list_classes")?);
    match x.shape() {
        [_, _, _, _] if !x.values().is_empty() => {}
        shape => {
            return Err(wrong(
                file,
                &images,
                format!("{shape:?}"),
                "[N, height, width, channels], none 0".into(),
            ));
        }
    }
    if !matches!(x.values(), Values::U8 { .. }) {
        let problem = format!("{images} does not hold bytes");
        return Err(Error::data(
            file.path().display().to_string(),
            problem,
            "store images as uint8, 0 to 255",
        ));
    }
    if y.shape() != [x.rows()] {
        let expected = format!("[{}], one label for each image", x.rows());
        return Err(wrong(file, &labels, format!("{:?}", y.shape()), expected));
    }
    let place = |name: &str| format!("{}: {name}", file.path().display());
    let classes = check_labels(&place("list_classes"), &classes, usize::MAX)?;
    let y = check_labels(&place(&labels), &y, classes.len())?;
    Ok((x, Tensor::u32(&[y.len()], y)?, classes))
}

fn wrong(file: &File, dataset: &str, found: String, expected: String) -> Error {
    Error::shape(file.path().display().to_string(), dataset, found, expected, LAYOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::hdf5::{Group, Storage};

    fn counts(labels: &Tensor) -> Vec<usize> {
        let labels = labels.to_f32();
        (0..6).map(|class| labels.iter().filter(|&&label| label == class as f32).count()).collect()
    }

    fn check(data: &Signs) {
        assert_eq!(data.train_x.shape(), [1080, 64, 64, 3]);
        assert_eq!(data.test_x.shape(), [120, 64, 64, 3]);
        assert_eq!((counts(&data.train_y), counts(&data.test_y)), (vec![180; 6], vec![20; 6]));
        assert_eq!(data.classes, [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_embedded_data_are_whole_and_small_enough_to_publish() -> Result<()> {
        check(&load_signs(None)?);
        assert!(TRAIN.len() + TEST.len() < 8_000_000);
        Ok(())
    }

    #[test]
    fn the_photographs_are_read() -> Result<()> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/signs");
        if !folder.is_dir() {
            println!("skipped: {} is missing", folder.display());
            return Ok(());
        }
        let data = load_signs(Some(&folder))?;
        check(&data);
        let Values::U8 { bytes, .. } = data.test_x.values() else { panic!("images are bytes") };
        assert_eq!(bytes.iter().map(|&byte| u64::from(byte)).sum::<u64>(), 268_289_681);
        Ok(())
    }

    /// A part with three images of 2x2x3, whose arrays `change` may replace.
    fn part(folder: &Path, part: &str, change: impl Fn(&str) -> Option<Tensor>) -> Result<()> {
        let mut root = Group::default();
        let arrays = [
            (format!("{part}_set_x"), Tensor::u8(&[3, 2, 2, 3], (0..36).collect())?),
            (format!("{part}_set_y"), Tensor::u32(&[3], vec![1, 0, 1])?),
            ("list_classes".into(), Tensor::u32(&[2], vec![0, 1])?),
        ];
        for (name, array) in arrays {
            let array = change(&name).unwrap_or(array);
            root.insert(&name, array, Storage::Contiguous)?;
        }
        root.write(folder.join(format!("{part}_signs.h5")))
    }

    #[test]
    fn what_does_not_fit_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let folder = folder.path();
        let refused = |dataset: &str, array: Tensor| -> Result<String> {
            part(folder, "train", |name| (name == dataset).then(|| array.clone()))?;
            part(folder, "test", |name| (name == dataset).then(|| array.clone()))?;
            Ok(load_signs(Some(folder)).unwrap_err().to_string())
        };
        let message = refused("train_set_x", Tensor::u8(&[3, 12], vec![0; 36])?)?;
        assert!(message.contains("train_signs.h5: train_set_x has shape [3, 12]"), "{message}");
        assert!(refused("train_set_x", Tensor::u8(&[0, 2, 2, 3], vec![])?)?.contains("none 0"));
        assert!(
            refused("train_set_x", Tensor::f32(&[3, 2, 2, 3], vec![0.0; 36])?)?
                .contains("does not hold bytes")
        );
        assert!(
            refused("train_set_y", Tensor::u32(&[2], vec![0, 1])?)?.contains("has shape [2], expected [3]")
        );
        let message = refused("test_set_y", Tensor::u32(&[3], vec![0, 2, 1])?)?;
        assert!(
            message.contains("test_set_y: label 2 at index 1 is out of range for 2 classes"),
            "{message}"
        );
        let message = refused("test_set_x", Tensor::u8(&[3, 1, 4, 3], vec![0; 36])?)?;
        assert!(message.contains("test_signs.h5: test_set_x has shape [3, 1, 4, 3]"), "{message}");
        Ok(())
    }

    #[test]
    fn missing_files_and_datasets_are_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let refused = || load_signs(Some(folder.path())).unwrap_err().to_string();
        assert!(refused().contains("train_signs.h5: cannot be opened"), "{}", refused());
        part(folder.path(), "test", |_| None)?;
        std::fs::rename(folder.path().join("test_signs.h5"), folder.path().join("train_signs.h5"))?;
        part(folder.path(), "test", |_| None)?;
        let message = refused();
        assert!(
            message.contains("has no dataset \"train_set_x\"") && message.contains("test_set_x"),
            "{message}"
        );
        Ok(())
    }
}
