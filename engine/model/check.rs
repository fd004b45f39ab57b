//! A model on its device beside the f64 reference, and its gradients beside finite differences.

use std::collections::BTreeMap;
use std::fmt;

use super::device::Device;
use super::examples::Examples;
use super::lower::{WEIGHTS, check_graph, lies_in};
use super::network::Model;
use super::session::Layout;
use super::tensors::{Given, Tensors};
use crate::cpu::plain::{Feed, Plain};
use crate::error::{Error, Result};
use crate::graph::random::{Key, philox};
use crate::graph::{Graph, NodeId, Op, VariableId};
use crate::schedule::{Options, Step, schedule_tuned};

/// What a number was compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Against {
    /// The graph in f64, operation by operation.
    Reference,
    /// (f(w + h) − f(w − h)) / 2h in f64, w moved in a random direction.
    Differences,
}

/// One comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was compared, such as `gradient of dense/kernel`.
    pub what: String,
    /// With what.
    pub against: Against,
    /// How far apart they are, relative to the length of what was expected.
    pub error: f64,
    /// How far they may be.
    pub bound: f64,
}

impl Finding {
    /// Whether the two agree; NaN agrees with nothing.
    pub fn holds(&self) -> bool {
        self.error <= self.bound
    }
}

/// What [`Model::check`] has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The device checked, and why it is this one.
    pub device: String,
    /// All comparisons.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Whether all agree.
    pub fn holds(&self) -> bool {
        self.findings.iter().all(Finding::holds)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Device: {}", self.device)?;
        for finding in &self.findings {
            let verdict = if finding.holds() { "ok  " } else { "FAIL" };
            let with = match finding.against {
                Against::Reference => "device against f64",
                Against::Differences => "f64 against differences",
            };
            let Finding { what, error, bound, .. } = finding;
            writeln!(f, "{verdict} {what}: {with}, {error:.1e} apart, at most {bound:.1e}")?;
        }
        Ok(())
    }
}

/// Rounding in f32 stays far below this share of a tensor's length, a wrong kernel far above.
const ROUNDING: f64 = 1e-4;

/// A kink between the two points of a difference, or the next term of Taylor's series, stays below this share.
const CURVATURE: f64 = 1e-4;

/// How far weights are moved, relative to 1 + their root mean square.
const STEP: f64 = 1.0 / (1 << 24) as f64;

impl Model {
    /// Compares this model on its device with the reference: its outputs for `x`, the gradients of a random sum of its
    /// outputs for every weight that learns, and these gradients with finite differences. A few samples are enough;
    /// the reference is slow. Layers act as in prediction: no dropout.
    ///
    /// ```
    /// use gradus::{Dense, Sequential, Tensor};
    /// let mut model = Sequential::new().add(Dense::new(3).activation("tanh"));
    /// let check = model.check(Tensor::f32(&[2, 4], vec![0.5; 8])?)?;
    /// assert!(check.holds(), "{check}");
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the data do not fit the model or hold NaN, or the device fails. That numbers disagree is no error.
    pub fn check(&mut self, x: impl Into<Tensors>) -> Result<Check> {
        pollster::block_on(self.check_async(x))
    }

    /// [`Model::check`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::check`].
    pub async fn check_async(&mut self, x: impl Into<Tensors>) -> Result<Check> {
        let Given::Arrays(x) = x.into().0 else {
            return Err(Error::argument(
                "check",
                "x",
                "a data set",
                "tensors: some of its rows by Dataset::read",
            ));
        };
        let examples = Examples::samples("check", x)?;
        self.build_for(&examples.row_shapes())?;
        self.get_weights_async().await?;
        let subject = Subject::new(self, &examples)?;
        let device = self.device.clone().map_or_else(Device::from_environment, Ok)?;
        let (description, found) = subject.on_device(&device, &examples).await?;
        let expected = subject.reference(&examples)?;
        let names = subject.graph.outputs.iter().map(|output| &output.name);
        let compared = names.zip(found.iter().zip(&expected)).map(|(name, (found, expected))| Finding {
            what: name.clone(),
            against: Against::Reference,
            error: distance(found, expected),
            bound: ROUNDING,
        });
        let mut findings: Vec<Finding> = compared.collect();
        let gradients = &expected[expected.len() - subject.weights.len()..];
        for (&weight, gradient) in subject.weights.iter().zip(gradients) {
            findings.push(subject.difference(weight, gradient, &examples)?);
        }
        Ok(Check { device: description, findings })
    }
}

