//! Where a model runs: chosen by name, opened on first use.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::cancellation::CancellationToken;
#[cfg(feature = "cpu")]
use crate::cpu;
use crate::error::{Error, Result};
use crate::formats::read_file;
use crate::gpu;
use crate::gpu::adapter::Choice;
use crate::graph::{Variable, VariableId};
use crate::schedule::{BindingId, Program, ProgramId, Step, Target, Tuning};
use crate::stream::{ReadAhead, Volume};
use crate::tensor::Tensor;

/// What a model runs on.
///
/// ```
/// use gradus::Device;
/// let device = Device::parse("cpu")?;
/// assert_eq!(device.to_string(), "cpu");
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Device {
    choice: Choice,
    memory_limit: Option<u64>,
    steps_per_submission: Option<usize>,
    tuning: Option<Arc<Tuning>>,
}

/// The environment variable that names a file of [`Tuning`].
const TUNING: &str = "GRADUS_TUNING";

impl Device {
    /// A real GPU if there is one, else the CPU; never a software adapter.
    pub fn auto() -> Self {
        Choice::Auto.into()
    }

    /// The threads of this machine.
    pub fn cpu() -> Self {
        Choice::Cpu.into()
    }

    /// The best adapter, a software one if there is no other.
    pub fn gpu() -> Self {
        Choice::Gpu.into()
    }

    /// `auto`, `cpu`, `gpu`, `vulkan`, `gl`, `metal`, `dx12`, or a part of an adapter's name.
    ///
    /// # Errors
    /// If `text` is empty.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse().map(Choice::into)
    }

    /// What the environment variable `GRADUS_DEVICE` names; [`Device::auto`] if it is not set. With the better kernel
    /// choices of the file that `GRADUS_TUNING` names, if it is set.
    ///
    /// # Errors
    /// If it is set and empty, or no text; if the file cannot be read or is no tuning.
    pub fn from_environment() -> Result<Self> {
        Choice::from_environment().map(Self::from)?.tuned_by_environment()
    }

    /// The same device with the choices of the file that `GRADUS_TUNING` names, if it is set.
    ///
    /// # Errors
    /// If the file cannot be read or is no tuning.
    pub fn tuned_by_environment(self) -> Result<Self> {
        let Some(path) = std::env::var_os(TUNING) else { return Ok(self) };
        let bytes = read_file(Path::new(&path))?;
        let wrong = |problem: String| Error::file(&path, problem, "write it anew with `gradus tune`");
        let text = std::str::from_utf8(&bytes).map_err(|error| wrong(error.to_string()))?;
        let tuning = text.parse().map_err(|error: Error| wrong(error.to_string()))?;
        Ok(self.tuned(tuning))
    }

    /// The same device with kernel choices that were measured on its adapter; see [`Device::tune`]. The CPU has none to
    /// choose; another adapter than that of the tuning is refused when the device is opened.
    pub fn tuned(self, tuning: Tuning) -> Self {
        Self { tuning: Some(Arc::new(tuning)), ..self }
    }

    /// The most bytes that a model may take there: what needs more is refused before it starts. Default all the memory of
    /// its own that a GPU's driver tells of, and what the system has free for the CPU.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = Some(bytes);
        self
    }

    /// How many steps a GPU is given at a time, 1 to 256 (of other numbers the nearest of these). Default as many as take
    /// about 50 ms. With fewer a training ends sooner that is cancelled, and other programs find the GPU free more often; with
    /// more the host has less to do. What comes out is the same. The CPU has no use for it.
    ///
    /// ```
    /// let responsive = gradus::Device::auto().steps_per_submission(1);
    /// ```
    pub fn steps_per_submission(mut self, steps: usize) -> Self {
        self.steps_per_submission = Some(steps);
        self
    }

    /// Opens the device.
    pub(super) async fn open(&self) -> Result<Opened> {
        let mut opened = match self.choice {
            Choice::Cpu => Opened::cpu("as asked for"),
            Choice::Auto => match NO_GPU.get() {
                Some(error) => Opened::cpu_instead(error),
                None => Opened::best().await,
            },
            _ => Ok(Opened::gpu(gpu::Engine::new(&self.choice).await?, "as asked for")),
        }?;
        if let Some(tuning) = self.tuning.as_ref().filter(|_| opened.engine.target() != Target::Cpu) {
            let adapter = opened.engine.adapter();
            if tuning.adapter != adapter {
                let problem = format!("the tuning was measured on {}", tuning.adapter);
                return Err(Error::device(
                    adapter,
                    problem,
                    "run `gradus tune` on this adapter, or use none",
                ));
            }
            opened.tuning = tuning.clone();
        }
        opened.engine.set_steps_per_submission(self.steps_per_submission);
        Ok(Opened { memory_limit: self.memory_limit, ..opened })
    }
}

