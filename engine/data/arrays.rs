//! Arrays from any file that holds some.

use std::path::Path;

#[cfg(feature = "csv")]
use crate::data::read_csv;
use crate::data::read_idx;
use crate::error::{Error, Result};
use crate::formats::{npy, npz};
use crate::tensor::Tensor;

const KINDS: &str =
    "FILE.npy, FILE.npz:KEY, FILE.h5:DATASET, FILE.csv, FILE.idx, FILE.png, FILE.jpg or a folder of images";

/// What kind of file a name means, and what in it.
pub(super) enum Spec<'a> {
    Npy(&'a Path),
    Npz(&'a Path, &'a str),
    Hdf5(&'a Path, &'a str),
    Idx(&'a Path),
    Csv(&'a Path),
    Picture(&'a Path),
    Folder(&'a Path),
}

impl<'a> Spec<'a> {
    pub(super) fn parse(spec: &'a str) -> Result<Self> {
        let path = Path::new(spec);
        if path.is_dir() {
            return Ok(Self::Folder(path));
        }
        match extension(path).as_str() {
            "npy" => return Ok(Self::Npy(path)),
            "csv" => return Ok(Self::Csv(path)),
            "png" | "jpg" | "jpeg" => return Ok(Self::Picture(path)),
            _ if is_idx(spec) => return Ok(Self::Idx(path)),
            _ => {}
        }
        // The key comes after the last colon that follows a file's extension: keys and Windows paths have colons too.
        let split = spec.match_indices(':').map(|(at, _)| (Path::new(&spec[..at]), &spec[at + 1..]));
        for (path, key) in split {
            match extension(path).as_str() {
                "npz" => return Ok(Self::Npz(path, key)),
                "h5" | "hdf5" => return Ok(Self::Hdf5(path, key)),
                _ => {}
            }
        }
        Err(Error::argument("data file", "name", format!("{spec:?}"), KINDS))
    }
}

/// `x.idx`, `x.idx.gz`, and MNIST's names such as `train-labels-idx1-ubyte.gz`.
fn is_idx(name: &str) -> bool {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.ends_with(".idx") || name.ends_with("ubyte")
}

/// Reads the array that `spec` names, as the program `gradus` takes it:
///
/// | spec | the tensor |
/// | --- | --- |
/// | `x.npy` | as [`npy::read`] |
/// | `data.npz:x` | as [`npz::read`] |
/// | `data.h5:train_set_x` | as [`File::dataset`](crate::formats::hdf5::File::dataset) |
/// | `table.csv` | as [`read_csv`] |
/// | `x.idx`, `labels-idx1-ubyte.gz` | as [`read_idx`] |
/// | `hand.png`, `hand.jpg` | `[1, height, width, channels]` bytes |
/// | `hands/` | `[N, height, width, channels]` bytes, the images of a folder sorted by name |
///
/// ```
/// use gradus::{Tensor, data, formats::npy};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("x.npy");
/// let x = Tensor::u8(&[2, 2], vec![1, 2, 3, 4])?;
/// npy::write(&path, &x)?;
/// assert_eq!(data::read_array(path.to_str().unwrap())?, x);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::Argument`] if `spec` names no such file, [`Error::File`] if the file is missing or damaged.
pub fn read_array(spec: &str) -> Result<Tensor> {
    match Spec::parse(spec)? {
        Spec::Npy(path) => npy::read(path),
        Spec::Npz(path, key) => npz::read(path, key),
        Spec::Hdf5(path, name) => read_dataset(path, name),
        Spec::Idx(path) => read_idx(path),
        Spec::Csv(path) => read_csv(path),
        Spec::Picture(path) => read_picture(path),
        Spec::Folder(path) => read_folder(path),
    }
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
}

#[cfg(not(feature = "csv"))]
fn read_csv(path: &Path) -> Result<Tensor> {
    Err(Error::lacking(path, "csv"))
}

#[cfg(feature = "hdf5")]
fn read_dataset(path: &Path, name: &str) -> Result<Tensor> {
    crate::formats::hdf5::File::open(path)?.dataset(name)
}

#[cfg(not(feature = "hdf5"))]
fn read_dataset(path: &Path, _: &str) -> Result<Tensor> {
    Err(Error::lacking(path, "hdf5"))
}

#[cfg(feature = "images")]
fn read_picture(path: &Path) -> Result<Tensor> {
    let image = crate::data::read_image(path)?;
    let shape: Vec<usize> = std::iter::once(1).chain(image.shape().iter().copied()).collect();
    Tensor::new(&shape, image.values().clone())
}

#[cfg(feature = "images")]
fn read_folder(path: &Path) -> Result<Tensor> {
    crate::data::read_image_folder(path)
}

#[cfg(not(feature = "images"))]
fn read_picture(path: &Path) -> Result<Tensor> {
    Err(Error::lacking(path, "images"))
}

#[cfg(not(feature = "images"))]
fn read_folder(path: &Path) -> Result<Tensor> {
    Err(Error::lacking(path, "images"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::write_file;

    #[cfg(feature = "csv")]
    #[test]
    fn each_kind_of_file_is_told_by_its_name() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name).to_str().unwrap_or_default().to_string();
        let x = Tensor::u32(&[2, 1], vec![3, 4])?;
        npy::write(at("x.npy"), &x)?;
        npz::write(at("x.npz"), &[("a:b".into(), x.clone())])?;
        write_file(at("x.csv"), b"label\n3\n4\n")?;
        assert_eq!(read_array(&at("x.npy"))?, x);
        assert_eq!(read_array(&at("x.npz:a:b"))?, x);
        assert_eq!(read_array(&at("x.csv"))?, x);
        let message = read_array(&at("x.npz")).unwrap_err().to_string();
        assert!(message.contains("expected FILE.npy, FILE.npz:KEY"), "{message}");
        let message = read_array(&at("x.npz:c")).unwrap_err().to_string();
        assert!(message.contains("has no array \"c\": it has a:b"), "{message}");
        Ok(())
    }

    #[cfg(feature = "hdf5")]
    #[test]
    fn datasets_of_hdf5_files_are_read() -> anyhow::Result<()> {
        use crate::formats::hdf5::{Group, Storage};
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.h5");
        let x = Tensor::u8(&[3], vec![1, 2, 3])?;
        let mut root = Group::default();
        root.insert("group/x", x.clone(), Storage::Contiguous)?;
        root.write(&path)?;
        assert_eq!(read_array(&format!("{}:group/x", path.display()))?, x);
        Ok(())
    }
}
