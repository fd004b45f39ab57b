//! Models to and from ONNX files.
//!
//! A model is exported by the operations of the graph that predicts, so that every layer can be: a user's own, too. What
//! comes in is read node by node into layers.
//!
//! Source: the operators of ONNX 1.23.

mod export;
mod import;
mod operations;

/// The note of the model's config, in files that gradus writes.
const CONFIG: &str = "gradus_config";
/// The note of what tells the graph that was written from any other.
const FINGERPRINT: &str = "gradus_graph";
