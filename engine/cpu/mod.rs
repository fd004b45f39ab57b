//! The CPU: the reference interpreter, and the executor of Programs.

pub mod plain;

#[cfg(feature = "cpu")]
mod anchor;
#[cfg(feature = "cpu")]
mod awake;
#[cfg(feature = "cpu")]
mod engine;
#[cfg(feature = "cpu")]
mod free_memory;
#[cfg(feature = "cpu")]
mod memory;
#[cfg(feature = "cpu")]
mod movement;
#[cfg(feature = "cpu")]
mod packs;
#[cfg(feature = "cpu")]
mod prepare;
#[cfg(feature = "cpu")]
mod region;
#[cfg(feature = "cpu")]
mod rows;
#[cfg(all(test, feature = "cpu"))]
mod tests;
#[cfg(feature = "cpu")]
mod walk;

#[cfg(feature = "cpu")]
use gradus_cpu_kernels as kernels;

#[cfg(feature = "cpu")]
pub use engine::Engine;
#[cfg(feature = "cpu")]
pub(crate) use free_memory::free_memory;
