//! Whether a program fits an adapter: arithmetic of the memory plan, before anything is made.

use super::binding::{RECORD, records};
use super::data::RING;
use super::device::Device;
use crate::error::Result;
use crate::schedule::Program;
use crate::stream::Volume;

/// Fails if a value of `program` is larger than one binding, or all that share an arena than one buffer.
pub fn check_bindings(device: &Device, program: &Program) -> Result<()> {
    let remedy = "use a smaller batch or model, or the device cpu";
    let limit = device.binding_limit();
    for (node, place) in program.graph.nodes.iter().zip(&program.places) {
        let bytes = node.shape.count().at(program.max_batch) as u64 * 4;
        if bytes > limit && place.is_some() {
            let (what, scope) = (node.op.name(), &node.scope);
            let problem = format!(
                "{scope}: the result of {what} takes {bytes} bytes, one binding of the adapter holds {limit}"
            );
            return Err(device.error(problem, remedy));
        }
    }
    let scratch = program.kernels.iter().filter_map(|kernel| Some((kernel, kernel.scratch?)));
    for (kernel, scratch) in scratch {
        let bytes = scratch.words as u64 * 4;
        if bytes > limit {
            let name = &kernel.name;
            let problem =
                format!("{name}: partial sums take {bytes} bytes, one binding of the adapter holds {limit}");
            return Err(device.error(problem, remedy));
        }
    }
    let (bytes, limit) = (program.activation_words as u64 * 4, device.limits.max_buffer_size);
    if bytes > limit {
        let problem =
            format!("the values of a step take {bytes} bytes, one buffer of the adapter holds {limit}");
        return Err(device.error(problem, remedy));
    }
    Ok(())
}

/// Bytes of all buffers of `program`, but for the variables, bound to `data` for `steps` steps.
pub fn bytes(device: &Device, program: &Program, data: &Volume, steps: usize, resident: u64) -> u64 {
    let rows = if data.columns.is_empty() { program.max_batch } else { data.rows };
    let gradients: usize = program.gradients.iter().map(|&(_, words)| words).sum();
    let outputs = program.graph.outputs.iter().map(|output| {
        let count = program.graph.shape(output.node).count();
        count.factor * if count.batch { rows } else { steps }
    });
    // Read back through a copy of their own.
    let outputs = 2 * outputs.sum::<usize>();
    let words = program.activation_words + gradients + outputs + rows;
    let limit = resident.min(device.binding_limit());
    let is_streamed = data.is_streamed || data.columns.iter().any(|&size| size > limit);
    let data: u64 = data.columns.iter().map(|&size| if is_streamed { size.min(RING) } else { size }).sum();
    words as u64 * 4 + data + (records(steps) * RECORD) as u64
}

/// Bytes of the adapter's largest memory of its own. wgpu has no call for it: Vulkan is asked itself.
#[cfg(all(feature = "native", not(target_arch = "wasm32"), not(target_vendor = "apple")))]
pub fn memory(adapter: &wgpu::Adapter) -> Option<u64> {
    /// `VK_MEMORY_HEAP_DEVICE_LOCAL_BIT`
    const DEVICE_LOCAL: u32 = 1;
    // SAFETY: nothing is destroyed, and the adapter that the guard borrows outlives the query.
    let properties = unsafe {
        let vulkan = adapter.as_hal::<wgpu::hal::api::Vulkan>()?;
        let instance = vulkan.shared_instance().raw_instance();
        instance.get_physical_device_memory_properties(vulkan.raw_physical_device())
    };
    let heaps = properties.memory_heaps.iter().take(properties.memory_heap_count as usize);
    heaps.filter(|heap| heap.flags.as_raw() & DEVICE_LOCAL != 0).map(|heap| heap.size).max()
}

/// Other drivers tell when a buffer does not fit, which is before the first step too.
#[cfg(not(all(feature = "native", not(target_arch = "wasm32"), not(target_vendor = "apple"))))]
pub fn memory(_adapter: &wgpu::Adapter) -> Option<u64> {
    None
}
