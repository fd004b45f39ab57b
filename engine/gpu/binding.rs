//! A program together with data sets: everything a run needs, prepared.

use std::collections::HashMap;

use super::data::DataSets;
use super::device::Device;
use super::pace::Pace;
use super::pipelines::Pipeline;
use super::shader::{Grid, Resource, Shader};
use crate::error::{Error, Result};
use crate::graph::VariableId;
use crate::schedule::{Memory, Program, Step};

/// Bytes of a step's record.
pub const RECORD: usize = 256;

/// The most steps whose records lie on the device at a time.
const MOST_RECORDS: usize = 1024;

/// Steps whose records lie on the device at a time, of a binding for `steps` steps.
pub fn records(steps: usize) -> usize {
    steps.clamp(1, MOST_RECORDS)
}

/// Scalars that a record has room for.
const MAX_SCALARS: usize = 56;

/// A program on the device.
pub struct Loaded {
    pub program: Program,
    pub dispatches: Vec<Dispatch>,
    activations: wgpu::Buffer,
    gradients: HashMap<VariableId, wgpu::Buffer>,
}

/// One dispatch of a program.
pub struct Dispatch {
    pub pipeline: Pipeline,
    pub bindings: Vec<(u32, Resource)>,
    pub grid: Grid,
}

impl Loaded {
    /// Makes the memories of `program`.
    pub fn new(
        device: &Device,
        program: Program,
        shaders: Vec<Shader>,
        pipelines: Vec<Pipeline>,
    ) -> Result<Self> {
        if program.graph.scalars.len() > MAX_SCALARS {
            let found = program.graph.scalars.len();
            return Err(Error::argument("the program", "number of scalars", found, "at most 56"));
        }
        let activations = device.storage("activations", program.activation_words as u64 * 4)?;
        let mut gradients = HashMap::new();
        for &(variable, words) in &program.gradients {
            gradients.insert(variable, device.storage("gradients", words as u64 * 4)?);
        }
        let dispatches = shaders
            .into_iter()
            .zip(pipelines)
            .map(|(Shader { bindings, grid, .. }, pipeline)| Dispatch { pipeline, bindings, grid })
            .collect();
        Ok(Self { program, dispatches, activations, gradients })
    }
}

#[cfg(test)]
impl Loaded {
    /// All that kernels write.
    pub fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        std::iter::once(&self.activations).chain(self.gradients.values())
    }
}

#[cfg(test)]
impl Bound {
    /// All that kernels read or write.
    pub fn buffers(&self) -> impl Iterator<Item = &wgpu::Buffer> {
        let outputs = self.outputs.iter().map(|(buffer, _)| buffer);
        outputs.chain(std::iter::once(&self.data.order)).chain(self.data.buffers())
    }
}

/// A program bound to data sets and output buffers.
pub struct Bound {
    pub program: usize,
    /// Rows of each output that has one for each step.
    pub steps: usize,
    pub data: DataSets,
    /// The records of steps to come, as many as [`records`] says.
    pub table: wgpu::Buffer,
    pub outputs: Vec<(wgpu::Buffer, usize)>,
    pub staging: wgpu::Buffer,
    pub groups: Vec<wgpu::BindGroup>,
    pub pace: Pace,
    /// Which generation of the variables the bind groups hold.
    pub generation: u64,
}

/// The buffers of the variables, by number, with their words.
pub type Variables = [(wgpu::Buffer, usize)];

