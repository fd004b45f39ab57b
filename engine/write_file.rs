//! Files that are whole or not there, whatever happens while they are written.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Writes `bytes` to `path` whole or not at all: first to a temporary name beside it, which takes its place once all has
/// reached the disk. An existing file stays as it was until that moment, whether the disk is full, the process is killed, or
/// others write to the same path: the last to end wins. What killed processes left beside `path` is removed.
///
/// # Errors
/// If the folder is missing or must not be written to, or the disk is full.
pub fn write_file(path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let remedy =
        "check that the folder exists, may be written to and has room; what was there before is unchanged";
    if path.is_dir() {
        return Err(Error::file(path, "is a folder", "give the name of a file in it"));
    }
    remove_leftovers(path);
    replace(path, bytes).map_err(|error| Error::file(path, format!("cannot be written: {error}"), remedy))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (temporary, mut file) = create_beside(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let renamed = written.and_then(|()| fs::rename(&temporary, path));
    if renamed.is_err() {
        // The first error says more than one of the removal.
        let _ = fs::remove_file(&temporary);
    }
    renamed?;
    sync_folder(path)
}

/// A new file in the folder of `path`, locked as long as its writer lives, so that others can tell it from what a killed
/// process has left.
fn create_beside(path: &Path) -> io::Result<(PathBuf, File)> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    loop {
        let (mut name, count) = (prefix(path), COUNT.fetch_add(1, Ordering::Relaxed));
        name.push(format!("{}-{count}{SUFFIX}", std::process::id()));
        let temporary = path.with_file_name(name);
        match File::create_new(&temporary) {
            // Not locked yet, it may have been taken for a leftover. File systems without locks keep leftovers.
            Ok(file) if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) || !temporary.exists() => {}
            Ok(file) => return Ok((temporary, file)),
            // Another machine's process with the same number, or what one before this had begun.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

const SUFFIX: &str = ".tmp";

/// How the names of temporary files for `path` begin.
fn prefix(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

/// Removes what processes that were killed while they wrote `path` have left, once in a process for each path.
fn remove_leftovers(path: &Path) {
    static SEEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if !SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf()) {
        return;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(entries), prefix) = (fs::read_dir(folder), prefix(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(SUFFIX.as_bytes()) {
            remove_if_left(&entry.path());
        }
    }
}

/// Removes a temporary file that no living process has locked. That it cannot be removed is no reason not to save.
fn remove_if_left(path: &Path) {
    if let Ok(file) = File::options().write(true).open(path)
        && file.try_lock().is_ok()
    {
        let _ = fs::remove_file(path);
    }
}

/// Brings the new name to the disk too. Elsewhere than on Unix folders cannot be opened.
fn sync_folder(path: &Path) -> io::Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems cannot sync a folder, and some folders may be written to but not read.
        Err(error)
            if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied) =>
        {
            Ok(())
        }
        done => done,
    }
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

    /// What a killed process has left goes; what a living one writes stays, and so do other files.
    #[test]
    fn leftovers_are_removed() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        for name in [".model.h5.7-0.tmp", ".model.h5.8-0.tmp", ".other.h5.7-0.tmp", "model.h5.tmp"] {
            fs::write(at(name), b"half")?;
        }
        let living = File::open(at(".model.h5.8-0.tmp"))?;
        living.try_lock()?;
        write_file(at("model.h5"), b"whole")?;
        let left = |name: &str| at(name).exists();
        assert!(!left(".model.h5.7-0.tmp") && left(".model.h5.8-0.tmp"));
        assert!(left(".other.h5.7-0.tmp") && left("model.h5.tmp") && left("model.h5"));
        Ok(())
    }

    /// Many writers of one path, and a reader who always sees one of them whole.
    #[test]
    fn writers_of_one_path_do_not_mix() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("model.h5");
        let content = |writer: u8| vec![writer; 10_000 + writer as usize];
        write_file(&path, &content(0))?;
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || (0..20).try_for_each(|_| write_file(path, &content(writer))).unwrap());
            }
            for _ in 0..100 {
                let found = fs::read(&path).unwrap();
                assert_eq!(found, content(found[0]));
            }
        });
        assert_eq!(fs::read_dir(folder.path())?.count(), 1);
        Ok(())
    }
}
