//! One step: what all optimizers do around their own rule.

use super::segments::{for_segments, lengths, parameters, spread};
use super::{Base, Optimizer, Slot, Start};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary, VariableId};

/// All that is remembered of each weight: the rule's own slots, and behind them those of the common options.
pub(crate) fn slots(optimizer: &dyn Optimizer) -> Vec<Slot> {
    let base = optimizer.base();
    let mut slots = optimizer.slots();
    slots.extend(base.gradient_accumulation_steps.map(|_| Slot::new(ACCUMULATOR)));
    slots.extend(base.use_ema.then(|| Slot::new(AVERAGE)));
    slots
}

const ACCUMULATOR: &str = "gradient_accumulator";
const AVERAGE: &str = "average";

/// Which of [`slots`] holds the moving average that the weights become when a training ends.
pub(crate) fn average(optimizer: &dyn Optimizer) -> Option<usize> {
    slots(optimizer).iter().position(|slot| slot.name == AVERAGE)
}

/// The numbers of step `step`, counted from 1, that the graph calls `names`.
///
/// # Errors
/// If an optimizer uses a number that it does not give.
pub(crate) fn scalars(optimizer: &dyn Optimizer, step: u64, names: &[String]) -> Result<Vec<f32>> {
    let given = all_scalars(optimizer, step);
    let find = |name: &String| {
        given.iter().find(|(known, _)| known == name).map(|&(_, value)| value).ok_or_else(|| {
            let expected = format!("a number called {name:?}");
            Error::argument(optimizer.class_name(), "scalars", "without it", expected)
        })
    };
    names.iter().map(find).collect()
}

fn all_scalars(optimizer: &dyn Optimizer, step: u64) -> Vec<(&'static str, f32)> {
    let base = optimizer.base();
    let flag = |condition: bool| if condition { 1.0 } else { 0.0 };
    let rate = base.learning_rate(step - 1);
    // Keras counts updates: steps that only accumulate are none.
    let every = base.gradient_accumulation_steps.unwrap_or(1) as u64;
    let update = (step - 1) / every + 1;
    let mut scalars = optimizer.scalars(update, rate);
    scalars.push(("learning_rate", rate as f32));
    scalars.push(("applies", flag(step.is_multiple_of(every))));
    scalars.push(("ema_momentum", if update == 1 { 0.0 } else { base.ema_momentum as f32 }));
    scalars.push((
        "overwrites",
        flag(base.ema_overwrite_frequency.is_some_and(|n| update.is_multiple_of(n as u64))),
    ));
    scalars
}

/// Adds a step over the gradients of all parameters of `variable`, and what becomes of `slots`, which have been made
/// as [`slots`] says. Returns the new weights `[segments, 256]`.
pub(crate) fn add_step(
    graph: &mut Graph,
    optimizer: &dyn Optimizer,
    variable: VariableId,
    gradients: &[NodeId],
    slots: &[VariableId],
) -> Result<NodeId> {
    let base = optimizer.base();
    let before = graph.read(variable);
    let gradient = graph.pack(variable, gradients)?;
    let gradient = match base.loss_scale_factor {
        Some(factor) => graph.scale(gradient, (1.0 / factor) as f32)?,
        None => gradient,
    };
    let (own, common) = slots.split_at(optimizer.slots().len());
    let mut common = common.iter().copied();
    let accumulator = base.gradient_accumulation_steps.and_then(|steps| Some((steps, common.next()?)));
    let (gradient, sum) = accumulated(graph, accumulator, gradient)?;
    let gradient = clipped(graph, base, variable, gradient)?;
    let weights = decayed(graph, optimizer, variable, before)?;
    let old: Vec<NodeId> = own.iter().map(|&slot| graph.read(slot)).collect();
    let mut update = optimizer.update(graph, &Start { variable, weights, gradient, slots: &old })?;
    if let Some((_, accumulator)) = accumulator {
        let (applies, zero) = (graph.scalar("applies"), graph.constant(0.0));
        update.weights = graph.select(applies, update.weights, before)?;
        for (new, &old) in update.slots.iter_mut().zip(&old) {
            *new = graph.select(applies, *new, old)?;
        }
        let sum = graph.select(applies, zero, sum)?;
        graph.assign(accumulator, sum)?;
    }
    for (&slot, &new) in own.iter().zip(&update.slots) {
        graph.assign(slot, new)?;
    }
    common.next().map_or(Ok(update.weights), |average| averaged(graph, base, average, update.weights))
}

