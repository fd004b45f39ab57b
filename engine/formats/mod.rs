//! File formats, syntax only: named arrays and trees of names, without layers.

#[cfg(feature = "hdf5")]
pub mod hdf5;
#[cfg(feature = "hdf5")]
pub mod keras_archive;
#[cfg(feature = "hdf5")]
pub mod keras_variables;
#[cfg(feature = "hdf5")]
pub mod keras_weights;
pub mod npy;
pub mod npz;
pub mod onnx;
pub mod protobuf;
pub mod safetensors;

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, Result};

/// The whole file.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| Error::file(path, format!("cannot be read: {error}"), "check the path"))
}

/// How many bytes a file of `packed` bytes may become in memory. Data shrinks less than eightfold; a file that
/// says more is made to exhaust the memory, or was compressed where storing it would do.
pub(crate) fn most_unpacked(packed: usize) -> usize {
    packed.saturating_mul(8).saturating_add(32 << 20)
}

/// Writes `bytes` to `path` whole or not at all: first to a temporary name beside it, which then takes its
/// place. An existing file stays as it was until that moment.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let remedy = "check that the folder exists, may be written to and has room";
    let failed = |error: io::Error| Error::file(path, format!("cannot be written: {error}"), remedy);
    if path.is_dir() {
        return Err(Error::file(path, "is a folder", "give the name of a file in it"));
    }
    let temporary = temporary_beside(path);
    let written = write_new(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // What went wrong is the write; a temporary file that was never made cannot be removed either.
        let _ = fs::remove_file(&temporary);
        failed(error)
    })
}

/// A name in the folder of `path` that no other process or thread of this machine takes.
fn temporary_beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}-{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    path.with_file_name(name)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_replaces_the_whole_file_and_leaves_nothing_else() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.h5");
        write_file(&path, b"first, and longer")?;
        write_file(&path, b"second")?;
        assert_eq!(fs::read(&path)?, b"second");
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }

    #[test]
    fn a_failed_write_names_the_file_and_leaves_nothing() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("missing").join("model.h5");
        let message = write_file(&path, b"x").unwrap_err().to_string();
        assert!(message.contains("model.h5") && message.contains("cannot be written"), "{message}");

        let message = write_file(folder.path(), b"x").unwrap_err().to_string();
        assert!(message.contains("is a folder"), "{message}");
        assert_eq!(fs::read_dir(folder.path())?.count(), 0);
        Ok(())
    }
}
