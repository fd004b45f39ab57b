mod config;

use std::fmt;
use std::ops::Range;

use serde_json::Value;

pub(crate) use config::entry;

use super::spatial::shown;
use super::{Base, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// How deep models may lie in models.
pub(crate) const MOST_DEPTH: usize = 16;
/// How many calls of layers all models within a model may come to: a small file must not become a large one.
pub(crate) const MOST_CALLS: usize = 1 << 14;

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub name: String,
    /// Of one sample; the first data decide where it is not known.
    pub shape: Option<Vec<usize>>,
}

/// A layer called on values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub layer: usize,
    pub inputs: Vec<usize>,
    /// The first of the values that it gives, which follow each other.
    pub first: usize,
    /// How many it gives.
    pub count: usize,
}

impl Call {
    /// The values that it gives.
    pub fn values(&self) -> Range<usize> {
        self.first..self.first + self.count
    }
}

/// Layers called on inputs and on what other layers give: the inside of a model, and where a model is called in another, a
/// layer of that.
#[derive(Debug)]
pub struct Network {
    pub(crate) base: Base,
    /// Whether it was made as a row of layers: Keras's Sequential.
    pub(crate) is_sequential: bool,
    pub(crate) inputs: Vec<Port>,
    pub(crate) layers: Vec<Box<dyn Layer>>,
    /// In an order in which they can be made.
    pub(crate) calls: Vec<Call>,
    /// The values that are the outputs: inputs are counted first, then what calls give.
    pub(crate) outputs: Vec<usize>,
    /// Values of weights that came with a model, leaf by leaf, until they are built; `None` for those to be drawn.
    pub(crate) brought: Vec<Option<Vec<Vec<f32>>>>,
}

/// A layer that is no model, somewhere in a network.
#[derive(Clone)]
pub(crate) struct Leaf<'a> {
    /// The models that it lies in, each with a slash behind it.
    pub path: String,
    pub layer: &'a dyn Layer,
    /// Whether it and all models that it lies in are trainable.
    pub learns: bool,
}

impl Leaf<'_> {
    /// Its name behind those of the models that it lies in.
    pub fn name(&self) -> String {
        format!("{}{}", self.path, self.layer.name())
    }
}

impl fmt::Debug for Leaf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The shapes in a network that is called.
struct Shapes {
    /// Of each value.
    values: Vec<Vec<usize>>,
    /// What each layer is called on first.
    firsts: Vec<Vec<Vec<usize>>>,
}

impl Network {
    /// A network without layers.
    pub(crate) fn empty(name: &str, is_sequential: bool, inputs: Vec<Port>) -> Self {
        let mut base = Base::default();
        base.set_name(name);
        let (layers, calls, outputs, brought) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { base, is_sequential, inputs, layers, calls, outputs, brought }
    }

    /// Calls layer `layer` on `inputs`.
    pub(crate) fn push_call(&mut self, layer: usize, inputs: Vec<usize>, count: usize) -> Range<usize> {
        let first = self.calls.last().map_or(self.inputs.len(), |call| call.values().end);
        self.calls.push(Call { layer, inputs, first, count });
        first..first + count
    }

    /// Where an error lies.
    pub(crate) fn place_of_model(&self) -> String {
        format!("model {:?}", self.name())
    }

    /// The call that gives `value`, and which of its values that is; `None` for an input.
    pub(crate) fn origin(&self, value: usize) -> Option<(usize, usize)> {
        let call = self.calls.iter().position(|call| call.values().contains(&value))?;
        Some((call, value - self.calls[call].first))
    }

    /// The name of the layer that gives `value`, or of the input that it is.
    pub(crate) fn value_name(&self, value: usize) -> &str {
        match self.origin(value) {
            Some((call, _)) => self.layers[self.calls[call].layer].name(),
            None => &self.inputs[value].name,
        }
    }

