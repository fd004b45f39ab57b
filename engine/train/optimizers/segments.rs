//! What differs from parameter to parameter, for all of a variable at once: its segments know which parameter they
//! belong to.

use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId, Parameter, SEGMENT, VariableId};
use crate::tensor::{Dim, Shape};

/// The parameters of `variable`, in their order.
pub fn parameters(graph: &Graph, variable: VariableId) -> Vec<Parameter> {
    graph.parameters.iter().filter(|parameter| parameter.variable == variable).cloned().collect()
}

/// A number for each parameter of `variable`, as one scalar if they are alike, else for each segment:
/// `[segments, 1]`.
pub fn spread(graph: &mut Graph, variable: VariableId, number: impl Fn(&Parameter) -> f64) -> Result<NodeId> {
    let parameters = parameters(graph, variable);
    let mut last = parameters.first().map_or(0.0, &number);
    let mut node = graph.constant(last as f32);
    for parameter in &parameters {
        let next = number(parameter);
        if next != last {
            let reached = reached(graph, variable, parameter)?;
            let value = graph.constant(next as f32);
            node = graph.select(reached, value, node)?;
            last = next;
        }
    }
    Ok(node)
}

/// √Σx² over each parameter of `variable`, for each of its segments: `[segments, 1]`.
pub fn norms(graph: &mut Graph, variable: VariableId, x: NodeId) -> Result<NodeId> {
    let squares = graph.multiply(x, x)?;
    let sums = graph.sum(squares, &[1])?;
    let parameters = parameters(graph, variable);
    let mut number = graph.constant(0.0);
    for parameter in parameters.iter().skip(1) {
        let reached = reached(graph, variable, parameter)?;
        number = graph.add(number, reached)?;
    }
    let segments = Shape::fixed(&[graph.variables[variable.0].segments, 1]);
    let number = graph.broadcast(number, &segments)?;
    let number = graph.cast(number, Element::U32);
    let number = graph.reshape(number, &Shape(segments.0[..1].to_vec()))?;
    let totals = graph.scatter_add(sums, number, Dim::fixed(parameters.len()))?;
    let lengths = graph.unary(crate::graph::Unary::Sqrt, totals);
    graph.gather(lengths, number)
}

/// Which segments belong to `parameter` or a later one: 1.0 or 0.0, `[segments, 1]`.
fn reached(graph: &mut Graph, variable: VariableId, parameter: &Parameter) -> Result<NodeId> {
    let shape = Shape::fixed(&[graph.variables[variable.0].segments, 1]);
    let place = graph.iota(&shape, 0)?;
    let place = graph.cast(place, Element::F32);
    let first = graph.constant((parameter.offset / SEGMENT) as f32);
    graph.compare(Comparison::GreaterEqual, place, first)
}
