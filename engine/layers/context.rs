use std::collections::HashMap;

use super::{ActivationFunction, Layer};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, VariableId};

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
    activations: HashMap<NodeId, (ActivationFunction, NodeId)>,
    masks: HashMap<NodeId, NodeId>,
    updates: Vec<(NodeId, NodeId)>,
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
        let (activations, masks, updates) = (HashMap::new(), HashMap::new(), Vec::new());
        Self { graph, training, weights: Vec::new(), variables, trainable: true, activations, masks, updates }
    }

    /// Calls `layer` on `input`: makes its weights and states, and adds its forward pass.
    ///
    /// # Errors
    /// If the layer does not take such inputs.
    pub fn apply(&mut self, layer: &dyn Layer, input: NodeId) -> Result<NodeId> {
        let shape = self.sample_shape(input);
        layer.output_shape(&shape)?;
        let outer = self.graph.enter(layer.name());
        let Variables { learning, frozen, states } = self.variables;
        let weights = if layer.trainable() { learning } else { frozen };
        let mut nodes = Vec::new();
        for (variable, wanted) in [(weights, layer.weights(&shape)), (states, layer.states(&shape))] {
            let parameter = |weight: &super::Weight| {
                let name = format!("{}/{}", layer.name(), weight.name);
                self.graph.parameter(&name, &weight.shape, variable)
            };
            nodes.extend(wanted.iter().map(parameter));
        }
        (self.weights, self.trainable) = (nodes, layer.trainable());
        let output = layer.call(self, input);
        self.graph.enter(&outer);
        if let (Ok(output), Some(mask)) = (&output, self.mask(input).filter(|_| layer.passes_mask())) {
            self.masks.entry(*output).or_insert(mask);
        }
        output
    }

    /// Calls `body`, an inner layer, with those of the layer's weights that `numbers` name.
    ///
    /// # Errors
    /// Those of `body`, and if there is no such weight.
    pub fn within(
        &mut self,
        numbers: &[usize],
        body: impl FnOnce(&mut Self) -> Result<NodeId>,
    ) -> Result<NodeId> {
        let inner = numbers.iter().map(|&number| self.weight(number)).collect::<Result<Vec<_>>>()?;
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
        let state = self.weight(index)?;
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

    /// The layer's weight number `index`.
    ///
    /// # Errors
    /// If [`Layer::weights`] has not named that many.
    pub fn weight(&self, index: usize) -> Result<NodeId> {
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
