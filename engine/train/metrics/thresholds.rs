//! Counts of right and wrong at each of several thresholds: what precision, recall, areas under curves and the like are made of.

use crate::error::Result;
use crate::graph::{Binary, Comparison, Element, Graph, NodeId};
use crate::tensor::Shape;

/// `number` thresholds spread evenly from 0 to 1.
pub(super) fn evenly(number: usize) -> Vec<f32> {
    (0..number).map(|i| (i as f64 / (number - 1) as f64) as f32).collect()
}

/// Whether thresholds are spread evenly from 0 to 1, Keras's rule: there are at least three. Predictions then count as 1 at
/// most.
pub(super) fn are_even(thresholds: &[f32]) -> bool {
    let near = |(found, even): (&f32, f32)| (found - even).abs() <= 1e-7 + 1e-5 * even;
    thresholds.len() >= 3 && thresholds.iter().zip(evenly(thresholds.len())).all(near)
}

/// The numbers `values` along the only axis of `[values.len()]`.
pub(super) fn row(graph: &mut Graph, values: &[f32]) -> Result<NodeId> {
    let shape = Shape::fixed(&[values.len()]);
    let number = graph.iota(&shape, 0)?;
    let number = graph.cast(number, Element::F32);
    let (&first, others) = values.split_first().unwrap_or((&0.0, &[]));
    let mut row = graph.full(first, &shape);
    for (i, &value) in others.iter().enumerate() {
        let (here, value) = (graph.constant((i + 1) as f32), graph.constant(value));
        let here = graph.compare(Comparison::Equal, number, here)?;
        row = graph.select(here, value, row)?;
    }
    Ok(row)
}

/// `x` kept between 0 and 1.
pub(super) fn within_one(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
    let above = graph.binary(Binary::Maximum, x, zero)?;
    graph.binary(Binary::Minimum, above, one)
}

/// 1.0 where `target` is not 0.
pub(super) fn truth(graph: &mut Graph, target: NodeId) -> Result<NodeId> {
    let zero = graph.constant(0.0);
    graph.compare(Comparison::NotEqual, target, zero)
}

/// True yes, true no, and for each of `thresholds` `[thresholds]` right yes and said yes, each times `weight`: sums along the
/// first axis of `yes` and `scores`, which have size 1 on the last.
pub(super) fn counts(
    graph: &mut Graph,
    [yes, scores]: [NodeId; 2],
    thresholds: NodeId,
    weight: Option<NodeId>,
) -> Result<Vec<NodeId>> {
    let mut said = graph.compare(Comparison::Greater, scores, thresholds)?;
    let right = graph.multiply(yes, said)?;
    let one = graph.constant(1.0);
    let no = graph.subtract(one, yes)?;
    let mut cases = vec![yes, no, right];
    if let Some(weight) = weight {
        for case in cases.iter_mut().chain([&mut said]) {
            *case = graph.multiply(*case, weight)?;
        }
    }
    cases.push(said);
    cases.into_iter().map(|case| graph.sum(case, &[0])).collect()
}
