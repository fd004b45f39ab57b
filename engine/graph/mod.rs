//! A training step as a static graph: operations with shapes, known but for the batch B.
//!
//! Nodes are in order of computation: a node's inputs come before it. Layers build the forward pass with
//! the methods of [`Graph`]; [`Graph::gradients`] adds the backward pass; [`Graph::assign`] ends the step.

mod accumulate;
mod contract;
mod differentiate;
mod elementwise;
mod indexing;
mod movement;
mod op;
mod print;
pub mod random;
mod reduce;
mod window;

pub use indexing::{Along, Piece, PieceAxis, own_rows};
pub use op::{Axis, Binary, Comparison, Element, Literal, Op, Reduction, Stride, Unary, Window};

use crate::error::{Error, Result};
use crate::tensor::{Dim, Shape};

/// Parameters start at multiples of this many elements, so that one row of a table serves each segment.
pub const SEGMENT: usize = 256;

/// A node of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub usize);

/// An input of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub usize);

/// A parameter of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub usize);

/// A variable of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub usize);

/// A number that the host gives for each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScalarId(pub usize);

/// One operation, its inputs and what it yields.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// From which nodes.
    pub inputs: Vec<NodeId>,
    /// The shape of the result.
    pub shape: Shape,
    /// The element type of the result.
    pub element: Element,
    /// The layer or the part of the step it belongs to.
    pub scope: String,
}

/// What the host feeds for each batch: the rows of a data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// Its name in messages.
    pub name: String,
    /// The shape of one row.
    pub row: Vec<usize>,
    /// How the data set stores it.
    pub element: Element,
}

/// Memory that outlives the step: a flat arena of `segments` times 256 floats.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name, such as `weights` or `momentum`.
    pub name: String,
    /// How many segments it has.
    pub segments: usize,
}

/// A layer's weight: where it lies in which variable.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, such as `conv2d/kernel`.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// The variable that holds it.
    pub variable: VariableId,
    /// Its first element there, a multiple of [`SEGMENT`].
    pub offset: usize,
}

impl Parameter {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A result the host reads: numbers for each step, or rows for each batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Its name, such as `loss`.
    pub name: String,
    /// Floats of a fixed shape, or of shape `[B, …]`.
    pub node: NodeId,
}

/// A value that a variable takes at the end of the step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assign {
    /// The variable written.
    pub variable: VariableId,
    /// A node of the variable's shape.
    pub value: NodeId,
}