    /// Whether each layer is called once, on what the one before gives, as in a Sequential.
    pub(crate) fn is_row(&self) -> bool {
        let mut given = vec![0];
        let in_row = |(i, call): (usize, &Call)| {
            let alone = call.inputs.len() == 1 || self.layers[call.layer].extra_inputs().is_none();
            let follows = call.layer == i && call.inputs == given && alone;
            given = call.values().collect();
            follows
        };
        self.inputs.len() == 1
            && self.calls.len() == self.layers.len()
            && self.calls.iter().enumerate().all(in_row)
            && self.outputs == given
    }

    /// Whether samples of the shapes `found` are those that the inputs take.
    pub(crate) fn check_inputs<S: AsRef<[usize]>>(&self, place: &str, found: &[S]) -> Result<()> {
        if found.len() != self.inputs.len() {
            let expected = format!("{}, one for each input", self.inputs.len());
            return Err(Error::argument(place, "number of inputs", found.len(), expected));
        }
        for (port, found) in self.inputs.iter().zip(found) {
            let found = found.as_ref();
            let Some(expected) = port.shape.as_ref().filter(|expected| *expected != found) else { continue };
            let what = if self.inputs.len() == 1 { "input" } else { port.name.as_str() };
            let remedy = "give samples of the shape that the model was built for";
            return Err(Error::shape(place, what, shown(found), shown(expected), remedy));
        }
        Ok(())
    }

    /// All layers that are no models, in order.
    pub(crate) fn leaves(&self) -> Vec<Leaf<'_>> {
        let mut leaves = Vec::new();
        self.add_leaves("", self.trainable(), &mut leaves);
        leaves
    }

    fn add_leaves<'a>(&'a self, path: &str, learns: bool, leaves: &mut Vec<Leaf<'a>>) {
        for layer in &self.layers {
            let (layer, learns) = (layer.as_ref(), learns && layer.trainable());
            match layer.network() {
                Some(network) => {
                    let learns = learns && network.trainable();
                    network.add_leaves(&inner_path(path, layer, network), learns, leaves);
                }
                None => leaves.push(Leaf { path: path.to_string(), layer, learns }),
            }
        }
    }

    /// The layer called `name`; one in a model within this one is named by both, `base/dense`.
    pub(crate) fn layer_mut(&mut self, name: &str) -> Result<&mut dyn Layer> {
        let (first, rest) = name.split_once('/').map_or((name, None), |(first, rest)| (first, Some(rest)));
        let names: Vec<&str> = self.layers.iter().map(|layer| layer.name()).collect();
        let at = self
            .layers
            .iter()
            .position(|layer| layer.name() == first && (rest.is_none() || layer.network().is_some()));
        let Some(at) = at else {
            let expected = format!("one of {}", names.join(", "));
            return Err(Error::argument(
                self.place_of_model(),
                "name of a layer",
                format!("{name:?}"),
                expected,
            ));
        };
        let layer = self.layers[at].as_mut();
        match rest {
            None => Ok(layer),
            Some(rest) => {
                let network = layer.network_mut().expect("a model, as just seen");
                let own = format!("{}/", network.name());
                network.layer_mut(rest.strip_prefix(&own).unwrap_or(rest))
            }
        }
    }

    /// How deep models lie in this one: 0 if there are none.
    pub(crate) fn depth(&self) -> usize {
        let inner = self.layers.iter().filter_map(|layer| layer.network());
        inner.map(|network| 1 + network.depth()).max().unwrap_or(0)
    }

    /// How many calls of layers this comes to, those within models counted each time that the model is called.
    pub(crate) fn call_count(&self) -> usize {
        let within = |layer: &dyn Layer| layer.network().map_or(1, Self::call_count);
        let counts: Vec<usize> = self.layers.iter().map(|layer| within(layer.as_ref())).collect();
        self.calls.iter().fold(0, |sum: usize, call| sum.saturating_add(counts[call.layer]))
    }

    /// The shapes where the network is called on samples of shapes `inputs`.
    fn shapes(&self, inputs: &[&[usize]]) -> Result<Shapes> {
        let mut values: Vec<Vec<usize>> = inputs.iter().map(|input| input.to_vec()).collect();
        let mut firsts = vec![None; self.layers.len()];
        for call in &self.calls {
            let inputs: Vec<&[usize]> = call.inputs.iter().map(|&value| values[value].as_slice()).collect();
            let given = self.layers[call.layer].output_shapes(&inputs)?;
            firsts[call.layer].get_or_insert_with(|| inputs.iter().map(|input| input.to_vec()).collect());
            values.extend(given);
        }
        Ok(Shapes { values, firsts: firsts.into_iter().map(Option::unwrap_or_default).collect() })
    }

    /// Makes the weights and states of all layers, layer by layer.
    pub(crate) fn declare(
        &self,
        context: &mut Context<'_>,
        firsts: &[Vec<Vec<usize>>],
    ) -> Result<Vec<Vec<NodeId>>> {
        let each = self.layers.iter().zip(firsts);
        each.map(|(layer, inputs)| context.declare(layer.as_ref(), &borrowed(inputs))).collect()
    }

    /// All values, for `inputs`; `weights` are those of each layer.
    pub(crate) fn run(
        &self,
        context: &mut Context<'_>,
        inputs: &[NodeId],
        weights: &[Vec<NodeId>],
    ) -> Result<Vec<NodeId>> {
        let mut values = inputs.to_vec();
        for call in &self.calls {
            let inputs: Vec<NodeId> = call.inputs.iter().map(|&value| values[value]).collect();
            let (layer, weights) = (self.layers[call.layer].as_ref(), weights[call.layer].clone());
            values.extend(context.call(layer, weights, &inputs)?);
        }
        Ok(values)
    }

    /// The weights and states of all layers for inputs of shapes `inputs`, as [`Context::declare`] makes them.
    pub(super) fn declare_within(
        &self,
        context: &mut Context<'_>,
        inputs: &[&[usize]],
    ) -> Result<Vec<NodeId>> {
        let firsts = self.shapes(inputs)?.firsts;
        context.inside(self, |context| Ok(self.declare(context, &firsts)?.concat()))
    }

    /// Keeps the shapes that the network is called on, and forgets what it brought: it is built.
    pub(crate) fn settle(&mut self, inputs: &[Vec<usize>]) {
        for (port, input) in self.inputs.iter_mut().zip(inputs) {
            port.shape = Some(input.clone());
        }
        let firsts = self.shapes(&borrowed(inputs)).map_or_else(|_| Vec::new(), |shapes| shapes.firsts);
        for (layer, first) in self.layers.iter_mut().zip(firsts) {
            settle(layer.as_mut(), &first);
        }
        self.brought.clear();
    }
}

