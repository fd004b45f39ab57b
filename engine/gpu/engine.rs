//! The engine: programs, variables and data sets on one device.

use std::sync::Arc;

use super::adapter::{self, Choice};
use super::binding::{Bound, Loaded, RECORD, record, records};
use super::data::{DataSets, needs_stream};
use super::device::{Counters, Device};
use super::lower::lower;
use super::pipelines::Pipelines;
use super::profile::profile;
use super::room;
use crate::cancellation::CancellationToken;
use crate::error::{Error, Result};
use crate::graph::{SEGMENT, Variable, VariableId};
use crate::schedule::{BindingId, Program, ProgramId, Step, Target, into_free_slot};
use crate::stream::{InMemory, ReadAhead, Volume};
use crate::tensor::Tensor;

/// Batches of data too large for the device that are gathered before they are needed.
const AHEAD: usize = 2;

/// Runs programs on one GPU. Everything is prepared by [`Engine::load`] and [`Engine::bind`];
/// [`Engine::run`] creates no buffer, no bind group and no pipeline.
///
/// Data sets stay on the device if each fits one binding of the adapter; else the rows of each submission
/// are gathered on the host and brought there before it.
pub struct Engine {
    device: Device,
    pipelines: Pipelines,
    variables: Vec<(wgpu::Buffer, usize)>,
    /// Counts the changes of `variables` that bindings do not survive.
    generation: u64,
    programs: Vec<Option<Loaded>>,
    bindings: Vec<Option<Bound>>,
    steps_per_submission: Option<usize>,
    resident_limit: u64,
}

impl Engine {
    /// Opens the adapter that `choice` names.
    ///
    /// # Errors
    /// If no adapter fits or it refuses to open.
    pub async fn new(choice: &Choice) -> Result<Self> {
        Ok(Self {
            device: Device::open(choice).await?,
            pipelines: Pipelines::default(),
            variables: Vec::new(),
            generation: 0,
            programs: Vec::new(),
            bindings: Vec::new(),
            steps_per_submission: None,
            resident_limit: u64::MAX,
        })
    }

    /// The backend, the adapter and its kind: `Vulkan, llvmpipe (LLVM 15.0.6, 256 bits), software adapter`.
    pub fn describe(&self) -> String {
        adapter::describe(&self.device.info)
    }

    /// The driver's name and version.
    pub fn driver(&self) -> String {
        format!("{} {}", self.device.info.driver, self.device.info.driver_info).trim().to_string()
    }

    /// Whether the adapter is a program on the CPU.
    pub fn is_software(&self) -> bool {
        adapter::is_software(&self.device.info)
    }

    /// What programs are scheduled for.
    pub fn target(&self) -> Target {
        match self.is_software() {
            true => Target::Software { subgroups: self.device.subgroups },
            false => Target::Gpu,
        }
    }

    /// What has been done so far.
    pub fn counters(&self) -> Counters {
        self.device.counters()
    }

    /// Whether the device has failed so that nothing works on it any more.
    pub fn is_broken(&self) -> bool {
        self.device.is_broken()
    }

