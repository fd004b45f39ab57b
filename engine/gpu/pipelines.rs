//! Pipelines, one for each text, and the layouts of what they bind.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::device::Device;
use super::pipeline_cache::PipelineCache;
use super::shader::Shader;
use crate::error::{Error, Result};

/// The environment variable that names the folder for the kernels' texts.
const DUMP: &str = "GRADUS_DUMP";

/// The bindings of a layout: number, and whether kernels only read it.
type Signature = Vec<(u32, bool)>;

/// A compiled kernel.
#[derive(Clone)]
pub struct Pipeline {
    pub pipeline: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
}

/// What the kernels of one signature bind. They share it: a pass that goes from one to the next keeps what is bound.
#[derive(Clone)]
struct Layout {
    group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

/// All pipelines of an engine, by their texts without comments: the time steps of a recurrent network share theirs.
#[derive(Default)]
pub struct Pipelines {
    layouts: HashMap<Signature, Layout>,
    compiled: HashMap<String, Pipeline>,
    /// How many programs asked for theirs.
    programs: usize,
}

/// The text without its comments, which name nodes and layers.
pub fn without_comments(wgsl: &str) -> String {
    wgsl.lines()
        .map(|line| line.split("//").next().unwrap_or_default().trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

impl Pipelines {
    /// The pipelines of a program's `shaders`, those that are new compiled side by side.
    pub fn get(&mut self, device: &Device, shaders: &[Shader]) -> Result<Vec<Pipeline>> {
        dump(shaders, self.programs)?;
        self.programs += 1;
        let keys: Vec<String> = shaders.iter().map(|shader| without_comments(&shader.wgsl)).collect();
        let mut missing: Vec<(&Shader, Layout)> = Vec::new();
        let mut new = BTreeSet::new();
        for (shader, key) in shaders.iter().zip(&keys) {
            if !self.compiled.contains_key(key) && new.insert(key) {
                missing.push((shader, self.layout(&device.device, shader)));
            }
        }
        let pipelines = compile_all(device, &missing)?;
        device.count(|c| c.pipelines += missing.len() as u64);
        device.check()?;
        if let Some(cache) = device.cache.as_ref().filter(|_| !missing.is_empty()) {
            cache.save();
        }
        tracing::debug!(new = missing.len(), used = keys.len(), "pipelines compiled");
        for ((shader, layout), pipeline) in missing.into_iter().zip(pipelines) {
            self.compiled.insert(without_comments(&shader.wgsl), Pipeline { pipeline, layout: layout.group });
        }
        Ok(keys.iter().map(|key| self.compiled[key].clone()).collect())
    }

    fn layout(&mut self, device: &wgpu::Device, shader: &Shader) -> Layout {
        let signature: Signature =
            shader.bindings.iter().map(|(number, resource)| (*number, resource.is_read_only())).collect();
        self.layouts.entry(signature).or_insert_with_key(|signature| create_layout(device, signature)).clone()
    }
}

fn create_layout(device: &wgpu::Device, signature: &Signature) -> Layout {
    let entry = |binding, ty, has_dynamic_offset, min_binding_size| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset, min_binding_size },
        count: None,
    };
    let step = entry(0, wgpu::BufferBindingType::Uniform, true, std::num::NonZeroU64::new(256));
    let storage = |&(number, read_only): &(u32, bool)| {
        entry(number, wgpu::BufferBindingType::Storage { read_only }, false, None)
    };
    let entries: Vec<_> = std::iter::once(step).chain(signature.iter().map(storage)).collect();
    let group =
        device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
    let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: None,
        bind_group_layouts: &[Some(&group)],
        immediate_size: 0,
    });
    Layout { group, pipeline }
}

/// Compiles every shader, on as many threads as the machine has.
#[cfg(not(target_arch = "wasm32"))]
fn compile_all(device: &Device, shaders: &[(&Shader, Layout)]) -> Result<Vec<wgpu::ComputePipeline>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, shaders.len().max(1));
    let share = shaders.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let compile =
            |(shader, layout): &(&Shader, Layout)| compile_checked(device, shader, &layout.pipeline);
        let workers: Vec<_> = shaders
            .chunks(share)
            .map(|chunk| scope.spawn(move || chunk.iter().map(compile).collect::<Vec<_>>()))
            .collect();
        let join = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().flat_map(join).collect()
    })
}

#[cfg(target_arch = "wasm32")]
fn compile_all(device: &Device, shaders: &[(&Shader, Layout)]) -> Result<Vec<wgpu::ComputePipeline>> {
    Ok(shaders.iter().map(|(shader, layout)| compile(device, shader, &layout.pipeline)).collect())
}

