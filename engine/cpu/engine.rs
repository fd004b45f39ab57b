//! The executor of Programs on host threads.

use std::sync::Arc;

use super::awake;
use super::kernels::Level;
use super::memory::{Arena, Context, OutputBuffer};
use super::packs::Packs;
use super::prepare::Prepared;
use crate::cancellation::CancellationToken;
use crate::error::{Error, Result};
use crate::graph::{SEGMENT, Variable, VariableId};
use crate::schedule::{BindingId, Program, ProgramId, Step, into_free_slot};
use crate::stream::{ReadAhead, Stored, check_columns};
use crate::tensor::{Dim, Tensor};

/// Runs the programs of one model on the threads of this machine.
///
/// All memory is made by [`Engine::set_variables`], [`Engine::load`] and [`Engine::bind`]; a step makes none. Results
/// are bitwise the same for any number of threads.
pub struct Engine {
    pool: rayon::ThreadPool,
    variables: Vec<Arena>,
    programs: Vec<Option<Loaded>>,
    bindings: Vec<Option<Binding>>,
}

struct Loaded {
    program: Program,
    kernels: Vec<Prepared>,
    activations: Arena,
    gradients: Vec<Arena>,
    spare: Arena,
    packs: Packs,
}

struct Binding {
    program: usize,
    data: Data,
    rows: usize,
    order: Vec<u32>,
    outputs: Vec<OutputBuffer>,
    steps: usize,
}

/// What a binding's samples are read from.
enum Data {
    /// Data sets in memory.
    Resident(Vec<Arc<Tensor>>),
    /// The batch of the present step, and those to come; its samples are numbered from 0.
    Streamed { ahead: ReadAhead, batch: Vec<Arc<Tensor>>, numbers: Vec<u32> },
}

impl Engine {
    /// An engine of `threads` threads; by default as many as the machine runs at once.
    ///
    /// # Errors
    /// If `threads` is 0, or the system gives no threads.
    pub fn new(threads: Option<usize>) -> Result<Self> {
        #[cfg(test)]
        super::kernels::use_threads_from(1);
        if threads == Some(0) {
            return Err(Error::argument("CPU", "number of threads", 0, "at least 1"));
        }
        let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
        let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
        let pool = builder
            .thread_name(|i| format!("gradus-{i}"))
            .build()
            .map_err(|error| Error::device("CPU", error, "raise the limit on threads of this process"))?;
        Ok(Self { pool, variables: Vec::new(), programs: Vec::new(), bindings: Vec::new() })
    }

    /// The device for people: `CPU, 2 threads, AVX-512`.
    pub fn describe(&self) -> String {
        let level = match Level::current() {
            Level::Avx512 => "AVX-512",
            Level::Avx2 => "AVX2",
            Level::Plain => std::env::consts::ARCH,
        };
        let threads = self.pool.current_num_threads();
        format!("CPU, {threads} thread{}, {level}", if threads == 1 { "" } else { "s" })
    }

    /// Bytes of the variables and of the programs loaded.
    pub fn held(&self) -> u64 {
        let variables: usize = self.variables.iter().map(Arena::len).sum();
        let programs: u64 =
            self.programs.iter().flatten().map(|loaded| Self::bytes(&loaded.program, 0, 0)).sum();
        variables as u64 * 4 + programs
    }

    /// Bytes that `program` takes, with the outputs of `steps` steps over `rows` samples, which stay where they are.
    pub fn bytes(program: &Program, rows: usize, steps: usize) -> u64 {
        let gradients: usize = program.gradients.iter().map(|&(_, words)| words).sum();
        let outputs = program.graph.outputs.iter().map(|output| {
            let Dim { factor, batch } = program.graph.shape(output.node).count();
            factor * if batch { rows } else { steps }
        });
        (program.activation_words + gradients + outputs.sum::<usize>() + rows) as u64 * 4
    }

    /// Makes the variables of a model, filled with zeros. Those that exist with the same size keep their values.
    ///
    /// # Errors
    /// None here: memory that is lacking shows when a program is loaded. A GPU may refuse.
    pub fn set_variables(&mut self, variables: &[Variable]) -> Result<()> {
        self.variables.truncate(variables.len());
        for (i, variable) in variables.iter().enumerate() {
            let words = variable.segments * SEGMENT;
            match self.variables.get_mut(i) {
                Some(arena) if arena.len() == words => {}
                Some(arena) => *arena = Arena::new(words),
                None => self.variables.push(Arena::new(words)),
            }
        }
        Ok(())
    }

