//! HDF5 files: datasets as [`Tensor`]s, and string attributes. The only module that knows the HDF5 library.

mod numbers;
mod rows;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

pub use self::rows::Rows;

use ::hdf5::{AttrValue, Dataset, FileBuilder, GroupBuilder};

use crate::error::{Error, Result};
use crate::formats::{TRUST, most_unpacked, write_file};
use crate::tensor::Tensor;

/// How many names an error lists.
const LISTED: usize = 16;
const DAMAGED: &str = "the file is damaged or was cut short: copy or download it again";

/// An open HDF5 file, read on demand.
///
/// ```
/// use gradus::Tensor;
/// use gradus::formats::hdf5::{File, Group, Storage};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("data.h5");
/// let mut root = Group::default();
/// let images = Tensor::u8(&[2, 64, 64, 3], vec![0; 2 * 64 * 64 * 3])?;
/// root.insert("train_set_x", images, Storage::Gzip { rows: 1 })?;
/// root.write(&path)?;
///
/// let file = File::open(&path)?;
/// assert_eq!(file.names("")?, ["train_set_x"]);
/// assert_eq!(file.dataset("train_set_x")?.shape(), [2, 64, 64, 3]);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// What is read of one file takes no more than ten times its size plus 64 MiB: all its data sets together may declare four
/// times its size plus 16 MiB, and each takes up to two and a half times what it declares while it is read. Compressed
/// files that legally unpack to more are read if the environment variable `GRADUS_MOST_UNPACKED` names twice as many bytes.
pub struct File {
    path: PathBuf,
    inner: ::hdf5::File,
    /// How many bytes each data set that was read declares.
    declared: Mutex<BTreeMap<String, u64>>,
}

