//! Pictures as bytes: PNG and JPEG files.

use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageReader, Limits};

use crate::error::{Error, Result};
use crate::formats::{most_unpacked, read_file};
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
    let failed = |problem: String| Error::file(path, problem, "give a whole PNG or JPEG file");
    let mut reader = ImageReader::new(std::io::Cursor::new(&file))
        .with_guessed_format()
        .map_err(|error| failed(error.to_string()))?;
    let mut limits = Limits::default();
    limits.max_alloc = Some(most_unpacked(file.len()) as u64);
    reader.limits(limits);
    let image = reader.decode().map_err(|error| failed(format!("cannot be unpacked: {error}")))?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    match image {
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_) => Tensor::u8(&[height, width, 1], image.into_luma8().into_raw()),
        colour => Tensor::u8(&[height, width, 3], colour.into_rgb8().into_raw()),
    }
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

    fn save(path: &Path, size: (u32, u32), colour: image::ColorType, bytes: &[u8]) {
        image::save_buffer(path, bytes, size.0, size.1, colour).unwrap();
    }

    #[test]
    fn images_are_bytes_of_one_or_three_channels() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("x.png");
        save(&path, (2, 1), image::ColorType::Rgb8, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[1, 2, 3], vec![1, 2, 3, 4, 5, 6])?);
        save(&path, (1, 2), image::ColorType::L8, &[7, 8]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[2, 1, 1], vec![7, 8])?);
        save(&path, (1, 1), image::ColorType::Rgba8, &[7, 8, 9, 0]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[1, 1, 3], vec![7, 8, 9])?);
        let path = folder.path().join("grey.jpg");
        save(&path, (8, 8), image::ColorType::L8, &[128; 64]);
        assert_eq!(read_image(&path)?, Tensor::u8(&[8, 8, 1], vec![128; 64])?);
        Ok(())
    }

    #[test]
    fn a_folder_is_read_by_name_and_the_first_that_differs_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        assert!(read_image_folder(&folder).unwrap_err().to_string().contains("no PNG or JPEG"));
        save(&at("b.png"), (1, 1), image::ColorType::L8, &[2]);
        save(&at("a.png"), (1, 1), image::ColorType::L8, &[1]);
        std::fs::write(at("notes.txt"), "no image")?;
        assert_eq!(read_image_folder(&folder)?, Tensor::u8(&[2, 1, 1, 1], vec![1, 2])?);
        save(&at("c.png"), (2, 1), image::ColorType::L8, &[1, 2]);
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
