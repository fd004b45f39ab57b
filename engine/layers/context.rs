use std::collections::HashMap;

use super::network::inner_inputs;
use super::{ActivationFunction, Layer};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, VariableId};
use crate::train::constraints::Constraint;

/// Where a layer is called: the graph that grows, and what the layer needs to know of it.
#[derive(Debug)]
pub struct Context<'a> {
    /// The graph that the forward pass is added to.
    pub graph: &'a mut Graph,
    /// Whether the pass is one of training: dropout is active.
    pub training: bool,
    /// The nodes of the layer's own weights, in the order of [`Layer::weights`].
    pub weights: Vec<NodeId>,
    variables: Variables,
    trainable: bool,
    /// The models that the layers lie in, each with a slash behind it.
    path: String,
    /// Whether one of these is not trainable.
    frozen: bool,
    activations: HashMap<NodeId, (ActivationFunction, NodeId)>,
    masks: HashMap<NodeId, NodeId>,
    updates: Vec<(NodeId, NodeId)>,
    penalties: Vec<NodeId>,
    constraints: Vec<(NodeId, Constraint)>,
}

/// The variables that hold the weights of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variables {
    /// Weights that learn.
    pub learning: VariableId,
    /// Weights of layers that are not trainable.
    pub frozen: VariableId,
    /// States.
    pub states: VariableId,
}

impl<'a> Context<'a> {
    /// A pass whose weights lie in `variables`.
    pub fn new(graph: &'a mut Graph, training: bool, variables: Variables) -> Self {
        Self {
            graph,
            training,
            weights: Vec::new(),
            variables,
            trainable: true,
            path: String::new(),
            frozen: false,
            activations: HashMap::new(),
            masks: HashMap::new(),
            updates: Vec::new(),
            penalties: Vec::new(),
            constraints: Vec::new(),
        }
    }

    /// Calls `layer` on `input`: makes its weights and states, and adds its forward pass. Of several outputs the first is
    /// returned.
    ///
    /// # Errors
    /// If the layer does not take such inputs.
    pub fn apply(&mut self, layer: &dyn Layer, input: NodeId) -> Result<NodeId> {
        let weights = self.declare(layer, &[&self.sample_shape(input)])?;
        Ok(self.call(layer, weights, &[input])?[0])
    }

    /// Calls `layer` on `inputs`, with the weights that [`Context::declare`] has made, and returns all that it gives.
    ///
    /// # Errors
    /// If the layer does not take such inputs.
    pub fn call(
        &mut self,
        layer: &dyn Layer,
        weights: Vec<NodeId>,
        inputs: &[NodeId],
    ) -> Result<Vec<NodeId>> {
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|&input| self.sample_shape(input)).collect();
        layer.output_shapes(&shapes.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let outer = self.graph.enter(&format!("{}{}", self.path, layer.name()));
        (self.weights, self.trainable) = (weights, layer.trainable());
        let outputs = layer.call_each(self, inputs)?;
        self.penalize_outputs(layer, &outputs)?;
        for &output in outputs.iter().filter(|_| layer.passes_mask()) {
            self.pass_mask(inputs, output)?;
        }
        self.graph.enter(&outer);
        Ok(outputs)
    }

    /// The mask of `output`, unless it has one: of several inputs, a time step counts that counts in any of them.
    fn pass_mask(&mut self, inputs: &[NodeId], output: NodeId) -> Result<()> {
        let masks: Option<Vec<NodeId>> = inputs.iter().map(|&input| self.mask(input)).collect();
        let Some([first, rest @ ..]) = masks.as_deref() else { return Ok(()) };
        let mut mask = *first;
        for &other in rest {
            mask = self.graph.binary(Binary::Maximum, mask, other)?;
        }
        self.masks.entry(output).or_insert(mask);
        Ok(())
    }

    /// Makes the weights and states of `layer` for inputs of shapes `inputs`, and what they add to the loss.
    ///
    /// # Errors
    /// If a regularizer does not take a weight's shape.
    pub fn declare(&mut self, layer: &dyn Layer, inputs: &[&[usize]]) -> Result<Vec<NodeId>> {
        if let Some(network) = layer.network() {
            let inner = inner_inputs(layer, inputs);
            return match layer.distributed_axes() {
                0 => network.declare_within(self, &inner),
                _ => self.inside(layer, |context| network.declare_within(context, &inner)),
            };
        }
        let path = format!("{}{}", self.path, layer.name());
        let outer = self.graph.enter(&path);
        let Variables { learning, frozen, states } = self.variables;
        let trainable = layer.trainable() && !self.frozen;
        let variable = if trainable { learning } else { frozen };
        let mut nodes = Vec::new();
        for weight in layer.weights_many(inputs) {
            let name = format!("{path}/{}", weight.name);
            let node = self.graph.parameter(&name, &weight.shape, variable);
            nodes.push(node);
            if let Some(regularizer) = weight.regularizer.filter(|_| trainable) {
                let penalty = regularizer.penalty(self.graph, node)?;
                self.penalties.push(penalty);
            }
            if let Some(constraint) = weight.constraint.filter(|_| trainable) {
                self.constraints.push((node, constraint));
            }
        }
        for state in inputs.first().map_or(Vec::new(), |input| layer.states(input)) {
            let name = format!("{path}/{}", state.name);
            nodes.push(self.graph.parameter(&name, &state.shape, states));
        }
        self.graph.enter(&outer);
        Ok(nodes)
    }

