//! What differs from parameter to parameter, for all of a variable at once: its segments know which parameter they
//! belong to.

use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId, Parameter, SEGMENT, Unary, VariableId};
use crate::tensor::Shape;

/// The parameters of `variable`, in their order.
pub fn parameters(graph: &Graph, variable: VariableId) -> Vec<Parameter> {
    graph.parameters.iter().filter(|parameter| parameter.variable == variable).cloned().collect()
}

/// A number for each parameter of `variable`, as one scalar if they are alike, else for each segment:
/// `[segments, 1]`.
pub fn spread(graph: &mut Graph, variable: VariableId, number: impl Fn(&Parameter) -> f64) -> Result<NodeId> {
    let steps = parameters(graph, variable).iter().map(|p| (first(p), number(p))).collect::<Vec<_>>();
    let shape = segments(graph, variable);
    stepped(graph, &shape, &steps)
}

/// √Σx² over each parameter of `variable`: `[parameters, 1]`.
///
/// Each is a row that picks its own from the sums of all segments, so that one kernel has them all.
pub fn lengths(graph: &mut Graph, variable: VariableId, x: NodeId) -> Result<NodeId> {
    let squares = graph.multiply(x, x)?;
    let sums = graph.sum(squares, &[1])?;
    let count = graph.variables[variable.0].segments;
    let sums = graph.reshape(sums, &Shape::fixed(&[1, count]))?;
    let starts: Vec<f64> = parameters(graph, variable).iter().map(|p| first(p) as f64).collect();
    let ends = starts.iter().skip(1).copied().chain([count as f64]);
    let column = Shape::fixed(&[starts.len(), 1]);
    let [from, to] = [starts.clone(), ends.collect()]
        .map(|numbers: Vec<f64>| numbers.into_iter().enumerate().collect::<Vec<_>>())
        .map(|steps| stepped(graph, &column, &steps));
    let place = graph.iota(&Shape::fixed(&[starts.len(), count]), 1)?;
    let place = graph.cast(place, Element::F32);
    let reached = graph.compare(Comparison::GreaterEqual, place, from?)?;
    let before = graph.compare(Comparison::Less, place, to?)?;
    let own = graph.multiply(reached, before)?;
    let zero = graph.constant(0.0);
    let own = graph.select(own, sums, zero)?;
    let totals = graph.sum(own, &[1])?;
    Ok(graph.unary(Unary::Sqrt, totals))
}

/// A number for each parameter of `variable`, `[parameters, 1]`, for each of its segments: `[segments, 1]`.
///
/// What follows from the numbers belongs before this step: then the kernel that updates the weights looks them up.
pub fn for_segments(graph: &mut Graph, variable: VariableId, numbers: NodeId) -> Result<NodeId> {
    let parameters = parameters(graph, variable);
    let steps: Vec<_> = parameters.iter().enumerate().map(|(i, p)| (first(p), i as f64)).collect();
    let shape = segments(graph, variable);
    let parameter = stepped(graph, &shape, &steps)?;
    let parameter = graph.broadcast(parameter, &shape)?;
    let parameter = graph.cast(parameter, Element::U32);
    let parameter = graph.reshape(parameter, &Shape(shape.0[..1].to_vec()))?;
    graph.gather(numbers, parameter)
}

/// The shape of one number for each segment.
fn segments(graph: &Graph, variable: VariableId) -> Shape {
    Shape::fixed(&[graph.variables[variable.0].segments, 1])
}

/// The first segment of `parameter`.
fn first(parameter: &Parameter) -> usize {
    parameter.offset / SEGMENT
}

/// The number of the last of `steps`, (row, number), that each row of `shape` has reached; one scalar if all are alike.
fn stepped(graph: &mut Graph, shape: &Shape, steps: &[(usize, f64)]) -> Result<NodeId> {
    let mut last = steps.first().map_or(0.0, |step| step.1);
    let mut node = graph.constant(last as f32);
    for &(row, number) in steps {
        if number != last {
            let place = graph.iota(shape, 0)?;
            let place = graph.cast(place, Element::F32);
            let row = graph.constant(row as f32);
            let reached = graph.compare(Comparison::GreaterEqual, place, row)?;
            let value = graph.constant(number as f32);
            node = graph.select(reached, value, node)?;
            last = number;
        }
    }
    Ok(node)
}