/// What is checked: a graph of outputs and, behind them, gradients.
struct Subject {
    forward: Graph,
    total: NodeId,
    graph: Graph,
    weights: Vec<NodeId>,
    arenas: Vec<Vec<f32>>,
}

/// Seed and step of the random sum.
const KEY: Key = Key { seed: 0, step: 0 };

impl Subject {
    fn new(model: &Model, examples: &Examples) -> Result<Self> {
        let (forward, total) = check_graph(model, &examples.stored())?;
        let weights: Vec<NodeId> = forward.ids().filter(|&id| lies_in(&forward, id, WEIGHTS)).collect();
        let mut graph = forward.clone();
        let gradients = graph.gradients(total, &weights)?;
        for (&weight, gradient) in weights.iter().zip(gradients) {
            let name = format!("gradient of {}", name(&forward, weight));
            graph.output(&name, gradient)?;
        }
        let layout = Layout::new(&graph, Vec::new());
        let arenas = (0..graph.variables.len()).map(|i| layout.pack(VariableId(i), &model.built)).collect();
        Ok(Self { forward, total, graph, weights, arenas })
    }

    /// The device's description, and the graph's outputs there.
    async fn on_device(&self, device: &Device, examples: &Examples) -> Result<(String, Vec<Vec<f64>>)> {
        let mut opened = device.open().await?;
        let (description, engine) = (opened.describe(), &mut opened.engine);
        engine.set_variables(&self.graph.variables)?;
        for (i, arena) in self.arenas.iter().enumerate() {
            engine.write_variable(VariableId(i), arena)?;
        }
        let batch = examples.rows();
        let program =
            schedule_tuned(&self.graph, engine.target(), Options::default(), batch, &opened.tuning)?;
        let program = engine.load(program)?;
        let binding = engine.bind(program, &examples.tensors(), 1)?;
        let step = Step { batch, offset: 0, row: 0, key: KEY, scalars: Vec::new() };
        engine.run(binding, &[step]).await?;
        let outputs = engine.outputs(binding).await?;
        let wide = |values: Vec<f32>| values.into_iter().map(f64::from).collect();
        Ok((description, outputs.into_iter().map(wide).collect()))
    }

    fn plain(&self) -> Plain {
        let wide = |arena: &Vec<f32>| arena.iter().copied().map(f64::from).collect();
        Plain { variables: self.arenas.iter().map(wide).collect() }
    }

    /// The graph's outputs in f64.
    fn reference(&self, examples: &Examples) -> Result<Vec<Vec<f64>>> {
        let result = self.plain().step(&self.graph, &feed(examples))?;
        Ok(result.outputs.into_iter().map(|(_, value)| value.data).collect())
    }

