//! Which GPU is used: what the machine has, what was asked for, and what to do if nothing fits.

use crate::error::{Error, Result};
use crate::schedule::LANES;

/// The environment variable that names the device.
pub const VARIABLE: &str = "GRADUS_DEVICE";

/// What the user asks for, on the command line or in `GRADUS_DEVICE`.
///
/// ```
/// use gradus::gpu::adapter::Choice;
/// assert_eq!("gpu".parse::<Choice>()?, Choice::Gpu);
/// assert_eq!("RTX 4090".parse::<Choice>()?, Choice::Name("RTX 4090".into()));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Choice {
    /// A real GPU if there is one, never a software adapter.
    #[default]
    Auto,
    /// No adapter at all: host threads.
    Cpu,
    /// The best adapter, a software one if there is no other.
    Gpu,
    /// The best adapter of one of wgpu's backends, software or not.
    Backend(wgpu::Backend),
    /// The best adapter whose name contains this, whatever its case.
    Name(String),
}

impl std::str::FromStr for Choice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.trim().to_lowercase().as_str() {
            "" => {
                let expected = "auto, cpu, gpu, vulkan, gl, metal, dx12 or a part of an adapter's name";
                return Err(Error::argument("device", VARIABLE, "empty", expected));
            }
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "gpu" => Self::Gpu,
            "vulkan" => Self::Backend(wgpu::Backend::Vulkan),
            "gl" => Self::Backend(wgpu::Backend::Gl),
            "metal" => Self::Backend(wgpu::Backend::Metal),
            "dx12" => Self::Backend(wgpu::Backend::Dx12),
            _ => Self::Name(text.trim().to_string()),
        })
    }
}

impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Auto => write!(f, "auto"),
            Self::Cpu => write!(f, "cpu"),
            Self::Gpu => write!(f, "gpu"),
            Self::Backend(backend) => write!(f, "{backend}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

impl Choice {
    /// What `GRADUS_DEVICE` asks for; [`Choice::Auto`] if it is not set.
    ///
    /// # Errors
    /// If it is set and empty, or no text.
    pub fn from_environment() -> Result<Self> {
        match std::env::var(VARIABLE) {
            Ok(text) => text.parse(),
            Err(std::env::VarError::NotPresent) => Ok(Self::Auto),
            Err(problem) => Err(Error::argument("device", VARIABLE, problem, "text")),
        }
    }

    /// Whether an adapter is one of those asked for.
    fn admits(&self, info: &wgpu::AdapterInfo) -> bool {
        match self {
            Self::Auto => !is_software(info),
            Self::Cpu => false,
            Self::Gpu => true,
            Self::Backend(backend) => info.backend == *backend,
            Self::Name(name) => info.name.to_lowercase().contains(&name.to_lowercase()),
        }
    }
}

/// Whether an adapter is a program on the CPU: lavapipe, llvmpipe, SwiftShader, WARP.
pub fn is_software(info: &wgpu::AdapterInfo) -> bool {
    let name = info.name.to_lowercase();
    let known = ["llvmpipe", "lavapipe", "softpipe", "swiftshader", "basic render driver"];
    info.device_type == wgpu::DeviceType::Cpu || known.iter().any(|part| name.contains(part))
}

/// Whether all its subgroups have as many threads as kernels count on.
pub fn has_subgroups(adapter: &wgpu::Adapter) -> bool {
    let info = adapter.get_info();
    let alike = [info.subgroup_min_size, info.subgroup_max_size].iter().all(|&size| size as usize == LANES);
    alike && adapter.features().contains(wgpu::Features::SUBGROUP)
}

/// `Vulkan, llvmpipe (LLVM 15.0.6, 256 bits), software adapter`.
pub fn describe(info: &wgpu::AdapterInfo) -> String {
    let kind = match info.device_type {
        _ if is_software(info) => "software adapter",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        _ => "GPU",
    };
    format!("{:?}, {}, {kind}", info.backend, info.name)
}

/// All adapters that can run kernels, the best first.
pub async fn list() -> Vec<wgpu::Adapter> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    // Validation layers of the driver cost time and check nothing that wgpu does not check.
    descriptor.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(descriptor);
    let mut adapters = instance.enumerate_adapters(wgpu::Backends::all()).await;
    adapters.retain(|a| a.limits().max_compute_invocations_per_workgroup >= 256);
    adapters.sort_by_key(|a| rank(&a.get_info()));
    adapters
}

/// Real GPUs before software, discrete before integrated, GL last.
fn rank(info: &wgpu::AdapterInfo) -> (bool, u32, bool) {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (is_software(info), kind, info.backend == wgpu::Backend::Gl)
}

/// The best adapter that `choice` admits.
///
/// # Errors
/// If there is none: what was found instead, and what to install or to ask for.
pub async fn select(choice: &Choice) -> Result<wgpu::Adapter> {
    let adapters = list().await;
    let found: Vec<String> = adapters.iter().map(|a| describe(&a.get_info())).collect();
    adapters.into_iter().find(|a| choice.admits(&a.get_info())).ok_or_else(|| none(choice, &found))
}

fn none(choice: &Choice, found: &[String]) -> Error {
    if found.is_empty() {
        let remedy = "install a Vulkan driver (Linux: mesa-vulkan-drivers or the GPU maker's own; \
                      macOS and Windows: update the system), or use the device cpu";
        return Error::device(choice.to_string(), "no GPU adapter was found", remedy);
    }
    let problem = format!("no adapter fits, found only: {}", found.join("; "));
    let remedy = match choice {
        Choice::Auto => "use the device cpu, or gpu to admit a software adapter",
        Choice::Cpu => "the CPU is no adapter: use the CPU's own executor",
        _ => "ask for one of those by its name, or for auto, gpu or cpu",
    };
    Error::device(choice.to_string(), problem, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, device_type: wgpu::DeviceType, backend: wgpu::Backend) -> wgpu::AdapterInfo {
        let mut info = wgpu::AdapterInfo::new(device_type, backend);
        info.name = name.into();
        info
    }

    #[test]
    fn auto_takes_no_software() {
        let lavapipe =
            adapter("llvmpipe (LLVM 15.0.6, 256 bits)", wgpu::DeviceType::Cpu, wgpu::Backend::Vulkan);
        let swiftshader = adapter("SwiftShader Device", wgpu::DeviceType::Other, wgpu::Backend::Vulkan);
        let real = adapter("Radeon 780M", wgpu::DeviceType::IntegratedGpu, wgpu::Backend::Vulkan);
        assert!(!Choice::Auto.admits(&lavapipe) && !Choice::Auto.admits(&swiftshader));
        assert!(Choice::Auto.admits(&real));
        assert!(Choice::Gpu.admits(&lavapipe) && Choice::Name("LLVM".into()).admits(&lavapipe));
        assert!(!Choice::Cpu.admits(&real));
        assert!(rank(&real) < rank(&lavapipe) && rank(&real) < rank(&swiftshader));
    }

    #[test]
    fn a_failure_says_what_there_is() {
        let message =
            none(&Choice::Name("RTX".into()), &["Vulkan, llvmpipe, software adapter".into()]).to_string();
        assert!(message.contains("RTX") && message.contains("llvmpipe"), "{message}");
        assert!(none(&Choice::Auto, &[]).to_string().contains("mesa-vulkan-drivers"));
    }
}
