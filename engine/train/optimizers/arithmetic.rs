//! Terms that several optimizers have.

use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// `from` moved by the share `rate` of the way to `to`.
pub fn approach(graph: &mut Graph, from: NodeId, to: NodeId, rate: f64) -> Result<NodeId> {
    let way = graph.subtract(to, from)?;
    let part = graph.scale(way, rate as f32)?;
    graph.add(from, part)
}

/// `old` moved by the share `rate` of the way to x².
pub fn approach_square(graph: &mut Graph, old: NodeId, x: NodeId, rate: f64) -> Result<NodeId> {
    let square = graph.multiply(x, x)?;
    approach(graph, old, square, rate)
}

/// a·`x` + b·`y`
pub fn mixed(graph: &mut Graph, [a, b]: [f64; 2], [x, y]: [NodeId; 2]) -> Result<NodeId> {
    let (x, y) = (graph.scale(x, a as f32)?, graph.scale(y, b as f32)?);
    graph.add(x, y)
}

/// x + ε
pub fn raised(graph: &mut Graph, x: NodeId, epsilon: f64) -> Result<NodeId> {
    let epsilon = graph.constant(epsilon as f32);
    graph.add(x, epsilon)
}

/// √x + ε
pub fn root_raised(graph: &mut Graph, x: NodeId, epsilon: f64) -> Result<NodeId> {
    let root = graph.unary(Unary::Sqrt, x);
    raised(graph, root, epsilon)
}

/// √(x + ε)
pub fn raised_root(graph: &mut Graph, x: NodeId, epsilon: f64) -> Result<NodeId> {
    let sum = raised(graph, x, epsilon)?;
    Ok(graph.unary(Unary::Sqrt, sum))
}