/// [`Network::settle`] of the model in `layer`, if there is one, where the layer is called on samples of shapes `inputs`.
pub(crate) fn settle(layer: &mut dyn Layer, inputs: &[Vec<usize>]) {
    let inner: Vec<Vec<usize>> =
        inner_inputs(layer, &borrowed(inputs)).into_iter().map(<[usize]>::to_vec).collect();
    if let Some(network) = layer.network_mut() {
        network.settle(&inner);
    }
}

/// What the model in `layer` is called on where the layer is called on samples of shapes `inputs`.
pub(super) fn inner_inputs<'a>(layer: &dyn Layer, inputs: &[&'a [usize]]) -> Vec<&'a [usize]> {
    let axes = layer.distributed_axes();
    inputs.iter().map(|input| input.get(axes..).unwrap_or_default()).collect()
}

/// The models that the layers of `network` lie in, which is `layer` or lies in it.
fn inner_path(path: &str, layer: &dyn Layer, network: &Network) -> String {
    let within = if layer.distributed_axes() > 0 { format!("{}/", network.name()) } else { String::new() };
    format!("{path}{}/{within}", layer.name())
}

fn borrowed(shapes: &[Vec<usize>]) -> Vec<&[usize]> {
    shapes.iter().map(Vec::as_slice).collect()
}

