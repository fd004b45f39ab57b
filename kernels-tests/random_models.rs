//! Random models, sound and broken: sound ones give the same on GPU and CPU within the bound that their own arithmetic
//! allows, broken ones are refused with the name of the layer, and nothing panics.
//!
//! `GRADUS_RANDOM_MODELS=2000 cargo test --lib random_models` makes as many of each; otherwise there are 25.

use serde_json::{Value, json};

use super::choices::Choices;
use super::error_bounds::error_bounds;
use super::harness::random;
use super::programs::{FUSED, engine, run, run_cpu, steps};
use crate::cpu::plain::{Feed, Plain};
use crate::error::Result;
use crate::gpu::Engine;
use crate::graph::Graph;
use crate::model::{Device, FitOptions, Model, Purpose};
use crate::schedule::{Target, schedule};
use crate::tensor::Tensor;

const BATCH: usize = 3;

fn count() -> u32 {
    std::env::var("GRADUS_RANDOM_MODELS").map_or(25, |text| text.parse().expect("a number"))
}

const ACTIVATIONS: [&str; 8] = ["linear", "relu", "tanh", "sigmoid", "elu", "softplus", "gelu", "swish"];

/// A model as a config, and the shape of a sample after each of its layers.
struct Draft {
    choices: Choices,
    layers: Vec<(&'static str, Value)>,
    shape: Vec<usize>,
}

impl Draft {
    /// Two to five random layers behind an input, and scores at the end.
    fn new(seed: u32) -> Self {
        let mut choices = Choices::new(seed, 2);
        let rank = choices.from(1, 3);
        let shape = match rank {
            1 => vec![choices.from(1, 20)],
            2 => vec![choices.from(3, 9), choices.from(1, 5)],
            _ => vec![choices.from(5, 11), choices.from(5, 11), choices.from(1, 4)],
        };
        let mut draft = Self { choices, layers: Vec::new(), shape };
        let first = json!({ "batch_shape": batched(&draft.shape) });
        draft.layers.push(("InputLayer", first));
        for _ in 0..draft.choices.from(2, 5) {
            draft.grow();
        }
        if draft.shape.len() > 1 {
            draft.push("Flatten", json!({}));
        }
        draft.dense();
        draft
    }

    fn push(&mut self, class: &'static str, mut config: Value) {
        config["name"] = json!(format!("layer_{}_{}", self.layers.len(), class.to_lowercase()));
        self.shape = match (class, &self.shape[..]) {
            ("Flatten", shape) => vec![shape.iter().product()],
            (_, shape) => shape.to_vec(),
        };
        self.layers.push((class, config));
    }

    fn grow(&mut self) {
        match (self.shape.len(), self.choices.below(4)) {
            (_, 0) => self.elementwise(),
            (1, 1) => self.reshape(),
            (1, _) => self.dense(),
            (2, 1) => self.recurrent(),
            (2, 2) => self.convolution1d(),
            (2, _) => self.along_time(),
            (_, 1) => self.pooling2d(),
            (_, 2) => self.spatial(),
            _ => self.convolution2d(),
        }
    }

    fn activation(&mut self) -> &'static str {
        self.choices.of(&ACTIVATIONS)
    }

    fn elementwise(&mut self) {
        match self.choices.below(9) {
            0 => self.push("Dropout", json!({ "rate": 0.3 })),
            1 => self.push("BatchNormalization", json!({})),
            2 => self.push("LayerNormalization", json!({})),
            3 => self.push("LeakyReLU", json!({ "negative_slope": 0.2 })),
            4 => self.push("PReLU", json!({})),
            5 => self.push("ELU", json!({ "alpha": 0.5 })),
            6 => self.push("Softmax", json!({})),
            7 => self.push("GaussianNoise", json!({ "stddev": 0.1 })),
            _ => {
                let activation = self.activation();
                self.push("Activation", json!({ "activation": activation }));
            }
        }
    }

    fn dense(&mut self) {
        let (units, activation) = (self.choices.from(1, 12), self.activation());
        self.push("Dense", json!({ "units": units, "activation": activation }));
        *self.shape.last_mut().unwrap() = units;
    }

    fn reshape(&mut self) {
        let features = self.shape[0];
        if self.choices.below(2) == 0 {
            let n = self.choices.from(2, 4);
            self.push("RepeatVector", json!({ "n": n }));
            self.shape = vec![n, features];
        } else if features.is_multiple_of(2) {
            self.push("Reshape", json!({ "target_shape": [2, features / 2] }));
            self.shape = vec![2, features / 2];
        } else {
            self.dense();
        }
    }

