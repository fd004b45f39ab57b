//! In test builds: known words behind every buffer that kernels see, looked at whenever outputs are read. Where a whole buffer
//! is bound, they lie within the binding, so that no driver clips what is written there.

use super::device::Device;
use crate::error::Result;

const WORDS: usize = 64;
const CANARY: u32 = 0xCA7A_51DE;
const BYTES: u64 = WORDS as u64 * 4;

/// A buffer of `bytes` bytes and the canaries behind them; room for those is found where `bytes` are all that fit.
pub fn guarded(device: &Device, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
    let size = bytes.next_multiple_of(16) + BYTES;
    if size > device.binding_limit() {
        return device.buffer(label, bytes, usage);
    }
    let buffer = device.buffer(label, size, usage)?;
    device.queue.write_buffer(&buffer, size - BYTES, bytemuck::cast_slice(&[CANARY; WORDS]));
    Ok(buffer)
}

/// Panics if the canaries behind one of `buffers` are not what they were. What is counted stays as it was.
pub async fn check(device: &Device, buffers: &[&wgpu::Buffer]) -> Result<()> {
    let (counted, limit) = (device.counters(), device.binding_limit());
    let buffers: Vec<_> = buffers.iter().filter(|buffer| buffer.size() + BYTES <= limit).collect();
    let staging = device.staging("canaries", buffers.len() as u64 * BYTES)?;
    let mut encoder = device.device.create_command_encoder(&Default::default());
    for (i, buffer) in buffers.iter().enumerate() {
        encoder.copy_buffer_to_buffer(buffer, buffer.size() - BYTES, &staging, i as u64 * BYTES, BYTES);
    }
    device.queue.submit([encoder.finish()]);
    let words = device.read(&staging, buffers.len() * WORDS).await?;
    device.count(|counters| *counters = counted);
    let is_whole = |words: &[f32]| words.iter().all(|word| word.to_bits() == CANARY);
    let broken: Vec<usize> =
        words.chunks(WORDS).enumerate().filter(|(_, words)| !is_whole(words)).map(|(i, _)| i).collect();
    assert!(broken.is_empty(), "kernels wrote behind buffers {broken:?} of {}", buffers.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::adapter::Choice;

    #[test]
    fn a_word_behind_a_buffer_is_seen() -> Result<()> {
        let Ok(device) = pollster::block_on(Device::open(&Choice::Gpu)) else { return Ok(()) };
        let [first, second] = [device.storage("first", 20)?, device.storage("second", 4)?];
        device.queue.write_buffer(&first, 0, &[1; 20]);
        pollster::block_on(check(&device, &[&first, &second]))?;
        device.queue.write_buffer(&second, 16, &[0; 4]);
        let seen = || pollster::block_on(check(&device, &[&first, &second]));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(seen)).is_err());
        Ok(())
    }
}