/// The mean gradient of the last steps, and their sum so far.
fn accumulated(
    graph: &mut Graph,
    accumulator: Option<(usize, VariableId)>,
    gradient: NodeId,
) -> Result<(NodeId, NodeId)> {
    let Some((steps, accumulator)) = accumulator else { return Ok((gradient, gradient)) };
    let before = graph.read(accumulator);
    let sum = graph.add(gradient, before)?;
    Ok((graph.scale(sum, 1.0 / steps as f32)?, sum))
}

/// The gradient, its elements or its length within limits.
fn clipped(graph: &mut Graph, base: &Base, variable: VariableId, gradient: NodeId) -> Result<NodeId> {
    if let Some(limit) = base.clipvalue {
        let (low, high) = (graph.constant(-limit as f32), graph.constant(limit as f32));
        let above = graph.binary(Binary::Maximum, gradient, low)?;
        return graph.binary(Binary::Minimum, above, high);
    }
    let share = if let Some(limit) = base.clipnorm {
        let length = lengths(graph, variable, gradient)?;
        let share = kept_share(graph, limit, length)?;
        for_segments(graph, variable, share)?
    } else if let Some(limit) = base.global_clipnorm {
        let squares = graph.multiply(gradient, gradient)?;
        // Segment by segment first: one sum over all would make one workgroup walk over the whole model.
        let sums = graph.sum(squares, &[1])?;
        let sum = graph.sum_all(sums)?;
        let length = graph.unary(Unary::Sqrt, sum);
        kept_share(graph, limit, length)?
    } else {
        return Ok(gradient);
    };
    graph.multiply(gradient, share)
}

/// What a gradient of `length` keeps of it: all up to `limit`.
fn kept_share(graph: &mut Graph, limit: f64, length: NodeId) -> Result<NodeId> {
    let limit = graph.constant(limit as f32);
    let longest = graph.binary(Binary::Maximum, length, limit)?;
    graph.divide(limit, longest)
}

/// The weights without the share that weight decay takes off.
fn decayed(
    graph: &mut Graph,
    optimizer: &dyn Optimizer,
    variable: VariableId,
    weights: NodeId,
) -> Result<NodeId> {
    if parameters(graph, variable).iter().all(|parameter| optimizer.decay(parameter) == 0.0) {
        return Ok(weights);
    }
    let decay = spread(graph, variable, |parameter| optimizer.decay(parameter))?;
    let rate = graph.scalar("learning_rate");
    let share = graph.multiply(decay, rate)?;
    let lost = graph.multiply(weights, share)?;
    graph.subtract(weights, lost)
}

/// Moves the average towards the new weights, which become the average where that is due.
fn averaged(graph: &mut Graph, base: &Base, slot: VariableId, weights: NodeId) -> Result<NodeId> {
    let (old, kept) = (graph.read(slot), graph.scalar("ema_momentum"));
    let one = graph.constant(1.0);
    let share = graph.subtract(one, kept)?;
    let (old, new) = (graph.multiply(old, kept)?, graph.multiply(weights, share)?);
    let average = graph.add(old, new)?;
    graph.assign(slot, average)?;
    if base.ema_overwrite_frequency.is_none() {
        return Ok(weights);
    }
    let overwrites = graph.scalar("overwrites");
    graph.select(overwrites, average, weights)
}