    fn recurrent(&mut self) {
        let (class, units) = (self.choices.of(&["SimpleRNN", "LSTM", "GRU"]), self.choices.from(1, 6));
        let sequences = self.choices.below(2) == 0;
        let backwards = self.choices.below(3) == 0;
        self.push(class, json!({ "units": units, "return_sequences": sequences, "go_backwards": backwards }));
        self.shape = if sequences { vec![self.shape[0], units] } else { vec![units] };
    }

    fn along_time(&mut self) {
        match self.choices.below(3) {
            0 => self.dense(),
            1 if self.shape[0] >= 2 => {
                let class = self.choices.of(&["MaxPooling1D", "AveragePooling1D"]);
                self.push(class, json!({ "pool_size": 2 }));
                self.shape[0] = (self.shape[0] - 2) / 2 + 1;
            }
            _ => {
                self.push("GlobalAveragePooling1D", json!({}));
                self.shape.remove(0);
            }
        }
    }

    /// Size, stride and padding that fit an axis, and the size it leaves.
    fn window(&mut self, size: usize) -> (usize, usize, &'static str, usize) {
        let (kernel, stride) = (self.choices.from(1, size.min(3)), self.choices.from(1, 2));
        let padding = self.choices.of(&["valid", "same"]);
        let left = if padding == "same" { size.div_ceil(stride) } else { (size - kernel) / stride + 1 };
        (kernel, stride, padding, left)
    }

    fn convolution1d(&mut self) {
        let (kernel, stride, padding, left) = self.window(self.shape[0]);
        let (filters, activation) = (self.choices.from(1, 6), self.activation());
        self.push(
            "Conv1D",
            json!({ "filters": filters, "kernel_size": kernel, "strides": stride, "padding": padding, "activation": activation }),
        );
        self.shape = vec![left, filters];
    }

    fn convolution2d(&mut self) {
        let (kernel, stride, padding, height) = self.window(self.shape[0].min(self.shape[1]));
        let left = |size: usize| {
            if padding == "same" { size.div_ceil(stride) } else { (size - kernel) / stride + 1 }
        };
        let (shape, channels) = ([left(self.shape[0]), left(self.shape[1])], self.shape[2]);
        assert!(shape.contains(&height));
        let activation = self.activation();
        let common =
            json!({ "kernel_size": kernel, "strides": stride, "padding": padding, "activation": activation });
        let mut config = common;
        let (class, filters) = if self.choices.below(3) == 0 {
            ("DepthwiseConv2D", channels)
        } else {
            let groups = if channels.is_multiple_of(2) { self.choices.from(1, 2) } else { 1 };
            let filters = groups * self.choices.from(1, 5);
            config["filters"] = json!(filters);
            config["groups"] = json!(groups);
            ("Conv2D", filters)
        };
        self.push(class, config);
        self.shape = vec![shape[0], shape[1], filters];
    }

    fn pooling2d(&mut self) {
        if self.choices.below(3) == 0 {
            let class = self.choices.of(&["GlobalMaxPooling2D", "GlobalAveragePooling2D"]);
            self.push(class, json!({}));
            self.shape.drain(..2);
            return;
        }
        let (size, stride, padding, _) = self.window(self.shape[0].min(self.shape[1]));
        let left = |n: usize| if padding == "same" { n.div_ceil(stride) } else { (n - size) / stride + 1 };
        let shape = vec![left(self.shape[0]), left(self.shape[1]), self.shape[2]];
        let class = self.choices.of(&["MaxPooling2D", "AveragePooling2D"]);
        self.push(class, json!({ "pool_size": size, "strides": stride, "padding": padding }));
        self.shape = shape;
    }

    fn spatial(&mut self) {
        match self.choices.below(3) {
            0 => {
                self.push("ZeroPadding2D", json!({ "padding": [1, 2] }));
                self.shape = vec![self.shape[0] + 2, self.shape[1] + 4, self.shape[2]];
            }
            1 if self.shape[0] > 2 && self.shape[1] > 2 => {
                self.push("Cropping2D", json!({ "cropping": [1, 1] }));
                self.shape = vec![self.shape[0] - 2, self.shape[1] - 2, self.shape[2]];
            }
            _ => {
                self.push("UpSampling2D", json!({ "size": [2, 1] }));
                self.shape[0] *= 2;
            }
        }
    }

