//! The GPU executor: WGSL kernels through wgpu, prepared once and replayed.

pub mod adapter;
mod binding;
#[cfg(test)]
mod canaries;
mod contract;
mod data;
mod device;
mod engine;
pub(crate) mod kernels;
mod lower;
mod pace;
mod pipeline_cache;
mod pipelines;
mod profile;
pub(crate) mod region;
mod room;
pub(crate) mod shader;
pub mod survey;

pub use device::Counters;
pub use engine::Engine;
#[cfg(any(test, feature = "cpu"))]
pub(crate) use lower::lower;
#[cfg(test)]
pub(crate) use pipelines::without_comments;
