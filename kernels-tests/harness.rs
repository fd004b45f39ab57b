//! Runs kernels on the adapter under test: buffers in, buffers out, canary words between them.
//!
//! `GRADUS_TEST_BACKEND` is `vulkan` (the default) or `gl`. Without an adapter tests print that they are skipped,
//! unless `GRADUS_REQUIRE_GPU=1` makes that a failure.

use std::sync::OnceLock;

use wgpu::util::DeviceExt as _;

use super::kernels::Specialised;
use crate::gpu::adapter::has_subgroups;
use crate::schedule::Tile;

/// Words between two buffers, at least; what follows a buffer up to the next offset holds them too.
const GAP: usize = 64;
const CANARY: u32 = 0xCA7A_51DE;

/// The device under test.
pub struct Gpu {
    device: wgpu::Device,
    queue: wgpu::Queue,
    /// The adapter's own name, and its driver's.
    pub name: String,
    /// Whether it has subgroups of eight threads.
    subgroups: bool,
}

/// One dispatch: each storage binding, and which buffer it sees.
pub struct Launch<'a> {
    pub kernel: &'a Specialised,
    pub bindings: &'a [(u32, usize)],
}

/// What the uniform holds.
#[derive(Clone, Copy, Default)]
pub struct Step {
    pub batch: u32,
    pub iteration: u32,
    pub seed: u64,
}

/// A dispatch whose pipeline and bind group exist.
struct Prepared {
    pipeline: wgpu::ComputePipeline,
    group: wgpu::BindGroup,
    grid: [u32; 3],
}

/// The device, opened once; `None` if there is no adapter.
pub fn gpu() -> Option<&'static Gpu> {
    static GPU: OnceLock<Option<Gpu>> = OnceLock::new();
    let found = GPU.get_or_init(|| pollster::block_on(open())).as_ref();
    if found.is_none() {
        let required = std::env::var("GRADUS_REQUIRE_GPU").is_ok_and(|v| v == "1");
        assert!(!required, "GRADUS_REQUIRE_GPU=1, but there is no adapter");
        println!("skipped: no adapter");
    }
    found
}

async fn open() -> Option<Gpu> {
    let backends = match std::env::var("GRADUS_TEST_BACKEND").as_deref() {
        Ok("gl") => wgpu::Backends::GL,
        Ok("vulkan") | Err(_) => wgpu::Backends::VULKAN,
        Ok(other) => panic!("GRADUS_TEST_BACKEND is {other:?}, expected vulkan or gl"),
    };
    let descriptor =
        wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
    let instance = wgpu::Instance::new(descriptor);
    let adapter = instance.request_adapter(&wgpu::RequestAdapterOptions::default()).await.ok()?;
    let required_features = adapter.features() & wgpu::Features::SUBGROUP;
    let wanted =
        wgpu::DeviceDescriptor { required_features, required_limits: adapter.limits(), ..Default::default() };
    let (device, queue) = adapter.request_device(&wanted).await.expect("the adapter has a device");
    let info = adapter.get_info();
    let name = format!("{} ({:?}, {})", info.name, info.backend, info.driver_info);
    Some(Gpu { subgroups: has_subgroups(&adapter), device, queue, name })
}

impl Gpu {
    /// Whether it can run kernels of this tile.
    pub fn takes(&self, tile: Tile) -> bool {
        self.subgroups || !matches!(tile, Tile::Subgroup { .. })
    }

    /// Runs the launches in order over `buffers`, and returns what the buffers hold afterwards.
    pub fn run(&self, launches: &[Launch<'_>], step: Step, buffers: &[Vec<f32>]) -> Vec<Vec<f32>> {
        let arena = Arena::new(self, buffers);
        let prepared = self.prepare(launches, step, &arena);
        self.submit(&prepared);
        arena.read(self)
    }

    /// Seconds that the fastest of `runs` runs took, after one to warm up.
    pub fn time(&self, launches: &[Launch<'_>], step: Step, buffers: &[Vec<f32>], runs: usize) -> f64 {
        let arena = Arena::new(self, buffers);
        let prepared = self.prepare(launches, step, &arena);
        self.submit(&prepared);
        let once = |_| {
            let start = std::time::Instant::now();
            self.submit(&prepared);
            start.elapsed().as_secs_f64()
        };
        (0..runs).map(once).fold(f64::INFINITY, f64::min)
    }

    fn prepare(&self, launches: &[Launch<'_>], step: Step, arena: &Arena) -> Vec<Prepared> {
        let uniform = self.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: None,
            contents: bytemuck::cast_slice(&step.words()),
            usage: wgpu::BufferUsages::UNIFORM,
        });
        launches
            .iter()
            .map(|launch| {
                let pipeline = self.pipeline(launch);
                let group = self.bind(launch, &pipeline, &uniform, arena);
                Prepared { pipeline, group, grid: launch.kernel.grid(step.batch as usize) }
            })
            .collect()
    }

    fn pipeline(&self, launch: &Launch<'_>) -> wgpu::ComputePipeline {
        let entry = |binding, ty| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: binding == 0, min_binding_size: None },
            count: None,
        };
        let storage = wgpu::BufferBindingType::Storage { read_only: false };
        let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform)];
        entries.extend(launch.bindings.iter().map(|&(binding, _)| entry(binding, storage)));
        let layout = self
            .device
            .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let layout = self.device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            bind_group_layouts: &[Some(&layout)],
            ..Default::default()
        });
        let source = wgpu::ShaderSource::Wgsl(launch.kernel.wgsl.as_str().into());
        let descriptor = wgpu::ShaderModuleDescriptor { label: Some(&launch.kernel.name), source };
        // SAFETY: the kernels check their own bounds, which the canaries verify, and their loops end.
        let module = unsafe {
            self.device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked())
        };
        self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&launch.kernel.name),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        })
    }

    fn bind(
        &self,
        launch: &Launch<'_>,
        pipeline: &wgpu::ComputePipeline,
        uniform: &wgpu::Buffer,
        arena: &Arena,
    ) -> wgpu::BindGroup {
        let mut entries = vec![wgpu::BindGroupEntry { binding: 0, resource: uniform.as_entire_binding() }];
        entries.extend(
            launch
                .bindings
                .iter()
                .map(|&(binding, i)| wgpu::BindGroupEntry { binding, resource: arena.binding(i) }),
        );
        let layout = &pipeline.get_bind_group_layout(0);
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries })
    }

    fn submit(&self, prepared: &[Prepared]) {
        let mut encoder = self.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for Prepared { pipeline, group, grid: [x, y, z] } in prepared {
            pass.set_pipeline(pipeline);
            pass.set_bind_group(0, group, &[0]);
            pass.dispatch_workgroups(*x, *y, *z);
        }
        drop(pass);
        self.queue.submit([encoder.finish()]);
        self.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
    }
}