impl File {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`Error::File`] if it is missing, is no HDF5 file, or is shorter than it says.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let inner = ::hdf5::File::open_streaming(path).map_err(|error| match error {
            ::hdf5::Error::Io(error) => {
                Error::file(path, format!("cannot be opened: {error}"), "check the path")
            }
            error => not_hdf5(path, &error),
        })?;
        Self::whole(path, inner)
    }

    /// Opens a file held in memory; `name` is what errors call it.
    ///
    /// # Errors
    /// [`Error::File`] if the bytes are no HDF5 file, or fewer than it says.
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Self> {
        let name = name.as_ref();
        let inner = ::hdf5::File::from_bytes(bytes).map_err(|error| not_hdf5(name, &error))?;
        Self::whole(name, inner)
    }

    fn whole(path: &Path, inner: ::hdf5::File) -> Result<Self> {
        let (found, declared) = (inner.file_size(), inner.superblock().eof_address);
        if found < declared {
            let problem = format!("has {found} bytes, but says that it has {declared}");
            return Err(Error::file(path, problem, DAMAGED));
        }
        Ok(Self { path: path.into(), inner, declared: Mutex::default() })
    }

    /// The name that errors give the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The dataset `name`, such as `train_set_x` or `conv2d/conv2d/kernel:0`, whole and in the shape that it has there.
    ///
    /// Bytes stay bytes; other integers become `u32` labels; `f64` is rounded to `f32`.
    ///
    /// # Errors
    /// [`Error::File`] if there is no such dataset (the names that are there are listed), if it holds
    /// something else than numbers, if a number does not fit, or if the file is damaged.
    pub fn dataset(&self, name: &str) -> Result<Tensor> {
        let (dataset, shape) = self.checked(name)?;
        let rows = shape.first().copied().unwrap_or(1);
        self.read_rows(name, &dataset, &shape, 0..rows)
    }

    /// The rows of the dataset `name`, to be read some at a time.
    ///
    /// # Errors
    /// As [`File::dataset`], and if it holds one number.
    pub fn rows(self, name: &str) -> Result<Rows> {
        let (dataset, shape) = self.checked(name)?;
        if shape.is_empty() {
            let problem = format!("dataset \"{name}\" holds one number, not rows");
            return Err(Error::file(&self.path, problem, "name another dataset"));
        }
        Rows::new(self, name, dataset, shape)
    }

    /// The dataset `name` and its shape.
    fn checked(&self, name: &str) -> Result<(Dataset, Vec<usize>)> {
        let dataset = self.inner.dataset(name).map_err(|error| self.no_dataset(name, &error))?;
        let shape = self.checked_shape(name, &dataset)?;
        Ok((dataset, shape))
    }

    /// The strings of an attribute, one for a scalar; `None` if `group` has no such attribute. The root is "".
    ///
    /// # Errors
    /// [`Error::File`] if there is no such group, or the attribute holds something else than strings.
    pub fn strings(&self, group: &str, attribute: &str) -> Result<Option<Vec<String>>> {
        let attributes = self.group(group)?.attrs().map_err(|error| self.damaged(group, &error))?;
        let Some(value) = attributes.get(attribute) else { return Ok(None) };
        // h5py stores an empty list, whatever it was meant to hold, as zero floats.
        if matches!(value, AttrValue::F64Array(numbers) if numbers.is_empty()) {
            return Ok(Some(Vec::new()));
        }
        let strings = value.as_strings().ok_or_else(|| {
            let problem =
                format!("attribute \"{attribute}\" of \"/{group}\" holds {}, not strings", value.type_name());
            Error::file(&self.path, problem, "give a file in which it holds names")
        })?;
        Ok(Some(strings.to_vec()))
    }

    /// Whether there is a group `name`.
    pub fn has_group(&self, name: &str) -> bool {
        self.inner.group(name).is_ok()
    }

    /// The names of the datasets and groups in `group`, sorted. The root is "".
    ///
    /// # Errors
    /// [`Error::File`] if there is no such group (the names that are there are listed), or the file is damaged.
    pub fn names(&self, group: &str) -> Result<Vec<String>> {
        let damaged = |error: ::hdf5::Error| self.damaged(group, &error);
        let group = self.group(group)?;
        let mut names = group.datasets().map_err(damaged)?;
        names.extend(group.groups().map_err(damaged)?);
        names.sort();
        Ok(names)
    }

    fn group(&self, name: &str) -> Result<::hdf5::Group> {
        if name.is_empty() {
            return Ok(self.inner.root());
        }
        let missing = |error: ::hdf5::Error| {
            Error::file(&self.path, format!("has no group \"{name}\" ({error})"), self.present(name))
        };
        self.inner.group(name).map_err(missing)
    }

    /// The shape, if so many bytes may be in a file of this size.
    fn checked_shape(&self, name: &str, dataset: &Dataset) -> Result<Vec<usize>> {
        let damaged = |error: ::hdf5::Error| self.damaged(name, &error);
        let sizes = dataset.shape().map_err(damaged)?;
        let element = dataset.element_size().map_err(damaged)?;
        let bytes = sizes.iter().try_fold(element, |product, &size| product.checked_mul(size));
        let shape: Option<Vec<usize>> = sizes.iter().map(|&size| usize::try_from(size).ok()).collect();
        match (bytes, shape) {
            (Some(bytes), Some(shape)) if self.takes(name, bytes) => Ok(shape),
            _ => {
                let problem = format!(
                    "dataset \"{name}\" says that it has shape {sizes:?}, more than a file of {} bytes should hold",
                    self.inner.file_size()
                );
                Err(Error::file(&self.path, problem, TRUST))
            }
        }
    }

    /// How many 32-bit numbers all data sets together may hold.
    pub fn most_numbers(&self) -> usize {
        self.most_declared() / size_of::<f32>()
    }

    fn most_declared(&self) -> usize {
        most_unpacked(usize::try_from(self.inner.file_size()).unwrap_or(usize::MAX)) / 2
    }

    /// Whether `bytes` more for dataset `name` are no more than the file may unpack to.
    fn takes(&self, name: &str, bytes: u64) -> bool {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.insert(name.to_string(), bytes);
        let all = declared.values().try_fold(0u64, |sum, &bytes| sum.checked_add(bytes));
        all.is_some_and(|all| all <= self.most_declared() as u64)
    }

    fn no_dataset(&self, name: &str, error: &::hdf5::Error) -> Error {
        let problem = match error {
            ::hdf5::Error::NotADataset(_) => format!("\"{name}\" is a group, not a dataset"),
            error => format!("has no dataset \"{name}\" ({error})"),
        };
        Error::file(&self.path, problem, self.present(name))
    }

    fn damaged(&self, name: &str, error: &::hdf5::Error) -> Error {
        Error::file(&self.path, format!("\"/{name}\" cannot be read ({error})"), DAMAGED)
    }

    /// What to say of a name that is not there: the names of the nearest group that is.
    fn present(&self, name: &str) -> String {
        let parents = name.match_indices('/').rev().map(|(end, _)| &name[..end]);
        let nearest = parents.chain([""]).find(|parent| self.names(parent).is_ok());
        let Some(parent) = nearest else { return DAMAGED.to_string() };
        let names = self.names(parent).unwrap_or_default();
        if names.is_empty() {
            return format!("\"/{parent}\" is empty");
        }
        let more = if names.len() > LISTED { ", …" } else { "" };
        format!("\"/{parent}\" has {}{more}", names[..names.len().min(LISTED)].join(", "))
    }
}

fn not_hdf5(path: &Path, error: &::hdf5::Error) -> Error {
    Error::file(path, format!("is not a whole HDF5 file ({error})"), DAMAGED)
}