impl From<Choice> for Device {
    fn from(choice: Choice) -> Self {
        Self { choice, memory_limit: None, steps_per_submission: None, tuning: None }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.choice.fmt(f)
    }
}

/// An open device, and why it is this one.
pub(super) struct Opened {
    pub engine: Engine,
    /// The bytes that the user allows, if not all there are.
    pub memory_limit: Option<u64>,
    /// Kernel choices measured on this adapter.
    pub tuning: Arc<Tuning>,
    why: String,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

/// Why no GPU was taken: a process asks the drivers once, not for each model.
static NO_GPU: OnceLock<Error> = OnceLock::new();

impl Opened {
    /// The best GPU, else the CPU.
    async fn best() -> Result<Self> {
        match gpu::Engine::new(&Choice::Auto).await {
            Ok(engine) => Ok(Self::gpu(engine, "the best GPU found")),
            Err(error @ Error::Device { .. }) => Self::cpu_instead(NO_GPU.get_or_init(|| error)),
            Err(error) => Err(error),
        }
    }

    fn new(engine: Engine, why: String) -> Self {
        Self { engine, memory_limit: None, tuning: Arc::default(), why }
    }

    fn gpu(engine: gpu::Engine, why: &str) -> Self {
        let warning =
            if engine.is_software() { "; a program on the CPU, slower than the device cpu" } else { "" };
        Self::new(Engine::Gpu(Box::new(engine)), format!("{why}{warning}"))
    }

    #[cfg(feature = "cpu")]
    fn cpu(why: &str) -> Result<Self> {
        Ok(Self::new(Engine::Cpu(cpu::Engine::new(None)?), why.to_string()))
    }

    #[cfg(not(feature = "cpu"))]
    fn cpu(_why: &str) -> Result<Self> {
        let problem = "gradus was built without the feature `cpu`";
        Err(Error::device("cpu", problem, "build it with the feature, or ask for a GPU"))
    }

    /// The CPU, since no GPU fits.
    fn cpu_instead(error: &Error) -> Result<Self> {
        let Error::Device { problem, .. } = error else { return Err(error.clone()) };
        // Without the CPU path the GPU's own message says what to do.
        if cfg!(feature = "cpu") { Self::cpu(problem) } else { Err(error.clone()) }
    }

    /// `CPU, 2 threads, AVX2 (no GPU adapter was found)`
    pub fn describe(&self) -> String {
        let tuned = match self.tuning.choices.len() {
            0 => String::new(),
            count => format!("; {count} kernel choices tuned"),
        };
        format!("{} ({}{tuned})", self.engine.adapter(), self.why)
    }
}

/// What a report tells of the device.
#[cfg(all(feature = "plots", not(target_arch = "wasm32")))]
impl Opened {
    /// A GPU's driver, such as `llvmpipe, Mesa 22.3.6`.
    pub fn driver(&self) -> Option<String> {
        match &self.engine {
            #[cfg(feature = "cpu")]
            Engine::Cpu(_) => None,
            Engine::Gpu(engine) => Some(engine.driver()),
        }
    }
}

/// One of the two executors, which share one interface.
pub(super) enum Engine {
    /// Host threads.
    #[cfg(feature = "cpu")]
    Cpu(cpu::Engine),
    /// A GPU through wgpu.
    Gpu(Box<gpu::Engine>),
}

impl Engine {
    /// The device for people: `CPU, 2 threads, AVX2`.
    pub fn adapter(&self) -> String {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.describe(),
            Self::Gpu(engine) => engine.describe(),
        }
    }