    fn config(&self) -> Value {
        let layer = |(class, config): &(&str, Value)| json!({ "class_name": class, "config": config });
        let layers: Vec<Value> = self.layers.iter().map(layer).collect();
        json!({ "class_name": "Sequential", "module": "keras", "config": { "name": "random", "layers": layers } })
    }

    fn input_shape(&self) -> Vec<usize> {
        let sizes = self.layers[0].1["batch_shape"].as_array().unwrap();
        sizes.iter().skip(1).map(|size| size.as_u64().unwrap() as usize).collect()
    }

    /// Breaks one layer behind the input, and returns its name.
    fn damage(&mut self) -> String {
        let at = self.choices.from(1, self.layers.len() - 1);
        let name = self.layers[at].1["name"].clone();
        let faults = faults(self.layers[at].0);
        let (option, value) = faults[self.choices.below(faults.len())].clone();
        match option {
            "class" => self.layers[at] = ("Conv3D", json!({ "name": name, "filters": 1, "kernel_size": 2 })),
            "name" if at > 1 => self.layers[at].1["name"] = self.layers[at - 1].1["name"].clone(),
            "name" => self.layers[at].1["surprise"] = json!(1),
            option => self.layers[at].1[option] = value,
        }
        self.layers[at].1["name"].as_str().unwrap().to_string()
    }
}

fn batched(shape: &[usize]) -> Value {
    let sizes = shape.iter().map(|&size| json!(size));
    Value::Array(std::iter::once(Value::Null).chain(sizes).collect())
}

