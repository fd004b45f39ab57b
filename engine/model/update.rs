//! From losses to new weights.

use super::learner::Learner;
use super::lower::{WEIGHTS, lies_in};
use crate::error::{Error, Result};
use crate::graph::{Along, Graph, NodeId, Op, Parameter, VariableId};
use crate::tensor::Shape;
use crate::train::constraints::Constraint;
use crate::train::optimizers;

/// Adds the gradients of each learner's loss, and its optimizer's arithmetic over the whole of the weights, which change
/// where they are the learner's. Returns each weight that learns with its gradient.
pub(super) fn update(
    graph: &mut Graph,
    learners: &[(&Learner, NodeId)],
    constraints: &[(NodeId, Constraint)],
) -> Result<Vec<(NodeId, NodeId)>> {
    let weights: Vec<NodeId> = graph.ids().filter(|&id| lies_in(graph, id, WEIGHTS)).collect();
    let mut slots: Vec<Vec<VariableId>> = Vec::new();
    for (learner, _) in learners {
        let own = optimizers::slots(learner.optimizer.as_ref());
        slots.push(own.iter().map(|slot| graph.variable_like(slot.name, WEIGHTS)).collect());
    }
    let mut learning = Vec::new();
    if weights.is_empty() {
        return Ok(learning);
    }
    check_disjoint(graph, learners, &weights)?;
    let mut after = None;
    for (number, (&(learner, loss), slots)) in learners.iter().zip(&slots).enumerate() {
        let first = graph.scalars.len();
        let gradients = gradients(graph, learner, loss, &weights)?;
        let pairs = weights.iter().copied().zip(gradients.iter().copied());
        learning
            .extend(pairs.filter(|&(weight, _)| parameter(graph, weight).is_some_and(|p| learner.has(p))));
        graph.enter(learner.optimizer.class_name());
        let own = optimizers::add_step(graph, learner.optimizer.as_ref(), WEIGHTS, &gradients, slots)?;
        after = Some(if learner.has_all() {
            own
        } else {
            let others = after.unwrap_or_else(|| graph.read(WEIGHTS));
            let has = |p: &Parameter| f64::from(u8::from(learner.has(p)));
            let chosen = optimizers::spread(graph, WEIGHTS, has)?;
            graph.select(chosen, own, others)?
        });
        // Another learner's numbers of the same names are others.
        graph.scalars[first..].iter_mut().for_each(|name| *name = learner_scalar(number, name));
    }
    if let Some(after) = after {
        let weights = constrain(graph, after, &weights, constraints)?;
        graph.assign(WEIGHTS, weights)?;
    }
    graph.enter("");
    Ok(learning)
}

/// What the graph calls the number `name` of learner number `learner`.
pub(super) fn learner_scalar(learner: usize, name: &str) -> String {
    if learner == 0 { name.to_string() } else { format!("{learner}/{name}") }
}

/// The gradient of `loss` for each of `weights`, 0 for those that are not the learner's.
fn gradients(graph: &mut Graph, learner: &Learner, loss: NodeId, weights: &[NodeId]) -> Result<Vec<NodeId>> {
    let own: Vec<NodeId> =
        weights.iter().copied().filter(|&id| parameter(graph, id).is_some_and(|p| learner.has(p))).collect();
    let scaled = match learner.optimizer.base().loss_scale_factor {
        Some(factor) => graph.scale(loss, factor as f32)?,
        None => loss,
    };
    let mut gradients = graph.gradients(scaled, &own)?.into_iter();
    let all = weights.iter().map(|&weight| match own.contains(&weight) {
        true => gradients.next(),
        false => Some(graph.full(0.0, &graph.shape(weight).clone())),
    });
    Ok(all.flatten().collect())
}

fn parameter(graph: &Graph, node: NodeId) -> Option<&Parameter> {
    match graph.node(node).op {
        Op::Parameter(id) => Some(&graph.parameters[id.0]),
        _ => None,
    }
}

/// Whether each learner has weights, and none has another's.
fn check_disjoint(graph: &Graph, learners: &[(&Learner, NodeId)], weights: &[NodeId]) -> Result<()> {
    for (learner, _) in learners {
        if !weights.iter().any(|&id| parameter(graph, id).is_some_and(|p| learner.has(p))) {
            let expected = "the beginning of the name of a layer with weights that learn";
            let found = format!("{:?}", learner.layers);
            return Err(Error::argument(learner.place(), "layers", found, expected));
        }
    }
    for parameter in weights.iter().filter_map(|&id| parameter(graph, id)) {
        let mut owners = learners.iter().filter(|(learner, _)| learner.has(parameter));
        if let (Some((first, _)), Some(_)) = (owners.next(), owners.next()) {
            let found = format!("{:?}, another learner's too", parameter.name);
            return Err(Error::argument(first.place(), "weight", found, "each weight in one learner"));
        }
    }
    Ok(())
}

/// The packed weights `packed`, of which some are brought back to what their constraints allow.
fn constrain(
    graph: &mut Graph,
    packed: NodeId,
    weights: &[NodeId],
    constraints: &[(NodeId, Constraint)],
) -> Result<NodeId> {
    if constraints.is_empty() {
        return Ok(packed);
    }
    let flat = graph.reshape(packed, &Shape::fixed(&[graph.shape(packed).count().factor]))?;
    let mut values = Vec::with_capacity(weights.len());
    for &weight in weights {
        let Op::Parameter(id) = graph.node(weight).op else { continue };
        let (offset, shape) = (graph.parameters[id.0].offset, graph.shape(weight).clone());
        let part = graph.slice(flat, &[Along::new(0, offset, shape.count().factor)])?;
        let value = graph.reshape(part, &shape)?;
        values.push(match constraints.iter().find(|(node, _)| *node == weight) {
            Some((_, constraint)) => constraint.apply(graph, value)?,
            None => value,
        });
    }
    graph.pack(WEIGHTS, &values)
}