    /// The slope of the sum along a random direction, by differences and by `gradient`.
    fn difference(&self, weight: NodeId, gradient: &[f64], examples: &Examples) -> Result<Finding> {
        let (feed, plain) = (feed(examples), self.plain());
        let values = plain.evaluate(&self.forward, &feed)?;
        let start = &values[weight.0].data;
        let step = STEP * (1.0 + length(start) / (start.len() as f64).sqrt());
        let sign =
            |i: usize| if philox([i as u32, 0, 0, 0], [weight.0 as u32, 0])[0] & 1 == 0 { 1.0 } else { -1.0 };
        let total = |h: f64| -> Result<f64> {
            let moved = start.iter().enumerate().map(|(i, w)| w + h * sign(i)).collect();
            let given = BTreeMap::from([(weight, moved)]);
            Ok(plain.evaluate_with(&self.forward, &feed, &given)?[self.total.0].data[0])
        };
        let slope = (total(step)? - total(-step)?) / (2.0 * step);
        let expected: f64 = gradient.iter().enumerate().map(|(i, g)| g * sign(i)).sum();
        // The sum of outputs times at most ½ is rounded, and with it the difference of two.
        let outputs = self.forward.outputs.iter().flat_map(|output| &values[output.node.0].data);
        let rounding = f64::EPSILON * 1024.0 * outputs.map(|y| y.abs()).sum::<f64>() / step;
        let scale = length(gradient).max(f64::MIN_POSITIVE);
        Ok(Finding {
            what: format!("gradient of {}", name(&self.forward, weight)),
            against: Against::Differences,
            error: (slope - expected).abs() / scale,
            bound: CURVATURE + rounding / scale,
        })
    }
}

/// The name of a weight.
fn name(graph: &Graph, weight: NodeId) -> &str {
    match graph.node(weight).op {
        Op::Parameter(id) => &graph.parameters[id.0].name,
        _ => "",
    }
}

fn feed(examples: &Examples) -> Feed {
    let inputs = examples.x.iter().map(|x| x.as_ref().clone()).collect();
    Feed { batch: examples.rows(), inputs, scalars: Vec::new(), key: KEY }
}

fn length(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

/// ‖found − expected‖ / ‖expected‖; NaN and different sizes are infinitely far apart.
fn distance(found: &[f64], expected: &[f64]) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    let apart: Vec<f64> = found.iter().zip(expected).map(|(a, b)| a - b).collect();
    let (apart, whole) = (length(&apart), length(expected));
    if apart == 0.0 { 0.0 } else { apart / whole }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::layers::{BatchNormalization, Conv2D, Dense, Flatten, LSTM, MaxPooling2D};
    use crate::model::Sequential;
    use crate::tensor::Tensor;

    fn numbers(shape: &[usize]) -> Result<Tensor> {
        let count = shape.iter().product::<usize>() as u32;
        let draw = |i| philox([i, 0, 0, 0], [3, 0])[0] as f32 / u32::MAX as f32;
        Tensor::f32(shape, (0..count).map(draw).collect())
    }

    #[test]
    fn sound_models_hold_and_wrong_numbers_do_not() -> Result<()> {
        let mut convolutional = Sequential::new()
            .add(Conv2D::new(4, 3).activation("relu"))
            .add(MaxPooling2D::new(2))
            .add(BatchNormalization::new())
            .add(Flatten::new())
            .add(Dense::new(3).activation("softmax"))
            .device(Device::cpu());
        let check = convolutional.check(numbers(&[2, 9, 8, 3])?)?;
        assert!(check.holds(), "{check}");
        assert_eq!(check.findings.len(), 1 + 2 * 6, "{check}");
        let mut recurrent = Sequential::new().add(LSTM::new(5)).add(Dense::new(2)).device(Device::cpu());
        let check = recurrent.check(numbers(&[3, 4, 2])?)?;
        assert!(check.holds(), "{check}");

        let subject =
            Subject::new(&recurrent, &Examples::samples("test", vec![numbers(&[3, 4, 2])?.into()])?)?;
        let examples = Examples::samples("test", vec![numbers(&[3, 4, 2])?.into()])?;
        let mut wrong = subject.reference(&examples)?.pop().unwrap_or_default();
        wrong[0] *= 1.1;
        assert!(!subject.difference(subject.weights[subject.weights.len() - 1], &wrong, &examples)?.holds());
        assert!(!(distance(&[f64::NAN], &[1.0]) <= ROUNDING) && distance(&[], &[1.0]) > ROUNDING);
        Ok(())
    }
}
