//! From an ONNX file to layers, node by node.
//!
//! Layers have the channels last, ONNX has them first. No layer turns them around: each value carries where its axes lie,
//! and a `Permute` stands only where the order counts, such as at the inputs and before a `Flatten`.

mod dense;
mod elementwise;
mod known;
mod options;
mod recurrent;
mod shapes;
mod value;
mod windows;

use std::collections::{HashMap, HashSet};
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{CONFIG, FINGERPRINT};
use crate::error::{Error, Result};
use crate::formats::onnx::{self, Array, Node, Numbers, Port, Size};
use crate::json;
use crate::layers::{self, Layer};
use crate::model::build::MOST_ELEMENTS;
use crate::model::{Input, Model, SharedLayer, Symbol};
use crate::tensor::Tensor;
use crate::train::config::snake_case;
use value::{Ready, Tracked, Value};

/// A problem, in words.
type Outcome<T> = std::result::Result<T, String>;

/// Reads one node: what it gives.
type Read = fn(&mut Import<'_>, &Node) -> Outcome<Vec<Value>>;

const REMEDY: &str = "export another form of the model, or build it in gradus and load the weights alone";
/// The least set of operators whose meaning is that of today, as far as it is read here.
const OLDEST: i64 = 7;
/// No model has more; a file that says so was made to exhaust the stack or the memory.
const MOST_NODES: usize = 2_000;
const MOST_AXES: usize = 8;

impl Model {
    /// The model in an ONNX file, as [`Model::load`] reads it; here without the feature `hdf5`, too.
    ///
    /// Each node becomes a layer that predicts the same and can be trained on; nodes with the same weights share a layer. A
    /// file that [`Model::export_onnx`] wrote becomes its own layers again, with their compile settings.
    ///
    /// # Errors
    /// If the file is missing or damaged, the sizes of its inputs are not fixed but for the first, which is that of the
    /// samples, or gradus has no layer for a node or an option: it is named.
    pub fn load_onnx(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut file = onnx::read(path)?;
        let metadata = &file.metadata;
        let note = |key: &str| metadata.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        // Who changed the graph since did not change the config.
        let own = note(FINGERPRINT) == Some(file.fingerprint.to_string().as_str());
        let config = note(CONFIG).filter(|_| own).and_then(|text| json::parse(text.as_bytes()).ok());
        if let Some(mut model) = config.and_then(|config: Json| Self::from_config(&config).ok()) {
            model.take_named(path, weights(&model, &file.graph)?)?;
            return Ok(model);
        }
        let values = known::constants(&mut file.graph);
        Import::new(&file, values).and_then(Import::run).map_err(|problem| Error::file(path, problem, REMEDY))
    }
}

/// The arrays of the file that are weights of `model`.
fn weights(model: &Model, graph: &onnx::Graph) -> Result<Vec<(String, Tensor)>> {
    let names: HashSet<String> = model.weight_paths().into_iter().collect();
    let own = graph.initializers.iter().filter(|(name, _)| names.contains(name));
    own.filter_map(|(name, array)| match &array.values {
        Numbers::Floats(values) => {
            Some(Tensor::f32(&array.shape, values.clone()).map(|tensor| (name.clone(), tensor)))
        }
        Numbers::Ints(_) => None,
    })
    .collect()
}

/// A model that grows.
struct Import<'a> {
    graph: &'a onnx::Graph,
    values: HashMap<String, Value>,
    /// How often each value is read.
    readers: HashMap<&'a str, usize>,
    /// Nodes that another one has taken in, and what that one gives.
    fused: HashMap<usize, String>,
    counts: HashMap<String, usize>,
    /// Layers by what they are and the weights that they have, so that nodes with the same weights share them.
    shared: HashMap<String, SharedLayer>,
    weights: HashMap<String, Vec<Tensor>>,
    /// How many elements may still be copied out of the file.
    left: usize,
}

/// The weights of a layer, and the names of the values that they are made of.
#[derive(Default)]
struct Weights {
    names: Vec<String>,
    arrays: Vec<Array>,
}

