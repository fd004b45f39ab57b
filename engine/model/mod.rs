//! Models: layers in a row, trained, evaluated and asked for predictions.

mod build;
pub mod callbacks;
mod device;
mod examples;
mod fit;
mod history;
mod lower;
mod options;
mod pass;
#[cfg(feature = "plots")]
pub mod plot;
mod progress;
mod run;
// A browser has no clock.
#[cfg(not(target_arch = "wasm32"))]
pub mod search;
mod sequential;
mod session;
mod summary;
#[cfg(all(test, feature = "cpu"))]
mod tests;
mod training;
mod weights;

pub use callbacks::Callback;
pub use device::Device;
pub use history::{History, Logs};
pub use options::FitOptions;
pub use sequential::{Purpose, Sequential};
pub use training::Training;
