//! Kernels, gradients and whole training runs against references, with a view of the crate's inside.

use crate::gpu::kernels;

mod activations;
mod channels;
mod choices;
mod conv;
mod custom_step;
mod differences;
mod executor;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod faults;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod files;
mod functional;
mod golden;
mod gradients;
mod graph;
// The benches use all of it.
#[cfg(feature = "cpu")]
mod error_bounds;
#[allow(dead_code)]
mod harness;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod hostile;
mod indexing;
mod layers;
mod losses;
mod matmul;
mod metrics;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod nested;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod onnx;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod optimizer_files;
mod optimizers;
mod options;
mod programs;
mod random_graphs;
#[cfg(feature = "cpu")]
mod random_models;
mod regions;
#[cfg(all(feature = "hdf5", feature = "cpu"))]
mod resume;
mod shaders;
mod signs_epoch;
mod streaming;
#[cfg(all(feature = "cpu", feature = "plots"))]
mod tensorboard;
#[cfg(feature = "cpu")]
mod threads;
mod trajectories;
mod variables;
mod weighting;
mod window;
