//! Layers called on symbolic values: what a row of layers cannot say.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::build::{MOST_ELEMENTS, free_name};
use super::network::Model;
use crate::error::{Error, Result};
use crate::layers::Layer;
use crate::layers::network::{Network, Port};

/// A value that a model will compute: an input, or what a layer gives. Copies are the same value.
#[derive(Clone, Debug)]
pub struct Symbol {
    origin: Arc<Origin>,
    /// Which of the values of its origin.
    number: usize,
}

#[derive(Debug)]
enum Origin {
    Input { name: String, shape: Vec<usize> },
    Call { layer: SharedLayer, inputs: Vec<Symbol> },
}

/// An input of a [`Model`].
#[derive(Clone, Copy, Debug)]
pub struct Input;

#[expect(clippy::new_ret_no_self, reason = "Keras's name for the value that it makes")]
impl Input {
    /// An input whose samples have `shape`, such as `[28, 28]`.
    pub fn new(shape: &[usize]) -> Symbol {
        Self::named("", shape)
    }

    /// An input with a name for messages and the summary. Default `input`, `input_1`, …
    pub fn named(name: &str, shape: &[usize]) -> Symbol {
        Symbol::of(Origin::Input { name: name.to_string(), shape: shape.to_vec() })
    }
}

impl Symbol {
    fn of(origin: Origin) -> Self {
        Self { origin: Arc::new(origin), number: 0 }
    }

    /// What `layer` gives for this value.
    pub fn apply(&self, layer: impl Into<SharedLayer>) -> Self {
        Self::call(layer, [self])
    }

    /// What `layer` gives for several values, such as [`Add`](crate::layers::Add) for two; the first, if it gives several.
    pub fn call<'a>(layer: impl Into<SharedLayer>, inputs: impl IntoIterator<Item = &'a Self>) -> Self {
        let (layer, inputs) = (layer.into(), inputs.into_iter().cloned().collect());
        Self::of(Origin::Call { layer, inputs })
    }

    /// All that a `layer` of several outputs gives: an [`LSTM`](crate::layers::LSTM) with its last states, a
    /// [`Bidirectional`](crate::layers::Bidirectional) whose directions stay apart.
    ///
    /// ```
    /// use gradus::layers::{Bidirectional, GRU};
    /// use gradus::{Input, Symbol};
    /// let layer = Bidirectional::new(GRU::new(8)).merge_mode("none");
    /// assert_eq!(Symbol::call_each(layer, [&Input::new(&[5, 3])]).len(), 2);
    /// ```
    pub fn call_each<'a>(
        layer: impl Into<SharedLayer>,
        inputs: impl IntoIterator<Item = &'a Self>,
    ) -> Vec<Self> {
        let layer = layer.into();
        let count = layer.output_count();
        let first = Self::call(layer, inputs);
        (0..count).map(|number| Self { number, ..first.clone() }).collect()
    }

    fn inputs(&self) -> &[Self] {
        match &*self.origin {
            Origin::Input { .. } => &[],
            Origin::Call { inputs, .. } => inputs,
        }
    }

    /// Tells the input or call apart from others.
    fn address(&self) -> usize {
        Arc::as_ptr(&self.origin).addr()
    }
}

/// A layer to be called on several values, with the same weights each time.
///
/// ```
/// use gradus::layers::{Concatenate, Dense};
/// use gradus::{Input, Model, SharedLayer, Symbol};
/// let (left, right) = (Input::new(&[4]), Input::new(&[4]));
/// let shared = SharedLayer::new(Dense::new(8));
/// let both = Symbol::call(Concatenate::new(), [&left.apply(&shared), &right.apply(&shared)]);
/// let model = Model::new([&left, &right], [&both.apply(Dense::new(1))])?;
/// assert_eq!(model.count_parameters(), 4 * 8 + 8 + 16 + 1);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone)]
pub struct SharedLayer(Arc<Mutex<Option<Box<dyn Layer>>>>);

impl fmt::Debug for SharedLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedLayer")
    }
}

impl SharedLayer {
    /// A layer that may be called more than once.
    pub fn new(layer: impl Into<Box<dyn Layer>>) -> Self {
        Self(Arc::new(Mutex::new(Some(layer.into()))))
    }

    /// How many values the layer gives; 1 if a model has taken it, which is told when the next is made.
    fn output_count(&self) -> usize {
        let layer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        layer.as_ref().map_or(1, |layer| layer.output_count())
    }

