//! Fashion-MNIST: 70,000 grey images of clothes, 28x28, ten classes.

use std::path::{Path, PathBuf};

use crate::data::{check_labels, read_idx};
use crate::error::{Error, Result};
use crate::tensor::{Tensor, Values};

/// Where Debian's package `dataset-fashion-mnist` puts the files.
const DEBIAN: &str = "/usr/share/datasets/fashion-mnist";
const REMEDY: &str = "on Debian and Ubuntu, `apt-get install dataset-fashion-mnist`; elsewhere, give a folder with the four \
                      files of github.com/zalandoresearch/fashion-mnist";
const CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// The data set, as it is stored: bytes from 0 (background) to 255.
#[derive(Clone, Debug)]
pub struct FashionMnist {
    /// `[60000, 28, 28]` bytes.
    pub train_x: Tensor,
    /// `[60000]` labels, 0 to 9.
    pub train_y: Tensor,
    /// `[10000, 28, 28]` bytes.
    pub test_x: Tensor,
    /// `[10000]` labels, 0 to 9.
    pub test_y: Tensor,
    /// What each label means.
    pub classes: [&'static str; 10],
}

/// Reads Fashion-MNIST's four IDX files, gzipped or not, from `folder`; by default from where Debian's package
/// `dataset-fashion-mnist` installs them.
///
/// ```no_run
/// let data = gradus::data::load_fashion_mnist(None)?;
/// assert_eq!(data.train_x.shape(), [60_000, 28, 28]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if a file is missing or damaged, [`Error::Shape`] or [`Error::Data`] if it holds something
/// else.
pub fn load_fashion_mnist(folder: Option<&Path>) -> Result<FashionMnist> {
    let folder = folder.unwrap_or(Path::new(DEBIAN));
    let (train_x, train_y) = load_part(folder, "train")?;
    let (test_x, test_y) = load_part(folder, "t10k")?;
    Ok(FashionMnist { train_x, train_y, test_x, test_y, classes: CLASSES })
}

fn load_part(folder: &Path, part: &str) -> Result<(Tensor, Tensor)> {
    let images = find(folder, &format!("{part}-images-idx3-ubyte"))?;
    let labels = find(folder, &format!("{part}-labels-idx1-ubyte"))?;
    let (x, y) = (read_idx(&images)?, read_idx(&labels)?);
    let (images, labels) = (images.display().to_string(), labels.display().to_string());
    let wrong = |place: &str, found: &Tensor, expected: String| {
        Error::shape(place, "the array", format!("{:?}", found.shape()), expected, REMEDY)
    };
    match x.shape() {
        [rows, 28, 28] if *rows > 0 && matches!(x.values(), Values::U8 { .. }) => {}
        _ => return Err(wrong(&images, &x, "[N, 28, 28] bytes with N > 0".into())),
    }
    if y.shape() != [x.rows()] {
        return Err(wrong(&labels, &y, format!("[{}], one label for each image", x.rows())));
    }
    let y = check_labels(&labels, &y, CLASSES.len())?;
    Ok((x, Tensor::u32(&[y.len()], y)?))
}

/// The file `name` or `name.gz`.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let names = [name.to_string(), format!("{name}.gz")];
    let found = names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| Error::file(folder, format!("has no file {name} or {name}.gz"), REMEDY))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes both parts with `count` images and the given labels.
    fn write_files(folder: &Path, count: u32, labels: &[u8]) -> std::io::Result<()> {
        for part in ["train", "t10k"] {
            let mut images = vec![0, 0, 8, 3];
            [count, 28, 28].iter().for_each(|size| images.extend(size.to_be_bytes()));
            images.extend(vec![9; count as usize * 28 * 28]);
            std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images)?;
            let mut file = vec![0, 0, 8, 1, 0, 0, 0, labels.len() as u8];
            file.extend(labels);
            std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), file)?;
        }
        Ok(())
    }

    #[test]
    fn a_folder_of_plain_files_is_read() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        write_files(folder.path(), 2, &[9, 0])?;
        let data = load_fashion_mnist(Some(folder.path()))?;
        assert_eq!(data.test_x.shape(), [2, 28, 28]);
        assert_eq!(data.train_y, Tensor::u32(&[2], vec![9, 0])?);
        Ok(())
    }

    #[test]
    fn missing_files_labels_out_of_range_and_unequal_lengths_are_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let refused = || load_fashion_mnist(Some(folder.path())).unwrap_err().to_string();
        let message = refused();
        assert!(
            message.contains("train-images-idx3-ubyte.gz") && message.contains("apt-get install"),
            "{message}"
        );
        write_files(folder.path(), 2, &[9, 10])?;
        assert!(refused().contains("label 10 at index 1 is out of range for 10 classes"));
        write_files(folder.path(), 2, &[9])?;
        assert!(refused().contains("has shape [1], expected [2]"));
        write_files(folder.path(), 0, &[])?;
        assert!(refused().contains("N > 0"));
        Ok(())
    }

    #[test]
    fn the_installed_files_are_whole() -> Result<()> {
        if !Path::new(DEBIAN).is_dir() {
            println!("skipped: {DEBIAN} is missing; {REMEDY}");
            return Ok(());
        }
        let data = load_fashion_mnist(None)?;
        assert_eq!(data.train_x.shape(), [60_000, 28, 28]);
        assert_eq!(data.test_x.shape(), [10_000, 28, 28]);
        for (labels, each) in [(&data.train_y, 6_000), (&data.test_y, 1_000)] {
            let Values::U32(labels) = labels.values() else { panic!("labels are integers") };
            let mut counts = [0; 10];
            labels.iter().for_each(|&label| counts[label as usize] += 1);
            assert_eq!(counts, [each; 10]);
        }
        Ok(())
    }
}
