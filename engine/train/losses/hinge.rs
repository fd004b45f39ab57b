use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Binary, Comparison, Graph, NodeId, Reduction, Unary};
use crate::tensor::Shape;

/// max(1 − target · prediction, 0), for targets −1 and 1. If all targets of a batch are 0 or 1, 0 stands for −1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hinge;

/// The square of [`Hinge`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SquaredHinge;

/// max(largest of (1 − target) · prediction − Σ target · prediction + 1, 0) over the classes, for one-hot targets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CategoricalHinge;

impl Loss for Hinge {
    fn name(&self) -> &'static str {
        "hinge"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        hinge(graph, target, prediction.value)
    }
}

impl Loss for SquaredHinge {
    fn name(&self) -> &'static str {
        "squared_hinge"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let hinge = hinge(graph, target, prediction.value)?;
        graph.multiply(hinge, hinge)
    }
}

impl Loss for CategoricalHinge {
    fn name(&self) -> &'static str {
        "categorical_hinge"
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let last = graph.shape(prediction.value).rank() - 1;
        let one = graph.constant(1.0);
        let right = graph.multiply(target, prediction.value)?;
        let right = graph.sum(right, &[last])?;
        let others = graph.subtract(one, target)?;
        let wrong = graph.multiply(others, prediction.value)?;
        let wrong = graph.reduce(Reduction::Max, wrong, &[last])?;
        let difference = graph.subtract(wrong, right)?;
        let sum = graph.add(difference, one)?;
        Ok(graph.unary(Unary::Relu, sum))
    }
}

fn hinge(graph: &mut Graph, target: NodeId, prediction: NodeId) -> Result<NodeId> {
    let target = signs(graph, target)?;
    let (one, zero) = (graph.constant(1.0), graph.constant(0.0));
    let product = graph.multiply(target, prediction)?;
    let margin = graph.subtract(one, product)?;
    graph.binary(Binary::Maximum, margin, zero)
}

/// The targets, 0 and 1 turned into −1 and 1 if there are no others.
fn signs(graph: &mut Graph, target: NodeId) -> Result<NodeId> {
    let (one, zero) = (graph.constant(1.0), graph.constant(0.0));
    let (is_zero, is_one) =
        (graph.compare(Comparison::Equal, target, zero)?, graph.compare(Comparison::Equal, target, one)?);
    let binary = graph.add(is_zero, is_one)?;
    let axes: Vec<usize> = (0..graph.shape(target).rank()).collect();
    let all = graph.reduce(Reduction::Min, binary, &axes)?;
    let all = graph.reshape(all, &Shape::scalar())?;
    let all = graph.broadcast(all, &graph.shape(target).clone())?;
    let double = graph.scale(target, 2.0)?;
    let turned = graph.subtract(double, one)?;
    graph.select(all, turned, target)
}
