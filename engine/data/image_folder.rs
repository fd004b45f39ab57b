//! Folders of images, one for each class.

use std::fs;
use std::path::{Path, PathBuf};

use super::images::{is_image, read_image};
use super::resize::resize_bilinear;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::graph::Element;
use crate::stream::{Source, Stored};
use crate::tensor::{Tensor, Values};

/// A folder with a subfolder of images for each class, as Keras's `image_dataset_from_directory` takes it. Images are
/// read, and unpacked, when they are needed.
///
/// ```
/// use gradus::data::ImageFolder;
/// # let folder = tempfile::tempdir().unwrap();
/// # for (class, grey) in [("circle", 3), ("cross", 200)] {
/// #     let path = folder.path().join(class);
/// #     std::fs::create_dir(&path).unwrap();
/// #     let mut encoder = png::Encoder::new(std::fs::File::create(path.join("1.png")).unwrap(), 2, 2);
/// #     encoder.set_color(png::ColorType::Rgb);
/// #     encoder.write_header().unwrap().write_image_data(&[grey; 12]).unwrap();
/// # }
/// # let path = folder.path();
/// // path/circle/1.png, path/cross/1.png
/// let signs = ImageFolder::new(path).image_size(64, 64).open()?;
/// assert_eq!(signs.class_names(), ["circle", "cross"]);
/// assert_eq!(signs.columns()[0].row, [64, 64, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ImageFolder {
    path: PathBuf,
    size: [usize; 2],
    color_mode: String,
    classes: Option<Vec<String>>,
}

impl ImageFolder {
    /// The folder at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self { path: path.as_ref().into(), size: [256, 256], color_mode: "rgb".into(), classes: None }
    }

    /// The size that all images are brought to, by bilinear interpolation. Default 256 by 256.
    pub fn image_size(mut self, height: usize, width: usize) -> Self {
        self.size = [height, width];
        self
    }

    /// `rgb`, three channels, or `grayscale`, one. Default `rgb`.
    pub fn color_mode(mut self, mode: &str) -> Self {
        self.color_mode = mode.into();
        self
    }

    /// The subfolders that are classes, in the order of their numbers. Default all, sorted by name.
    pub fn class_names(mut self, names: &[&str]) -> Self {
        self.classes = Some(names.iter().map(|&name| name.into()).collect());
        self
    }

    /// Finds the images: bytes `[samples, height, width, channels]`, and numbers of classes `[samples]`, class by class and
    /// sorted by name within each. Folders within those of the classes are searched too.
    ///
    /// # Errors
    /// [`Error::File`] if there is no such folder, or no images in it, [`Error::Argument`] if an option lies outside its range.
    /// An image that is damaged is named when it is read.
    pub fn open(&self) -> Result<Dataset> {
        let channels = channels_of("ImageFolder", &self.color_mode)?;
        if self.size.contains(&0) {
            return Err(Error::argument(
                "ImageFolder",
                "image_size",
                format!("{:?}", self.size),
                "at least 1 by 1",
            ));
        }
        let classes = self.find_classes()?;
        let (mut paths, mut labels) = (Vec::new(), Vec::new());
        for (number, class) in classes.iter().enumerate() {
            find_images(&self.path.join(class), &mut paths)?;
            labels.resize(paths.len(), number as u32);
        }
        if paths.is_empty() {
            let remedy = "give a folder with a subfolder of PNG and JPEG files for each class";
            return Err(Error::file(&self.path, "has no images in its subfolders", remedy));
        }
        let [height, width] = self.size;
        let image = Stored { row: vec![height, width, channels], element: Element::U8, scale: 1.0 };
        let label = Stored { row: Vec::new(), element: Element::U32, scale: 1.0 };
        let source = Images { folder: self.path.clone(), paths, labels, columns: [image, label] };
        Ok(Dataset::from_source(source, 1)?.with_classes(classes))
    }

    fn find_classes(&self) -> Result<Vec<String>> {
        let folders = entries(&self.path)?.into_iter().filter(|path| path.is_dir());
        let names = folders.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let found: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        let Some(classes) = &self.classes else { return Ok(found) };
        if let Some(missing) = classes.iter().find(|class| !found.contains(class)) {
            let problem = format!("has no subfolder {missing:?}");
            return Err(Error::file(&self.path, problem, format!("it has {}", found.join(", "))));
        }
        Ok(classes.clone())
    }
}

/// Reads a PNG or JPEG file as [`ImageFolder`] does: bytes `[height, width, channels]`, by bilinear interpolation, with three
/// channels under the color mode `rgb` and one under `grayscale`.
///
/// # Errors
/// [`Error::Argument`] for another color mode or a size of 0, and those of [`read_image`].
pub fn load_image(path: impl AsRef<Path>, size: [usize; 2], color_mode: &str) -> Result<Tensor> {
    let channels = channels_of("load_image", color_mode)?;
    if size.contains(&0) {
        return Err(Error::argument("load_image", "size", format!("{size:?}"), "at least 1 by 1"));
    }
    Tensor::u8(&[size[0], size[1], channels], sized(path.as_ref(), size, channels)?)
}

fn channels_of(place: &str, color_mode: &str) -> Result<usize> {
    match color_mode {
        "rgb" => Ok(3),
        "grayscale" => Ok(1),
        other => Err(Error::argument(place, "color_mode", other, "rgb or grayscale")),
    }
}

