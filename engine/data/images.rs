//! Pictures as bytes: PNG and JPEG files.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::formats::{most_unpacked, picture, read_file};
use crate::tensor::{Tensor, Values};

const EXTENSIONS: [&str; 3] = ["png", "jpg", "jpeg"];

/// Reads a PNG or JPEG file: `[height, width, channels]` bytes, one channel for grey and three for colour.
/// Transparency is left out and 16 bits are rounded to 8, as `keras.utils.load_img` does.
///
/// # Errors
/// [`Error::File`] if it is missing or damaged, or unpacks to more than eight times the file plus 32 MiB.
pub fn read_image(path: impl AsRef<Path>) -> Result<Tensor> {
    let path = path.as_ref();
    let file = read_file(path)?;
    let picture = picture::unpack(&file, most_unpacked(file.len())).map_err(|problem| {
        Error::file(path, format!("cannot be unpacked: {problem}"), "give a whole PNG or JPEG file")
    })?;
    Tensor::u8(&[picture.height, picture.width, picture.channels], picture.bytes)
}

/// Reads the PNG and JPEG files of a folder, sorted by name: `[N, height, width, channels]` bytes.
///
/// # Errors
/// [`Error::File`] if there are none, one is damaged, or one has another size than the first.
pub fn read_image_folder(folder: impl AsRef<Path>) -> Result<Tensor> {
    let folder = folder.as_ref();
    let paths = image_paths(folder)?;
    let (mut size, mut bytes) = (Vec::new(), Vec::new());
    for path in &paths {
        let image = read_image(path)?;
        if size.is_empty() {
            size = image.shape().to_vec();
        }
        if image.shape() != size {
            let problem =
                format!("is an image of shape {:?}, the first in its folder {size:?}", image.shape());
            return Err(Error::file(path, problem, "give images of one size and one number of channels"));
        }
        if let Values::U8 { bytes: image, .. } = image.values() {
            bytes.extend_from_slice(image);
        }
    }
    let shape: Vec<usize> = std::iter::once(paths.len()).chain(size).collect();
    Tensor::u8(&shape, bytes)
}

/// Whether the name is that of a PNG or JPEG file.
pub(super) fn is_image(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    EXTENSIONS.contains(&extension.as_str())
}

fn image_paths(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        Error::file(folder, format!("cannot be read: {error}"), "check that it is a folder that may be read")
    };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(failed)?;
    paths.retain(|path| is_image(path));
    if paths.is_empty() {
        return Err(Error::file(folder, "has no PNG or JPEG files", "give a folder of images"));
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::picture::tests::write_png;

    #[test]
    fn images_are_bytes_of_one_or_three_channels() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.png");
        write_png(&path, [1, 2], &[1, 2, 3, 4, 5, 6]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[1, 2, 3], vec![1, 2, 3, 4, 5, 6])?);
        write_png(&path, [2, 1], &[7, 8]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[2, 1, 1], vec![7, 8])?);
        Ok(())
    }

    #[test]
    fn a_folder_is_read_by_name_and_the_first_that_differs_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        assert!(read_image_folder(&folder).unwrap_err().to_string().contains("no PNG or JPEG"));
        write_png(&at("b.png"), [1, 1], &[2]);
        write_png(&at("a.png"), [1, 1], &[1]);
        std::fs::write(at("notes.txt"), "no image")?;
        assert_eq!(read_image_folder(&folder)?, Tensor::u8(&[2, 1, 1, 1], vec![1, 2])?);
        write_png(&at("c.png"), [1, 2], &[1, 2]);
        let message = read_image_folder(&folder).unwrap_err().to_string();
        assert!(message.contains("c.png: is an image of shape [1, 2, 1], the first"), "{message}");
        Ok(())
    }

    #[test]
    fn a_file_that_is_no_image_is_refused() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.png");
        std::fs::write(&path, b"not an image")?;
        assert!(read_image(&path).unwrap_err().to_string().contains("x.png: cannot be unpacked"));
        Ok(())
    }
}