/// A static graph: one step of training, evaluation or prediction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The nodes, in order of computation.
    pub nodes: Vec<Node>,
    /// What the host feeds.
    pub inputs: Vec<Input>,
    /// Memory that outlives the step.
    pub variables: Vec<Variable>,
    /// The layers' weights.
    pub parameters: Vec<Parameter>,
    /// Names of the numbers that the host gives for each step.
    pub scalars: Vec<String>,
    /// What the host reads.
    pub outputs: Vec<Output>,
    /// What the step leaves behind.
    pub assigns: Vec<Assign>,
    scope: String,
    streams: u32,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// The node `id`.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// The shape of node `id`.
    pub fn shape(&self, id: NodeId) -> &Shape {
        &self.nodes[id.0].shape
    }

    /// All nodes, in order of computation.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = NodeId> + use<> {
        (0..self.nodes.len()).map(NodeId)
    }

    /// Names the layer that the nodes made from now on belong to, and returns the name before.
    pub fn enter(&mut self, scope: &str) -> String {
        std::mem::replace(&mut self.scope, scope.to_string())
    }

    /// An input of rows of shape `row`: a node of shape `[B, row…]`.
    pub fn input(&mut self, name: &str, row: &[usize], element: Element) -> NodeId {
        let id = InputId(self.inputs.len());
        self.inputs.push(Input { name: name.to_string(), row: row.to_vec(), element });
        self.push(Op::Input(id), &[], Shape::batched(row), element)
    }

    /// A new, empty variable.
    pub fn variable(&mut self, name: &str) -> VariableId {
        self.variables.push(Variable { name: name.to_string(), segments: 0 });
        VariableId(self.variables.len() - 1)
    }

    /// A variable with the layout of `like`: a slot of an optimizer.
    pub fn variable_like(&mut self, name: &str, like: VariableId) -> VariableId {
        let segments = self.variables[like.0].segments;
        self.variables.push(Variable { name: name.to_string(), segments });
        VariableId(self.variables.len() - 1)
    }

    /// A weight of `shape` at the end of `variable`. Every parameter comes before the first
    /// [`Graph::read`] of its variable.
    pub fn parameter(&mut self, name: &str, shape: &[usize], variable: VariableId) -> NodeId {
        let id = ParameterId(self.parameters.len());
        let offset = self.variables[variable.0].segments * SEGMENT;
        let parameter = Parameter { name: name.to_string(), shape: shape.to_vec(), variable, offset };
        self.variables[variable.0].segments += parameter.len().div_ceil(SEGMENT);
        self.parameters.push(parameter);
        self.push(Op::Parameter(id), &[], Shape::fixed(shape), Element::F32)
    }

    /// The whole of a variable, `[segments, 256]`, as it was before the step.
    pub fn read(&mut self, variable: VariableId) -> NodeId {
        let shape = Shape::fixed(&[self.variables[variable.0].segments, SEGMENT]);
        self.push(Op::Variable(variable), &[], shape, Element::F32)
    }

    /// Lets `variable` become `value` when the step ends.
    ///
    /// # Errors
    /// If `value` has not the shape of the whole variable, `[segments, 256]`.
    pub fn assign(&mut self, variable: VariableId, value: NodeId) -> Result<()> {
        let expected = Shape::fixed(&[self.variables[variable.0].segments, SEGMENT]);
        if *self.shape(value) != expected {
            let place = format!("assign to {}", self.variables[variable.0].name);
            return Err(Error::shape(
                place,
                "the value",
                self.shape(value),
                expected,
                "assign whole variables",
            ));
        }
        self.assigns.push(Assign { variable, value });
        Ok(())
    }

    /// Lets the host read `node` under `name`: floats of a fixed shape for each step, or float rows `[B, …]`.
    ///
    /// # Errors
    /// If `node` holds no floats, or has the batch elsewhere than on its first axis.
    pub fn output(&mut self, name: &str, node: NodeId) -> Result<()> {
        let Node { shape, element, .. } = self.node(node);
        let rows = shape.0.first().is_some_and(|d| *d == Dim::batch(1));
        if *element != Element::F32 || (shape.count().batch && !rows) {
            let expected = "floats of a fixed shape, or of shape [B, …]";
            return Err(Error::shape(
                format!("output {name:?}"),
                "the node",
                shape,
                expected,
                "reduce it first",
            ));
        }
        self.outputs.push(Output { name: name.to_string(), node });
        Ok(())
    }

    /// A number that the host gives for each step, as a scalar node.
    pub fn scalar(&mut self, name: &str) -> NodeId {
        let id = match self.scalars.iter().position(|s| s == name) {
            Some(i) => ScalarId(i),
            None => {
                self.scalars.push(name.to_string());
                ScalarId(self.scalars.len() - 1)
            }
        };
        self.push(Op::Scalar(id), &[], Shape::scalar(), Element::F32)
    }

    /// The number of samples in the batch, as a float scalar.
    pub fn batch_size(&mut self) -> NodeId {
        self.push(Op::BatchSize, &[], Shape::scalar(), Element::F32)
    }

    /// The float `value`, as a scalar.
    pub fn constant(&mut self, value: f32) -> NodeId {
        self.push(Op::Constant(Literal::F32(value.to_bits())), &[], Shape::scalar(), Element::F32)
    }

    /// The float `value` everywhere in `shape`.
    pub fn full(&mut self, value: f32, shape: &Shape) -> NodeId {
        self.push(Op::Constant(Literal::F32(value.to_bits())), &[], shape.clone(), Element::F32)
    }

    /// Integers that count along `axis` of `shape`.
    ///
    /// # Errors
    /// If `shape` has no such axis.
    pub fn iota(&mut self, shape: &Shape, axis: usize) -> Result<NodeId> {
        self.check_axis("iota", shape, axis)?;
        Ok(self.push(Op::Iota { axis }, &[], shape.clone(), Element::U32))
    }

    /// Uniform numbers in [0, 1) of `shape`, other ones for every node, step and seed.
    pub fn random(&mut self, shape: &Shape) -> NodeId {
        let stream = self.streams;
        self.streams += 1;
        self.push(Op::Random { stream }, &[], shape.clone(), Element::F32)
    }

    /// Uniform numbers in [0, 1) of `shape` that follow from `seed` and `number`, whatever else the graph draws: the same
    /// for every node that has both. They still differ from step to step, and with the model's seed.
    pub fn random_seeded(&mut self, shape: &Shape, seed: u64, number: u32) -> NodeId {
        // The upper half of the streams; those of `random` are counted from 0.
        let mixed = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u32;
        let stream = 1 << 31 | (mixed ^ number);
        self.push(Op::Random { stream }, &[], shape.clone(), Element::F32)
    }

    /// Appends a node. The callers are the shape rules.
    pub(crate) fn push(&mut self, op: Op, inputs: &[NodeId], shape: Shape, element: Element) -> NodeId {
        let scope = self.scope.clone();
        self.nodes.push(Node { op, inputs: inputs.to_vec(), shape, element, scope });
        NodeId(self.nodes.len() - 1)
    }

    fn place(&self, operation: &str) -> String {
        if self.scope.is_empty() { operation.to_string() } else { format!("{}: {operation}", self.scope) }
    }

    fn check_axis(&self, operation: &str, shape: &Shape, axis: usize) -> Result<()> {
        if axis < shape.rank() {
            return Ok(());
        }
        let expected = format!("an axis below {}, the rank of {shape}", shape.rank());
        Err(Error::argument(self.place(operation), "axis", axis, expected))
    }

    /// Sizes are c or c·B, so that no shape may hold the batch twice.
    fn check_one_batch(&self, operation: &str, shape: &Shape) -> Result<()> {
        if shape.0.iter().filter(|d| d.batch).count() <= 1 {
            return Ok(());
        }
        let remedy = "keep one row for each sample: samples of a batch are not paired with each other";
        Err(Error::shape(self.place(operation), "the result", shape, "one size with B at most", remedy))
    }

    fn check_element(&self, operation: &str, node: NodeId, expected: Element) -> Result<()> {
        let found = self.node(node).element;
        if found == expected {
            return Ok(());
        }
        let expected = format!("{expected:?}: cast it first");
        Err(Error::argument(self.place(operation), "element type", format!("{found:?}"), expected))
    }
}
