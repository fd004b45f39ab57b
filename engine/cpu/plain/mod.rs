//! The reference: an f64 interpreter of the unscheduled [`Graph`], plain loops only.
//!
//! It shares no fusion, no kernel choice and no memory plan with what it checks, and is the oracle for both
//! executors and for finite differences. Integers and bytes are exact in f64.

mod contract;
mod elementwise;
mod movement;
mod reduce;
pub(crate) mod special;
#[cfg(test)]
mod tests;
mod window;

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::graph::random::{self, Key};
use crate::graph::{Element, Graph, InputId, Literal, NodeId, Op, Parameter, SEGMENT, own_rows};
use crate::tensor::{Tensor, Values};

/// The value of one node for one batch.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Value {
    /// The sizes of the axes.
    pub shape: Vec<usize>,
    /// The elements, row-major.
    pub data: Vec<f64>,
}

impl Value {
    fn filled(shape: Vec<usize>, value: f64) -> Self {
        let count = shape.iter().product();
        Self { shape, data: vec![value; count] }
    }
}

/// What one step needs besides the variables.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    /// The number of samples, at least 1.
    pub batch: usize,
    /// For each input of the graph, the rows of this batch: `[batch, row…]`. Bytes are read as they are:
    /// their scale is a multiplication in the graph.
    pub inputs: Vec<Tensor>,
    /// For each scalar of the graph, its number.
    pub scalars: Vec<f64>,
    /// Seed and step of the random nodes.
    pub key: Key,
}

/// What one step yields.
#[derive(Clone, Debug)]
pub struct StepResult {
    /// The graph's outputs, in its order: name and value.
    pub outputs: Vec<(String, Value)>,
    /// The value of every node.
    pub values: Vec<Value>,
}

impl StepResult {
    /// The output called `name`, if the graph has it.
    pub fn output(&self, name: &str) -> Option<&Value> {
        self.outputs.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }
}

/// The interpreter: the graph's variables, kept from step to step.
///
/// ```
/// use gradus::cpu::plain::{Feed, Plain};
/// use gradus::graph::{Element, Graph};
/// let mut graph = Graph::new();
/// let x = graph.input("x", &[2], Element::F32);
/// let total = graph.sum_all(x)?;
/// graph.output("total", total)?;
/// let rows = gradus::Tensor::f32(&[2, 2], vec![1.0, 2.0, 3.0, 4.0])?;
/// let feed = Feed { batch: 2, inputs: vec![rows], ..Feed::default() };
/// let result = Plain::new(&graph).step(&graph, &feed)?;
/// assert_eq!(result.output("total").unwrap().data, [10.0]);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Plain {
    /// The elements of each variable, its padding included.
    pub variables: Vec<Vec<f64>>,
}

impl Plain {
    /// All variables of `graph` at zero.
    pub fn new(graph: &Graph) -> Self {
        Self { variables: graph.variables.iter().map(|v| vec![0.0; v.segments * SEGMENT]).collect() }
    }

    /// The elements of one parameter, row-major.
    pub fn parameter(&self, parameter: &Parameter) -> &[f64] {
        &self.variables[parameter.variable.0][parameter.offset..][..parameter.len()]
    }

    /// Sets the elements of one parameter.
    ///
    /// # Errors
    /// If there are not as many values as the parameter has elements.
    pub fn set_parameter(&mut self, parameter: &Parameter, values: &[f64]) -> Result<()> {
        if values.len() != parameter.len() {
            let expected = format!("{}, for shape {:?}", parameter.len(), parameter.shape);
            return Err(Error::argument(&parameter.name, "number of values", values.len(), expected));
        }
        self.variables[parameter.variable.0][parameter.offset..][..values.len()].copy_from_slice(values);
        Ok(())
    }

    /// One step: computes every node, then assigns.
    ///
    /// # Errors
    /// If the feed does not fit the graph.
    pub fn step(&mut self, graph: &Graph, feed: &Feed) -> Result<StepResult> {
        let values = self.evaluate(graph, feed)?;
        for assign in &graph.assigns {
            self.variables[assign.variable.0].clone_from(&values[assign.value.0].data);
        }
        let outputs = graph.outputs.iter().map(|o| (o.name.clone(), values[o.node.0].clone())).collect();
        Ok(StepResult { outputs, values })
    }

