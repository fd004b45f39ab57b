//! What a driver has made of kernels, kept on disk for the next process, where wgpu and the driver let it be kept.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::Result;
use crate::write_file::write_file;

/// The environment variable that names the folder, or is `off`.
const FOLDER: &str = "GRADUS_CACHE";

/// A file that has grown larger, by the kernels of models long gone, is begun anew.
const LARGEST: usize = 64 << 20;

/// The cache of one adapter, and its file.
pub struct PipelineCache {
    cache: wgpu::PipelineCache,
    path: PathBuf,
    /// The checksum of what lies on disk.
    saved: Mutex<u64>,
}

impl PipelineCache {
    /// The cache of `device`, with what an earlier process has left. `None` where the driver has no such thing, or no
    /// folder is known.
    pub fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo) -> Option<Self> {
        Self::open_in(device, info, &folder()?)
    }

    fn open_in(device: &wgpu::Device, info: &wgpu::AdapterInfo, folder: &Path) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(info)?);
        let left = std::fs::read(&path).ok().filter(|bytes| bytes.len() <= LARGEST);
        let data = left.as_deref().and_then(unsealed);
        let descriptor = wgpu::PipelineCacheDescriptor { label: Some("gradus"), data, fallback: true };
        // SAFETY: the data are what `get_data` gave to an earlier process: the checksum in front of them says that they are
        // whole. wgpu compares adapter and driver, and with `fallback` begins anew where they differ.
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { cache, path, saved: Mutex::new(data.map_or(0, checksum)) })
    }

    /// What pipelines are made with.
    pub fn cache(&self) -> &wgpu::PipelineCache {
        &self.cache
    }

    /// Writes what is new. That it cannot be written is told, and hinders nothing: kernels are then compiled again.
    pub fn save(&self) {
        let Some(data) = self.cache.get_data() else { return };
        let sum = checksum(&data);
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        if *saved == sum {
            return;
        }
        match self.write(&data) {
            Ok(()) => *saved = sum,
            Err(problem) => tracing::warn!(%problem, "compiled kernels are not kept"),
        }
    }

    fn write(&self, data: &[u8]) -> Result<()> {
        if let Some(folder) = self.path.parent() {
            // If the folder cannot be made, the file in it cannot be written, and that error names it.
            let _ = std::fs::create_dir_all(folder);
        }
        write_file(&self.path, &sealed(data))
    }
}

/// Where caches lie: the folder that `GRADUS_CACHE` names, else the user's own.
fn folder() -> Option<PathBuf> {
    match std::env::var_os(FOLDER) {
        Some(value) if value == "off" => None,
        Some(folder) => Some(folder.into()),
        None if cfg!(test) => None,
        None => users_folder().map(|folder| folder.join("gradus")),
    }
}

fn users_folder() -> Option<PathBuf> {
    let named = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return named("LOCALAPPDATA");
    }
    named("XDG_CACHE_HOME").or_else(|| named("HOME").map(|home| home.join(".cache")))
}

/// `data` behind their checksum.
fn sealed(data: &[u8]) -> Vec<u8> {
    [&checksum(data).to_le_bytes(), data].concat()
}

/// The data behind their checksum, if it is theirs.
fn unsealed(bytes: &[u8]) -> Option<&[u8]> {
    let (sum, data) = bytes.split_first_chunk()?;
    (u64::from_le_bytes(*sum) == checksum(data)).then_some(data)
}

/// FNV-1a of 64 bits.
fn checksum(data: &[u8]) -> u64 {
    data.iter()
        .fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::adapter::Choice;
    use crate::gpu::device::Device;

    #[test]
    fn what_was_cut_or_changed_is_not_taken() {
        let bytes = sealed(b"compiled kernels");
        assert_eq!(unsealed(&bytes), Some(b"compiled kernels".as_slice()));
        assert_eq!(unsealed(&bytes[..bytes.len() - 1]), None);
        assert_eq!(unsealed(&bytes[..7]), None);
        let mut changed = bytes.clone();
        changed[9] ^= 1;
        assert_eq!(unsealed(&changed), None);
    }

    /// Published values of the function.
    #[test]
    fn the_checksum_is_fnv() {
        assert_eq!(checksum(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(checksum(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(checksum(b"foobar"), 0x8594_4171_f739_67e8);
    }

    /// A second process finds what the first has left, and goes on without what cannot be read.
    #[test]
    fn a_cache_outlives_its_process() -> anyhow::Result<()> {
        let Ok(device) = pollster::block_on(Device::open(&Choice::Gpu)) else { return Ok(()) };
        let folder = tempfile::tempdir()?;
        let within = folder.path().join("kernels");
        let Some(first) = PipelineCache::open_in(&device.device, &device.info, &within) else {
            return Ok(());
        };
        assert_eq!(*first.saved.lock().unwrap(), 0);
        first.save();
        let left = std::fs::read(&first.path)?;
        let data = unsealed(&left).expect("a whole file");

        let second = PipelineCache::open_in(&device.device, &device.info, &within).expect("as before");
        assert_eq!(*second.saved.lock().unwrap(), checksum(data));
        std::fs::write(&first.path, &left[..left.len() / 2])?;
        let third = PipelineCache::open_in(&device.device, &device.info, &within).expect("as before");
        assert_eq!(*third.saved.lock().unwrap(), 0);
        device.check()?;
        Ok(())
    }
}
