//! What a model is trained for: targets, losses and metrics of its outputs.

use super::lower::Forward;
use super::objective::Objective;
use super::report::sum_name;
use crate::error::{Error, Result};
use crate::graph::{Element, Graph, NodeId};
use crate::stream::Stored;
use crate::train::losses::{Loss, Prediction, Reduction, Targets, reduce};

/// Adds targets, losses and metrics, and returns what training follows: the sum of the losses.
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
        let (followed, reported) = parts_of(graph, loss.as_ref(), target, prediction, weight)?;
        let factor = objective.weight as f32;
        let mut weighed = |part| if factor == 1.0 { Ok(part) } else { graph.scale(part, factor) };
        losses.push((weighed(followed)?, weighed(reported)?));
        parts.push((format!("{prefix}loss"), reported));
        for (name, metric, is_weighted) in objective.all_metrics() {
            graph.enter(&name);
            let name = format!("{prefix}{name}");
            let prediction = Prediction { weight: weight.filter(|_| is_weighted), ..*prediction };
            let sums = metric.sums(graph, target, &prediction)?;
            check_weighed(graph, metric.name(), &sums, prediction.weight)?;
            scores.extend(sums.into_iter().enumerate().map(|(i, sum)| (sum_name(&name, i), sum)));
        }
    }
    graph.enter("loss");
    let (followed, reported): (Vec<_>, Vec<_>) = losses.into_iter().unzip();
    let loss = sum(graph, followed.iter().chain(&forward.penalties))?;
    let shown =
        if followed == reported { loss } else { sum(graph, reported.iter().chain(&forward.penalties))? };
    graph.output("loss", shown)?;
    // A lone loss is the sum.
    let parts = if parts.len() == 1 { Vec::new() } else { parts };
    for (name, node) in parts.iter().chain(&scores) {
        graph.output(name, *node)?;
    }
    graph.enter("");
    Ok(loss)
}

/// Whether the sums of a metric depend on the weights, if it has been given some.
fn check_weighed(graph: &Graph, name: &str, sums: &[NodeId], weight: Option<NodeId>) -> Result<()> {
    let Some(weight) = weight else { return Ok(()) };
    let last = sums.iter().copied().max().unwrap_or(weight);
    let depends = graph.depends_on(&[weight], last);
    if sums.iter().any(|sum| depends[sum.0]) {
        return Ok(());
    }
    let expected = "a metric that multiplies by `Prediction::weight`: name it among the metrics";
    Err(Error::argument("compile", "weighted_metrics", format!("{name:?}"), expected))
}

/// What training follows and what is reported of a loss: the same, unless its values are not reduced. Then it follows their
/// sum and their mean is reported, as in Keras on TensorFlow.
fn parts_of(
    graph: &mut Graph,
    loss: &dyn Loss,
    target: NodeId,
    prediction: &Prediction,
    weight: Option<NodeId>,
) -> Result<(NodeId, NodeId)> {
    let whole = reduce(graph, loss, target, prediction, weight)?;
    if loss.reduction() == Reduction::None {
        return Ok((graph.sum_all(whole)?, graph.mean_all(whole)?));
    }
    Ok((whole, whole))
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