    /// The value of every node, with the variables left as they are.
    ///
    /// # Errors
    /// If the feed does not fit the graph.
    pub fn evaluate(&self, graph: &Graph, feed: &Feed) -> Result<Vec<Value>> {
        self.evaluate_with(graph, feed, &BTreeMap::new())
    }

    /// [`Plain::evaluate`], but the nodes in `given` have the elements given there: so a finite difference
    /// may move any node by less than an f32 resolves.
    ///
    /// # Errors
    /// If the feed does not fit the graph, or given elements do not fit their node.
    pub fn evaluate_with(
        &self,
        graph: &Graph,
        feed: &Feed,
        given: &BTreeMap<NodeId, Vec<f64>>,
    ) -> Result<Vec<Value>> {
        check_feed(graph, feed)?;
        let mut values: Vec<Value> = Vec::with_capacity(graph.nodes.len());
        for id in graph.ids() {
            let shape = graph.shape(id).at(feed.batch);
            let data = match given.get(&id) {
                Some(data) => data.clone(),
                None => self.compute(graph, feed, id, &shape, &values),
            };
            if data.len() != shape.iter().product::<usize>() {
                let expected = format!("as many as {} has", graph.shape(id));
                return Err(Error::argument(format!("node %{}", id.0), "elements", data.len(), expected));
            }
            values.push(Value { shape, data });
        }
        Ok(values)
    }

    /// The elements of node `id` from the values of those before it.
    pub(crate) fn compute(
        &self,
        graph: &Graph,
        feed: &Feed,
        id: NodeId,
        shape: &[usize],
        values: &[Value],
    ) -> Vec<f64> {
        let node = graph.node(id);
        let inputs: Vec<&Value> = node.inputs.iter().map(|n| &values[n.0]).collect();
        match (&node.op, inputs.as_slice()) {
            (Op::Input(input), _) => elements(&feed.inputs[input.0]),
            (Op::Parameter(p), _) => self.parameter(&graph.parameters[p.0]).to_vec(),
            (Op::Variable(v), _) => self.variables[v.0].clone(),
            (Op::Scalar(s), _) => vec![feed.scalars[s.0]],
            (Op::BatchSize, _) => vec![feed.batch as f64],
            (Op::Constant(literal), _) => Value::filled(shape.to_vec(), number(*literal)).data,
            (Op::Iota { axis }, _) => movement::iota(shape, *axis),
            (Op::Random { stream }, _) => uniforms(feed.key, *stream, shape),
            (Op::Unary(f), [x]) => x.data.iter().map(|&x| elementwise::unary(*f, x)).collect(),
            (Op::Binary(f), [a, b]) => {
                elementwise::zip(shape, [a, b], |[a, b]| elementwise::binary(*f, a, b))
            }
            (Op::Compare(f), [a, b]) => {
                elementwise::zip(shape, [a, b], |[a, b]| elementwise::compare(*f, a, b))
            }
            (Op::Select, [c, a, b]) => {
                elementwise::zip(shape, [c, a, b], |[c, a, b]| if c != 0.0 { a } else { b })
            }
            (Op::Cast, [x]) => elementwise::cast(x, node.element),
            (Op::Broadcast, [x]) => elementwise::zip(shape, [x], |[x]| x),
            (Op::Reduce { kind, axes }, [x]) => reduce::reduce(*kind, x, axes, shape),
            (Op::ArgMax { axis }, [x]) => reduce::argmax(x, *axis),
            (Op::MatMul { transpose_a, transpose_b }, [a, b]) => {
                contract::matmul(a, b, *transpose_a, *transpose_b, shape)
            }
            (Op::Conv(w), [x, f]) => contract::conv(x, f, w, shape),
            (Op::ConvInputGradient(w), [g, f]) => contract::conv_input_gradient(g, f, w, shape),
            (Op::ConvFilterGradient(w), [x, g]) => contract::conv_filter_gradient(x, g, w, shape),
            (Op::MaxPool(w), [x]) => window::max_pool(x, w, shape),
            (Op::MaxPoolGradient(w), [x, g]) => window::max_pool_gradient(x, g, w),
            (Op::AveragePool(w), [x]) => window::average_pool(x, w, shape),
            (Op::AveragePoolGradient(w), [g]) => window::average_pool_gradient(g, w, shape),
            (Op::Reshape, [x]) => x.data.clone(),
            (Op::Transpose { order }, [x]) => movement::transpose(x, order, shape),
            (Op::Slice { axes }, [x]) => movement::slice(x, axes, shape),
            (Op::Pad { axes }, [x]) => movement::pad(x, axes, shape),
            (Op::Concat { axis } | Op::Assemble { axis }, parts) => movement::concat(parts, *axis, shape),
            (Op::Gather, [table, numbers]) => {
                let own = own_rows(graph.shape(node.inputs[0])).is_some();
                movement::gather(table, numbers, own)
            }
            (Op::ScatterAdd, [values, numbers]) => {
                movement::scatter_add(values, numbers, shape, own_rows(&node.shape).is_some())
            }
            (Op::Pack { parameters }, parts) => {
                let offsets = parameters.iter().map(|p| graph.parameters[p.0].offset);
                movement::pack(parts, offsets, shape)
            }
            (op, inputs) => unreachable!("{} never has {} inputs", op.name(), inputs.len()),
        }
    }
}

