//! The CPU: the reference interpreter, and the executor of Programs.

pub mod plain;

#[cfg(feature = "cpu")]
// Some kernels are called by tests and benches only.
#[allow(dead_code, unused_imports)]
pub(crate) mod kernels;
