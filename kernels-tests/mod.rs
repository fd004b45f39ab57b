//! Kernels, gradients and whole training runs against references.

mod golden;
