//! What a model is trained for: targets, losses and metrics of its outputs.

use super::lower::Forward;
use super::objective::Objective;
use super::report::sum_name;
use crate::error::{Error, Result};
use crate::graph::{Binary, Element, Graph, NodeId};
use crate::stream::Stored;
use crate::tensor::Dim;
use crate::train::losses::{Loss, Targets};

/// Adds targets, losses and metrics, and returns the sum of the losses.
pub(super) fn score(
    graph: &mut Graph,
    forward: &Forward,
    objectives: &[Objective],
    names: &[String],
    weights: &[Stored],
) -> Result<NodeId> {
    let (mut losses, mut parts, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for ((prediction, objective), name) in forward.of.iter().zip(objectives).zip(names) {
        let Some(loss) = &objective.loss else { continue };
        let prefix = if names.len() > 1 { format!("{name}_") } else { String::new() };
        graph.enter(loss.name());
        let target = target(graph, &format!("y{}", losses.len()), prediction.value, loss.targets());
        let weight = weights.get(losses.len());
        let weight = weight.map(|w| graph.input(&format!("weight{}", losses.len()), &w.row, w.element));
        let values = loss.values(graph, target, prediction)?;
        let mean = weighted_mean(graph, loss.as_ref(), values, [weight, prediction.mask])?;
        let weighted =
            if objective.weight == 1.0 { mean } else { graph.scale(mean, objective.weight as f32)? };
        losses.push(weighted);
        parts.push((format!("{prefix}loss"), mean));
        for metric in &objective.metrics {
            graph.enter(metric.name());
            let name = format!("{prefix}{}", metric.name());
            let sums = metric.sums(graph, target, prediction)?;
            scores.extend(sums.into_iter().enumerate().map(|(i, sum)| (sum_name(&name, i), sum)));
        }
    }
    graph.enter("loss");
    let loss = sum(graph, losses.iter().chain(&forward.penalties))?;
    graph.output("loss", loss)?;
    // A lone loss is the sum.
    let parts = if parts.len() == 1 { Vec::new() } else { parts };
    for (name, node) in parts.iter().chain(&scores) {
        graph.output(name, *node)?;
    }
    graph.enter("");
    Ok(loss)
}

/// The mean of a loss's `values` `[B, …]`, each times its sample's weight. What the mask `[B, time]` leaves out does not
/// count.
pub(super) fn weighted_mean(
    graph: &mut Graph,
    loss: &dyn Loss,
    mut values: NodeId,
    [weight, mask]: [Option<NodeId>; 2],
) -> Result<NodeId> {
    if let Some(weight) = weight {
        let weight = spread_over(graph, loss, "sample weights", weight, values)?;
        values = graph.multiply(values, weight)?;
    }
    let Some(mask) = mask else { return graph.mean_all(values) };
    let counted = spread_over(graph, loss, "a mask", mask, values)?;
    let zero = graph.constant(0.0);
    let kept = graph.select(counted, values, zero)?;
    let (mean, share) = (graph.mean_all(kept)?, graph.mean_all(mask)?);
    let least = graph.constant(f32::MIN_POSITIVE);
    let share = graph.binary(Binary::Maximum, share, least)?;
    graph.divide(mean, share)
}

/// `factor` `[B]` or `[B, time]` with axes of size 1 behind, so that it stretches over `values`.
fn spread_over(
    graph: &mut Graph,
    loss: &dyn Loss,
    what: &str,
    factor: NodeId,
    values: NodeId,
) -> Result<NodeId> {
    let (own, whole) = (graph.shape(factor).clone(), graph.shape(values).clone());
    if whole.rank() < own.rank() || whole.0[..own.rank()] != own.0 {
        let expected = format!("{own} and any axes behind, as {what} have");
        let remedy = "use a loss that has a value for each of them, such as mean_squared_error";
        return Err(Error::shape(format!("loss {:?}", loss.name()), "the values", whole, expected, remedy));
    }
    let mut shape = own;
    shape.0.resize(whole.rank(), Dim::fixed(1));
    graph.reshape(factor, &shape)
}

/// The sum of scalars; 0 of none.
pub(super) fn sum<'a>(graph: &mut Graph, terms: impl IntoIterator<Item = &'a NodeId>) -> Result<NodeId> {
    let sum = terms.into_iter().try_fold(None, |sum, &term| match sum {
        None => Ok(Some(term)),
        Some(sum) => graph.add(sum, term).map(Some),
    })?;
    Ok(sum.unwrap_or_else(|| graph.constant(0.0)))
}

fn target(graph: &mut Graph, name: &str, prediction: NodeId, targets: Targets) -> NodeId {
    let row: Vec<usize> = graph.shape(prediction).0.iter().skip(1).map(|d| d.factor).collect();
    match targets {
        Targets::Values => graph.input(name, &row, Element::F32),
        Targets::Sequences => graph.input(name, &row[..row.len().min(1)], Element::U32),
        Targets::Labels => {
            let places = &row[..row.len().saturating_sub(1)];
            graph.input(name, &[places, &[1]].concat(), Element::U32)
        }
    }
}
