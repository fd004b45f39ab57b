//! Sources by the name of a file.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "hdf5")]
use super::hdf5_rows::Hdf5Rows;
use super::row_file::{Layout, RowFile};
use crate::data::arrays::{Spec, read_array};
use crate::data::idx;
use crate::error::{Error, Result};
use crate::formats::npy;
use crate::stream::{InMemory, Source};

/// The array that `spec` names: by rows where its file allows that, else whole.
pub(super) fn open(spec: &str) -> Result<Arc<dyn Source>> {
    let layout = match Spec::parse(spec)? {
        Spec::Npy(path) => layout(path, npy_layout)?,
        Spec::Idx(path) => layout(path, idx::layout)?,
        #[cfg(feature = "hdf5")]
        Spec::Hdf5(path, name) => return Ok(Arc::new(Hdf5Rows::open(path, name)?)),
        _ => None,
    };
    match layout {
        Some((path, file, layout)) => Ok(Arc::new(RowFile::new(path, file, layout)?)),
        None => Ok(Arc::new(InMemory::new(vec![Arc::new(read_array(spec)?)])?)),
    }
}

/// What a header says, or `None` where rows cannot be read alone.
type Header = Result<Option<Layout>, String>;

/// The file and its layout, if rows can be read alone.
fn layout(
    path: &Path,
    read: impl Fn(&mut BufReader<File>) -> Header,
) -> Result<Option<(&Path, File, Layout)>> {
    let file = File::open(path)
        .map_err(|error| Error::file(path, format!("cannot be opened: {error}"), "check the path"))?;
    let mut file = BufReader::new(file);
    let layout = read(&mut file).map_err(|problem| Error::file(path, problem, "copy or make it again"))?;
    Ok(layout.map(|layout| (path, file.into_inner(), layout)))
}

fn npy_layout(file: &mut (impl Read + Seek)) -> Header {
    let preface = npy::Preface::read(file)?;
    if !preface.is_row_major() {
        return Ok(None);
    }
    let start = file.stream_position().map_err(|error| error.to_string())?;
    let (shape, element) = (preface.shape().to_vec(), preface.element_bytes());
    Ok(Some(Layout { shape, start, element, decode: Box::new(move |bytes| preface.decode(bytes)) }))
}