    /// The layer, unless a model has taken it before.
    fn take(&self) -> Option<Box<dyn Layer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl<L: Layer + 'static> From<L> for SharedLayer {
    fn from(layer: L) -> Self {
        Self::new(layer)
    }
}

impl From<Box<dyn Layer>> for SharedLayer {
    fn from(layer: Box<dyn Layer>) -> Self {
        Self::new(layer)
    }
}

impl From<&SharedLayer> for SharedLayer {
    fn from(layer: &SharedLayer) -> Self {
        layer.clone()
    }
}

impl Model {
    /// The model that computes `outputs` from `inputs`. Its layers are built at once and belong to it alone from then on.
    /// They stand in Keras's order: those far from the outputs first.
    ///
    /// ```
    /// use gradus::layers::{Add, Dense};
    /// use gradus::{FitOptions, Input, Model, Symbol, Tensor};
    /// let x = Input::new(&[2]);
    /// let hidden = x.apply(Dense::new(2).activation("tanh"));
    /// let output = Symbol::call(Add::new(), [&x, &hidden]).apply(Dense::new(1));
    /// let mut model = Model::new([&x], [&output])?;
    /// model.compile("adam", "mean_squared_error", &[])?;
    /// let (x, y) = (Tensor::f32(&[4, 2], vec![0.5; 8])?, Tensor::f32(&[4, 1], vec![1.0; 4])?);
    /// model.fit(x, y, FitOptions::new().epochs(2).verbose(0))?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If an output needs an input that is not listed or a listed one is not needed, a layer does not take what it is
    /// called on, or belongs to another model.
    pub fn new<'a>(
        inputs: impl IntoIterator<Item = &'a Symbol>,
        outputs: impl IntoIterator<Item = &'a Symbol>,
    ) -> Result<Self> {
        let (inputs, outputs): (Vec<&Symbol>, Vec<&Symbol>) =
            (inputs.into_iter().collect(), outputs.into_iter().collect());
        Self::of(&inputs, &outputs, MOST_ELEMENTS)
    }

    /// The model that computes `outputs` from `inputs`, whose weights are at most `most` numbers.
    pub(super) fn of(inputs: &[&Symbol], outputs: &[&Symbol], most: usize) -> Result<Self> {
        if inputs.is_empty() || outputs.is_empty() {
            let found = format!("{} inputs, {} outputs", inputs.len(), outputs.len());
            return Err(Error::argument("Model::new", "symbols", found, "at least one of each"));
        }
        let ports = ports(inputs)?;
        let mut walk = Walk::default();
        outputs.iter().for_each(|output| walk.visit(output));
        walk.check_inputs(inputs, &ports)?;
        let layers = walk.layers_by_depth();
        let mut network = Network::empty("functional", false, ports);
        let mut values: HashMap<usize, usize> =
            inputs.iter().enumerate().map(|(i, s)| (s.address(), i)).collect();
        for symbol in walk.calls_by_layer(&layers) {
            let Origin::Call { layer, inputs } = &*symbol.origin else { continue };
            let count = layer.output_count();
            let layer =
                layers.iter().position(|known| known.address() == layer.address()).unwrap_or_default();
            let inputs = inputs.iter().map(|input| values[&input.address()] + input.number).collect();
            values.insert(symbol.address(), network.push_call(layer, inputs, count).start);
        }
        network.outputs = outputs.iter().map(|output| values[&output.address()] + output.number).collect();
        network.layers = take(&layers)?;
        let rows: Vec<Vec<usize>> =
            network.inputs.iter().map(|port| port.shape.clone().unwrap_or_default()).collect();
        let mut model = Self::of_network(network);
        model.most = most;
        model.build_for(&rows)?;
        Ok(model)
    }
}

/// The inputs with their names.
fn ports(inputs: &[&Symbol]) -> Result<Vec<Port>> {
    let mut ports: Vec<Port> = Vec::new();
    for (i, symbol) in inputs.iter().enumerate() {
        let Origin::Input { name, shape } = &*symbol.origin else {
            let expected = "a value of Input::new";
            return Err(Error::argument(
                "Model::new",
                format!("inputs[{i}]"),
                "what a layer gives",
                expected,
            ));
        };
        let free = |name: &str| ports.iter().all(|port| port.name != name);
        let numbered = (1..).map(|n| format!("input_layer_{n}"));
        let given = (!name.is_empty()).then(|| name.clone());
        let own = std::iter::once("input_layer".to_string()).chain(numbered).find(|name| free(name));
        let name = given.or(own).unwrap_or_default();
        if !free(&name) || inputs[..i].iter().any(|earlier| earlier.address() == symbol.address()) {
            let found = format!("{name:?}, listed twice");
            return Err(Error::argument(
                "Model::new",
                "inputs",
                found,
                "each input once, under its own name",
            ));
        }
        ports.push(Port { name, shape: Some(shape.clone()) });
    }
    Ok(ports)
}

