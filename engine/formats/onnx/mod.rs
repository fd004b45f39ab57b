//! ONNX files: a graph of named operations over named values, with the arrays that they start from.
//!
//! Source: `onnx.proto` of ONNX 1.23, by its field numbers.

mod array;
mod read;
mod write;

pub use array::{Array, Numbers};
pub use read::{parse, read};
pub use write::write;

/// A model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The version of the file format.
    pub ir_version: i64,
    /// The program that wrote the file.
    pub producer: String,
    /// Its version.
    pub producer_version: String,
    /// Sets of operations by their domain, and which version of each. The domain "" is ONNX's own.
    pub operator_sets: Vec<(String, i64)>,
    /// What is computed.
    pub graph: Graph,
    /// Notes for programs that know them, by name.
    pub metadata: Vec<(String, String)>,
    /// What tells this graph from any other, of a file that was read.
    pub fingerprint: u64,
}

/// Operations in an order in which they can be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// Its name.
    pub name: String,
    /// The operations.
    pub nodes: Vec<Node>,
    /// Arrays that the file holds, by name.
    pub initializers: Vec<(String, Array)>,
    /// What the caller gives. In old files initializers are listed, too.
    pub inputs: Vec<Port>,
    /// What the caller gets.
    pub outputs: Vec<Port>,
}

/// One operation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Node {
    /// Its name, for people.
    pub name: String,
    /// Which operation, such as `Conv`.
    pub op: String,
    /// Whose operation: "" for ONNX's own.
    pub domain: String,
    /// The values that it is made of; "" for an optional one that is left out.
    pub inputs: Vec<String>,
    /// What it gives.
    pub outputs: Vec<String>,
    /// Its options.
    pub attributes: Vec<(String, Attribute)>,
}

/// An option of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A float.
    Float(f32),
    /// An integer.
    Int(i64),
    /// A string.
    Text(String),
    /// An array.
    Array(Array),
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Strings.
    Texts(Vec<String>),
    /// Something else, such as a graph.
    Other,
}

/// An input or output of a graph.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// The number of its element type: [`FLOAT`], [`INT64`] or another; 0 if the file does not say.
    pub element: i64,
    /// The sizes of its axes, if the file says any.
    pub shape: Option<Vec<Size>>,
}

/// The size of an axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Size {
    /// A number.
    Fixed(i64),
    /// One that the caller chooses, with its name.
    Named(String),
}

/// The element type of 32-bit floats.
pub const FLOAT: i64 = 1;
/// The element type of 64-bit integers.
pub const INT64: i64 = 7;
/// The element type of truth values.
pub const BOOL: i64 = 9;

impl Node {
    /// The option called `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }
}

/// The 64-bit FNV-1a hash of `bytes`.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests;