/// The bytes of the image at `path`, brought to a size and a number of channels.
fn sized(path: &Path, to: [usize; 2], to_channels: usize) -> Result<Vec<u8>> {
    let image = read_image(path)?;
    let (&[height, width, channels], Values::U8 { bytes, .. }) = (image.shape(), image.values()) else {
        return Err(Error::file(path, format!("has shape {:?}", image.shape()), "give an image"));
    };
    let bytes = with_channels(bytes, channels, to_channels);
    if [height, width] == to {
        return Ok(bytes);
    }
    Ok(resize_bilinear(&bytes, [height, width], to, to_channels))
}

/// What a folder holds, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| {
        Error::file(folder, format!("cannot be read: {error}"), "check that it is a folder that may be read")
    };
    let entries = fs::read_dir(folder).map_err(failed)?;
    let paths: std::io::Result<Vec<PathBuf>> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// Adds the images of `folder`, and behind them those of its subfolders.
fn find_images(folder: &Path, images: &mut Vec<PathBuf>) -> Result<()> {
    let (folders, files): (Vec<PathBuf>, Vec<PathBuf>) =
        entries(folder)?.into_iter().partition(|path| path.is_dir());
    images.extend(files.into_iter().filter(|path| is_image(path)));
    folders.iter().try_for_each(|folder| find_images(folder, images))
}

/// Images in files.
struct Images {
    folder: PathBuf,
    paths: Vec<PathBuf>,
    labels: Vec<u32>,
    columns: [Stored; 2],
}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.folder.display())
    }
}

impl Source for Images {
    fn rows(&self) -> usize {
        self.paths.len()
    }

    fn columns(&self) -> &[Stored] {
        &self.columns
    }

    fn read(&self, rows: &[u32]) -> Result<Vec<Tensor>> {
        let (mut bytes, mut labels) = (Vec::new(), Vec::new());
        for &row in rows {
            let Some(path) = self.paths.get(row as usize) else {
                let expected = format!("less than {}, the number of images", self.paths.len());
                return Err(Error::argument(self.folder.display().to_string(), "row", row, expected));
            };
            let &[height, width, channels] = self.columns[0].row.as_slice() else { continue };
            bytes.extend(sized(path, [height, width], channels)?);
            labels.push(self.labels[row as usize]);
        }
        let shape = [&[rows.len()], self.columns[0].row.as_slice()].concat();
        Ok(vec![Tensor::u8(&shape, bytes)?, Tensor::u32(&[rows.len()], labels)?])
    }
}

/// Pixels of one channel or three with three or one: the grey of a colour is its luma by ITU-R 601, rounded.
fn with_channels(bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
    let grey = |pixel: &[u8; 3]| {
        let [r, g, b] = pixel.map(u32::from);
        ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
    };
    match (from, to) {
        (1, 3) => bytes.iter().map(|&byte| [byte; 3]).collect::<Vec<_>>().into_flattened(),
        (3, 1) => bytes.as_chunks().0.iter().map(grey).collect(),
        _ => bytes.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::picture::tests::write_png;

    fn save(path: PathBuf, size: [u32; 2], bytes: &[u8]) -> anyhow::Result<()> {
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        write_png(&path, size, bytes);
        Ok(())
    }

    #[test]
    fn classes_are_the_sorted_subfolders_and_sizes_and_colours_are_made_one() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        save(at("b/2.png"), [1, 1], &[9])?;
        save(at("b/1.png"), [1, 1], &[1, 2, 3])?;
        save(at("a/deep/x.png"), [2, 2], &[10, 20, 30, 40])?;
        fs::write(at("a/notes.txt"), "no image")?;
        fs::create_dir(at(".hidden"))?;
        let open = |mode: &str| ImageFolder::new(&folder).image_size(1, 1).color_mode(mode).open();
        let data = open("rgb")?;
        assert_eq!(data.class_names(), ["a", "b"]);
        let columns = data.read(&[0, 1, 2])?;
        // The one pixel's centre lies between all four.
        assert_eq!(columns[0], Tensor::u8(&[3, 1, 1, 3], vec![25, 25, 25, 1, 2, 3, 9, 9, 9])?);
        assert_eq!(columns[1], Tensor::u32(&[3], vec![0, 1, 1])?);
        // 0.299 + 1.174 + 0.342
        assert_eq!(open("grayscale")?.read(&[1])?[0], Tensor::u8(&[1, 1, 1, 1], vec![2])?);
        let data = ImageFolder::new(&folder).class_names(&["b"]).open()?;
        assert_eq!((data.rows(), data.columns()[0].row.as_slice()), (2, [256, 256, 3].as_slice()));
        Ok(())
    }

    #[test]
    fn what_is_missing_or_damaged_is_named() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let refused = |images: ImageFolder| images.open().unwrap_err().to_string();
        assert!(refused(ImageFolder::new(folder.path().join("none"))).contains("cannot be read"));
        assert!(refused(ImageFolder::new(&folder)).contains("no images"));
        assert!(refused(ImageFolder::new(&folder).color_mode("cmyk")).contains("rgb or grayscale"));
        assert!(refused(ImageFolder::new(&folder).image_size(0, 2)).contains("at least 1 by 1"));
        fs::create_dir(folder.path().join("a"))?;
        fs::write(folder.path().join("a/1.png"), b"no image")?;
        let message = refused(ImageFolder::new(&folder).class_names(&["c"]));
        assert!(message.contains("no subfolder \"c\": it has a"), "{message}");
        let message = ImageFolder::new(&folder).open()?.read(&[0]).unwrap_err().to_string();
        assert!(message.contains("a/1.png"), "{message}");
        Ok(())
    }
}
