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
    learning: VariableId,
    frozen: VariableId,
    activations: HashMap<NodeId, (ActivationFunction, NodeId)>,
}

impl<'a> Context<'a> {
    /// A pass whose weights lie in `learning`, or in `frozen` where a layer is not trainable.
    pub fn new(graph: &'a mut Graph, training: bool, learning: VariableId, frozen: VariableId) -> Self {
        let activations = HashMap::new();
        Self { graph, training, weights: Vec::new(), learning, frozen, activations }
    }

    /// Calls `layer` on `input`: makes its weights and adds its forward pass.
    ///
    /// # Errors
    /// If the layer does not take such inputs.
    pub fn apply(&mut self, layer: &dyn Layer, input: NodeId) -> Result<NodeId> {
        let shape = self.sample_shape(input);
        layer.output_shape(&shape)?;
        let outer = self.graph.enter(layer.name());
        let variable = if layer.trainable() { self.learning } else { self.frozen };
        let weight = |weight: &super::Weight| {
            self.graph.parameter(&format!("{}/{}", layer.name(), weight.name), &weight.shape, variable)
        };
        self.weights = layer.weights(&shape).iter().map(weight).collect();
        let output = layer.call(self, input);
        self.graph.enter(&outer);
        output
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
