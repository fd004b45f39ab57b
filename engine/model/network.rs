use std::ops::Range;

use super::build::{BuiltLayer, MOST_ELEMENTS, check_names, elements};
use super::checkpoint::Checkpoint;
use super::compiled::Compiled;
use super::device::Device;
use super::lower;
use super::objective::Objective;
use super::session::{Newer, Session};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::layers::{Layer, shown};
use crate::stream::Stored;
use crate::tensor::Tensor;
use crate::train::losses::Loss;
use crate::train::optimizers::Optimizer;

/// Layers called on inputs and on what other layers give: [`Model::new`] makes one of symbolic values,
/// [`Sequential`](super::Sequential) is one whose layers stand in a row.
#[derive(Debug)]
pub struct Model {
    pub(super) name: String,
    pub(super) inputs: Vec<Port>,
    pub(super) layers: Vec<Box<dyn Layer>>,
    /// In an order in which they can be made.
    pub(super) calls: Vec<Call>,
    /// The values that are the model's outputs: inputs are counted first, then what calls give.
    pub(super) outputs: Vec<usize>,
    pub(super) seed: u64,
    pub(super) built: Vec<BuiltLayer>,
    /// The shape of a sample of each value.
    pub(super) shapes: Vec<Vec<usize>>,
    pub(super) compiled: Option<Compiled>,
    pub(super) device: Option<Device>,
    pub(super) session: Option<Session>,
    /// What the optimizer remembers, until the device is told.
    pub(super) remembered: Option<Vec<Vec<f32>>>,
    /// Training steps since `compile`.
    pub(super) step: u64,
    /// Epochs since `compile`.
    pub(super) epoch: u32,
    /// How many numbers its weights may be.
    pub(super) most: usize,
    /// Where the last training has ended.
    pub(super) checkpoint: Option<Checkpoint>,
}

/// An input of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    pub name: String,
    /// Of one sample; the first data decide where it is not known.
    pub shape: Option<Vec<usize>>,
}

/// A layer called on values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
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

/// What a graph is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A training step: loss, metrics, gradients and the optimizer's update.
    Training,
    /// The same, with the largest magnitude of what each layer gives and of each weight's gradient.
    WatchedTraining,
    /// Loss and metrics.
    Evaluation,
    /// The model's output.
    Prediction,
}

impl Model {
    /// A model without layers.
    pub(super) fn empty(name: &str, inputs: Vec<Port>) -> Self {
        Self {
            name: name.into(),
            inputs,
            layers: Vec::new(),
            calls: Vec::new(),
            outputs: Vec::new(),
            seed: 0,
            built: Vec::new(),
            shapes: Vec::new(),
            compiled: None,
            device: None,
            session: None,
            remembered: None,
            step: 0,
            epoch: 0,
            most: MOST_ELEMENTS,
            checkpoint: None,
        }
    }