impl<'a> Import<'a> {
    fn new(file: &'a onnx::Model, values: HashMap<String, Value>) -> Outcome<Self> {
        let graph = &file.graph;
        let version = file.operator_sets.iter().find(|(domain, _)| domain.is_empty() || domain == "ai.onnx");
        let version = version.map_or(0, |(_, version)| *version);
        if version < OLDEST {
            return Err(format!("has operator set {version}, expected {OLDEST} or later"));
        }
        let nodes = graph.nodes.iter().filter(|node| node.op != "Constant");
        let (count, inputs) =
            nodes.fold((0, 0), |(count, inputs), node| (count + 1, inputs + node.inputs.len()));
        if count > MOST_NODES || inputs > 8 * MOST_NODES {
            return Err(format!(
                "has {count} nodes of {inputs} inputs in all, expected at most {MOST_NODES}"
            ));
        }
        let mut readers = HashMap::new();
        let outputs = graph.outputs.iter().map(|port| &port.name);
        for name in graph.nodes.iter().flat_map(|node| &node.inputs).chain(outputs) {
            *readers.entry(name.as_str()).or_default() += 1;
        }
        let elements = values.values().map(|value| match value {
            Value::Known(array) => array.len(),
            _ => 0,
        });
        let elements: usize = elements.sum();
        Ok(Self {
            graph,
            values,
            readers,
            fused: HashMap::new(),
            counts: HashMap::new(),
            shared: HashMap::new(),
            weights: HashMap::new(),
            left: elements.saturating_mul(2).saturating_add(1 << 20),
        })
    }

    fn run(mut self) -> Outcome<Model> {
        let mut inputs = Vec::new();
        for port in &self.graph.inputs {
            if !self.values.contains_key(&port.name) {
                let tracked = input(port).map_err(|problem| format!("input {:?} {problem}", port.name))?;
                inputs.push(tracked.ready.symbol.clone());
                self.values.insert(port.name.clone(), Value::Tensor(tracked));
            }
        }
        let nodes = self.graph.nodes.iter().enumerate();
        for (number, node) in nodes.filter(|(_, node)| node.op != "Constant") {
            let given = match self.fused.get(&number) {
                Some(name) => vec![Value::Tensor(self.named(name)?)],
                None => self.read(node).map_err(|problem| {
                    let name = if node.name.is_empty() { node.outputs.concat() } else { node.name.clone() };
                    format!("node {name:?} ({}) {problem}", node.op)
                })?,
            };
            self.values.extend(node.outputs.iter().cloned().zip(given));
        }
        self.finish(&inputs)
    }

    fn read(&mut self, node: &Node) -> Outcome<Vec<Value>> {
        if let Some(known) = self.fold(node)? {
            return Ok(vec![known]);
        }
        let tables = [dense::NODES, elementwise::NODES, recurrent::NODES, shapes::NODES, windows::NODES];
        let read = tables.into_iter().flatten().find(|(op, _)| *op == node.op && node.domain.is_empty());
        match read {
            Some((_, read)) => read(self, node),
            None => Err("is none that gradus has a layer for".into()),
        }
    }

    fn finish(mut self, inputs: &[Symbol]) -> Outcome<Model> {
        let mut outputs = Vec::new();
        for port in &self.graph.outputs {
            let tracked = self.named(&port.name)?;
            let order: Vec<usize> = (0..tracked.axes.len()).collect();
            let ready = self.arranged(&tracked, &order, true);
            outputs.push(ready.map_err(|problem| format!("output {:?} {problem}", port.name))?.symbol);
        }
        let name = if self.graph.name.contains('/') { "onnx" } else { self.graph.name.as_str() };
        let mut model = Model::new(inputs, &outputs).map_err(|error| error.to_string())?.name(name);
        let mut weights = Vec::new();
        for layer in &model.network.layers {
            weights.extend(self.weights.remove(layer.name()).unwrap_or_default());
        }
        model.set_weights(&weights).map_err(|error| error.to_string())?;
        Ok(model)
    }

    /// Calls a layer of Keras's class `class` on `inputs`.
    fn layer(&mut self, class: &str, config: Json, inputs: &[&Ready], weights: Weights) -> Outcome<Ready> {
        let mut all = self.layer_each(class, config, inputs, weights)?;
        Ok(all.swap_remove(0))
    }

