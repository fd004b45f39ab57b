//! From layers to the graph of one step.

use crate::error::Result;
use crate::graph::{Along, Element, Graph, NodeId, Op, VariableId};
use crate::layers::{ActivationFunction, Context, Layer, Variables};
use crate::tensor::{Shape, Tensor, Values};
use crate::train::constraints::Constraint;
use crate::train::losses::{Logits, Loss, Prediction, Targets};
use crate::train::metrics::Metric;
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
    pub loss: Box<dyn Loss>,
    pub metrics: Vec<Metric>,
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

/// The graph that predicts: output `prediction`, `[B, …]`.
pub(super) fn predict_graph(layers: &[Box<dyn Layer>], x: &Stored) -> Result<Graph> {
    let mut graph = Graph::new();
    let prediction = forward(&mut graph, layers, x, false)?;
    graph.output("prediction", prediction.of.value)?;
    Ok(graph)
}

/// The graph that evaluates: outputs `loss` and each metric, means over the batch.
pub(super) fn evaluate_graph(layers: &[Box<dyn Layer>], x: &Stored, compiled: &Compiled) -> Result<Graph> {
    let mut graph = Graph::new();
    let prediction = forward(&mut graph, layers, x, false)?;
    score(&mut graph, &prediction, compiled)?;
    Ok(graph)
}

/// The graph of a training step: outputs as [`evaluate_graph`], before the weights change.
pub(super) fn train_graph(layers: &[Box<dyn Layer>], x: &Stored, compiled: &Compiled) -> Result<Graph> {
    let mut graph = Graph::new();
    let prediction = forward(&mut graph, layers, x, true)?;
    let loss = score(&mut graph, &prediction, compiled)?;
    update(&mut graph, loss, compiled.optimizer.as_ref(), &prediction.constraints)?;
    Ok(graph)
}

/// A forward pass.
struct Forward {
    of: Prediction,
    /// What weights and outputs add to the loss.
    penalties: Vec<NodeId>,
    /// What weights are brought back to after each step.
    constraints: Vec<(NodeId, Constraint)>,
}

fn forward(graph: &mut Graph, layers: &[Box<dyn Layer>], x: &Stored, training: bool) -> Result<Forward> {
    let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
    debug_assert_eq!([learning, frozen, states], [WEIGHTS, FROZEN, STATES]);
    let input = graph.input("x", &x.row, x.element);
    let mut value = graph.cast(input, Element::F32);
    if x.scale != 1.0 {
        value = graph.scale(value, x.scale)?;
    }
    let mut context = Context::new(graph, training, Variables { learning, frozen, states });
    for layer in layers {
        value = context.apply(layer.as_ref(), value)?;
    }
    let updates = context.updates().to_vec();
    let (penalties, constraints) = (context.penalties().to_vec(), context.constraints().to_vec());
    let logits = match context.activation_of(value) {
        Some((ActivationFunction::Softmax, x)) => Some(Logits::Softmax(x)),
        Some((ActivationFunction::Sigmoid, x)) => Some(Logits::Sigmoid(x)),
        _ => None,
    };
    update_states(graph, &updates)?;
    Ok(Forward { of: Prediction { value, logits }, penalties, constraints })
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

/// Adds target, loss and metrics, and returns the loss.
fn score(graph: &mut Graph, forward: &Forward, compiled: &Compiled) -> Result<NodeId> {
    let prediction = &forward.of;
    graph.enter(compiled.loss.name());
    let shape = graph.shape(prediction.value).clone();
    let target = target(graph, &shape, compiled.loss.targets());
    let losses = compiled.loss.values(graph, target, prediction)?;
    let mut loss = graph.mean_all(losses)?;
    for &penalty in &forward.penalties {
        loss = graph.add(loss, penalty)?;
    }
    graph.output("loss", loss)?;
    for metric in &compiled.metrics {
        graph.enter(metric.name());
        let mean = metric.mean(graph, target, prediction.value)?;
        graph.output(metric.name(), mean)?;
    }
    graph.enter("");
    Ok(loss)
}

fn target(graph: &mut Graph, prediction: &Shape, targets: Targets) -> NodeId {
    let row: Vec<usize> = prediction.0.iter().skip(1).map(|d| d.factor).collect();
    match targets {
        Targets::Values => graph.input("y", &row, Element::F32),
        Targets::Labels => {
            let places = &row[..row.len().saturating_sub(1)];
            graph.input("y", &[places, &[1]].concat(), Element::U32)
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