    /// What programs are scheduled for.
    pub fn target(&self) -> Target {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => Target::Cpu,
            Self::Gpu(engine) => engine.target(),
        }
    }

    /// How many steps go to a GPU at a time; `None` for as many as take about 50 ms.
    fn set_steps_per_submission(&mut self, steps: Option<usize>) {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => {}
            Self::Gpu(engine) => engine.set_steps_per_submission(steps),
        }
    }

    /// Whether a step is done when `run` returns, so that its outputs can be read without waiting.
    pub fn is_immediate(&self) -> bool {
        !matches!(self, Self::Gpu(_))
    }

    /// Whether the device has failed so that nothing works on it any more.
    pub fn is_broken(&self) -> bool {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => false,
            Self::Gpu(engine) => engine.is_broken(),
        }
    }

    /// Bytes of memory taken by now, and those that there are, as far as they are known.
    pub fn memory(&self) -> (u64, Option<u64>) {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => (engine.held(), cpu::free_memory().map(|free| engine.held() + free)),
            Self::Gpu(engine) => (engine.held().unwrap_or(0), engine.memory()),
        }
    }

    /// Whether bindings can hold what `program` binds.
    pub fn check_bindings(&self, program: &Program) -> Result<()> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => Ok(()),
            Self::Gpu(engine) => engine.check_bindings(program),
        }
    }

    /// Bytes that loading and binding `program` take.
    pub fn bytes(&self, program: &Program, data: &Volume, steps: usize) -> u64 {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => cpu::Engine::bytes(program, data.rows, steps),
            Self::Gpu(engine) => engine.bytes(program, data, steps),
        }
    }

    /// What has been done so far, where the device counts it.
    pub fn counters(&self) -> Option<gpu::Counters> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => None,
            Self::Gpu(engine) => Some(engine.counters()),
        }
    }

    pub fn set_variables(&mut self, variables: &[Variable]) -> Result<()> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.set_variables(variables),
            Self::Gpu(engine) => engine.set_variables(variables),
        }
    }

    pub fn write_variable(&mut self, id: VariableId, values: &[f32]) -> Result<()> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.write_variable(id, values),
            Self::Gpu(engine) => engine.write_variable(id, values),
        }
    }

    pub async fn read_variable(&mut self, id: VariableId) -> Result<Vec<f32>> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.read_variable(id).await,
            Self::Gpu(engine) => engine.read_variable(id).await,
        }
    }

    pub fn load(&mut self, program: Program) -> Result<ProgramId> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.load(program),
            Self::Gpu(engine) => engine.load(program),
        }
    }

    pub fn unload(&mut self, program: ProgramId) {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.unload(program),
            Self::Gpu(engine) => engine.unload(program),
        }
    }

    pub fn bind(&mut self, program: ProgramId, inputs: &[Arc<Tensor>], steps: usize) -> Result<BindingId> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.bind(program, inputs, steps),
            Self::Gpu(engine) => engine.bind(program, inputs, steps),
        }
    }

    pub fn bind_stream(&mut self, program: ProgramId, ahead: ReadAhead, steps: usize) -> Result<BindingId> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.bind_stream(program, ahead, steps),
            Self::Gpu(engine) => engine.bind_stream(program, ahead, steps),
        }
    }

    pub fn release(&mut self, binding: BindingId) {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.release(binding),
            Self::Gpu(engine) => engine.release(binding),
        }
    }

    pub fn set_order(&mut self, binding: BindingId, order: &[u32]) -> Result<()> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.set_order(binding, order),
            Self::Gpu(engine) => engine.set_order(binding, order),
        }
    }

    pub async fn run(&mut self, binding: BindingId, steps: &[Step]) -> Result<()> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.run(binding, steps).await,
            Self::Gpu(engine) => engine.run(binding, steps).await,
        }
    }

    pub async fn run_until(
        &mut self,
        binding: BindingId,
        steps: &[Step],
        token: &CancellationToken,
    ) -> Result<usize> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.run_until(binding, steps, token).await,
            Self::Gpu(engine) => engine.run_until(binding, steps, token).await,
        }
    }

    pub async fn profile(&mut self, binding: BindingId, step: &Step) -> Result<Vec<f64>> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.profile(binding, step).await,
            Self::Gpu(engine) => engine.profile(binding, step).await,
        }
    }

    pub async fn outputs(&mut self, binding: BindingId) -> Result<Vec<Vec<f32>>> {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(engine) => engine.outputs(binding).await,
            Self::Gpu(engine) => engine.outputs(binding).await,
        }
    }
}