fn check_feed(graph: &Graph, feed: &Feed) -> Result<()> {
    let count = |what: &str, found: usize, expected: usize| {
        if found == expected {
            return Ok(());
        }
        Err(Error::argument("the feed", what, found, format!("{expected}, as the graph has")))
    };
    if feed.batch == 0 {
        return Err(Error::argument("the feed", "batch", 0, "at least one sample"));
    }
    count("number of inputs", feed.inputs.len(), graph.inputs.len())?;
    count("number of scalars", feed.scalars.len(), graph.scalars.len())?;
    (0..graph.inputs.len()).try_for_each(|i| check_input(graph, feed, InputId(i)))
}

fn check_input(graph: &Graph, feed: &Feed, id: InputId) -> Result<()> {
    let (input, tensor) = (&graph.inputs[id.0], &feed.inputs[id.0]);
    let expected: Vec<usize> = std::iter::once(feed.batch).chain(input.row.iter().copied()).collect();
    let place = format!("input {:?}", input.name);
    if tensor.shape() != expected {
        let (found, expected) = (format!("{:?}", tensor.shape()), format!("{expected:?}"));
        return Err(Error::shape(place, "the batch", found, expected, "feed one row for each sample"));
    }
    let found = match tensor.values() {
        Values::F32(_) => Element::F32,
        Values::U32(_) => Element::U32,
        Values::U8 { .. } => Element::U8,
    };
    if found != input.element {
        let expected = format!("{:?}, as declared", input.element);
        return Err(Error::argument(place, "element type", format!("{found:?}"), expected));
    }
    Ok(())
}

fn elements(tensor: &Tensor) -> Vec<f64> {
    match tensor.values() {
        Values::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
        Values::U32(v) => v.iter().map(|&x| f64::from(x)).collect(),
        Values::U8 { bytes, .. } => bytes.iter().map(|&x| f64::from(x)).collect(),
    }
}

fn number(literal: Literal) -> f64 {
    match literal {
        Literal::F32(bits) => f64::from(f32::from_bits(bits)),
        Literal::U32(n) => f64::from(n),
    }
}

fn uniforms(key: Key, stream: u32, shape: &[usize]) -> Vec<f64> {
    let count: usize = shape.iter().product();
    (0..count).map(|i| f64::from(random::uniform(key, stream, i as u32))).collect()
}

/// The distance between neighbours along each axis of a row-major `shape`.
fn strides(shape: &[usize]) -> Vec<usize> {
    (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect()
}

/// For each element of a row-major `shape`, Σ coordinate · step over the axes.
fn offsets(shape: &[usize], steps: &[usize]) -> Vec<usize> {
    let mut result = vec![0];
    for (&size, &step) in shape.iter().zip(steps) {
        result = result.iter().flat_map(|&base| (0..size).map(move |i| base + i * step)).collect();
    }
    result
}