/// A kernel, or what the driver has against it. A browser answers later, through the device's own check.
#[cfg(not(target_arch = "wasm32"))]
fn compile_checked(
    device: &Device,
    shader: &Shader,
    layout: &wgpu::PipelineLayout,
) -> Result<wgpu::ComputePipeline> {
    use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
    let [validation, internal, memory] =
        [Validation, Internal, OutOfMemory].map(|filter| device.device.push_error_scope(filter));
    let pipeline = compile(device, shader, layout);
    let errors = [memory, internal, validation].map(|scope| pollster::block_on(scope.pop()));
    match errors.into_iter().flatten().next() {
        None => Ok(pipeline),
        Some(error) => Err(refused(device, shader, &error)),
    }
}

/// The error of a kernel that the driver does not take; its text goes to a file.
#[cfg(not(target_arch = "wasm32"))]
fn refused(device: &Device, shader: &Shader, error: &wgpu::Error) -> Error {
    let folder = std::env::var_os(DUMP).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("gradus-{}-{}", std::process::id(), file_name(shader)));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&path, &shader.wgsl));
    let text = match written {
        Ok(()) => format!("its text is in {}", path.display()),
        Err(problem) => format!("its text could not be written to {}: {problem}", path.display()),
    };
    let problem = format!("kernel {:?} was refused; {text}: {error}", shader.name);
    device.error(
        problem,
        "update the driver, or use another device; please report the text with the driver's name",
    )
}

fn compile(device: &Device, shader: &Shader, layout: &wgpu::PipelineLayout) -> wgpu::ComputePipeline {
    let Device { device, cache, .. } = device;
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(&shader.name),
        source: wgpu::ShaderSource::Wgsl(shader.wgsl.as_str().into()),
    };
    // SAFETY: every kernel is written by this crate. Its indices follow from sizes that the plan's memory
    // holds and from the order of samples, which the engine checks on the host; its loops count to those
    // sizes; its divisors are sizes above 0.
    let module =
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
    device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(&shader.name),
        layout: Some(layout),
        module: &module,
        entry_point: Some("main"),
        compilation_options: wgpu::PipelineCompilationOptions {
            // Kernels write workgroup memory before they read it.
            zero_initialize_workgroup_memory: false,
            ..Default::default()
        },
        cache: cache.as_ref().map(PipelineCache::cache),
    })
}

/// Writes each kernel's text to `GRADUS_DUMP`, if that names a folder, under the number of its program.
///
/// # Errors
/// If the folder or a file cannot be written.
fn dump(shaders: &[Shader], program: usize) -> Result<()> {
    let Some(folder) = std::env::var_os(DUMP) else { return Ok(()) };
    let folder = PathBuf::from(folder).join(program.to_string());
    std::fs::create_dir_all(&folder).map_err(|problem| failed(&folder, &problem))?;
    for shader in shaders {
        let path = folder.join(file_name(shader));
        std::fs::write(&path, &shader.wgsl).map_err(|problem| failed(&path, &problem))?;
    }
    Ok(())
}

/// The file for a kernel's text.
fn file_name(shader: &Shader) -> String {
    format!("{}.wgsl", shader.name.replace(['/', '\\'], "_"))
}

fn failed(path: &Path, problem: &std::io::Error) -> Error {
    Error::file(path, problem, format!("let {DUMP} name a folder that can be written"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::adapter::Choice;
    use crate::gpu::shader::Grid;
    use crate::tensor::Dim;

    fn shader(name: &str, wgsl: &str) -> Shader {
        let grid = Grid::Linear { count: Dim::fixed(1), each: 1 };
        Shader { name: name.into(), wgsl: wgsl.into(), bindings: Vec::new(), grid }
    }

    /// What the driver refuses is named and lies in a file; the device goes on.
    #[test]
    fn a_refused_kernel_is_named_and_its_text_kept() -> Result<()> {
        let Ok(device) = pollster::block_on(Device::open(&Choice::Gpu)) else { return Ok(()) };
        let good = shader("dense.add", "@compute @workgroup_size(1) fn main() {}");
        let bad = shader("conv2d/same.conv", "@compute @workgroup_size(1) fn main() { let x: f32 = 1u; }");
        let error = Pipelines::default().get(&device, &[good.clone(), bad.clone()]).map(|_| ()).unwrap_err();
        let Error::Device { problem, .. } = error else { panic!("{error}") };
        assert!(problem.starts_with("kernel \"conv2d/same.conv\" was refused"), "{problem}");
        let path =
            problem.split(" is in ").nth(1).and_then(|rest| rest.split(": ").next()).unwrap_or_default();
        assert!(path.ends_with("conv2d_same.conv.wgsl"), "{problem}");
        assert_eq!(std::fs::read_to_string(path).ok(), Some(bad.wgsl));
        let _ = std::fs::remove_file(path);
        assert_eq!(Pipelines::default().get(&device, &[good])?.len(), 1);
        Ok(())
    }
}