    /// Gives a variable its values.
    ///
    /// # Errors
    /// If there is no such variable, or it has another number of elements.
    pub fn write_variable(&mut self, id: VariableId, values: &[f32]) -> Result<()> {
        let arena = self.variable(id, "Engine::write_variable")?;
        if arena.len() != values.len() {
            let expected = format!("{}, the size of variable {}", arena.len(), id.0);
            return Err(Error::argument(
                "Engine::write_variable",
                "number of values",
                values.len(),
                expected,
            ));
        }
        arena.write(0..values.len()).copy_from_slice(values);
        Ok(())
    }

    /// The values of a variable.
    ///
    /// # Errors
    /// If there is no such variable.
    pub async fn read_variable(&self, id: VariableId) -> Result<Vec<f32>> {
        let arena = self.variable(id, "Engine::read_variable")?;
        Ok(arena.read(0..arena.len()).to_vec())
    }

    fn variable(&self, id: VariableId, call: &str) -> Result<&Arena> {
        self.variables.get(id.0).ok_or_else(|| {
            let problem = format!("there is no variable {}", id.0);
            Error::order(call, problem, "call Engine::set_variables with all variables of the model first")
        })
    }

    /// Prepares a program and makes its memory.
    ///
    /// # Errors
    /// If a variable of the program is missing or has another size.
    pub fn load(&mut self, program: Program) -> Result<ProgramId> {
        for (i, variable) in program.graph.variables.iter().enumerate() {
            let found = self.variable(VariableId(i), "Engine::load")?.len();
            if found != variable.segments * SEGMENT {
                let expected = format!("{}, as in the program", variable.segments * SEGMENT);
                let argument = format!("size of variable {:?}", variable.name);
                return Err(Error::argument("Engine::load", argument, found, expected));
            }
        }
        let loaded = Loaded::new(program);
        self.pool.broadcast(|_| loaded.kernels.iter().for_each(Prepared::reserve));
        Ok(ProgramId(into_free_slot(&mut self.programs, loaded)))
    }

    /// Gives a program its data sets, one for each input of the graph in order, with as many samples each, and
    /// room for the outputs of `steps` steps.
    ///
    /// # Errors
    /// If the program is not loaded, or a data set has another shape or element type than its input.
    pub fn bind(&mut self, program: ProgramId, inputs: &[Arc<Tensor>], steps: usize) -> Result<BindingId> {
        let loaded = find(&self.programs, program.0, "Engine::bind", "program")?;
        let rows = inputs.first().map_or(loaded.program.max_batch, |tensor| tensor.rows());
        let stored: Vec<(Stored, usize)> = inputs.iter().map(|t| (Stored::of(t), t.rows())).collect();
        check_columns(&loaded.program.graph.inputs, &stored)?;
        self.bind_data(program, Data::Resident(inputs.to_vec()), rows, steps)
    }

    /// The same for data that are read while steps run: a column for each input of the graph.
    ///
    /// # Errors
    /// As [`Engine::bind`].
    pub fn bind_stream(&mut self, program: ProgramId, ahead: ReadAhead, steps: usize) -> Result<BindingId> {
        let loaded = find(&self.programs, program.0, "Engine::bind_stream", "program")?;
        let rows = ahead.rows();
        let stored: Vec<(Stored, usize)> = ahead.columns().iter().map(|c| (c.clone(), rows)).collect();
        check_columns(&loaded.program.graph.inputs, &stored)?;
        let numbers = (0..loaded.program.max_batch as u32).collect();
        let data = Data::Streamed { ahead, batch: Vec::new(), numbers };
        self.bind_data(program, data, rows, steps)
    }

    fn bind_data(&mut self, program: ProgramId, data: Data, rows: usize, steps: usize) -> Result<BindingId> {
        let loaded = find(&self.programs, program.0, "Engine::bind", "program")?;
        let order = (0..rows as u32).collect();
        let outputs = loaded.outputs(rows, steps);
        let binding = Binding { program: program.0, data, rows, order, outputs, steps };
        Ok(BindingId(into_free_slot(&mut self.bindings, binding)))
    }