/// All that outputs are made of.
#[derive(Default)]
struct Walk {
    /// In the order in which they are met on the way from the outputs.
    layers: Vec<SharedLayer>,
    /// Each behind those that it is made of.
    symbols: Vec<Symbol>,
    /// Of symbols and layers, counted from the outputs, by address.
    depths: HashMap<usize, usize>,
}

impl Walk {
    fn visit(&mut self, symbol: &Symbol) {
        if self.depths.insert(symbol.address(), 0).is_some() {
            return;
        }
        if let Origin::Call { layer, .. } = &*symbol.origin
            && self.depths.insert(layer.address(), 0).is_none()
        {
            self.layers.push(layer.clone());
        }
        symbol.inputs().iter().for_each(|input| self.visit(input));
        self.symbols.push(symbol.clone());
    }

    /// Whether the inputs met are those listed.
    fn check_inputs(&self, inputs: &[&Symbol], ports: &[Port]) -> Result<()> {
        let listed = |symbol: &Symbol| inputs.iter().any(|input| input.address() == symbol.address());
        for symbol in &self.symbols {
            if let Origin::Input { name, shape } = &*symbol.origin
                && !listed(symbol)
            {
                let found = format!("without {name:?} of shape {shape:?}, which an output needs");
                return Err(Error::argument("Model::new", "inputs", found, "every input that is needed"));
            }
        }
        let unused = inputs.iter().zip(ports).find(|(input, _)| !self.depths.contains_key(&input.address()));
        unused.map_or(Ok(()), |(_, port)| {
            let found = format!("with {:?}, which no output needs", port.name);
            Err(Error::argument("Model::new", "inputs", found, "only inputs that are needed"))
        })
    }

    /// The layers in Keras's order: the deepest first, then as they were met. A layer is as deep as its deepest call.
    fn layers_by_depth(&mut self) -> Vec<SharedLayer> {
        for symbol in self.symbols.iter().rev() {
            let Origin::Call { layer, inputs } = &*symbol.origin else { continue };
            let depth = self.depths[&symbol.address()].max(self.depths[&layer.address()]);
            self.depths.insert(symbol.address(), depth);
            self.depths.insert(layer.address(), depth);
            for input in inputs {
                let deeper = self.depths[&input.address()].max(depth + 1);
                self.depths.insert(input.address(), deeper);
            }
        }
        let mut layers = self.layers.clone();
        layers.sort_by_key(|layer| std::cmp::Reverse(self.depths[&layer.address()]));
        layers
    }

    /// The calls so that each comes behind those that it needs, and the layers' first calls in the order of `layers`.
    fn calls_by_layer(&self, layers: &[SharedLayer]) -> Vec<Symbol> {
        let place = |symbol: &Symbol| match &*symbol.origin {
            Origin::Input { .. } => None,
            Origin::Call { layer, .. } => layers.iter().position(|known| known.address() == layer.address()),
        };
        let mut calls: Vec<Symbol> =
            self.symbols.iter().filter(|symbol| place(symbol).is_some()).cloned().collect();
        calls.sort_by_key(|symbol| (std::cmp::Reverse(self.depths[&symbol.address()]), place(symbol)));
        calls
    }
}

/// Takes the layers out of their symbols and gives names to those without.
fn take(shared: &[SharedLayer]) -> Result<Vec<Box<dyn Layer>>> {
    let mut layers: Vec<Box<dyn Layer>> = Vec::new();
    for layer in shared {
        let Some(mut layer) = layer.take() else {
            let problem = "a layer belongs to another model already";
            let remedy = "make one model with all outputs, or layers of its own for each";
            return Err(Error::order("Model::new", problem, remedy));
        };
        if layer.name().is_empty() {
            let name = free_name(layer.class_name(), &layers);
            layer.base_mut().set_name(&name);
        }
        layers.push(layer);
    }
    Ok(layers)
}