    /// Takes the device away, as a driver does that has hung.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.device.device.destroy();
    }

    /// Bytes of memory that this engine holds, where the backend counts them.
    pub fn held(&self) -> Option<u64> {
        self.device.held()
    }

    /// Bytes of the adapter's own memory, where the driver tells.
    pub fn memory(&self) -> Option<u64> {
        self.device.memory
    }

    /// Whether the adapter's bindings can hold what `program` binds.
    ///
    /// # Errors
    /// If one is too small: which, with both numbers.
    pub fn check_bindings(&self, program: &Program) -> Result<()> {
        room::check_bindings(&self.device, program)
    }

    /// Bytes that [`Engine::load`] and [`Engine::bind`] make for `program`, `data` and `steps`.
    pub fn bytes(&self, program: &Program, data: &Volume, steps: usize) -> u64 {
        room::bytes(&self.device, program, data, steps, self.resident_limit)
    }

    /// Lets every submission from the next binding on take `steps` steps (256 at most), or with `None`, the
    /// default, as many as take about 50 ms.
    pub fn set_steps_per_submission(&mut self, steps: Option<usize>) {
        self.steps_per_submission = steps;
        self.bindings.iter_mut().flatten().for_each(|bound| bound.pace.fix(steps));
    }

    /// Streams data sets of more than `bytes` bytes from the next binding on. By default those that do not
    /// fit one binding of the adapter are streamed.
    pub fn set_resident_limit(&mut self, bytes: u64) {
        self.resident_limit = bytes;
    }

    /// Makes the variables that all programs share, filled with zeros; those that exist with the same size
    /// are kept. Bindings made before a variable changed its size must be made anew.
    ///
    /// # Errors
    /// If the device has no room.
    pub fn set_variables(&mut self, variables: &[Variable]) -> Result<()> {
        for (i, variable) in variables.iter().enumerate() {
            let words = variable.segments * SEGMENT;
            if self.variables.get(i).is_some_and(|(_, found)| *found == words) {
                continue;
            }
            let buffer = self.device.storage(&variable.name, words as u64 * 4)?;
            if i < self.variables.len() {
                self.variables[i] = (buffer, words);
                self.generation += 1;
            } else {
                self.variables.push((buffer, words));
            }
        }
        Ok(())
    }

    /// Sets a variable, from its start.
    ///
    /// # Errors
    /// If there is no such variable or it has another number of elements.
    pub fn write_variable(&mut self, id: VariableId, values: &[f32]) -> Result<()> {
        let (buffer, words) = self.variable(id)?;
        if values.len() != *words {
            return Err(Error::argument(
                "write_variable",
                "number of values",
                values.len(),
                words.to_string(),
            ));
        }
        self.device.queue.write_buffer(buffer, 0, bytemuck::cast_slice(values));
        self.device.check()
    }

    /// The elements of a variable, after all that was submitted.
    ///
    /// # Errors
    /// If there is no such variable or the device fails.
    pub async fn read_variable(&self, id: VariableId) -> Result<Vec<f32>> {
        let (buffer, words) = self.variable(id)?.clone();
        let staging = self.device.staging("variable read back", words as u64 * 4)?;
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(&buffer, 0, &staging, 0, words as u64 * 4);
        self.device.queue.submit([encoder.finish()]);
        self.device.count(|c| c.submissions += 1);
        self.device.read(&staging, words).await
    }

    fn variable(&self, id: VariableId) -> Result<&(wgpu::Buffer, usize)> {
        self.variables.get(id.0).ok_or_else(|| {
            Error::order("Engine", format!("there is no variable {}", id.0), "call set_variables first")
        })
    }

    /// Compiles the kernels of `program` and makes its memory.
    ///
    /// # Errors
    /// If a kernel does not compile, or a tensor is larger than the adapter allows.
    pub fn load(&mut self, program: Program) -> Result<ProgramId> {
        room::check_bindings(&self.device, &program)?;
        let shaders = lower(&program)?;
        let pipelines = self.pipelines.get(&self.device, &shaders)?;
        let loaded = Loaded::new(&self.device, program, shaders, pipelines)?;
        Ok(ProgramId(into_free_slot(&mut self.programs, loaded)))
    }

    /// Uploads `inputs`, one data set for each input of the program's graph, and prepares runs that write
    /// rows 0 to `steps` of the outputs of steps. The order of samples is that of the rows.
    ///
    /// # Errors
    /// If the data sets do not fit the graph, or the device has no room.
    pub fn bind(&mut self, program: ProgramId, inputs: &[Arc<Tensor>], steps: usize) -> Result<BindingId> {
        let loaded = find(&self.programs, program.0, "program")?;
        let (declared, max_batch) = (&loaded.program.graph.inputs, loaded.program.max_batch);
        let data = match needs_stream(&self.device, inputs, self.resident_limit) {
            false => DataSets::resident(&self.device, declared, inputs, max_batch)?,
            true => {
                let ahead = ReadAhead::new(Arc::new(InMemory::new(inputs.to_vec())?), AHEAD);
                DataSets::streamed(&self.device, declared, ahead, max_batch, self.resident_limit)?
            }
        };
        self.bind_data(program, data, steps)
    }

    /// The same for data that are read while steps run: a column for each input of the graph.
    ///
    /// # Errors
    /// As [`Engine::bind`].
    pub fn bind_stream(&mut self, program: ProgramId, ahead: ReadAhead, steps: usize) -> Result<BindingId> {
        let loaded = find(&self.programs, program.0, "program")?;
        let (declared, max_batch) = (&loaded.program.graph.inputs, loaded.program.max_batch);
        let data = DataSets::streamed(&self.device, declared, ahead, max_batch, self.resident_limit)?;
        self.bind_data(program, data, steps)
    }

    fn bind_data(&mut self, program: ProgramId, data: DataSets, steps: usize) -> Result<BindingId> {
        let Self { device, programs, variables, .. } = self;
        let loaded = find(programs, program.0, "program")?;
        let graph = &loaded.program.graph;
        for (i, declared) in graph.variables.iter().enumerate() {
            let words = declared.segments * SEGMENT;
            if variables.get(i).is_none_or(|(_, found)| *found != words) {
                let problem = format!("variable {:?} is not there in its size", declared.name);
                return Err(Error::order("bind", problem, "call set_variables with the graph's variables"));
            }
        }
        let mut bound = Bound::new(device, (program.0, loaded), variables, data, steps)?;
        bound.generation = self.generation;
        bound.pace.fix(self.steps_per_submission);
        Ok(BindingId(into_free_slot(&mut self.bindings, bound)))
    }

    /// Sets which row each position of the next runs means; all rows need not occur.
    ///
    /// # Errors
    /// If there are more positions than rows, or one means no row.
    pub fn set_order(&mut self, binding: BindingId, order: &[u32]) -> Result<()> {
        let bound = find_mut(&mut self.bindings, binding.0, "binding")?;
        bound.data.set_order(&self.device, order)
    }

    /// Runs `steps`, in order. It returns once all are submitted, and waits only so long that no more than
    /// two submissions are under way.
    ///
    /// # Errors
    /// If a step does not fit what was bound, or the device fails.
    pub async fn run(&mut self, binding: BindingId, steps: &[Step]) -> Result<()> {
        self.run_until(binding, steps, &CancellationToken::new()).await.map(|_| ())
    }

    /// [`Engine::run`] that submits no more once `token` is cancelled, and returns how many steps were submitted.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_until(
        &mut self,
        binding: BindingId,
        steps: &[Step],
        token: &CancellationToken,
    ) -> Result<usize> {
        let Self { device, programs, bindings, generation, .. } = self;
        let bound = find_mut(bindings, binding.0, "binding")?;
        if bound.generation != *generation {
            return Err(Error::order("run", "a variable has changed its size", "bind the program anew"));
        }
        let loaded = find(programs, bound.program, "program")?;
        steps.iter().try_for_each(|step| bound.check(&loaded.program, step))?;
        bound.pace.pause();
        let (mut left, mut recorded, room) = (steps, 0..0, records(bound.steps));
        while !left.is_empty() && !token.is_cancelled() {
            let batches = left.iter().map(|step| (step.offset, step.batch));
            let count = bound.pace.next(left.len()).min(bound.data.fitting(batches)).min(room);
            let (now, later) = left.split_at(count);
            bound.pace.make_room(device).await?;
            let first = steps.len() - left.len();
            if first + count > recorded.end {
                recorded = first..(first + room).min(steps.len());
                write_records(device, bound, &steps[recorded.clone()]);
            }
            submit(device, loaded, bound, (now, first - recorded.start))?;
            left = later;
        }
        device.check()?;
        Ok(steps.len() - left.len())
    }

    /// Runs `step` and returns the seconds that each kernel took, by the adapter's clock.
    ///
    /// # Errors
    /// As [`Engine::run`], and if the adapter has no timestamp queries.
    pub async fn profile(&mut self, binding: BindingId, step: &Step) -> Result<Vec<f64>> {
        let bound = find_mut(&mut self.bindings, binding.0, "binding")?;
        let loaded = find(&self.programs, bound.program, "program")?;
        bound.check(&loaded.program, step)?;
        profile(&self.device, loaded, bound, step).await
    }

    /// The outputs, in the graph's order: its numbers for each step, or the rows of the samples.
    ///
    /// # Errors
    /// If there is no such binding or the device fails.
    pub async fn outputs(&mut self, binding: BindingId) -> Result<Vec<Vec<f32>>> {
        let bound = find(&self.bindings, binding.0, "binding")?;
        let mut encoder = self.device.device.create_command_encoder(&Default::default());
        let mut total = 0;
        for (buffer, words) in bound.outputs.iter().filter(|(_, words)| *words > 0) {
            encoder.copy_buffer_to_buffer(buffer, 0, &bound.staging, total as u64 * 4, *words as u64 * 4);
            total += words;
        }
        self.device.queue.submit([encoder.finish()]);
        self.device.count(|c| c.submissions += 1);
        let values = self.device.read(&bound.staging, total).await?;
        #[cfg(test)]
        self.check_canaries().await?;
        let mut rest = values.as_slice();
        let split = |(_, words): &(wgpu::Buffer, usize)| {
            let (own, others) = rest.split_at(*words);
            rest = others;
            own.to_vec()
        };
        Ok(bound.outputs.iter().map(split).collect())
    }

    /// Panics if a kernel has written behind one of the buffers.
    #[cfg(test)]
    async fn check_canaries(&self) -> Result<()> {
        let variables = self.variables.iter().map(|(buffer, _)| buffer);
        let programs = self.programs.iter().flatten().flat_map(Loaded::buffers);
        let bindings = self.bindings.iter().flatten().flat_map(Bound::buffers);
        let buffers: Vec<&wgpu::Buffer> = variables.chain(programs).chain(bindings).collect();
        super::canaries::check(&self.device, &buffers).await
    }

    /// Frees what a binding holds.
    pub fn release(&mut self, binding: BindingId) {
        if let Some(slot) = self.bindings.get_mut(binding.0) {
            *slot = None;
        }
    }

    /// Frees a program's memory and the bindings made with it.
    pub fn unload(&mut self, program: ProgramId) {
        for slot in &mut self.bindings {
            if slot.as_ref().is_some_and(|bound| bound.program == program.0) {
                *slot = None;
            }
        }
        if let Some(slot) = self.programs.get_mut(program.0) {
            *slot = None;
        }
    }
}

