//! Where a model runs: chosen by name, opened on first use.

use std::fmt;
use std::sync::{Arc, OnceLock};

#[cfg(feature = "cpu")]
use crate::cpu;
use crate::error::{Error, Result};
use crate::gpu;
use crate::gpu::adapter::Choice;
use crate::graph::{Variable, VariableId};
use crate::schedule::{BindingId, Program, ProgramId, Step, Target};
use crate::stream::ReadAhead;
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
pub struct Device(Choice);

impl Device {
    /// A real GPU if there is one, else the CPU; never a software adapter.
    pub fn auto() -> Self {
        Self(Choice::Auto)
    }

    /// The threads of this machine.
    pub fn cpu() -> Self {
        Self(Choice::Cpu)
    }

    /// The best adapter, a software one if there is no other.
    pub fn gpu() -> Self {
        Self(Choice::Gpu)
    }

    /// `auto`, `cpu`, `gpu`, `vulkan`, `gl`, `metal`, `dx12`, or a part of an adapter's name.
    ///
    /// # Errors
    /// If `text` is empty.
    pub fn parse(text: &str) -> Result<Self> {
        text.parse().map(Self)
    }

    /// What the environment variable `GRADUS_DEVICE` names; [`Device::auto`] if it is not set.
    ///
    /// # Errors
    /// If it is set and empty, or no text.
    pub fn from_environment() -> Result<Self> {
        Choice::from_environment().map(Self)
    }

    /// Opens the device.
    pub(super) async fn open(&self) -> Result<Opened> {
        match self.0 {
            Choice::Cpu => Opened::cpu("as asked for"),
            Choice::Auto => match NO_GPU.get() {
                Some(error) => Opened::cpu_instead(error),
                None => Opened::best().await,
            },
            _ => Ok(Opened::gpu(gpu::Engine::new(&self.0).await?, "as asked for")),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An open device, and why it is this one.
pub(super) struct Opened {
    pub engine: Engine,
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

    fn gpu(engine: gpu::Engine, why: &str) -> Self {
        let warning =
            if engine.is_software() { "; a program on the CPU, slower than the device cpu" } else { "" };
        Self { engine: Engine::Gpu(Box::new(engine)), why: format!("{why}{warning}") }
    }

    #[cfg(feature = "cpu")]
    fn cpu(why: &str) -> Result<Self> {
        Ok(Self { engine: Engine::Cpu(cpu::Engine::new(None)?), why: why.to_string() })
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
        let device = match &self.engine {
            #[cfg(feature = "cpu")]
            Engine::Cpu(engine) => engine.describe(),
            Engine::Gpu(engine) => engine.describe(),
        };
        format!("{device} ({})", self.why)
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
    /// What programs are scheduled for.
    pub fn target(&self) -> Target {
        match self {
            #[cfg(feature = "cpu")]
            Self::Cpu(_) => Target::Cpu,
            Self::Gpu(engine) => Target::Gpu { software: engine.is_software() },
        }
    }

    /// Whether a step is done when `run` returns, so that its outputs can be read without waiting.
    pub fn is_immediate(&self) -> bool {
        !matches!(self, Self::Gpu(_))
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
