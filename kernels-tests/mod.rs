//! Kernels, gradients and whole training runs against references, with a view of the crate's inside.

use crate::gpu::kernels;

mod activations;
mod conv;
mod custom_step;
mod differences;
mod executor;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod files;
mod functional;
mod golden;
mod gradients;
mod graph;
// The benches use all of it.
#[allow(dead_code)]
mod harness;
mod indexing;
mod layers;
mod losses;
mod matmul;
mod metrics;
mod optimizers;
mod programs;
mod random_graphs;
mod regions;
mod shaders;
mod signs_epoch;
mod streaming;
mod trajectories;
mod variables;
mod weighting;
mod window;
