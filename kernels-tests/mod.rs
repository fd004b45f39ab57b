//! Kernels, gradients and whole training runs against references.

use crate::gpu::kernels;

mod conv;
mod golden;
mod harness;
mod matmul;
mod shaders;
mod trajectories;
mod window;
