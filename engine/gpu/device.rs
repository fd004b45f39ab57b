//! The open device: buffers, errors caught instead of panics, and waiting.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::adapter::{self, Choice};
use super::pipeline_cache::PipelineCache;
use crate::error::{Error, Result};

/// What is used of an adapter where it has it.
const WANTED: wgpu::Features =
    wgpu::Features::TIMESTAMP_QUERY.union(wgpu::Features::PIPELINE_CACHE).union(wgpu::Features::SUBGROUP);

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
    /// Bytes of the device's memory in use now, where the backend counts them.
    pub bytes_held: Option<u64>,
}

impl std::fmt::Display for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { submissions, dispatches, buffers, bind_groups, pipelines, bytes_read, bytes_held } = self;
        write!(f, "{submissions} submissions, {dispatches} dispatches, {bytes_read} bytes read back; ")?;
        write!(f, "made {buffers} buffers, {bind_groups} bind groups, {pipelines} pipelines")?;
        bytes_held.map_or(Ok(()), |bytes| write!(f, "; holds {bytes} bytes of memory"))
    }
}

/// A device with its queue, and the first error that happened on it.
pub struct Device {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: wgpu::AdapterInfo,
    pub limits: wgpu::Limits,
    /// Bytes of the adapter's own memory, where the driver tells.
    pub memory: Option<u64>,
    /// Whether all subgroups have [`LANES`](crate::schedule::LANES) threads, which can tell each other values.
    pub subgroups: bool,
    /// What the driver has compiled before, where that is kept.
    pub cache: Option<PipelineCache>,
    counters: Mutex<Counters>,
    failure: Arc<Mutex<Option<Failure>>>,
    /// Whether memory has run out since the last look.
    exhausted: Arc<AtomicBool>,
}

/// Why nothing that follows on a device can be trusted.
enum Failure {
    /// The driver has given it up.
    Lost(String),
    /// Something was asked that it cannot do.
    Invalid(String),
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
            required_features: adapter.features() & WANTED,
            memory_hints: wgpu::MemoryHints::Performance,
            ..Default::default()
        };
        let (device, queue) = adapter.request_device(&descriptor).await.map_err(|problem| {
            Error::device(adapter::describe(&info), problem, "update the driver, or use another device")
        })?;
        let (failure, exhausted) = (Arc::default(), Arc::default());
        listen(&device, &failure, &exhausted);
        let memory = super::room::memory(adapter);
        let cache = PipelineCache::open(&device, &info);
        let subgroups = adapter::has_subgroups(adapter);
        Ok(Self {
            device,
            queue,
            info,
            limits,
            memory,
            subgroups,
            cache,
            counters: Mutex::default(),
            failure,
            exhausted,
        })
    }

    /// What has been done so far.
    pub fn counters(&self) -> Counters {
        let counters = *self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Counters { bytes_held: self.held(), ..counters }
    }

    /// Counts what was done.
    pub fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.counters.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }

    /// The first error since the device was opened; it stays, for nothing that follows can be trusted.
    pub fn check(&self) -> Result<()> {
        if self.exhausted.swap(false, Ordering::Relaxed) {
            return Err(self.error("it has run out of memory", "try a smaller batch, or the device cpu"));
        }
        let failure = self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match failure.as_ref() {
            None => Ok(()),
            Some(Failure::Lost(problem)) => {
                let problem = format!("the device was lost, and what was not read back from it: {problem}");
                let remedy = "fit again from the model as it was last saved; if it happens again, update the driver, \
                              try a smaller batch, or the device cpu";
                Err(self.error(problem, remedy))
            }
            Some(Failure::Invalid(problem)) => {
                Err(self.error(problem, "try a smaller batch, or the device cpu"))
            }
        }
    }

    /// Whether nothing works on it any more.
    pub fn is_broken(&self) -> bool {
        self.failure.lock().unwrap_or_else(std::sync::PoisonError::into_inner).is_some()
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
        if self.exhausted.swap(false, Ordering::Relaxed) {
            let held =
                self.held().map_or(String::new(), |held| format!(", of which gradus holds {held} here"));
            let problem = format!("{label} needs {bytes} bytes, and its memory is used up{held}");
            return Err(self.error(problem, "use a smaller batch or model, or the device cpu"));
        }
        self.check()?;
        Ok(buffer)
    }

    /// Bytes of memory taken on this device by now, where the backend counts them.
    pub fn held(&self) -> Option<u64> {
        self.device.generate_allocator_report().map(|report| report.total_allocated_bytes)
    }

    /// A buffer that kernels read and write.
    pub fn storage(&self, label: &str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        #[cfg(not(test))]
        return self.buffer(label, bytes, usage);
        #[cfg(test)]
        super::canaries::guarded(self, label, bytes, usage)
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

/// Notes what goes wrong on `device`, instead of wgpu's panic.
fn listen(device: &wgpu::Device, failure: &Arc<Mutex<Option<Failure>>>, exhausted: &Arc<AtomicBool>) {
    let (uncaptured, lost, exhausted) = (failure.clone(), failure.clone(), exhausted.clone());
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| match error {
        wgpu::Error::OutOfMemory { .. } => exhausted.store(true, Ordering::Relaxed),
        other => note(&uncaptured, Failure::Invalid(other.to_string())),
    }));
    device.set_device_lost_callback(move |reason, message| {
        note(&lost, Failure::Lost(format!("{reason:?}, {message}")));
    });
}

/// Keeps the first failure; only that the device was lost says more than what followed from it.
fn note(slot: &Mutex<Option<Failure>>, failure: Failure) {
    let mut slot = slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if matches!((slot.as_ref(), &failure), (None, _) | (Some(Failure::Invalid(_)), Failure::Lost(_))) {
        *slot = Some(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What wgpu refuses is an error of every later call: no test that goes on with it passes.
    #[test]
    fn validation_errors_are_errors() -> Result<()> {
        let Ok(device) = pollster::block_on(Device::open(&Choice::Gpu)) else { return Ok(()) };
        device.storage("good", 16)?;
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::MAP_READ;
        let problem = device.buffer("bad", 16, usage).unwrap_err().to_string();
        assert!(problem.contains("MAP_READ"), "{problem}");
        assert!(device.check().is_err() && device.is_broken() && device.storage("good", 16).is_err());
        Ok(())
    }
}
