//! The open device: buffers, errors caught instead of panics, and waiting.

use std::sync::{Arc, Mutex};

use super::adapter::{self, Choice};
use crate::error::{Error, Result};

/// What the executor did so far, for `explain` and tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Counters {
    /// Command buffers handed to the queue.
    pub submissions: u64,
    /// Kernels started.
    pub dispatches: u64,
    /// Buffers created.
    pub buffers: u64,
    /// Bind groups created.
    pub bind_groups: u64,
    /// Pipelines compiled.
    pub pipelines: u64,
    /// Bytes copied back to the host.
    pub bytes_read: u64,
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { submissions, dispatches, buffers, bind_groups, pipelines, bytes_read } = self;
        write!(f, "{submissions} submissions, {dispatches} dispatches, {bytes_read} bytes read back; ")?;
        write!(f, "made {buffers} buffers, {bind_groups} bind groups, {pipelines} pipelines")
    }
}

/// A device with its queue, and the first error that happened on it.
pub struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    counters: Mutex<Counters>,
    failure: Arc<Mutex<Option<String>>>,
}

impl Device {
    /// Opens the adapter that `choice` names, with all its limits.
    pub async fn open(choice: &Choice) -> Result<Self> {
        Self::of_adapter(&adapter::select(choice).await?).await
    }

    /// Opens `adapter`, with all its limits.
    pub async fn of_adapter(adapter: &wgpu::Adapter) -> Result<Self> {
        let (info, limits) = (adapter.get_info(), adapter.limits());
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("gradus"),
            required_limits: limits.clone(),
            required_features: adapter.features() & wgpu::Features::TIMESTAMP_QUERY,
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|problem| {
            Error::device(adapter::describe(&info), problem, "update the driver, or use another device")
        })?;
        let failure = Arc::new(Mutex::new(None));
        let (uncaptured, lost) = (failure.clone(), failure.clone());
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| note(&uncaptured, error.to_string())));
        device.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                note(&lost, format!("the device was lost: {message}"));
            }
        });
        Ok(Self { device, queue, info, limits, counters: Mutex::default(), failure })
    }

    /// What has been done so far.
    pub fn counters(&self) -> Counters {
        *self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Counts what was done.
    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// The first error since the device was opened; it stays, for nothing that follows can be trusted.
    pub fn check(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match failure.as_ref() {
            None => Ok(()),
            Some(problem) => Err(self.error(problem, "try a smaller batch, or the device cpu")),
        }
    }

    /// An error of this device.
    pub fn error(&self, problem: impl std::fmt::Display, remedy: &str) -> Error {
        Error::device(adapter::describe(&self.info), problem, remedy)
    }

    /// The most bytes of one binding.
    pub fn binding_limit(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    /// A buffer of `bytes` bytes, zero until written.
    pub fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let limit = self.limits.max_buffer_size;
        if bytes > limit {
            let problem = format!("{label} needs {bytes} bytes, the adapter's buffers hold {limit}");
            return Err(self.error(problem, "use a smaller batch or model, or the device cpu"));
        }
        self.count(|c| c.buffers += 1);
        let size = bytes.next_multiple_of(16).max(16);
        let descriptor =
            wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        self.check()?;
        Ok(buffer)
    }

    /// A buffer that kernels read and write.
    pub fn storage(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        self.buffer(label, bytes, usage)
    }

    /// A buffer that the host reads.
    pub fn staging(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        self.buffer(label, bytes, wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST)
    }

    /// The first words of `staging`, once what was submitted before has been done.
    pub async fn read(&self, staging: &wgpu::Buffer, words: usize) -> Result<Vec<f32>> {
        let bytes = words as u64 * 4;
        if bytes == 0 {
            return Ok(Vec::new());
        }
        let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
        staging.map_async(wgpu::MapMode::Read, 0..bytes, move |mapped| {
            // The receiver is gone only if the caller gave up waiting.
            let _ = sender.send(mapped);
        });
        self.poll(None)?;
        match receiver.receive().await {
            Some(Ok(())) => {}
            _ => {
                self.check()?;
                return Err(self.error("results could not be read back", "update the driver"));
            }
        }
        let view = staging
            .get_mapped_range(0..bytes)
            .map_err(|problem| self.error(format!("{problem:?}"), "update the driver"))?;
        let values = bytemuck::pod_collect_to_vec(&view);
        drop(view);
        staging.unmap();
        self.count(|c| c.bytes_read += bytes);
        self.check()?;
        Ok(values)
    }

    /// Waits until `submission`, or all there is, has been done. In a browser the event loop does it.
    pub fn poll(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        let wait = wgpu::PollType::Wait { submission_index: submission, timeout: None };
        self.device
            .poll(wait)
            .map_err(|problem| self.error(problem, "update the driver, or use another device"))?;
        self.check()
    }
}

fn note(failure: &Mutex<Option<String>>, problem: String) {
    let mut slot = failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    slot.get_or_insert(problem);
}
