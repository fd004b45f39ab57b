//! The CPU: the reference interpreter, and the executor of Programs.

pub mod plain;
