//! gradus trains neural networks on any GPU that wgpu reaches, with Keras's vocabulary and no Python.
#![warn(missing_docs)]

pub mod cpu;
pub mod data;
pub mod formats;
pub mod gpu;
pub mod graph;
pub mod layers;
pub mod model;
pub mod schedule;
pub mod train;

mod error;
mod tensor;

#[cfg(test)]
#[path = "../kernels-tests/mod.rs"]
mod kernels_tests;

pub use error::{Error, Result};
pub use layers::{Activation, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
pub use model::{Callback, Device, FitOptions, History, Logs, Sequential};
pub use tensor::{Dim, Shape, Tensor, Values};
pub use train::optimizers::{Adam, Sgd};