    /// The same for a layer of several outputs.
    fn layer_each(
        &mut self,
        class: &str,
        mut config: Json,
        inputs: &[&Ready],
        weights: Weights,
    ) -> Outcome<Vec<Ready>> {
        let key = (!weights.names.is_empty()).then(|| format!("{class} {config} {:?}", weights.names));
        let stem = snake_case(class);
        let count = self.counts.entry(stem.clone()).or_default();
        let name = if *count == 0 { stem } else { format!("{stem}_{count}") };
        config["name"] = json!(name);
        let layer = layers::from_config(class, &config).map_err(|error| error.to_string())?;
        let shapes: Vec<&[usize]> = inputs.iter().map(|ready| ready.sample.as_slice()).collect();
        let samples = layer.output_shapes(&shapes).map_err(|error| error.to_string())?;
        samples.iter().try_for_each(|sample| check_size(sample))?;
        let symbols: Vec<&Symbol> = inputs.iter().map(|ready| &ready.symbol).collect();
        check_weights(layer.as_ref(), &shapes, &weights.arrays)?;
        let layer = match key.as_ref().and_then(|key| self.shared.get(key)) {
            Some(shared) => shared.clone(),
            None => {
                *count += 1;
                self.take_weights(&name, weights.arrays)?;
                let shared = SharedLayer::new(layer);
                self.shared.extend(key.map(|key| (key, shared.clone())));
                shared
            }
        };
        let given = Symbol::call_each(&layer, symbols);
        Ok(given.into_iter().zip(samples).map(|(symbol, sample)| Ready { symbol, sample }).collect())
    }

    /// Keeps the weights of the layer called `name`.
    fn take_weights(&mut self, name: &str, arrays: Vec<Array>) -> Outcome<()> {
        let mut tensors = Vec::new();
        for array in arrays {
            self.charge(array.len())?;
            let Numbers::Floats(values) = array.values else {
                return Err("has weights that are no floats".into());
            };
            tensors.push(Tensor::f32(&array.shape, values).map_err(|error| error.to_string())?);
        }
        self.weights.insert(name.to_string(), tensors);
        Ok(())
    }

    /// Counts elements that are copied out of the file: a small file must not become a large model.
    fn charge(&mut self, elements: usize) -> Outcome<()> {
        let left = self.left.checked_sub(elements);
        self.left = left.ok_or("uses the arrays of the file far more often than any model does")?;
        Ok(())
    }
}

/// Whether `arrays` are the weights that `layer` asks for over inputs of `shapes`.
fn check_weights(layer: &dyn Layer, shapes: &[&[usize]], arrays: &[Array]) -> Outcome<()> {
    let mut asked = layer.weights_many(shapes);
    asked.extend(shapes.first().map_or(Vec::new(), |shape| layer.states(shape)));
    let asked: Vec<&[usize]> = asked.iter().map(|weight| weight.shape.as_slice()).collect();
    let found: Vec<&[usize]> = arrays.iter().map(|array| array.shape.as_slice()).collect();
    if asked == found {
        return Ok(());
    }
    Err(format!("has weights of shapes {found:?}, where its input asks for {asked:?}"))
}

/// An input, whose first axis is that of the samples.
fn input(port: &Port) -> Outcome<Tracked> {
    let shape = port.shape.as_deref().filter(|shape| !shape.is_empty() && shape.len() <= MOST_AXES);
    let shape = shape.ok_or("has no shape that starts with the samples")?;
    let mut sample = Vec::new();
    for (axis, size) in shape.iter().enumerate().skip(1) {
        match size {
            Size::Fixed(size) if *size > 0 => sample.push(usize::try_from(*size).unwrap_or(usize::MAX)),
            _ => {
                return Err(format!(
                    "has no fixed size along axis {axis}: export it with all sizes but the first fixed"
                ));
            }
        }
    }
    check_size(&sample)?;
    let name = port.name.replace(['/', ':', '.'], "_");
    Ok(Tracked::new(Ready { symbol: Input::named(&name, &sample), sample }))
}

fn check_size(sample: &[usize]) -> Outcome<()> {
    let count = sample.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    if count.is_some_and(|count| count > 0 && count <= MOST_ELEMENTS) && sample.len() < MOST_AXES {
        return Ok(());
    }
    Err(format!("has samples of shape {sample:?}"))
}