impl Bound {
    /// Binds program number `index` to `data`.
    pub fn new(
        device: &Device,
        (index, loaded): (usize, &Loaded),
        variables: &Variables,
        data: DataSets,
        steps: usize,
    ) -> Result<Self> {
        let mut outputs = Vec::new();
        for output in &loaded.program.graph.outputs {
            let count = loaded.program.graph.shape(output.node).count();
            let words = count.factor * if count.batch { data.rows() } else { steps };
            let label = format!("output {}", output.name);
            if words as u64 * 4 > device.binding_limit() {
                let (found, limit) = (words * 4, device.binding_limit());
                let problem = format!("{label} takes {found} bytes, a binding holds {limit}");
                return Err(device.error(problem, "predict fewer samples at a time"));
            }
            outputs.push((device.storage(&label, words as u64 * 4)?, words));
        }
        let total: usize = outputs.iter().map(|(_, words)| words).sum();
        let staging = device.staging("outputs read back", total as u64 * 4)?;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let table = device.buffer("steps", (records(steps) * RECORD) as u64, usage)?;
        let (program, groups, pace, generation) = (index, Vec::new(), Pace::default(), 0);
        let mut bound = Self { program, steps, data, table, outputs, staging, groups, pace, generation };
        for dispatch in &loaded.dispatches {
            bound.groups.push(bound.group(&device.device, loaded, variables, dispatch)?);
        }
        device.count(|c| c.bind_groups += bound.groups.len() as u64);
        device.check()?;
        Ok(bound)
    }

    fn group(
        &self,
        device: &wgpu::Device,
        loaded: &Loaded,
        variables: &Variables,
        dispatch: &Dispatch,
    ) -> Result<wgpu::BindGroup> {
        let record = wgpu::BufferBinding {
            buffer: &self.table,
            offset: 0,
            size: std::num::NonZeroU64::new(RECORD as u64),
        };
        let mut entries =
            vec![wgpu::BindGroupEntry { binding: 0, resource: wgpu::BindingResource::Buffer(record) }];
        for &(binding, resource) in &dispatch.bindings {
            let range = self.range(loaded, variables, resource)?;
            entries.push(wgpu::BindGroupEntry { binding, resource: wgpu::BindingResource::Buffer(range) });
        }
        let layout = &dispatch.pipeline.layout;
        Ok(device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries: &entries }))
    }

    fn range<'a>(
        &'a self,
        loaded: &'a Loaded,
        variables: &'a Variables,
        resource: Resource,
    ) -> Result<wgpu::BufferBinding<'a>> {
        let whole = |buffer| wgpu::BufferBinding { buffer, offset: 0, size: None };
        let (memory, offset, start, count) = match resource {
            Resource::Data(input) => return Ok(whole(self.data.buffer(input.0))),
            Resource::Order => return Ok(whole(&self.data.order)),
            Resource::Output(n) => return Ok(whole(&self.outputs[n].0)),
            Resource::Range { memory, offset, start, count } => (memory, offset, start, count),
        };
        let buffer = match memory {
            Memory::Activations => &loaded.activations,
            Memory::Gradients(v) => &loaded.gradients[&v],
            Memory::Variable(v) => &variables[v.0].0,
        };
        let count = count.at(loaded.program.max_batch) - start;
        let size = std::num::NonZeroU64::new(count as u64 * 4);
        Ok(wgpu::BufferBinding { buffer, offset: (offset + start) as u64 * 4, size })
    }

    /// Checks `step` against what was prepared.
    pub fn check(&self, program: &Program, step: &Step) -> Result<()> {
        let fail =
            |what: &str, found: usize, expected: String| Err(Error::argument("run", what, found, expected));
        if step.batch == 0 || step.batch > program.max_batch {
            return fail("batch", step.batch, format!("1 to {}", program.max_batch));
        }
        if step.offset + step.batch > self.data.positions() {
            let expected = format!("at most {}, the samples in order", self.data.positions());
            return fail("end of the batch", step.offset + step.batch, expected);
        }
        if step.row >= self.steps {
            return fail("row of the outputs", step.row, format!("below {}", self.steps));
        }
        if step.scalars.len() != program.graph.scalars.len() {
            let expected = format!("{}, as the graph has", program.graph.scalars.len());
            return fail("number of scalars", step.scalars.len(), expected);
        }
        Ok(())
    }
}

/// The record of a step, as the kernels' `Step` has it.
pub fn record(step: &Step) -> [u32; RECORD / 4] {
    let mut words = [0; RECORD / 4];
    words[0] = step.batch as u32;
    words[1] = step.offset as u32;
    words[2] = step.key.step;
    words[3] = step.row as u32;
    words[4] = step.key.seed as u32;
    words[5] = (step.key.seed >> 32) as u32;
    for (word, scalar) in words[8..].iter_mut().zip(&step.scalars) {
        *word = scalar.to_bits();
    }
    words
}
