//! Models: layers in a row, trained, evaluated and asked for predictions.

mod apart;
mod build;
pub mod callbacks;
mod check;
mod checkpoint;
mod compiled;
mod custom_step;
mod device;
mod examples;
mod fit;
mod functional;
mod history;
mod keras;
mod layer_output;
mod learner;
mod lower;
mod memory;
mod named_weights;
mod nested;
mod network;
mod objective;
mod onnx;
mod options;
mod pass;
#[cfg(feature = "plots")]
pub mod plot;
mod predictor;
mod profile;
mod progress;
mod report;
mod run;
// A browser has no clock.
#[cfg(all(feature = "plots", not(target_arch = "wasm32")))]
mod run_report;
mod samples;
mod score;
// A browser has no clock.
#[cfg(not(target_arch = "wasm32"))]
pub mod search;
mod sequential;
mod session;
mod streamed;
mod summary;
mod tensors;
#[cfg(all(test, feature = "cpu"))]
mod tests;
mod training;
#[cfg(feature = "cpu")]
mod tune;
mod update;
mod watch;
mod weights;

pub use callbacks::Callback;
pub use check::{Against, Check, Finding};
pub use checkpoint::CallbackState;
pub use custom_step::CustomStep;
pub use device::Device;
pub use functional::{Input, SharedLayer, Symbol};
pub use history::{History, Logs};
pub use learner::Learner;
pub use network::{Model, Purpose};
pub use objective::Objective;
pub use options::FitOptions;
pub use predictor::Predictor;
pub use profile::{KernelTime, Profile};
#[cfg(all(feature = "plots", not(target_arch = "wasm32")))]
pub use run_report::RunReport;
pub use sequential::Sequential;
pub use tensors::Tensors;
pub use training::Training;
#[cfg(feature = "cpu")]
pub use tune::Tuned;