    /// Sets the order in which steps take the samples of the data sets; at first it is the order of the data.
    ///
    /// # Errors
    /// If the binding does not exist, or `order` names a sample that is not there or more samples than there are.
    pub fn set_order(&mut self, binding: BindingId, order: &[u32]) -> Result<()> {
        let binding = find_mut(&mut self.bindings, binding.0, "Engine::set_order", "binding")?;
        if order.len() > binding.rows {
            let expected = format!("at most {}, as many as there are", binding.rows);
            return Err(Error::argument("Engine::set_order", "number of samples", order.len(), expected));
        }
        if let Some(sample) = order.iter().find(|&&sample| sample as usize >= binding.rows) {
            let expected = format!("below {}, the number of samples", binding.rows);
            return Err(Error::argument("Engine::set_order", "sample", sample, expected));
        }
        binding.order.clear();
        binding.order.extend_from_slice(order);
        if let Data::Streamed { ahead, .. } = &mut binding.data {
            ahead.set_order(order);
        }
        Ok(())
    }

    /// Runs steps one after the other.
    ///
    /// # Errors
    /// If the binding does not exist, a step lies outside of its data, its outputs or the program's batch, or streamed
    /// data cannot be read.
    pub async fn run(&mut self, binding: BindingId, steps: &[Step]) -> Result<()> {
        self.run_until(binding, steps, &CancellationToken::new()).await.map(|_| ())
    }

    /// Runs steps one after the other until they are done or `token` is cancelled, and returns how many were run.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn run_until(
        &mut self,
        binding: BindingId,
        steps: &[Step],
        token: &CancellationToken,
    ) -> Result<usize> {
        let binding = find_mut(&mut self.bindings, binding.0, "Engine::run", "binding")?;
        let loaded = find_mut(&mut self.programs, binding.program, "Engine::run", "program")?;
        steps.iter().try_for_each(|step| binding.check(step, &loaded.program))?;
        let variables = &self.variables;
        if matches!(binding.data, Data::Resident(_)) {
            return Ok(awake::lead(&self.pool, || {
                let wanted = steps.iter().take_while(|_| !token.is_cancelled());
                wanted.map(|step| loaded.step(binding, step, variables)).count()
            }));
        }
        for (done, step) in steps.iter().enumerate() {
            if token.is_cancelled() {
                return Ok(done);
            }
            binding.take(step)?;
            awake::lead(&self.pool, || loaded.step(binding, step, variables));
        }
        Ok(steps.len())
    }

    /// Runs `step` and returns the seconds that each kernel took.
    ///
    /// # Errors
    /// As [`Engine::run`].
    pub async fn profile(&mut self, binding: BindingId, step: &Step) -> Result<Vec<f64>> {
        let binding = find_mut(&mut self.bindings, binding.0, "Engine::profile", "binding")?;
        let loaded = find_mut(&mut self.programs, binding.program, "Engine::profile", "program")?;
        binding.check(step, &loaded.program)?;
        binding.take(step)?;
        let context = loaded.context(binding, step, &self.variables);
        let time = |kernel: &Prepared| {
            let start = std::time::Instant::now();
            kernel.run(&context);
            start.elapsed().as_secs_f64()
        };
        Ok(awake::lead(&self.pool, || {
            loaded.packs.fill(&context);
            loaded.kernels.iter().map(time).collect()
        }))
    }

    /// The outputs of all steps run: for each output of the graph, its numbers for each step, or the rows of
    /// the samples, in the order in which the steps took them.
    ///
    /// # Errors
    /// If the binding does not exist.
    pub async fn outputs(&mut self, binding: BindingId) -> Result<Vec<Vec<f32>>> {
        let binding = find(&self.bindings, binding.0, "Engine::outputs", "binding")?;
        Ok(binding.outputs.iter().map(|output| output.words.read(0..output.words.len()).to_vec()).collect())
    }

    /// Gives back the memory of a binding.
    pub fn release(&mut self, binding: BindingId) {
        if let Some(slot) = self.bindings.get_mut(binding.0) {
            *slot = None;
        }
    }

    /// Gives back the memory of a program and of its bindings.
    pub fn unload(&mut self, program: ProgramId) {
        if let Some(slot) = self.programs.get_mut(program.0) {
            *slot = None;
        }
        for slot in &mut self.bindings {
            if slot.as_ref().is_some_and(|binding| binding.program == program.0) {
                *slot = None;
            }
        }
    }
}

