//! From layers to the graph of one step.

use super::network::Model;
use super::objective::Objective;
use super::report::sum_name;
use crate::error::{Error, Result};
use crate::graph::{Along, Binary, Element, Graph, NodeId, Op, VariableId};
use crate::layers::{ActivationFunction, Context, Variables};
use crate::tensor::{Dim, Shape, Tensor, Values};
use crate::train::constraints::Constraint;
use crate::train::losses::{Logits, Loss, Prediction, Targets};
use crate::train::optimizers::{self, Optimizer};

/// The variable of the weights that learn, in every graph of a model.
pub(super) const WEIGHTS: VariableId = VariableId(0);
/// The variable of the weights that do not.
pub(super) const FROZEN: VariableId = VariableId(1);

/// The variable of what layers remember from step to step.
pub(super) const STATES: VariableId = VariableId(2);

/// What `compile` was given.
#[derive(Debug)]
pub(super) struct Compiled {
    pub optimizer: Box<dyn Optimizer>,
    /// One for each output.
    pub objectives: Vec<Objective>,
}

/// How the rows of a data set are stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    pub row: Vec<usize>,
    pub element: Element,
    pub scale: f32,
}

impl Stored {
    pub fn of(tensor: &Tensor) -> Self {
        let (element, scale) = match *tensor.values() {
            Values::F32(_) => (Element::F32, 1.0),
            Values::U32(_) => (Element::U32, 1.0),
            Values::U8 { scale, .. } => (Element::U8, scale),
        };
        Self { row: tensor.shape().iter().skip(1).copied().collect(), element, scale }
    }
}

/// The graph that predicts: outputs `prediction`, or one with the name of each output, `[B, …]`.
pub(super) fn predict_graph(model: &Model, x: &[Stored]) -> Result<Graph> {
    let mut graph = Graph::new();
    let forward = forward(&mut graph, model, x, false)?;
    let several = forward.of.len() > 1;
    for (prediction, name) in forward.of.iter().zip(model.output_names()) {
        graph.output(if several { name } else { "prediction" }, prediction.value)?;
    }
    Ok(graph)
}

/// The graph that evaluates samples stored like the first of `stored`, and weighed by what is stored like the others:
/// outputs `loss`, a mean over the batch, and the sums of each metric.
pub(super) fn evaluate_graph(model: &Model, stored: &[Stored], compiled: &Compiled) -> Result<Graph> {
    let mut graph = Graph::new();
    let (x, weights) = stored.split_at(model.inputs.len());
    let forward = forward(&mut graph, model, x, false)?;
    score(&mut graph, &forward, compiled, &model.output_names(), weights)?;
    Ok(graph)
}

/// The graph of a training step: outputs as [`evaluate_graph`], before the weights change.
pub(super) fn train_graph(model: &Model, stored: &[Stored], compiled: &Compiled) -> Result<Graph> {
    let mut graph = Graph::new();
    let (x, weights) = stored.split_at(model.inputs.len());
    let forward = forward(&mut graph, model, x, true)?;
    let loss = score(&mut graph, &forward, compiled, &model.output_names(), weights)?;
    update(&mut graph, loss, compiled.optimizer.as_ref(), &forward.constraints)?;
    Ok(graph)
}

/// A forward pass.
struct Forward {
    /// The model's outputs.
    of: Vec<Prediction>,
    /// What weights and outputs add to the loss.
    penalties: Vec<NodeId>,
    /// What weights are brought back to after each step.
    constraints: Vec<(NodeId, Constraint)>,
}

