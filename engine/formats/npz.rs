//! NumPy's `.npz` files: zip archives of `.npy` arrays.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Write};
use std::path::Path;

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::error::{Error, Result};
use crate::formats::zip_archive::{Source, ZipArchive};
use crate::formats::{most_unpacked, npy, read_file, sort_by_name, write_file};
use crate::tensor::Tensor;

const DAMAGED: &str = "save it again with numpy.savez, uncompressed where it shrinks more than eightfold";
/// Every member of the archive is one array, called so after its key.
const EXTENSION: &str = ".npy";

/// The array `key`, read as [`npy::read`] reads a file.
///
/// ```
/// use gradus::Tensor;
/// use gradus::formats::npz;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("data.npz");
/// let x = Tensor::u8(&[3], vec![1, 2, 3])?;
/// npz::write(&path, &[("x".into(), x.clone())])?;
/// assert_eq!(npz::read(&path, "x")?, x);
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// # Errors
/// [`Error::File`] if the file is missing or damaged, has no such array (those that are there are listed), or the
/// array unpacks to more than eight times the file plus 32 MiB.
pub fn read(path: impl AsRef<Path>, key: &str) -> Result<Tensor> {
    let path = path.as_ref();
    let file = File::open(path)
        .map_err(|error| Error::file(path, format!("cannot be opened: {error}"), "check the path"))?;
    read_archive(path, &mut BufReader::new(file), key)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(name: impl AsRef<Path>, file: &[u8], key: &str) -> Result<Tensor> {
    read_archive(name.as_ref(), &mut Cursor::new(file), key)
}

/// All arrays, sorted by name. Together they unpack to no more than [`read`] lets one.
///
/// # Errors
/// As [`read`], and if the archive holds something else than arrays.
pub fn read_all(path: impl AsRef<Path>) -> Result<Vec<(String, Tensor)>> {
    let path = path.as_ref();
    parse_all(path, &read_file(path)?)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read_all`].
pub fn parse_all(name: impl AsRef<Path>, file: &[u8]) -> Result<Vec<(String, Tensor)>> {
    let path = name.as_ref();
    let mut source = Cursor::new(file);
    let (mut archive, mut most) = open(path, &mut source)?;
    let mut arrays = Vec::with_capacity(archive.len().min(1024));
    for index in 0..archive.len() {
        let name = archive.name_for_index(index).and_then(|name| name.ok()).unwrap_or_default().to_string();
        let Some(key) = name.strip_suffix(EXTENSION) else {
            return Err(Error::file(path, format!("holds {name:?}, which is no array"), DAMAGED));
        };
        let array = read_entry(path, &mut archive, (index, key), most)?;
        most = most.saturating_sub(4 * array.values().len());
        arrays.push((key.to_string(), array));
    }
    sort_by_name(&mut arrays);
    Ok(arrays)
}

/// The archive, and how many bytes it may unpack to.
fn open<'a>(path: &Path, file: &'a mut dyn Source) -> Result<(ZipArchive<'a>, usize)> {
    let failed = |problem: String| Error::file(path, problem, DAMAGED);
    let length = file.seek(std::io::SeekFrom::End(0)).map_err(|error| failed(error.to_string()))?;
    let most = most_unpacked(usize::try_from(length).unwrap_or(usize::MAX));
    let archive =
        ZipArchive::new(file).map_err(|error| failed(format!("is not a whole zip archive ({error})")))?;
    Ok((archive, most))
}

fn read_archive(path: &Path, file: &mut dyn Source, key: &str) -> Result<Tensor> {
    let (mut archive, most) = open(path, file)?;
    let name = format!("{key}{EXTENSION}");
    let Some(index) = archive.index_for_name(&name) else {
        let names = archive.file_names().filter_map(|name| name.ok());
        let mut keys: Vec<String> =
            names.map(|name| name.strip_suffix(EXTENSION).map_or(name.to_string(), str::to_string)).collect();
        keys.sort_unstable();
        return Err(Error::file(
            path,
            format!("has no array {key:?}"),
            format!("it has {}", keys.join(", ")),
        ));
    };
    read_entry(path, &mut archive, (index, key), most)
}

/// The array `key`, which is entry number `index` and may take `most` bytes.
fn read_entry(
    path: &Path,
    archive: &mut ZipArchive<'_>,
    (index, key): (usize, &str),
    most: usize,
) -> Result<Tensor> {
    let failed = |problem: String| Error::file(path, problem, DAMAGED);
    let entry = archive
        .by_index(index)
        .map_err(|error| failed(format!("array {key:?} cannot be unpacked ({error})")))?;
    let (tensor, mut rest) =
        npy::read_from(entry, most).map_err(|problem| failed(format!("array {key:?} {problem}")))?;
    // The last read is the one that compares the checksum.
    match rest.read(&mut [0]) {
        Ok(0) => Ok(tensor),
        Ok(_) => Err(failed(format!("array {key:?} goes on after its last element"))),
        Err(error) => Err(failed(format!("array {key:?} cannot be unpacked ({error})"))),
    }
}

/// Writes arrays by name, uncompressed as `numpy.savez` does; whole or not at all.
///
/// # Errors
/// [`Error::File`] if two arrays share a name or the file cannot be written.
pub fn write(path: impl AsRef<Path>, arrays: &[(String, Tensor)]) -> Result<()> {
    let path = path.as_ref();
    let failed =
        |error: String| Error::file(path, format!("cannot be written as zip ({error})"), "give other names");
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (key, array) in arrays {
        let bytes = npy::to_bytes(array);
        archive
            .start_file(format!("{key}{EXTENSION}"), options.large_file(bytes.len() as u64 >= 1 << 32))
            .map_err(|error| failed(error.to_string()))?;
        archive.write_all(&bytes).map_err(|error| failed(error.to_string()))?;
    }
    let bytes = archive.finish().map_err(|error| failed(error.to_string()))?.into_inner();
    write_file(path, &bytes)
}
