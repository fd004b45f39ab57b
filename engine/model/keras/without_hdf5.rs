//! What stands for Keras's archives and HDF5 files where they are not built in.

use std::path::Path;

use crate::error::{Error, Result};
use crate::model::network::Model;
use crate::tensor::Tensor;

impl Model {
    pub(super) fn load_archive(path: &Path) -> Result<Self> {
        Err(lacking(path))
    }

    pub(super) fn load_hdf5(path: &Path) -> Result<Self> {
        Err(lacking(path))
    }

    pub(super) fn save_archive(&mut self, path: &Path) -> Result<()> {
        Err(lacking(path))
    }

    pub(super) fn save_hdf5(&mut self, path: &Path) -> Result<()> {
        Err(lacking(path))
    }

    pub(super) fn write_hdf5_weights(&self, path: &Path, _: Vec<Tensor>) -> Result<()> {
        Err(lacking(path))
    }

    pub(super) fn read_hdf5_weights(&mut self, path: &Path) -> Result<()> {
        Err(lacking(path))
    }
}

fn lacking(path: &Path) -> Error {
    Error::lacking(path, "hdf5")
}
