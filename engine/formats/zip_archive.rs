//! Zip archives, read from files and from memory by the same code.

use std::io::{Read, Seek};

/// What an archive is read from.
pub(super) trait Source: Read + Seek {}

impl<S: Read + Seek> Source for S {}

/// An archive. Behind a pointer its source is of one type, so that `zip` is compiled once.
pub(super) type ZipArchive<'a> = zip::ZipArchive<&'a mut dyn Source>;
