//! Layers against Keras: `keras/layer_cases.py` lists them, `keras/layers.py` and `keras/layers_jax.py` have recorded what they
//! give.
//!
//! Outputs, gradients and states lie within 1e-5 of the norm of Keras's, on the CPU and on the GPU.

use serde_json::Value;

use super::golden::{uniform, unpacked, word};
use super::programs::{FUSED, Left, program, run, run_cpu, shared, steps};
use crate::graph::Element::F32;
use crate::graph::{Element, Graph, NodeId, Op, SEGMENT, VariableId};
use crate::layers::{Context, Layer, Masking, Variables, from_config};
use crate::tensor::{Shape, Tensor};

/// How far from Keras's numbers ours may lie, relative to their norm: what issue and design ask for.
const BOUND: f64 = 1e-5;

pub const FAMILIES: [&str; 10] = [
    "core",
    "rectifiers",
    "spatial",
    "convolution",
    "pooling",
    "normalization",
    "recurrent",
    "augmentation",
    "resizing",
    "channels",
];

/// One recorded call.
pub struct Case {
    json: Value,
    pub layer: Box<dyn Layer>,
}

impl Case {
    fn new(json: Value) -> Self {
        let class = json["class_name"].as_str().unwrap();
        let mut layer = from_config(class, &json["config"]).unwrap_or_else(|e| panic!("{json}: {e}"));
        layer.base_mut().set_name("layer");
        Self { json, layer }
    }

    pub fn what(&self) -> String {
        format!("{} {} over {}", self.json["class_name"], self.json["config"], self.json["input_shape"])
    }

    /// Whether some time steps do not count.
    pub fn is_masked(&self) -> bool {
        !self.json["masked"].is_null()
    }

    fn batch(&self) -> usize {
        self.json["batch"].as_u64().unwrap() as usize
    }

    fn sizes(&self, key: &str) -> Vec<usize> {
        self.json[key].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect()
    }

    /// The samples: numbers, or integers below a limit.
    pub fn samples(&self) -> Tensor {
        let shape = [vec![self.batch()], self.sizes("input_shape")].concat();
        let count: usize = shape.iter().product();
        if let Some(limit) = self.json["integers"].as_u64() {
            return Tensor::u32(&shape, (0..count as u32).map(|i| word(1, i) % limit as u32).collect())
                .unwrap();
        }
        let mut values = uniform(1, count, self.json["amplitude"].as_f64().unwrap_or(1.5) as f32);
        for pair in self.json["masked"].as_array().into_iter().flatten() {
            let [sample, step] = [0, 1].map(|i| pair[i].as_u64().unwrap() as usize);
            let row: usize = shape[2..].iter().product();
            values[(sample * shape[1] + step) * row..][..row].fill(0.0);
        }
        Tensor::f32(&shape, values).unwrap()
    }

    /// The first states that the layer is called on besides.
    pub fn first_states(&self) -> Vec<Tensor> {
        let count = self.json["states_given"].as_u64().unwrap_or(0) as u32;
        let units = self.json["weights"][1][1][0].as_u64().unwrap_or(0) as usize;
        let shape = [self.batch(), units];
        let state = |i| Tensor::f32(&shape, uniform(3 + i, shape.iter().product(), 1.0)).unwrap();
        (0..count).map(state).collect()
    }

    /// The layer's output and the gradients of Σ y·c: of the input as rows, of the weights as a variable.
    pub fn graph(&self) -> Graph {
        let mut graph = Graph::new();
        let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
        let element = if self.json["integers"].is_null() { Element::F32 } else { Element::U32 };
        let x = graph.input("x", &self.sizes("input_shape"), element);
        let cotangent = graph.input("cotangent", &self.sizes("y_shape"), Element::F32);
        let training = self.json["training"] == true;
        let first_states: Vec<NodeId> =
            self.first_states().iter().map(|state| graph.input("state", &state.shape()[1..], F32)).collect();
        let mut context = Context::new(&mut graph, training, Variables { learning, frozen, states });
        let mut inputs = vec![if self.is_masked() { context.apply(&Masking::new(), x).unwrap() } else { x }];
        inputs.extend(&first_states);
        let weights = context.declare(self.layer.as_ref(), &[&self.sizes("input_shape")]).unwrap();
        let outputs = context.call(self.layer.as_ref(), weights, &inputs).unwrap();
        let y = side_by_side(context.graph, &outputs);
        let updates = context.updates().to_vec();
        graph.output("y", y).unwrap();
        let weights = parameters(&graph, learning);
        let terms = graph.multiply(y, cotangent).unwrap();
        let loss = graph.sum_all(terms).unwrap();
        let mut targets = weights.clone();
        targets.extend((element == Element::F32).then_some(x));
        targets.extend(&first_states);
        let mut gradients = graph.gradients(loss, &targets).unwrap();
        for gradient in gradients.drain(weights.len()..) {
            graph.output("gradient", gradient).unwrap();
        }
        if !weights.is_empty() {
            let packed = graph.pack(learning, &gradients).unwrap();
            graph.assign(learning, packed).unwrap();
        }
        if !updates.is_empty() {
            let newest = |s: &NodeId| updates.iter().rev().find(|u| u.0 == *s).map_or(*s, |u| u.1);
            let values: Vec<NodeId> = parameters(&graph, states).iter().map(newest).collect();
            let packed = graph.pack(states, &values).unwrap();
            graph.assign(states, packed).unwrap();
        }
        graph
    }