/// What each leaf of `layer` is first called on where the layer is called on samples of shapes `inputs`.
pub(crate) fn leaf_inputs(layer: &dyn Layer, inputs: &[&[usize]]) -> Result<Vec<Vec<Vec<usize>>>> {
    let Some(network) = layer.network() else {
        return Ok(vec![inputs.iter().map(|input| input.to_vec()).collect()]);
    };
    let mut all = Vec::new();
    for (layer, first) in network.layers.iter().zip(network.shapes(&inner_inputs(layer, inputs))?.firsts) {
        all.extend(leaf_inputs(layer.as_ref(), &borrowed(&first))?);
    }
    Ok(all)
}

/// How many leaves `layer` has: itself, if it is no model.
pub(crate) fn leaf_count(layer: &dyn Layer) -> usize {
    layer.network().map_or(1, |network| leaf_counts(&network.layers).sum())
}

/// [`leaf_count`] of each of `layers`.
pub(crate) fn leaf_counts(layers: &[Box<dyn Layer>]) -> impl Iterator<Item = usize> {
    layers.iter().map(|layer| leaf_count(layer.as_ref()))
}

/// What the leaves of `layer` have brought.
pub(crate) fn brought(layer: &dyn Layer) -> Vec<Option<Vec<Vec<f32>>>> {
    match layer.network() {
        None => vec![None],
        Some(network) if network.brought.is_empty() => {
            network.layers.iter().flat_map(|layer| brought(layer.as_ref())).collect()
        }
        Some(network) => network.brought.clone(),
    }
}

/// How many weights and states `layer` has for inputs of shapes `inputs`.
fn weight_count(layer: &dyn Layer, inputs: &[&[usize]]) -> Result<usize> {
    let Some(network) = layer.network() else {
        let states = inputs.first().map_or(0, |input| layer.states(input).len());
        return Ok(layer.weights_many(inputs).len() + states);
    };
    let firsts = network.shapes(&inner_inputs(layer, inputs))?.firsts;
    let each = network.layers.iter().zip(&firsts);
    each.map(|(layer, first)| weight_count(layer.as_ref(), &borrowed(first))).sum()
}

/// Lets the weights of `layer` learn, or keeps them as they are; with those of all layers in it, if it is a model.
pub(crate) fn set_trainable(layer: &mut dyn Layer, trainable: bool) {
    layer.base_mut().set_trainable(trainable);
    let Some(network) = layer.network_mut() else { return };
    network.base.set_trainable(trainable);
    for inner in &mut network.layers {
        set_trainable(inner.as_mut(), trainable);
    }
}

impl Layer for Network {
    fn class_name(&self) -> &'static str {
        if self.is_sequential { "Sequential" } else { "Functional" }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn network(&self) -> Option<&Network> {
        Some(self)
    }

    fn network_mut(&mut self) -> Option<&mut Network> {
        Some(self)
    }

    fn config(&self) -> Value {
        entry(self)["config"].take()
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(self.output_shapes(inputs)?.swap_remove(0))
    }

    fn output_count(&self) -> usize {
        self.outputs.len()
    }

    fn output_shapes(&self, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let place = self.place();
        self.base.check(&place)?;
        if self.layers.is_empty() {
            return Err(Error::argument(place, "layers", "none", "a model with a layer at least"));
        }
        self.check_inputs(&place, inputs)?;
        let values = self.shapes(inputs)?.values;
        Ok(self.outputs.iter().map(|&value| values[value].clone()).collect())
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        Ok(self.call_each(context, inputs)?[0])
    }

    fn call_each(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<Vec<NodeId>> {
        let mut rest = std::mem::take(&mut context.weights);
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|&input| context.sample_shape(input)).collect();
        let mut weights = Vec::new();
        for (layer, first) in self.layers.iter().zip(self.shapes(&borrowed(&shapes))?.firsts) {
            let behind = rest.split_off(weight_count(layer.as_ref(), &borrowed(&first))?.min(rest.len()));
            weights.push(std::mem::replace(&mut rest, behind));
        }
        let values = context.inside(self, |context| self.run(context, inputs, &weights))?;
        Ok(self.outputs.iter().map(|&value| values[value]).collect())
    }

    fn is_stateful(&self) -> bool {
        self.layers.iter().any(|layer| layer.is_stateful())
    }
}
