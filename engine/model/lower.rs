//! From layers to the graph of one step.

use super::compiled::{Compiled, Goal};
use super::custom_step::CustomStep;
use super::network::Model;
use super::score::{score, sum};
use super::update::update;
use super::watch::watch;
use crate::error::Result;
use crate::graph::{Element, Graph, NodeId, Op, VariableId};
use crate::layers::{ActivationFunction, Context, Layer, Variables};
use crate::stream::Stored;
use crate::train::constraints::Constraint;
use crate::train::losses::{Logits, Prediction};

/// The variable of the weights that learn, in every graph of a model.
pub(super) const WEIGHTS: VariableId = VariableId(0);
/// The variable of the weights that do not.
pub(super) const FROZEN: VariableId = VariableId(1);

/// The variable of what layers remember from step to step.
pub(super) const STATES: VariableId = VariableId(2);

/// The graph that predicts: outputs `prediction`, or one with the name of each output, `[B, …]`.
pub(super) fn predict_graph(model: &Model, x: &[Stored]) -> Result<Graph> {
    let mut graph = Graph::new();
    let forward = forward(&mut graph, model, x, false)?;
    let several = forward.of.len() > 1;
    for (prediction, name) in forward.of.iter().zip(model.output_names()) {
        graph.output(if several { &name } else { "prediction" }, prediction.value)?;
    }
    Ok(graph)
}

/// The graph that evaluates samples stored like the first of `stored`, and what goes with them like the others: outputs
/// `loss`, a mean over the batch, and the sums of each metric.
pub(super) fn evaluate_graph(model: &Model, stored: &[Stored], compiled: &Compiled) -> Result<Graph> {
    let mut graph = Graph::new();
    let (x, others) = stored.split_at(model.network.inputs.len());
    let forward = forward(&mut graph, model, x, false)?;
    losses(&mut graph, model, &forward, compiled, others)?;
    Ok(graph)
}

/// The graph of a training step: outputs as [`evaluate_graph`], before the weights change, and those of
/// [`watch`](super::watch) if they are `watched`.
pub(super) fn train_graph(
    model: &Model,
    stored: &[Stored],
    compiled: &Compiled,
    watched: bool,
) -> Result<Graph> {
    let mut graph = Graph::new();
    let (x, others) = stored.split_at(model.network.inputs.len());
    let forward = forward(&mut graph, model, x, true)?;
    let losses = losses(&mut graph, model, &forward, compiled, others)?;
    let learners: Vec<_> = compiled.learners.iter().zip(losses).collect();
    let gradients = update(&mut graph, &learners, &forward.constraints)?;
    if watched {
        watch(&mut graph, model, &forward, &gradients)?;
    }
    Ok(graph)
}

/// The graph that checks predict by, and a number that depends on all of its outputs: outputs `output NAME`, and the sum
/// of all their elements, each times a random number from −½ to ½.
pub(super) fn check_graph(model: &Model, x: &[Stored]) -> Result<(Graph, NodeId)> {
    let mut graph = Graph::new();
    let forward = forward(&mut graph, model, x, false)?;
    let mut sums = Vec::new();
    for (prediction, name) in forward.of.iter().zip(model.output_names()) {
        graph.output(&format!("output {name}"), prediction.value)?;
        let shape = graph.shape(prediction.value).clone();
        let (draw, half) = (graph.random(&shape), graph.constant(0.5));
        let weights = graph.subtract(draw, half)?;
        let terms = graph.multiply(prediction.value, weights)?;
        sums.push(graph.sum_all(terms)?);
    }
    let total = sum(&mut graph, &sums)?;
    Ok((graph, total))
}

/// The loss of each learner.
fn losses(
    graph: &mut Graph,
    model: &Model,
    forward: &Forward,
    compiled: &Compiled,
    others: &[Stored],
) -> Result<Vec<NodeId>> {
    match &compiled.goal {
        Goal::Objectives(objectives) => {
            Ok(vec![score(graph, forward, objectives, &model.output_names(), others)?])
        }
        Goal::Custom(body) => {
            let mut targets = Vec::new();
            for (i, stored) in others.iter().enumerate() {
                targets.push(target(graph, &format!("y{i}"), stored)?);
            }
            let penalty = sum(graph, &forward.penalties)?;
            CustomStep::run(graph, body, (&forward.of, &targets), penalty, &compiled.learners)
        }
    }
}

/// A forward pass.
pub(super) struct Forward {
    /// The model's outputs.
    pub of: Vec<Prediction>,
    /// What the calls of layers give, in order.
    pub values: Vec<NodeId>,
    /// What weights and outputs add to the loss.
    pub penalties: Vec<NodeId>,
    /// What weights are brought back to after each step.
    constraints: Vec<(NodeId, Constraint)>,
}

fn forward(graph: &mut Graph, model: &Model, x: &[Stored], training: bool) -> Result<Forward> {
    let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
    debug_assert_eq!([learning, frozen, states], [WEIGHTS, FROZEN, STATES]);
    let inputs = model.network.inputs.iter().zip(x).map(|(port, stored)| input(graph, &port.name, stored));
    let inputs = inputs.collect::<Result<Vec<_>>>()?;
    let mut context = Context::new(graph, training, Variables { learning, frozen, states });
    context.freeze(!model.network.trainable());
    let weights = model.network.declare(&mut context, &model.first_inputs())?;
    let mut values = model.network.run(&mut context, &inputs, &weights)?;
    let of = model.network.outputs.iter().map(|&value| prediction(&context, values[value])).collect();
    let updates = context.updates().to_vec();
    let (penalties, constraints) = (context.penalties().to_vec(), context.constraints().to_vec());
    update_states(graph, &updates)?;
    let values = values.split_off(model.network.inputs.len());
    Ok(Forward { of, values, penalties, constraints })
}

/// An input as floats.
fn input(graph: &mut Graph, name: &str, stored: &Stored) -> Result<NodeId> {
    let input = graph.input(name, &stored.row, stored.element);
    let value = graph.cast(input, Element::F32);
    if stored.scale == 1.0 { Ok(value) } else { graph.scale(value, stored.scale) }
}

/// A target of a custom step: class numbers as they are, anything else as floats.
fn target(graph: &mut Graph, name: &str, stored: &Stored) -> Result<NodeId> {
    match stored.element {
        Element::U32 => Ok(graph.input(name, &stored.row, stored.element)),
        _ => input(graph, name, stored),
    }
}

/// An output, with the logits that it is a function of and the time steps that count.
fn prediction(context: &Context<'_>, value: NodeId) -> Prediction {
    let logits = match context.activation_of(value) {
        Some((ActivationFunction::Softmax, x)) => Some(Logits::Softmax(x)),
        Some((ActivationFunction::Sigmoid, x)) => Some(Logits::Sigmoid(x)),
        _ => None,
    };
    Prediction { logits, mask: context.mask(value), ..Prediction::of(value) }
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

/// Whether `node` is a weight that lies in `variable`.
pub(super) fn lies_in(graph: &Graph, node: NodeId, variable: VariableId) -> bool {
    matches!(graph.node(node).op, Op::Parameter(id) if graph.parameters[id.0].variable == variable)
}