    /// What the first weights, the order of the samples and dropout depend on. Default 0. Weights that are drawn
    /// already are drawn anew.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        let mut first = 0;
        for (layer, built) in self.layers.iter().zip(&mut self.built) {
            let inputs: Vec<&[usize]> = built.inputs.iter().map(Vec::as_slice).collect();
            // The layer took these shapes when it was built.
            if let Ok(anew) = BuiltLayer::new(layer.as_ref(), &inputs, seed, first, MOST_ELEMENTS) {
                built.values = anew.values;
            }
            first += built.weights.len();
        }
        if let Some(session) = &mut self.session {
            session.newer = Newer::Host;
        }
        self
    }

    /// Where the model runs. Default what `GRADUS_DEVICE` names, else a real GPU if there is one, else the CPU.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The model's name in the summary. Default `functional`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_string();
        self
    }

    /// Names the optimizer, the loss and the metrics of a model of one output, each as a value or by Keras's name.
    /// What an earlier optimizer remembered is forgotten; weights stay.
    ///
    /// ```
    /// use gradus::{Adam, Dense, Sequential};
    /// let mut model = Sequential::new().add(Dense::new(1).activation("sigmoid"));
    /// model.compile(Adam::new(0.01), "mean_squared_error", &["accuracy"])?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown (the known ones are listed), a number of the optimizer makes no sense, or the model has
    /// several outputs, for which there is [`Model::compile_each`].
    pub fn compile<O, L>(&mut self, optimizer: O, loss: L, metrics: &[&str]) -> Result<()>
    where
        O: TryInto<Box<dyn Optimizer>, Error: Into<Error>>,
        L: TryInto<Box<dyn Loss>, Error: Into<Error>>,
    {
        let optimizer = optimizer.try_into().map_err(Into::into)?;
        self.take_objectives(optimizer, vec![Objective::new(loss, metrics)?])
    }

    /// Names the optimizer and, for each output in order, what it is trained for. The loss is the sum of all.
    ///
    /// With several losses the logs hold each as `NAME_loss`, unweighted as in Keras, where NAME is that of the layer
    /// that gives the output; with several outputs metrics are called `NAME_accuracy` and so on. Every sample weighs
    /// alike in each, where Keras weighs batches alike in `NAME_loss`.
    ///
    /// # Errors
    /// If there are more or fewer objectives than outputs, or a number of the optimizer makes no sense.
    pub fn compile_each<O>(
        &mut self,
        optimizer: O,
        objectives: impl IntoIterator<Item = Objective>,
    ) -> Result<()>
    where
        O: TryInto<Box<dyn Optimizer>, Error: Into<Error>>,
    {
        let optimizer = optimizer.try_into().map_err(Into::into)?;
        self.take_objectives(optimizer, objectives.into_iter().collect())
    }

    fn take_objectives(&mut self, optimizer: Box<dyn Optimizer>, objectives: Vec<Objective>) -> Result<()> {
        // A Sequential may be compiled before its first layer is added.
        let outputs = self.outputs.len().max(1);
        self.take_compiled(Compiled::new(optimizer, objectives, outputs)?)
    }

    /// Builds the layers over samples of the shapes `rows`, one for each input, and draws the first weights.
    pub(super) fn build_for(&mut self, rows: &[Vec<usize>]) -> Result<()> {
        if self.layers.is_empty() {
            return Err(Error::order("build", "the model has no layers", "add one first"));
        }
        check_names(&self.place(), &self.layers)?;
        self.check_inputs(rows)?;
        if let Some(row) = rows.iter().find(|row| elements(row).is_none()) {
            let expected = format!("a shape of at most {MOST_ELEMENTS} numbers");
            return Err(Error::argument(self.place(), "input shape", shown(row), expected));
        }
        if self.shapes.is_empty() {
            self.shapes = rows.to_vec();
        }
        for at in 0..self.calls.len() {
            if self.calls[at].first >= self.shapes.len() {
                let shapes = self.build_call(at)?;
                self.shapes.extend(shapes);
            }
        }
        for (port, row) in self.inputs.iter_mut().zip(rows) {
            port.shape = Some(row.clone());
        }
        Ok(())
    }

    /// Calls layer `layer` on `inputs`.
    pub(super) fn push_call(&mut self, layer: usize, inputs: Vec<usize>, count: usize) -> Range<usize> {
        let first = self.calls.last().map_or(self.inputs.len(), |call| call.values().end);
        self.calls.push(Call { layer, inputs, first, count });
        first..first + count
    }

    /// Builds the layer of call number `at`, if it is not built yet, and returns the shapes of what the call gives.
    fn build_call(&mut self, at: usize) -> Result<Vec<Vec<usize>>> {
        let Call { layer: number, inputs, .. } = &self.calls[at];
        let (layer, number) = (self.layers[*number].as_ref(), *number);
        let inputs: Vec<&[usize]> = inputs.iter().map(|&value| self.shapes[value].as_slice()).collect();
        if number < self.built.len() {
            let shapes = layer.output_shapes(&inputs)?;
            let (found, expected) = (layer.weights_many(&inputs), &self.built[number]);
            if found != expected.weights[..expected.learning] {
                let (found, expected) = (format!("{inputs:?}"), format!("{:?}", expected.inputs));
                let remedy = "call a shared layer on values of one shape";
                return Err(Error::shape(layer.place(), "input", found, expected, remedy));
            }
            return Ok(shapes);
        }
        let first = self.built.iter().map(|layer| layer.weights.len()).sum();
        let held: usize = self.built.iter().map(BuiltLayer::count).sum();
        let built = BuiltLayer::new(layer, &inputs, self.seed, first, self.most.saturating_sub(held))?;
        let shapes = built.outputs.clone();
        self.built.push(built);
        Ok(shapes)
    }

    pub(super) fn check_inputs(&self, found: &[Vec<usize>]) -> Result<()> {
        if found.len() != self.inputs.len() {
            let expected = format!("{}, one for each input", self.inputs.len());
            return Err(Error::argument(self.place(), "number of inputs", found.len(), expected));
        }
        for (port, found) in self.inputs.iter().zip(found) {
            let Some(expected) = port.shape.as_ref().filter(|expected| *expected != found) else { continue };
            let what = if self.inputs.len() == 1 { "input" } else { port.name.as_str() };
            let remedy = "give samples of the shape that the model was built for";
            return Err(Error::shape(self.place(), what, shown(found), shown(expected), remedy));
        }
        Ok(())
    }

    /// Where an error lies.
    pub(super) fn place(&self) -> String {
        format!("model {:?}", self.name)
    }

    /// The graph of one step of a model of one input over samples like those of `x`.
    ///
    /// # Errors
    /// If the layers do not fit the samples, or a training or evaluation graph is wanted before `compile`.
    pub fn graph(&mut self, purpose: Purpose, x: &Tensor) -> Result<Graph> {
        let stored = vec![Stored::of(x)];
        self.build_for(&[stored[0].row.clone()])?;
        self.lower(purpose, &stored)
    }

    pub(super) fn lower(&self, purpose: Purpose, stored: &[Stored]) -> Result<Graph> {
        match purpose {
            Purpose::Training => lower::train_graph(self, stored, self.compiled("graph")?, false),
            Purpose::WatchedTraining => lower::train_graph(self, stored, self.compiled("graph")?, true),
            Purpose::Evaluation => lower::evaluate_graph(self, stored, self.compiled("graph")?),
            Purpose::Prediction => lower::predict_graph(self, stored),
        }
    }

    /// The learning rate of the optimizer's next step.
    ///
    /// # Errors
    /// If the model is not compiled, or has several optimizers.
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(self.compiled("learning_rate")?.optimizer("learning_rate")?.base().learning_rate(self.step))
    }

    /// Gives the optimizer another learning rate.
    ///
    /// # Errors
    /// If the model is not compiled or has several optimizers, the rate follows a schedule, or `rate` is no number above 0; the old one stays
    /// then.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.compiled("set_learning_rate")?;
        self.compiled.as_mut().map_or(Ok(()), |compiled| {
            compiled.optimizer_mut("set_learning_rate")?.base_mut().set_learning_rate(rate)
        })
    }

    pub(super) fn compiled(&self, call: &str) -> Result<&Compiled> {
        let problem = "the model has no loss and no optimizer yet";
        self.compiled.as_ref().ok_or_else(|| Error::order(call, problem, "call `compile` first"))
    }

    /// The names of the outputs: those of the layers that give them, or of the inputs that they are. Further values of one
    /// layer are numbered: `lstm`, `lstm[1]`.
    pub(super) fn output_names(&self) -> Vec<String> {
        let name = |&value: &usize| match self.origin(value) {
            Some((_, number)) if number > 0 => format!("{}[{number}]", self.value_name(value)),
            _ => self.value_name(value).to_string(),
        };
        self.outputs.iter().map(name).collect()
    }

    /// The name of the layer that gives `value`, or of the input that it is.
    pub(super) fn value_name(&self, value: usize) -> &str {
        match self.origin(value) {
            Some((call, _)) => self.layers[self.calls[call].layer].name(),
            None => &self.inputs[value].name,
        }
    }

    /// The call that gives `value`, and which of its values that is; `None` for an input.
    pub(super) fn origin(&self, value: usize) -> Option<(usize, usize)> {
        let call = self.calls.iter().position(|call| call.values().contains(&value))?;
        Some((call, value - self.calls[call].first))
    }

    /// Whether each layer is called once, on what the one before gives, as in a Sequential.
    pub(super) fn is_row(&self) -> bool {
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

    /// The shapes of one sample of each output, of a built model.
    pub(super) fn output_shapes(&self) -> Vec<&[usize]> {
        self.outputs.iter().map(|&value| self.shapes[value].as_slice()).collect()
    }
}

/// Whether `predict`, which returns one tensor, is the call for `model`.
pub(super) fn check_single(model: &Model) -> Result<()> {
    if model.outputs.len() <= 1 {
        return Ok(());
    }
    let expected = "1: call `predict_each`";
    Err(Error::argument("predict", "number of outputs", model.outputs.len(), expected))
}