fn gone(call: &str, what: &str) -> Error {
    let remedy = if what == "program" { "load it again" } else { "bind the program again" };
    Error::order(call, format!("the {what} was given back"), remedy)
}

fn find<'a, T>(slots: &'a [Option<T>], id: usize, call: &str, what: &str) -> Result<&'a T> {
    slots.get(id).and_then(Option::as_ref).ok_or_else(|| gone(call, what))
}

fn find_mut<'a, T>(slots: &'a mut [Option<T>], id: usize, call: &str, what: &str) -> Result<&'a mut T> {
    slots.get_mut(id).and_then(Option::as_mut).ok_or_else(|| gone(call, what))
}

impl Loaded {
    fn new(program: Program) -> Self {
        let mut spare = 0;
        let packs = Packs::new(&program);
        let kernels: Vec<Prepared> = program
            .kernels
            .iter()
            .map(|kernel| Prepared::new(&program, kernel, &packs, &mut spare))
            .collect();
        let packed = |i| program.gradients.iter().find(|(id, _)| id.0 == i).map_or(0, |&(_, words)| words);
        Self {
            activations: Arena::new(program.activation_words),
            gradients: (0..program.graph.variables.len()).map(|i| Arena::new(packed(i))).collect(),
            spare: Arena::new(spare),
            packs,
            kernels,
            program,
        }
    }

    /// Buffers for the outputs of `rows` samples in `steps` steps.
    fn outputs(&self, rows: usize, steps: usize) -> Vec<OutputBuffer> {
        let graph = &self.program.graph;
        let buffer = |output: &crate::graph::Output| {
            let Dim { factor: row, batch: batched } = graph.shape(output.node).count();
            let words = row * if batched { rows } else { steps };
            OutputBuffer { words: Arena::new(words), row, batched }
        };
        graph.outputs.iter().map(buffer).collect()
    }

    fn context<'a>(&'a self, binding: &'a Binding, step: &'a Step, variables: &'a [Arena]) -> Context<'a> {
        let (inputs, samples) = match &binding.data {
            Data::Resident(inputs) => (inputs, binding.order.get(step.offset..step.offset + step.batch)),
            Data::Streamed { batch, numbers, .. } => (batch, numbers.get(..step.batch)),
        };
        Context {
            step,
            samples: samples.unwrap_or_default(),
            inputs,
            activations: &self.activations,
            spare: &self.spare,
            packs: &self.packs,
            variables,
            gradients: &self.gradients,
            outputs: &binding.outputs,
        }
    }

    fn step(&self, binding: &Binding, step: &Step, variables: &[Arena]) {
        let context = self.context(binding, step, variables);
        self.packs.fill(&context);
        self.kernels.iter().for_each(|kernel| kernel.run(&context));
    }
}

impl Binding {
    /// Waits for the samples of `step`, if they are streamed.
    fn take(&mut self, step: &Step) -> Result<()> {
        if let Data::Streamed { ahead, batch, .. } = &mut self.data {
            *batch = ahead.take(step.offset, step.batch)?;
        }
        Ok(())
    }

    fn check(&self, step: &Step, program: &Program) -> Result<()> {
        let fail = |argument: &str, found: usize, expected: String| {
            Err(Error::argument("Engine::run", argument, found, expected))
        };
        if step.batch == 0 || step.batch > program.max_batch {
            return fail("batch size", step.batch, format!("1 to {}", program.max_batch));
        }
        if step.offset + step.batch > self.order.len() {
            let expected = format!("at most {}, the number of samples", self.order.len());
            return fail("end of the batch", step.offset + step.batch, expected);
        }
        if step.row >= self.steps {
            return fail("row of the outputs", step.row, format!("below {}, as bound", self.steps));
        }
        if step.scalars.len() != program.graph.scalars.len() {
            let expected = format!("{}: {:?}", program.graph.scalars.len(), program.graph.scalars);
            return fail("number of scalars", step.scalars.len(), expected);
        }
        Ok(())
    }
}
