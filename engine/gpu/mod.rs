//! The GPU: WGSL kernels, prepared once and replayed.

// Called by the executor, which is not written yet, and by the tests.
#[allow(dead_code, unused_imports)]
pub(crate) mod kernels;
