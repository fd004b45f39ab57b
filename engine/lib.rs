//! gradus trains neural networks on any GPU that wgpu reaches, with Keras's vocabulary and no Python.
//!
//! ```
//! use gradus::{Adam, Dense, FitOptions, Sequential, Tensor};
//! let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
//! let y = Tensor::f32(&[4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
//! let mut model = Sequential::new()
//!     .add(Dense::new(8).activation("tanh"))
//!     .add(Dense::new(1).activation("sigmoid"));
//! model.compile(Adam::new(0.05), "mean_squared_error", &["accuracy"])?;
//! model.fit(&x, &y, FitOptions::new().epochs(200).verbose(0))?;
//! println!("{:?}", model.predict(&x, None)?.to_f32());
//! # Ok::<(), gradus::Error>(())
//! ```
//!
//! The guide in `docs/guide` goes from one neuron to recurrent networks; `docs/remedies.md` says what to do when something
//! does not work.
//!
//! A [`Sequential`] of [`layers`] is lowered to a [`graph`], which is differentiated; the [`schedule`] makes a program
//! of it, and [`gpu`] or [`cpu`] run that. Modules import downwards only:
//!
//! | module | what is there |
//! | --- | --- |
//! | [`model`] | compile, fit, evaluate, predict, summary, history, callbacks, plots |
//! | [`layers`] | one layer a file: its shapes, its weights, its forward pass |
//! | [`train`] | losses, metrics, optimizers, initializers |
//! | [`data`] | data sets and preprocessing |
//! | [`formats`] | syntax of files: HDF5, Keras's weights, NumPy's arrays |
//! | [`gpu`] | the program on a GPU: adapters, pipelines, recording, read-back |
//! | [`cpu`] | the program on host threads, by the loops of the crate `gradus-cpu-kernels`; the f64 interpreter of the graph |
//! | [`schedule`] | graph to program: fusion, kernel choice, memory plan |
//! | [`stream`] | samples read from disk while the device computes |
//! | [`graph`] | operations, shapes, differentiation |
//!
//! Features; `default` has all but `inference`, `web` and `ndarray`:
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `inference` | `cpu` and `native`: all that a program needs that loads a model and predicts |
//! | `cpu` | the fast CPU path |
//! | `native`, `web` | GPU drivers of the system; those of a browser |
//! | `hdf5` | HDF5 data sets, `.keras` and `.h5` files |
//! | `csv`, `images` | tables; PNG and JPEG files as data |
//! | `plots`, `progress`, `interrupt` | pictures and `report.html`; progress bars; Ctrl-C |
//! | `ndarray` | arrays of that crate as tensors, and back |
//! | `cli` | the program `gradus`, with all that it needs |
//!
//! What happens is told to whoever subscribes by the crate [`tracing`]:
//!
//! | level | event | fields |
//! | --- | --- | --- |
//! | info | `device opened` | `device`: which, and why this one |
//! | info | `epoch done` | `epoch`, counted from 0; `logs` |
//! | debug | `program loaded` | `purpose`, `kernels`, `max_batch` |
//! | debug | `pipelines compiled`, on a GPU | `new`: compiled now; `used`: in the program |
//! | debug | `steps run` | `from`, `to`, `of`: the steps of the epoch |
//! | trace | `steps submitted`, to a GPU | `steps` |
#![warn(missing_docs)]

#[cfg(feature = "cli")]
pub mod cli;
pub mod cpu;
pub mod data;
pub mod formats;
pub mod gpu;
pub mod graph;
pub mod layers;
pub mod model;
pub mod schedule;
pub mod stream;
pub mod train;

mod cancellation;
mod error;
mod json;
mod tensor;
mod write_file;

/// The README's code is run as a test.
#[cfg(all(doctest, feature = "hdf5"))]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(all(doctest, feature = "cli"))]
mod guide;

#[cfg(test)]
#[path = "../kernels-tests/mod.rs"]
mod kernels_tests;

pub use cancellation::CancellationToken;
pub use error::{Error, Result};
pub use layers::{Activation, AveragePooling2D, Conv2D, Dense, Dropout, Flatten, MaxPooling2D};
#[cfg(all(feature = "plots", not(target_arch = "wasm32")))]
pub use model::RunReport;
#[cfg(not(target_arch = "wasm32"))]
pub use model::callbacks::TensorBoard;
pub use model::callbacks::{
    CSVLogger, EarlyStopping, LambdaCallback, LearningRateScheduler, ModelCheckpoint, ReduceLROnPlateau,
    SaveFreq, TerminateOnNaN,
};
#[cfg(not(target_arch = "wasm32"))]
pub use model::search;
pub use model::{
    Callback, CallbackState, CustomStep, Device, FitOptions, History, Input, Learner, Logs, Model, Objective,
    Predictor, Sequential, SharedLayer, Symbol, Tensors, Training,
};
pub use tensor::{Dim, Shape, Tensor, Values};
pub use train::losses::{Verdict, rate_cross_entropy};
pub use train::optimizers::{
    Adadelta, Adagrad, Adam, AdamW, Adamax, Ftrl, Lamb, Lion, Muon, Nadam, Optimizer, RmsProp, Sgd,
};