    /// The variables before the call: each weight by its number among all of the layer's.
    pub fn start(&self, graph: &Graph) -> Vec<Vec<f32>> {
        let mut arenas: Vec<Vec<f32>> =
            graph.variables.iter().map(|v| vec![0.0; v.segments * SEGMENT]).collect();
        for (i, parameter) in graph.parameters.iter().enumerate() {
            let mut values = uniform(100 + i as u32, parameter.len(), 0.6);
            if ["variance", "stddev"].iter().any(|spread| parameter.name.contains(spread)) {
                values.iter_mut().for_each(|v| *v = v.abs() + 0.5);
            }
            arenas[parameter.variable.0][parameter.offset..][..values.len()].copy_from_slice(&values);
        }
        arenas
    }

    fn check(&self, device: &str, graph: &Graph, found: &Left<f32>) {
        let what = format!("{} on the {device}", self.what());
        self.compare(&format!("{what}: output"), &found.outputs[0], &self.json["y"]);
        if !self.json["input_gradient"].is_null() {
            let gradient = &found.outputs[1];
            self.compare(&format!("{what}: gradient of the input"), gradient, &self.json["input_gradient"]);
        }
        for (i, gradient) in self.json["state_gradients"].as_array().into_iter().flatten().enumerate() {
            self.compare(&format!("{what}: gradient of state {i}"), &found.outputs[2 + i], gradient);
        }
        let expected = |key: &str| self.json[key].as_array().unwrap().clone();
        for (variable, key) in [(0, "weight_gradients"), (2, "states")] {
            let own: Vec<_> =
                graph.parameters.iter().filter(|p| p.variable == VariableId(variable)).collect();
            let frozen = graph.parameters.iter().filter(|p| p.variable == VariableId(1)).count();
            let missing = if key == "states" { frozen } else { 0 };
            assert_eq!(own.len() + missing, expected(key).len(), "{what}: {key}");
            for (parameter, expected) in own.into_iter().zip(expected(key).iter().skip(missing)) {
                let values = &found.variables[variable][parameter.offset..][..parameter.len()];
                self.compare(&format!("{what}: {key} of {}", parameter.name), values, expected);
            }
        }
    }

    fn compare(&self, what: &str, found: &[f32], expected: &Value) {
        let expected = unpacked(expected.as_str().unwrap());
        assert_eq!(found.len(), expected.len(), "{what}: number of elements");
        let square = |x: f64| x * x;
        let distance: f64 =
            found.iter().zip(&expected).map(|(&f, &e)| square(f64::from(f) - f64::from(e))).sum();
        let norm: f64 = expected.iter().map(|&e| square(f64::from(e))).sum();
        let error = (distance / norm.max(1e-12)).sqrt();
        assert!(error <= BOUND, "{what}: {error:e} of the norm\nfound    {found:?}\nexpected {expected:?}");
    }
}

/// All outputs of a layer as one, sample by sample; a lone one as it is.
fn side_by_side(graph: &mut Graph, outputs: &[NodeId]) -> NodeId {
    if let [only] = outputs {
        return *only;
    }
    let flat = |graph: &mut Graph, output: NodeId| {
        let row = graph.shape(output).count().factor;
        graph.reshape(output, &Shape::batched(&[row])).unwrap()
    };
    let rows: Vec<NodeId> = outputs.iter().map(|&output| flat(graph, output)).collect();
    graph.concat(&rows, 1).unwrap()
}

/// The parameters that lie in `variable`.
fn parameters(graph: &Graph, variable: VariableId) -> Vec<NodeId> {
    let own = |id: &NodeId| matches!(graph.node(*id).op, Op::Parameter(p) if graph.parameters[p.0].variable == variable);
    graph.ids().filter(own).collect()
}

/// The recorded calls of one family.
pub fn cases(family: &str) -> Vec<Case> {
    let path = format!("{}/kernels-tests/keras/layers_{family}.json", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path}: {e}"));
    cases.into_iter().map(Case::new).collect()
}

#[test]
fn layers_give_what_keras_gives() {
    for case in FAMILIES.into_iter().flat_map(cases) {
        let own: Vec<Vec<usize>> = {
            let input = case.sizes("input_shape");
            let (weights, states) = (case.layer.weights(&input), case.layer.states(&input));
            weights.into_iter().chain(states).map(|w| w.shape).collect()
        };
        let keras = case.json["weights"].as_array().unwrap().iter().map(|w| w[1].clone());
        let keras: Vec<Vec<usize>> = keras.map(|s| serde_json::from_value(s).unwrap()).collect();
        assert_eq!(own, keras, "{}: shapes of the weights", case.what());
        let (sequence, states) = (case.sizes("input_shape"), case.first_states());
        let inputs = std::iter::once(sequence.as_slice()).chain(states.iter().map(|s| &s.shape()[1..]));
        let shapes = case.layer.output_shapes(&inputs.collect::<Vec<_>>()).unwrap();
        let several = serde_json::from_value(case.json["y_shapes"].clone());
        let expected: Vec<Vec<usize>> = several.unwrap_or_else(|_| vec![case.sizes("y_shape")]);
        assert_eq!(shapes, expected, "{}: shapes of the outputs", case.what());
        let (graph, batch) = (case.graph(), case.batch());
        let count = batch * case.sizes("y_shape").iter().product::<usize>();
        let cotangent =
            Tensor::f32(&[vec![batch], case.sizes("y_shape")].concat(), uniform(2, count, 1.0)).unwrap();
        let data = [vec![case.samples(), cotangent], states].concat();
        let (start, steps) = (case.start(&graph), steps(&[batch], &[]));
        case.check("CPU", &graph, &run_cpu(&graph, FUSED, &data, (&[], &steps), &start));
        if let Some(gpu) = shared() {
            let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let found = run(&mut gpu, &program(&graph, FUSED, batch), &data, (&[], &steps), &start);
            case.check("GPU", &graph, &found);
        }
    }
}