fn forward(graph: &mut Graph, model: &Model, x: &[Stored], training: bool) -> Result<Forward> {
    let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
    debug_assert_eq!([learning, frozen, states], [WEIGHTS, FROZEN, STATES]);
    let inputs = model.inputs.iter().zip(x).map(|(port, stored)| input(graph, &port.name, stored));
    let mut values = inputs.collect::<Result<Vec<_>>>()?;
    let mut context = Context::new(graph, training, Variables { learning, frozen, states });
    let mut weights = Vec::new();
    for (layer, built) in model.layers.iter().zip(&model.built) {
        let inputs: Vec<&[usize]> = built.inputs.iter().map(Vec::as_slice).collect();
        weights.push(context.declare(layer.as_ref(), &inputs)?);
    }
    for call in &model.calls {
        let inputs: Vec<NodeId> = call.inputs.iter().map(|&value| values[value]).collect();
        let (layer, weights) = (model.layers[call.layer].as_ref(), weights[call.layer].clone());
        values.push(context.call(layer, weights, &inputs)?);
    }
    let of = model.outputs.iter().map(|&value| prediction(&context, values[value])).collect();
    let updates = context.updates().to_vec();
    let (penalties, constraints) = (context.penalties().to_vec(), context.constraints().to_vec());
    update_states(graph, &updates)?;
    Ok(Forward { of, penalties, constraints })
}

/// An input as floats.
fn input(graph: &mut Graph, name: &str, stored: &Stored) -> Result<NodeId> {
    let input = graph.input(name, &stored.row, stored.element);
    let value = graph.cast(input, Element::F32);
    if stored.scale == 1.0 { Ok(value) } else { graph.scale(value, stored.scale) }
}

/// An output, with the logits that it is a function of and the time steps that count.
fn prediction(context: &Context<'_>, value: NodeId) -> Prediction {
    let logits = match context.activation_of(value) {
        Some((ActivationFunction::Softmax, x)) => Some(Logits::Softmax(x)),
        Some((ActivationFunction::Sigmoid, x)) => Some(Logits::Sigmoid(x)),
        _ => None,
    };
    Prediction { value, logits, mask: context.mask(value) }
}

/// Lets each state have its new value when the step ends; the others keep theirs.
fn update_states(graph: &mut Graph, updates: &[(NodeId, NodeId)]) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let states: Vec<NodeId> = graph.ids().filter(|&id| lies_in(graph, id, STATES)).collect();
    // A state that a layer shared by several calls changes twice keeps the last.
    let newest = |&state: &NodeId| updates.iter().rev().find(|(s, _)| *s == state).map_or(state, |u| u.1);
    let values: Vec<NodeId> = states.iter().map(newest).collect();
    graph.enter("states");
    let packed = graph.pack(STATES, &values)?;
    graph.enter("");
    graph.assign(STATES, packed)
}

/// Adds targets, losses and metrics, and returns the sum of the losses.
fn score(
    graph: &mut Graph,
    forward: &Forward,
    compiled: &Compiled,
    names: &[&str],
    weights: &[Stored],
) -> Result<NodeId> {
    let (mut losses, mut parts, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    for ((prediction, objective), name) in forward.of.iter().zip(&compiled.objectives).zip(names) {
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
fn weighted_mean(
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

fn sum<'a>(graph: &mut Graph, terms: impl IntoIterator<Item = &'a NodeId>) -> Result<NodeId> {
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
        Targets::Labels => {
            let places = &row[..row.len().saturating_sub(1)];
            graph.input(name, &[places, &[1]].concat(), Element::U32)
        }
    }
}

/// Adds the gradients of all weights that learn, and the optimizer's arithmetic over the whole of them.
fn update(
    graph: &mut Graph,
    loss: NodeId,
    optimizer: &dyn Optimizer,
    constraints: &[(NodeId, Constraint)],
) -> Result<()> {
    let weights: Vec<NodeId> = graph.ids().filter(|&id| lies_in(graph, id, WEIGHTS)).collect();
    let slots = optimizers::slots(optimizer);
    let slots: Vec<VariableId> = slots.iter().map(|slot| graph.variable_like(slot.name, WEIGHTS)).collect();
    if weights.is_empty() {
        return Ok(());
    }
    let gradients = graph.gradients(loss, &weights)?;
    graph.enter(optimizer.class_name());
    let after = optimizers::add_step(graph, optimizer, WEIGHTS, &gradients, &slots)?;
    let weights = constrain(graph, after, &weights, constraints)?;
    graph.assign(WEIGHTS, weights)?;
    graph.enter("");
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

/// Whether `node` is a weight that lies in `variable`.
fn lies_in(graph: &Graph, node: NodeId, variable: VariableId) -> bool {
    matches!(graph.node(node).op, Op::Parameter(id) if graph.parameters[id.0].variable == variable)
}