/// What no layer of `class` takes: options with values; another class in its place; a name that another layer has.
fn faults(class: &str) -> Vec<(&'static str, Value)> {
    let mut faults = vec![("class", Value::Null), ("name", Value::Null), ("unknown_option", json!(1))];
    let own: &[(&'static str, Value)] = &match class {
        "Dense" => vec![
            ("units", json!(0)),
            ("units", json!(-3)),
            ("activation", json!("wavy")),
            ("units", json!("many")),
        ],
        "Dropout" => vec![("rate", json!(1.5)), ("rate", json!(-0.1)), ("rate", json!("half"))],
        "Conv1D" | "Conv2D" => {
            vec![
                ("filters", json!(0)),
                ("kernel_size", json!(0)),
                ("strides", json!(0)),
                ("padding", json!("none")),
            ]
        }
        "DepthwiseConv2D" => vec![("depth_multiplier", json!(0)), ("kernel_size", json!(0))],
        "MaxPooling1D" | "AveragePooling1D" | "MaxPooling2D" | "AveragePooling2D" => {
            vec![("pool_size", json!(0)), ("strides", json!(0)), ("padding", json!("around"))]
        }
        "SimpleRNN" | "LSTM" | "GRU" => {
            vec![("units", json!(0)), ("activation", json!("wavy")), ("dropout", json!(2.0))]
        }
        "Reshape" => vec![("target_shape", json!([7, 11, 13])), ("target_shape", json!([0]))],
        "RepeatVector" => vec![("n", json!(0)), ("n", json!(-1))],
        "Cropping2D" => vec![("cropping", json!([9, 9])), ("cropping", json!("some"))],
        "UpSampling2D" => vec![("size", json!([0, 1])), ("interpolation", json!("cubic"))],
        "LayerNormalization" => vec![("axis", json!(7)), ("epsilon", json!(-1.0))],
        "BatchNormalization" => vec![("axis", json!(9)), ("momentum", json!("slow"))],
        "GaussianNoise" => vec![("stddev", json!(-1.0))],
        "Activation" => vec![("activation", json!("wavy")), ("activation", json!(3))],
        _ => Vec::new(),
    };
    faults.extend(own.iter().cloned());
    faults
}

/// A model in f64, and how far f32 may lie from it.
struct Sample {
    graph: Graph,
    x: Tensor,
    start: Vec<Vec<f32>>,
    expected: Vec<f64>,
    bounds: Vec<f64>,
}

impl Sample {
    fn new(draft: &Draft, seed: u32) -> Result<Self> {
        let mut model = Model::from_config(&draft.config())?;
        let shape = [vec![BATCH], draft.input_shape()].concat();
        let x = Tensor::f32(&shape, random(shape.iter().product(), u64::from(seed)))?;
        let graph = model.graph(Purpose::Prediction, &x)?;
        let mut plain = Plain::new(&graph);
        for (parameter, weight) in graph.parameters.iter().zip(model.get_weights()?) {
            let weight: Vec<f64> = weight.to_f32().iter().map(|&w| f64::from(w)).collect();
            plain.set_parameter(parameter, &weight)?;
        }
        let feed = Feed { batch: BATCH, inputs: vec![x.clone()], ..Feed::default() };
        let values = plain.evaluate(&graph, &feed)?;
        let errors = error_bounds(&graph, &plain, &feed, &values);
        let start = plain.variables.iter().map(|v| v.iter().map(|&w| w as f32).collect()).collect();
        let node = graph.outputs[0].node.0;
        let (expected, bounds) = (values[node].data.clone(), errors[node].data.clone());
        Ok(Self { graph, x, start, expected, bounds })
    }

    /// What GPU and CPU give.
    fn found(&self, gpu: &mut Engine, target: Target) -> [Vec<f32>; 2] {
        let (data, steps) = ([self.x.clone()], steps(&[BATCH], &[]));
        let program = schedule(&self.graph, target, FUSED, BATCH).unwrap();
        let on_gpu = run(gpu, &program, &data, (&[], &steps), &self.start);
        let on_cpu = run_cpu(&self.graph, FUSED, &data, (&[], &steps), &self.start);
        [on_gpu, on_cpu].map(|mut left| left.outputs.swap_remove(0))
    }

    /// The largest bound relative to the largest output.
    fn looseness(&self) -> f64 {
        let largest = |values: &[f64]| values.iter().fold(0.0_f64, |m, y| m.max(y.abs()));
        largest(&self.bounds) / largest(&self.expected).max(1e-3)
    }
}

/// A bound that says nothing would show: half of them are below a ten-thousandth of the largest output.
#[test]
fn random_models_give_the_same_on_gpu_and_cpu() {
    let Some(mut gpu) = engine() else { return };
    let (mut used, mut looseness) = (0.0_f64, Vec::new());
    for seed in 0..count() {
        if seed % 50 == 49 {
            // Thousands of kernels would fill the memory.
            gpu = engine().unwrap();
        }
        let draft = Draft::new(seed);
        let sample = Sample::new(&draft, seed).unwrap_or_else(|e| panic!("{seed}: {e}\n{}", draft.config()));
        let target = if seed % 2 == 0 { Target::Gpu } else { gpu.target() };
        for (what, found) in ["gpu", "cpu"].iter().zip(sample.found(&mut gpu, target)) {
            for (found, (y, bound)) in found.into_iter().zip(sample.expected.iter().zip(&sample.bounds)) {
                let error = (f64::from(found) - y).abs();
                assert!(error <= *bound, "{seed}: {what}: {found}, not {y} ± {bound:e}\n{}", draft.config());
                used = used.max(error / bound.max(f64::MIN_POSITIVE));
            }
        }
        looseness.push(sample.looseness());
    }
    looseness.sort_by(f64::total_cmp);
    let median = looseness[looseness.len() / 2];
    println!("at most {used:.3} of the bound used; median bound {median:.1e} of the largest output");
    assert!(median < 1e-4, "the bounds say little: median {median:e}");
}

/// The same models train for an epoch, and predict numbers before and after.
#[test]
fn random_models_train() {
    for seed in 0..count() {
        let draft = Draft::new(seed);
        let mut model = Model::from_config(&draft.config()).unwrap().device(Device::cpu());
        model.compile("adam", "mean_squared_error", &["mean_absolute_error"]).unwrap();
        let [x, y] = [draft.input_shape(), draft.shape.clone()].map(|row| {
            let shape = [vec![2 * BATCH + 1], row].concat();
            Tensor::f32(&shape, random(shape.iter().product(), u64::from(seed))).unwrap()
        });
        let options = FitOptions::new().batch_size(BATCH).verbose(0);
        let history =
            model.fit(&x, &y, options).unwrap_or_else(|e| panic!("{seed}: {e}\n{}", draft.config()));
        assert!(history.get("loss").unwrap()[0].is_finite(), "{seed}\n{}", draft.config());
        assert!(model.predict(&x, None).unwrap().to_f32().iter().all(|y| y.is_finite()), "{seed}");
    }
}

#[test]
fn broken_models_are_refused_with_the_layers_name() {
    for seed in 0..count() {
        let mut draft = Draft::new(seed);
        let name = draft.damage();
        let config = draft.config();
        match Model::from_config(&config) {
            Ok(_) => panic!("{seed}: {name} was taken\n{config}"),
            Err(error) => {
                let message = error.to_string();
                assert!(message.contains(&name), "{seed}: {name} is not named: {message}\n{config}");
            }
        }
    }
}
