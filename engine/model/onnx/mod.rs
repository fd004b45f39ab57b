//! Models to and from ONNX files.
//!
//! A model is exported by the operations of the graph that predicts, so that every layer can be: a user's own, too. What
//! comes in is read node by node into layers.
//!
//! Source: the operators of ONNX 1.23.

mod export;
mod operations;