    /// Calls `body` for the layers in `outer`, a model or a layer around one.
    pub(crate) fn inside<T>(
        &mut self,
        outer: &dyn Layer,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let path = format!("{}{}/", self.path, outer.name());
        let before = (std::mem::replace(&mut self.path, path), self.frozen);
        self.freeze(!outer.trainable());
        let result = body(self);
        (self.path, self.frozen) = before;
        result
    }

    /// Keeps the weights of all layers to come as they are, if `frozen`.
    pub(crate) fn freeze(&mut self, frozen: bool) {
        self.frozen |= frozen;
    }

    /// Adds to the loss what `layer` says of its outputs; Keras divides it by the number of samples.
    pub(super) fn penalize_outputs(&mut self, layer: &dyn Layer, outputs: &[NodeId]) -> Result<()> {
        let Some(regularizer) = layer.activity_regularizer() else { return Ok(()) };
        for &output in outputs {
            let penalty = regularizer.penalty(self.graph, output)?;
            let batch = self.graph.batch_size();
            self.penalties.push(self.graph.divide(penalty, batch)?);
        }
        Ok(())
    }

    /// What weights and outputs add to the loss: scalars.
    pub fn penalties(&self) -> &[NodeId] {
        &self.penalties
    }

    /// What weights are brought back to after each step.
    pub fn constraints(&self) -> &[(NodeId, Constraint)] {
        &self.constraints
    }

    /// Calls `body`, an inner layer, with those of the layer's weights that `numbers` name.
    ///
    /// # Errors
    /// Those of `body`, and if there is no such weight.
    pub fn within<T>(&mut self, numbers: &[usize], body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let inner = numbers.iter().map(|&number| self.first(number)).collect::<Result<Vec<_>>>()?;
        let outer = std::mem::replace(&mut self.weights, inner);
        let output = body(self);
        self.weights = outer;
        output
    }

    /// Whether the layer learns in this pass: batch statistics are used and dropout is active.
    pub fn learns(&self) -> bool {
        self.training && self.trainable
    }

    /// Lets weight number `index`, a state, have the value `value` when the step ends.
    ///
    /// # Errors
    /// If there is no such weight, or the value has another shape.
    pub fn update(&mut self, index: usize, value: NodeId) -> Result<()> {
        let state = self.first(index)?;
        let (found, expected) = (self.graph.shape(value), self.graph.shape(state));
        if found != expected {
            return Err(Error::shape(
                "Context::update",
                "the value",
                found,
                expected,
                "give it the state's shape",
            ));
        }
        self.updates.push((state, value));
        Ok(())
    }

    /// The states that change, each with its value when the step ends.
    pub fn updates(&self) -> &[(NodeId, NodeId)] {
        &self.updates
    }

    /// Which time steps of `node` count: floats `[B, time]`, 1 or 0. `None` if all do.
    pub fn mask(&self, node: NodeId) -> Option<NodeId> {
        self.masks.get(&node).copied()
    }

    /// Says which time steps of `node` count.
    pub fn set_mask(&mut self, node: NodeId, mask: NodeId) {
        self.masks.insert(node, mask);
    }

    /// The shape of one sample of `node`.
    pub fn sample_shape(&self, node: NodeId) -> Vec<usize> {
        self.graph.shape(node).0.iter().skip(1).map(|d| d.factor).collect()
    }

    /// The layer's weight number `index`; of a state what an earlier call of the layer in this step has made of it.
    ///
    /// # Errors
    /// If [`Layer::weights`] has not named that many.
    pub fn weight(&self, index: usize) -> Result<NodeId> {
        let first = self.first(index)?;
        let newest = self.updates.iter().rev().find(|(state, _)| *state == first);
        Ok(newest.map_or(first, |(_, value)| *value))
    }

    /// Weight number `index` as it is when the step starts.
    fn first(&self, index: usize) -> Result<NodeId> {
        self.weights.get(index).copied().ok_or_else(|| {
            let expected = format!("less than {}, the number of weights the layer names", self.weights.len());
            Error::argument("Context::weight", "index", index, expected)
        })
    }

    /// `function` of `x`. The model remembers x, since a loss may be computed from it.
    ///
    /// # Errors
    /// If `function` does not take such a shape.
    pub fn activate(&mut self, function: ActivationFunction, x: NodeId) -> Result<NodeId> {
        let y = function.apply(self.graph, x)?;
        if y != x {
            self.activations.insert(y, (function, x));
        }
        Ok(y)
    }

    /// The function that `node` is the value of, and its argument, if [`Context::activate`] made the node.
    pub fn activation_of(&self, node: NodeId) -> Option<(ActivationFunction, NodeId)> {
        self.activations.get(&node).copied()
    }
}