impl Step {
    /// A step that only says how many samples there are.
    pub fn batch(batch: usize) -> Self {
        Self { batch: batch as u32, ..Self::default() }
    }

    fn words(self) -> [u32; 64] {
        let mut words = [0; 64];
        words[0] = self.batch;
        words[2] = self.iteration;
        words[4] = self.seed as u32;
        words[5] = (self.seed >> 32) as u32;
        words
    }
}

/// All buffers of a run as ranges of one, as in training.
struct Arena {
    buffer: wgpu::Buffer,
    /// First word and length of each.
    ranges: Vec<(usize, usize)>,
    words: usize,
}

impl Arena {
    fn new(gpu: &Gpu, buffers: &[Vec<f32>]) -> Self {
        let mut ranges = Vec::new();
        let mut words = vec![CANARY; GAP];
        for buffer in buffers {
            ranges.push((words.len(), buffer.len()));
            words.extend(buffer.iter().map(|x| x.to_bits()));
            words.resize((words.len() + GAP).next_multiple_of(64), CANARY);
        }
        let buffer = gpu.device.create_buffer_init(&wgpu::util::BufferInitDescriptor {
            label: Some("arena"),
            contents: bytemuck::cast_slice(&words),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
        });
        Self { buffer, ranges, words: words.len() }
    }

    fn binding(&self, i: usize) -> wgpu::BindingResource<'_> {
        let (start, length) = self.ranges[i];
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.buffer,
            offset: start as u64 * 4,
            size: std::num::NonZero::new(length as u64 * 4),
        })
    }

    /// The buffers' contents; panics if a kernel wrote between them.
    fn read(&self, gpu: &Gpu) -> Vec<Vec<f32>> {
        let bytes = self.words as u64 * 4;
        let staging = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: bytes,
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&self.buffer, 0, &staging, 0, bytes);
        gpu.queue.submit([encoder.finish()]);
        staging.map_async(wgpu::MapMode::Read, .., |mapped| mapped.expect("the buffer maps"));
        gpu.device.poll(wgpu::PollType::wait_indefinitely()).expect("the device answers");
        let view = staging.get_mapped_range(..).expect("the buffer is mapped");
        let words: &[u32] = bytemuck::cast_slice(&view);
        let mut from = 0;
        for &(start, length) in &self.ranges {
            assert!(words[from..start].iter().all(|&w| w == CANARY), "a kernel wrote between its buffers");
            from = start + length;
        }
        assert!(words[from..].iter().all(|&w| w == CANARY), "a kernel wrote past its buffers");
        let floats = |&(start, length): &(usize, usize)| {
            words[start..start + length].iter().map(|&w| f32::from_bits(w)).collect()
        };
        self.ranges.iter().map(floats).collect()
    }
}

/// Numbers in [-1, 1), the same for the same seed.
pub fn random(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x2545_F491_4F6C_DD1D;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// A sum as the reference has it: its value, and the sum of its terms' magnitudes.
#[derive(Clone, Copy, Default)]
pub struct Sum {
    pub value: f64,
    pub magnitude: f64,
}

impl Sum {
    pub fn add(&mut self, term: f64) {
        self.value += term;
        self.magnitude += term.abs();
    }
}

/// Fails unless every result is within 8·sqrt(k)·2⁻²⁴·Σ|terms| + k·2⁻¹²⁶ of the reference, k terms each.
pub fn assert_sums(what: &str, found: &[f32], expected: &[Sum], k: usize) {
    assert_eq!(found.len(), expected.len(), "{what}: number of results");
    for (i, (&found, sum)) in found.iter().zip(expected).enumerate() {
        let bound = 8.0 * (k as f64).sqrt() * 2f64.powi(-24) * sum.magnitude + k as f64 * 2f64.powi(-126);
        let difference = (f64::from(found) - sum.value).abs();
        assert!(
            difference <= bound,
            "{what}: element {i} is {found}, expected {} within {bound:e}",
            sum.value
        );
    }
}
