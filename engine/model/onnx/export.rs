//! From a model's graph to an ONNX file.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use super::{CONFIG, FINGERPRINT};
use crate::error::{Error, Result};
use crate::formats::onnx::{self, Array, Attribute, FLOAT, Port, Size};
use crate::graph::{Element, Graph, NodeId};
use crate::layers::Layer;
use crate::model::lower::predict_graph;
use crate::model::network::Model;
use crate::schedule::simplify;
use crate::stream::Stored;
use crate::tensor::{Dim, Shape, Tensor};

/// The set of operators that files are written in, and the version of the file format that came with it.
const OPERATOR_SET: i64 = 23;
const IR_VERSION: i64 = 11;
/// The name of the axis of samples.
const BATCH: &str = "batch";

impl Model {
    /// Writes what the model predicts to an ONNX file of operator set 23, whole or not at all: any number of samples in,
    /// floats in and out, axes in Keras's order. Weights have Keras's names and layouts.
    ///
    /// Layers act as in prediction: no dropout. Recurrent layers are written step by step. The file also holds the model's
    /// config, so that [`Model::load`] gets back the same layers.
    ///
    /// ```
    /// use gradus::{Dense, Model, Sequential};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("model.onnx");
    /// let mut model = Sequential::new().add(Dense::new(3).activation("softmax"));
    /// model.build(&[2])?;
    /// model.export_onnx(&path)?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model is not built yet, a layer is stateful or draws random numbers when it predicts, or the file cannot be
    /// written.
    pub fn export_onnx(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let weights = self.get_weights()?;
        let graph = self.onnx_graph(&weights)?;
        let model = onnx::Model {
            ir_version: IR_VERSION,
            producer: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            operator_sets: vec![(String::new(), OPERATOR_SET)],
            graph,
            ..onnx::Model::default()
        };
        // Keras has no words for the settings of several optimizers: such a model is read by its nodes.
        let config = self.config().ok().map(|config| (CONFIG.to_string(), config.to_string()));
        onnx::write(path, &model, |graph| {
            config.into_iter().chain([(FINGERPRINT.to_string(), graph.to_string())]).collect()
        })
    }

    fn onnx_graph(&self, weights: &[Tensor]) -> Result<onnx::Graph> {
        if let Some(layer) = self.network.layers.iter().find(|layer| layer.is_stateful()) {
            let expected = "false: an ONNX model keeps nothing from batch to batch";
            return Err(Error::argument(layer.place(), "stateful", true, expected));
        }
        let rows = self.network.inputs.iter().map(|port| port.shape.clone().unwrap_or_default());
        let stored: Vec<Stored> = rows.map(|row| Stored { row, element: Element::F32, scale: 1.0 }).collect();
        let mut graph = predict_graph(self, &stored)?;
        graph.assigns.clear();
        let graph = simplify(&graph);
        let mut export = Export::new(&graph, self.weight_paths());
        for (name, tensor) in export.weights.clone().into_iter().zip(weights) {
            export.initializers.push((name, Array::floats(tensor.shape(), tensor.to_f32())));
        }
        graph.ids().try_for_each(|id| export.emit(id))?;
        Ok(export.finish(self.network.name(), &self.output_names()))
    }
}

/// An ONNX graph that grows.
pub(super) struct Export<'a> {
    pub graph: &'a Graph,
    /// The name of each node's value.
    values: Vec<String>,
    /// The names of the weights.
    weights: Vec<String>,
    taken: HashSet<String>,
    nodes: Vec<onnx::Node>,
    initializers: Vec<(String, Array)>,
    lists: HashMap<Vec<i64>, String>,
    /// The layer that is being written.
    scope: String,
    batch: Option<String>,
}

impl<'a> Export<'a> {
    fn new(graph: &'a Graph, weights: Vec<String>) -> Self {
        let inputs = graph.inputs.iter().map(|input| input.name.clone());
        Self {
            graph,
            values: Vec::new(),
            taken: weights.iter().cloned().chain(inputs).collect(),
            weights,
            nodes: Vec::new(),
            initializers: Vec::new(),
            lists: HashMap::new(),
            scope: String::new(),
            batch: None,
        }
    }

    fn emit(&mut self, id: NodeId) -> Result<()> {
        let node = self.graph.node(id);
        self.scope = if node.scope.is_empty() { "graph".into() } else { node.scope.clone() };
        let value = self.operation(node)?;
        self.values.push(value);
        Ok(())
    }

    /// The name of a node's value.
    pub fn value(&self, id: NodeId) -> String {
        self.values[id.0].clone()
    }

    /// The name of an input's value.
    pub fn input(&self, number: usize) -> String {
        self.graph.inputs[number].name.clone()
    }

    /// The name of a weight.
    pub fn weight(&self, number: usize) -> String {
        self.weights[number].clone()
    }

