//! Keras 3's `.keras` files: a zip of a config, weights and a note of who wrote it.
//!
//! Source: Keras 3.15, `saving_lib.py`. Members are stored uncompressed, as Keras does.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use serde_json::Value;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::error::{Error, Result};
use crate::formats::zip_archive::ZipArchive;
use crate::formats::{TRUST, most_unpacked, read_file, write_file};
use crate::json;

const METADATA: &str = "metadata.json";
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.weights.h5";
/// What Keras has no place for; it passes over members that it does not know.
const TRAINING: &str = "gradus.json";

/// What is in a `.keras` file.
#[derive(Clone, Debug, PartialEq)]
pub struct Archive {
    /// Keras's version and the date.
    pub metadata: Value,
    /// The model, as Keras's configs hold it.
    pub config: Value,
    /// A file in the layout of `.weights.h5`.
    pub weights: Vec<u8>,
    /// Where a training stands, if gradus has written the file.
    pub training: Option<Value>,
}

/// Reads the archive at `path`.
///
/// # Errors
/// [`Error::File`] if it is missing, no zip, damaged, or without a config.
pub fn read(path: impl AsRef<Path>) -> Result<Archive> {
    let path = path.as_ref();
    parse(path, &read_file(path)?)
}

/// The same for a file in memory; `name` is what errors call it.
///
/// # Errors
/// As [`read`].
pub fn parse(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Archive> {
    let path = name.as_ref();
    let mut source = Cursor::new(bytes);
    let mut zip = ZipArchive::new(&mut source).map_err(|error| damaged(path, "the archive", &error))?;
    // Read from memory, the weights take theirs again.
    let most = most_unpacked(bytes.len()) as u64 / 2;
    let mut text = |name: &str| -> Result<Option<Value>> {
        let Some(bytes) = member(path, &mut zip, name, most)? else {
            return Ok(None);
        };
        json::parse(&bytes).map(Some).map_err(|error| damaged(path, name, &error))
    };
    let remedy = "save it again with Keras 3 or gradus";
    let config = text(CONFIG)?.ok_or_else(|| Error::file(path, format!("has no {CONFIG}"), remedy))?;
    let (metadata, training) = (text(METADATA)?.unwrap_or(Value::Null), text(TRAINING)?);
    let weights = member(path, &mut zip, WEIGHTS, most)?.ok_or_else(|| {
        Error::file(
            path,
            format!("has no {WEIGHTS}"),
            "sharded and npz weights are not read: save it with h5 weights",
        )
    })?;
    Ok(Archive { metadata, config, weights, training })
}

/// The bytes of member `name`, if there is one of at most `most` bytes.
fn member(path: &Path, zip: &mut ZipArchive<'_>, name: &str, most: u64) -> Result<Option<Vec<u8>>> {
    let file = match zip.by_name(name) {
        Ok(file) => file,
        Err(ZipError::FileNotFound) => return Ok(None),
        Err(error) => return Err(damaged(path, name, &error)),
    };
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|error| damaged(path, name, &error))?;
    if bytes.len() as u64 > most {
        let problem = format!("{name} unpacks to more than {most} bytes");
        return Err(Error::file(path, problem, TRUST));
    }
    Ok(Some(bytes))
}

/// Writes `archive` to `path`, whole or not at all.
///
/// # Errors
/// [`Error::File`] if the file cannot be written.
pub fn write(path: impl AsRef<Path>, archive: &Archive) -> Result<()> {
    let path = path.as_ref();
    let failed = |error: &dyn std::fmt::Display| {
        Error::file(path, format!("cannot be packed ({error})"), "report it as a bug")
    };
    let texts = [
        (METADATA, Some(&archive.metadata)),
        (CONFIG, Some(&archive.config)),
        (TRAINING, archive.training.as_ref()),
    ];
    let mut members: Vec<(&str, Vec<u8>)> = texts
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value.to_string().into_bytes())))
        .collect();
    members.push((WEIGHTS, archive.weights.clone()));
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in members {
        zip.start_file(name, options).map_err(|error| failed(&error))?;
        zip.write_all(&bytes).map_err(|error| failed(&error))?;
    }
    let bytes = zip.finish().map_err(|error| failed(&error))?.into_inner();
    write_file(path, &bytes)
}

fn damaged(path: &Path, what: &str, error: &dyn std::fmt::Display) -> Error {
    Error::file(
        path,
        format!("{what} cannot be read ({error})"),
        "the file is damaged: copy or download it again",
    )
}