fn find<'a, T>(slots: &'a [Option<T>], index: usize, what: &str) -> Result<&'a T> {
    slots.get(index).and_then(Option::as_ref).ok_or_else(|| gone(what))
}

fn find_mut<'a, T>(slots: &'a mut [Option<T>], index: usize, what: &str) -> Result<&'a mut T> {
    slots.get_mut(index).and_then(Option::as_mut).ok_or_else(|| gone(what))
}

fn gone(what: &str) -> Error {
    Error::order("Engine", format!("the {what} is of another engine, or was freed"), "load and bind it anew")
}

/// Brings the records of steps to come to the device. What was submitted before has read those before.
fn write_records(device: &Device, bound: &Bound, steps: &[Step]) {
    let records: Vec<[u32; RECORD / 4]> = steps.iter().map(record).collect();
    device.queue.write_buffer(&bound.table, 0, bytemuck::cast_slice(&records));
}

/// Encodes and submits `steps`, which fit one submission; their records lie in the table from number `first` on.
fn submit(
    device: &Device,
    loaded: &Loaded,
    bound: &mut Bound,
    (steps, first): (&[Step], usize),
) -> Result<()> {
    bound.data.stream(device, steps.iter().map(|step| (step.offset, step.batch)))?;
    let mut encoder = device.device.create_command_encoder(&Default::default());
    let mut pass = encoder.begin_compute_pass(&Default::default());
    let limit = device.limits.max_compute_workgroups_per_dimension;
    for (i, step) in steps.iter().enumerate() {
        for (dispatch, group) in loaded.dispatches.iter().zip(&bound.groups) {
            let [x, y, z] = dispatch.grid.at(step.batch, limit);
            pass.set_pipeline(&dispatch.pipeline.pipeline);
            pass.set_bind_group(0, group, &[((first + i) * RECORD) as u32]);
            pass.dispatch_workgroups(x, y, z);
        }
    }
    drop(pass);
    device.count(|c| c.dispatches += (steps.len() * loaded.dispatches.len()) as u64);
    bound.pace.submit(device, encoder.finish(), steps.len());
    Ok(())
}
