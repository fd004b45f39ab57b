//! What each adapter of this machine offers, and what its driver makes of numbers that are none.

use super::adapter::{self, Choice};
use super::device::Device;
use crate::error::{Error, Result};

/// One adapter.
#[derive(Clone, Debug)]
pub struct Adapter {
    /// Backend, name and kind: `Vulkan, llvmpipe (LLVM 15.0.6, 256 bits), software adapter`.
    pub description: String,
    /// wgpu's backend, such as `Vulkan`.
    pub backend: String,
    /// The driver and its version, as far as it tells.
    pub driver: String,
    /// Whether it is a program on the CPU.
    pub is_software: bool,
    /// wgpu's names of the limits that kernels meet, with their values.
    pub limits: Vec<(&'static str, u64)>,
    /// Features beyond WebGPU's core that kernels or tools could use, and whether the adapter has them.
    pub features: Vec<(&'static str, bool)>,
    /// What plain arithmetic does with NaN and subnormals, or why the adapter could not be asked.
    pub arithmetic: Result<Vec<Answer>>,
}

/// What a driver makes of one expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The expression, such as `max(NaN, 0)`.
    pub expression: &'static str,
    /// Whether it gives what IEEE 754 asks for, and for `max` and `min` whether NaN stays NaN.
    pub is_kept: bool,
}

/// The expressions asked, in the order of the words that the kernel writes. gradus's own kernels test NaN by its bits
/// and do not depend on the answers.
const EXPRESSIONS: [&str; 8] = [
    "NaN + 1",
    "NaN * 0",
    "inf - inf",
    "max(NaN, 0)",
    "min(NaN, 0)",
    "NaN != NaN",
    "NaN == NaN",
    "subnormal * 1",
];

const KERNEL: &str = r"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> kept: array<u32>;

fn is_nan(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
}

@compute @workgroup_size(1)
fn main() {
    let nan = x[0];
    let infinity = x[1];
    let subnormal = x[2];
    kept[0] = u32(is_nan(nan + 1.0));
    kept[1] = u32(is_nan(nan * 0.0));
    kept[2] = u32(is_nan(infinity - infinity));
    kept[3] = u32(is_nan(max(nan, 0.0)));
    kept[4] = u32(is_nan(min(nan, 0.0)));
    kept[5] = u32(nan != nan);
    kept[6] = u32(!(nan == nan));
    kept[7] = u32((bitcast<u32>(subnormal * x[3]) & 0x7fffffffu) != 0u);
}
";

/// All adapters that can run kernels, the best first.
///
/// ```
/// for adapter in gradus::gpu::survey::adapters() {
///     println!("{}: {}", adapter.description, adapter.driver);
/// }
/// ```
pub fn adapters() -> Vec<Adapter> {
    pollster::block_on(async {
        let mut found = Vec::new();
        for adapter in adapter::list().await {
            found.push(survey(&adapter).await);
        }
        found
    })
}

/// The adapter that `auto` takes, described.
///
/// # Errors
/// If it takes none: why, and what to do about it.
pub fn automatic() -> Result<String> {
    let adapter = pollster::block_on(adapter::select(&Choice::Auto))?;
    Ok(adapter::describe(&adapter.get_info()))
}

async fn survey(adapter: &wgpu::Adapter) -> Adapter {
    let info = adapter.get_info();
    let driver = [info.driver.as_str(), info.driver_info.as_str()].join(" ");
    Adapter {
        description: adapter::describe(&info),
        backend: format!("{:?}", info.backend),
        driver: driver.trim().to_string(),
        is_software: adapter::is_software(&info),
        limits: limits(&adapter.limits()),
        features: features(adapter.features()),
        arithmetic: ask(adapter).await,
    }
}

fn limits(limits: &wgpu::Limits) -> Vec<(&'static str, u64)> {
    vec![
        ("max_buffer_size", limits.max_buffer_size),
        ("max_storage_buffer_binding_size", limits.max_storage_buffer_binding_size),
        ("max_storage_buffers_per_shader_stage", limits.max_storage_buffers_per_shader_stage.into()),
        ("max_compute_invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
        ("max_compute_workgroup_storage_size", limits.max_compute_workgroup_storage_size.into()),
        ("max_compute_workgroups_per_dimension", limits.max_compute_workgroups_per_dimension.into()),
    ]
}

fn features(features: wgpu::Features) -> Vec<(&'static str, bool)> {
    let known = [
        ("subgroups", wgpu::Features::SUBGROUP),
        ("16-bit floats", wgpu::Features::SHADER_F16),
        ("timestamp queries", wgpu::Features::TIMESTAMP_QUERY),
        ("pipeline cache", wgpu::Features::PIPELINE_CACHE),
    ];
    known.into_iter().map(|(name, feature)| (name, features.contains(feature))).collect()
}

/// Lets the adapter compute [`EXPRESSIONS`].
async fn ask(adapter: &wgpu::Adapter) -> Result<Vec<Answer>> {
    let device = Device::of_adapter(adapter).await?;
    let numbers = [f32::NAN, f32::INFINITY, f32::MIN_POSITIVE / 4.0, 1.0];
    let x = device.storage("numbers", 16)?;
    device.queue.write_buffer(&x, 0, bytemuck::cast_slice(&numbers));
    let bytes = 4 * EXPRESSIONS.len() as u64;
    let (kept, staging) = (device.storage("answers", bytes)?, device.staging("answers", bytes)?);
    let mut encoder = device.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    record(&device, &mut encoder, [&x, &kept]);
    encoder.copy_buffer_to_buffer(&kept, 0, &staging, 0, bytes);
    device.queue.submit([encoder.finish()]);
    device.check()?;
    let words = device.read(&staging, EXPRESSIONS.len()).await?;
    let answers = EXPRESSIONS.into_iter().zip(words);
    let answers = answers.map(|(expression, word)| match word.to_bits() {
        0 => Ok(Answer { expression, is_kept: false }),
        1 => Ok(Answer { expression, is_kept: true }),
        other => {
            let problem = format!("answers {other:#x} to a question of yes or no");
            Err(Error::device(adapter::describe(&device.info), problem, "update the driver"))
        }
    });
    answers.collect()
}

/// The one dispatch that answers.
fn record(device: &Device, encoder: &mut wgpu::CommandEncoder, buffers: [&wgpu::Buffer; 2]) {
    let source = wgpu::ShaderSource::Wgsl(KERNEL.into());
    let module = device
        .device
        .create_shader_module(wgpu::ShaderModuleDescriptor { label: Some("arithmetic"), source });
    let pipeline = device.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("arithmetic"),
        layout: None,
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions::default(),
        cache: None,
    });
    let entries = [0, 1].map(|binding: usize| wgpu::BindGroupEntry {
        binding: binding as u32,
        resource: buffers[binding].as_entire_binding(),
    });
    let layout = pipeline.get_bind_group_layout(0);
    let descriptor = wgpu::BindGroupDescriptor { label: None, layout: &layout, entries: &entries };
    let group = device.device.create_bind_group(&descriptor);
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    pass.set_pipeline(&pipeline);
    pass.set_bind_group(0, &group, &[]);
    pass.dispatch_workgroups(1, 1, 1);
}
