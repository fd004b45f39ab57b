//! The time of each kernel, by the adapter's own clock.

use super::binding::{Bound, Loaded, record};
use super::device::Device;
use crate::error::Result;
use crate::schedule::Step;

/// Runs `step`, each dispatch between two timestamps, and returns the seconds of each kernel.
///
/// # Errors
/// If the adapter has no timestamp queries, or the device fails.
pub async fn profile(device: &Device, loaded: &Loaded, bound: &mut Bound, step: &Step) -> Result<Vec<f64>> {
    if !device.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Err(device.error("the adapter has no timestamp queries", "profile on another device"));
    }
    let count = 2 * loaded.dispatches.len() as u32;
    let queries = device.device.create_query_set(&wgpu::QuerySetDescriptor {
        label: Some("profile"),
        ty: wgpu::QueryType::Timestamp,
        count,
    });
    let bytes = u64::from(count) * 8;
    let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
    let (resolved, staging) =
        (device.buffer("timestamps", bytes, usage)?, device.staging("timestamps", bytes)?);
    bound.data.stream(device, std::iter::once((step.offset, step.batch)))?;
    device.queue.write_buffer(&bound.table, 0, bytemuck::cast_slice(&record(step)));
    let mut encoder = device.device.create_command_encoder(&Default::default());
    encode(device, &mut encoder, (loaded, bound), &queries, step.batch);
    encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
    encoder.copy_buffer_to_buffer(&resolved, 0, &staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    device.check()?;
    let words: Vec<u32> =
        device.read(&staging, 2 * count as usize).await?.iter().map(|w| w.to_bits()).collect();
    let ticks: Vec<u64> = words.chunks(2).map(|w| u64::from(w[0]) | u64::from(w[1]) << 32).collect();
    let period = f64::from(device.queue.get_timestamp_period()) * 1e-9;
    let mut dispatches = ticks.chunks(2).map(|ends| ends[1].saturating_sub(ends[0]) as f64 * period);
    let kernels = loaded.program.kernels.iter();
    Ok(kernels.map(|kernel| dispatches.by_ref().take(kernel.dispatches()).sum()).collect())
}

/// A pass for each dispatch: only passes have timestamps everywhere.
fn encode(
    device: &Device,
    encoder: &mut wgpu::CommandEncoder,
    (loaded, bound): (&Loaded, &Bound),
    queries: &wgpu::QuerySet,
    batch: usize,
) {
    let limit = device.limits.max_compute_workgroups_per_dimension;
    for (i, (dispatch, group)) in loaded.dispatches.iter().zip(&bound.groups).enumerate() {
        let [x, y, z] = dispatch.grid.at(batch, limit);
        let first = 2 * i as u32;
        let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
            query_set: queries,
            beginning_of_pass_write_index: Some(first),
            end_of_pass_write_index: Some(first + 1),
        });
        let mut pass =
            encoder.begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes });
        pass.set_pipeline(&dispatch.pipeline.pipeline);
        pass.set_bind_group(0, group, &[0]);
        pass.dispatch_workgroups(x, y, z);
    }
}
