//! Models: layers in a row, trained, evaluated and asked for predictions.

mod build;
mod lower;
#[cfg(feature = "plots")]
pub mod plot;
mod sequential;
mod summary;
mod weights;

pub use sequential::{Purpose, Sequential};