    /// A name after `stem` that nothing has yet.
    fn unique(&mut self, stem: String) -> String {
        let numbered = (1..).map(|n| format!("{stem}_{n}"));
        let mut names = std::iter::once(stem.clone()).chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or(stem.clone());
        self.taken.insert(name.clone());
        name
    }

    /// Adds an operation, and returns the name of what it gives.
    pub fn add(&mut self, op: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let name = self.unique(format!("{}/{}", self.scope, op.to_lowercase()));
        self.nodes.push(onnx::Node {
            name: name.clone(),
            op: op.into(),
            domain: String::new(),
            inputs: inputs.iter().map(|&input| input.into()).collect(),
            outputs: vec![name.clone()],
            attributes: attributes.iter().map(|(key, value)| ((*key).into(), value.clone())).collect(),
        });
        name
    }

    /// A scalar or array that the file holds.
    pub fn constant(&mut self, array: Array) -> String {
        let name = self.unique(format!("{}/constant", self.scope));
        self.initializers.push((name.clone(), array));
        name
    }

    /// A list of integers, one for all operations that need it.
    pub fn list(&mut self, values: &[i64]) -> String {
        if let Some(name) = self.lists.get(values) {
            return name.clone();
        }
        let words: Vec<String> = values.iter().map(i64::to_string).collect();
        let name = self.unique(format!("[{}]", words.join(",")));
        self.initializers.push((name.clone(), Array::ints(&[values.len()], values.to_vec())));
        self.lists.insert(values.to_vec(), name.clone());
        name
    }

    /// The number of samples, as a list of one integer.
    pub fn batch(&mut self) -> String {
        if let Some(name) = &self.batch {
            return name.clone();
        }
        let of = self.input(0);
        let name = self.add("Shape", &[&of], &[("start", Attribute::Int(0)), ("end", Attribute::Int(1))]);
        self.batch = Some(name.clone());
        name
    }

    /// The sizes as a list of integers that are known when the model runs.
    pub fn sizes(&mut self, sizes: &[Dim]) -> String {
        if sizes.iter().all(|size| !size.batch) {
            return self.list(&sizes.iter().map(|size| size.factor as i64).collect::<Vec<_>>());
        }
        let batch = self.batch();
        let mut parts = Vec::new();
        for size in sizes {
            let factor = self.list(&[size.factor as i64]);
            parts.push(if size.batch { self.add("Mul", &[&batch, &factor], &[]) } else { factor });
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.add("Concat", &parts, &[("axis", Attribute::Int(0))])
    }

    /// A value in another shape, of as many elements.
    pub fn reshape(&mut self, value: &str, shape: &[Dim]) -> String {
        let size = |size: &Dim| if size.batch { -1 } else { size.factor as i64 };
        let sizes = self.list(&shape.iter().map(size).collect::<Vec<_>>());
        self.add("Reshape", &[value, &sizes], &[])
    }

    /// A value of shape `from` stretched to `to`.
    pub fn expand(&mut self, value: &str, from: &[Dim], to: &[Dim]) -> String {
        let missing = to.len() - from.len();
        // A size of 1 keeps the value's own.
        let own = |(axis, &size): (usize, &Dim)| match axis.checked_sub(missing).map(|axis| from[axis]) {
            Some(known) if known == size => Dim::fixed(1),
            _ => size,
        };
        let sizes = to.iter().enumerate().map(own).collect::<Vec<_>>();
        let sizes = self.sizes(&sizes);
        self.add("Expand", &[value, &sizes], &[])
    }

    fn finish(mut self, name: &str, outputs: &[String]) -> onnx::Graph {
        let mut ports = Vec::new();
        for (output, stem) in self.graph.outputs.clone().iter().zip(outputs) {
            let name = self.unique(stem.clone());
            self.scope = stem.clone();
            let value = self.value(output.node);
            self.add("Identity", &[&value], &[]);
            if let Some(last) = self.nodes.last_mut() {
                last.outputs = vec![name.clone()];
            }
            ports.push(port(&name, self.graph.shape(output.node)));
        }
        let inputs = self.graph.inputs.iter().map(|input| port(&input.name, &Shape::batched(&input.row)));
        let inputs = inputs.collect();
        onnx::Graph {
            name: name.into(),
            nodes: self.nodes,
            initializers: self.initializers,
            inputs,
            outputs: ports,
        }
    }
}

fn port(name: &str, shape: &Shape) -> Port {
    let size = |size: &Dim| match size.batch {
        true => Size::Named(if size.factor == 1 { BATCH.into() } else { format!("{}*{BATCH}", size.factor) }),
        false => Size::Fixed(size.factor as i64),
    };
    Port { name: name.into(), element: FLOAT, shape: Some(shape.0.iter().map(size).collect()) }
}