/// How an array is laid out in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// In one piece, uncompressed.
    Contiguous,
    /// Compressed by gzip in chunks of this many rows.
    Gzip {
        /// Rows a chunk.
        rows: usize,
    },
}

/// A group to be written: named arrays, groups and string attributes.
#[derive(Debug, Default)]
pub struct Group {
    attributes: Vec<(String, AttrValue)>,
    members: BTreeMap<String, Member>,
}

#[derive(Debug)]
enum Member {
    Group(Group),
    Array(Tensor, Storage),
}

impl Group {
    /// Sets an attribute that holds one string.
    pub fn set_text(&mut self, name: &str, text: &str) {
        self.attributes.push((name.into(), AttrValue::VarLenAsciiString(text.into())));
    }

    /// Sets an attribute that holds a list of strings. An empty one is stored as h5py stores it: as no floats.
    pub fn set_list(&mut self, name: &str, strings: &[String]) {
        let value = match strings {
            [] => AttrValue::F64Array(Vec::new()),
            strings => AttrValue::VarLenAsciiStringArray(strings.to_vec()),
        };
        self.attributes.push((name.into(), value));
    }

    /// The group at `path` below this one, such as `layers/dense/vars`, made if it is not there.
    ///
    /// # Errors
    /// [`Error::Argument`] if a part of `path` is empty, or an array has that name already.
    pub fn group(&mut self, path: &str) -> Result<&mut Self> {
        let mut group = self;
        for name in path.split('/') {
            check_name(path, name)?;
            let member = group.members.entry(name.into()).or_insert_with(|| Member::Group(Self::default()));
            group = match member {
                Member::Group(group) => group,
                Member::Array(..) => return Err(taken(path, "a group where there is no array yet")),
            };
        }
        Ok(group)
    }

    /// Puts an array at `path`, making the groups on the way. Labels are stored as `i64`, as NumPy does, and
    /// scaled bytes as `f32`.
    ///
    /// # Errors
    /// [`Error::Argument`] if a part of `path` is empty or the name is taken.
    pub fn insert(&mut self, path: &str, array: Tensor, storage: Storage) -> Result<()> {
        let (parent, name) = match path.rsplit_once('/') {
            Some((parent, name)) => (self.group(parent)?, name),
            None => (self, path),
        };
        check_name(path, name)?;
        if parent.members.contains_key(name) {
            return Err(taken(path, "a name that is not taken yet"));
        }
        parent.members.insert(name.into(), Member::Array(array, storage));
        Ok(())
    }

    /// Writes this group as the root of a new file at `path`, whole or not at all.
    ///
    /// # Errors
    /// [`Error::File`] if HDF5 has no room for a name or an attribute, or the file cannot be written.
    pub fn write(self, path: impl AsRef<Path>) -> Result<()> {
        let bytes = self.into_bytes(path.as_ref())?;
        write_file(path, &bytes)
    }

    /// This group as the root of a file; `path` is what errors call it.
    ///
    /// # Errors
    /// [`Error::File`] if HDF5 has no room for a name or an attribute.
    pub fn into_bytes(self, path: &Path) -> Result<Vec<u8>> {
        let mut file = FileBuilder::new();
        for (name, value) in self.attributes {
            file.set_attr(&name, value);
        }
        for (name, member) in self.members {
            match member {
                Member::Array(array, storage) => numbers::fill(file.create_dataset(&name), &array, storage),
                Member::Group(group) => {
                    let builder = group.build(file.create_group(&name));
                    file.add_group(builder.finish());
                }
            }
        }
        file.finish().map_err(|error| {
            Error::file(path, format!("cannot be written as HDF5 ({error})"), "shorten names and attributes")
        })
    }

    fn build(self, mut builder: GroupBuilder) -> GroupBuilder {
        for (name, value) in self.attributes {
            builder.set_attr(&name, value);
        }
        for (name, member) in self.members {
            match member {
                Member::Array(array, storage) => {
                    numbers::fill(builder.create_dataset(&name), &array, storage)
                }
                Member::Group(group) => {
                    let inner = group.build(builder.create_group(&name));
                    builder.add_group(inner.finish());
                }
            }
        }
        builder
    }
}

fn check_name(path: &str, name: &str) -> Result<()> {
    if name.is_empty() || name == "." {
        let expected = "names with one slash between them, none of them empty or \".\"";
        return Err(Error::argument("HDF5 group", "path", format!("{path:?}"), expected));
    }
    Ok(())
}

fn taken(path: &str, expected: &str) -> Error {
    Error::argument("HDF5 group", "path", format!("{path:?}"), expected)
}

#[cfg(test)]
mod tests;
