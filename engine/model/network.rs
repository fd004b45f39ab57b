use super::build::{BuiltLayer, MOST_ELEMENTS, Source, check_calls, check_names, elements};
use super::checkpoint::Checkpoint;
use super::compiled::Compiled;
use super::device::Device;
use super::lower;
use super::objective::Objective;
use super::session::{Newer, Session};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::layers::network::{Call, brought, leaf_counts, leaf_inputs, set_trainable, settle};
use crate::layers::{Network, shown};
use crate::stream::Stored;
use crate::tensor::Tensor;
use crate::train::losses::Loss;
use crate::train::optimizers::Optimizer;

/// Layers called on inputs and on what other layers give: [`Model::new`] makes one of symbolic values,
/// [`Sequential`](super::Sequential) is one whose layers stand in a row.
#[derive(Debug)]
pub struct Model {
    pub(super) network: Network,
    pub(super) seed: u64,
    /// One for each leaf of the network.
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
    /// The model of `network`, not built yet.
    pub(super) fn of_network(network: Network) -> Self {
        Self {
            network,
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
    /// already are drawn anew, but those that a model within this one has brought along.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        let mut first = 0;
        for (leaf, built) in self.network.leaves().iter().zip(&mut self.built) {
            let inputs: Vec<&[usize]> = built.inputs.iter().map(Vec::as_slice).collect();
            // The layer took these shapes when it was built.
            if built.source != Source::Brought
                && let Ok(anew) = BuiltLayer::new(leaf, &inputs, (seed, first), MOST_ELEMENTS, None)
            {
                *built = anew;
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

    /// The model's name in the summary, and as a layer of another model. Default `functional`.
    pub fn name(mut self, name: &str) -> Self {
        self.network.base.set_name(name);
        self
    }

    /// Whether any weights learn, for the model and all layers in it. Default true. For a model that is to be a layer of
    /// another; what is a layer already is frozen by [`Model::set_trainable`].
    ///
    /// ```
    /// use gradus::{Dense, Sequential};
    /// let base = Sequential::new().add(Dense::new(8)).add(Dense::new(4)).name("base").trainable(false);
    /// let mut model = Sequential::new().add(base).add(Dense::new(1));
    /// model.build(&[3])?;
    /// assert!(model.summary()?.contains("Non-trainable params: 68"));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    pub fn trainable(mut self, trainable: bool) -> Self {
        set_trainable(&mut self.network, trainable);
        self.remembered = None;
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
        let outputs = self.network.outputs.len().max(1);
        self.take_compiled(Compiled::new(optimizer, objectives, outputs)?)
    }

    /// Builds the layers over samples of the shapes `rows`, one for each input, and draws the first weights.
    pub(super) fn build_for(&mut self, rows: &[Vec<usize>]) -> Result<()> {
        if self.network.layers.is_empty() {
            return Err(Error::order("build", "the model has no layers", "add one first"));
        }
        let place = self.network.place_of_model();
        check_names(&place, &self.network.layers)?;
        check_calls(&place, &self.network)?;
        self.network.check_inputs(&place, rows)?;
        if let Some(row) = rows.iter().find(|row| elements(row).is_none()) {
            let expected = format!("a shape of at most {MOST_ELEMENTS} numbers");
            return Err(Error::argument(place, "input shape", shown(row), expected));
        }
        if self.shapes.is_empty() {
            self.shapes = rows.to_vec();
        }
        for at in 0..self.network.calls.len() {
            if self.network.calls[at].first >= self.shapes.len() {
                let shapes = self.build_call(at)?;
                self.shapes.extend(shapes);
            }
        }
        for (port, row) in self.network.inputs.iter_mut().zip(rows) {
            port.shape = Some(row.clone());
        }
        Ok(())
    }

    /// Builds the layer of call number `at`, if it is not built yet, and returns the shapes of what the call gives.
    fn build_call(&mut self, at: usize) -> Result<Vec<Vec<usize>>> {
        let Call { layer: number, inputs, .. } = self.network.calls[at].clone();
        let inputs: Vec<Vec<usize>> = inputs.into_iter().map(|value| self.shapes[value].clone()).collect();
        let layer = self.network.layers[number].as_ref();
        let called: Vec<&[usize]> = inputs.iter().map(Vec::as_slice).collect();
        let (shapes, firsts) = (layer.output_shapes(&called)?, leaf_inputs(layer, &called)?);
        let first = leaf_counts(&self.network.layers[..number]).sum();
        if first < self.built.len() {
            self.check_shared(first, &firsts)?;
            return Ok(shapes);
        }
        let built = self.build_leaves(first, &firsts, brought(layer))?;
        self.built.extend(built);
        settle(self.network.layers[number].as_mut(), &inputs);
        Ok(shapes)
    }

    /// Whether the leaves from number `first` on have the weights, over inputs of shapes `firsts`, that they are built with.
    fn check_shared(&self, first: usize, firsts: &[Vec<Vec<usize>>]) -> Result<()> {
        let leaves = self.network.leaves();
        for ((leaf, built), inputs) in leaves[first..].iter().zip(&self.built[first..]).zip(firsts) {
            let inputs: Vec<&[usize]> = inputs.iter().map(Vec::as_slice).collect();
            if leaf.layer.weights_many(&inputs) != built.weights[..built.learning] {
                let (found, expected) = (format!("{inputs:?}"), format!("{:?}", built.inputs));
                let remedy = "call a shared layer on values of one shape";
                return Err(Error::shape(leaf.layer.place(), "input", found, expected, remedy));
            }
        }
        Ok(())
    }

    /// Builds the leaves from number `first` on over inputs of shapes `firsts`, with the values that they have brought.
    fn build_leaves(
        &self,
        first: usize,
        firsts: &[Vec<Vec<usize>>],
        brought: Vec<Option<Vec<Vec<f32>>>>,
    ) -> Result<Vec<BuiltLayer>> {
        let leaves = self.network.leaves();
        let mut weights: usize = self.built.iter().map(|layer| layer.weights.len()).sum();
        let mut left = self.most.saturating_sub(self.built.iter().map(BuiltLayer::count).sum());
        let mut all = Vec::new();
        for ((leaf, inputs), brought) in leaves[first..].iter().zip(firsts).zip(brought) {
            let inputs: Vec<&[usize]> = inputs.iter().map(Vec::as_slice).collect();
            let built = BuiltLayer::new(leaf, &inputs, (self.seed, weights), left, brought)?;
            (weights, left) = (weights + built.weights.len(), left - built.count());
            all.push(built);
        }
        Ok(all)
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
        let network = &self.network;
        let name = |&value: &usize| match network.origin(value) {
            Some((_, number)) if number > 0 => format!("{}[{number}]", network.value_name(value)),
            _ => network.value_name(value).to_string(),
        };
        network.outputs.iter().map(name).collect()
    }

    /// The shapes of the samples that each layer is first called on, of a built model.
    pub(super) fn first_inputs(&self) -> Vec<Vec<Vec<usize>>> {
        let network = &self.network;
        let first = |number| network.calls.iter().find(|call| call.layer == number);
        let shapes = |call: &Call| call.inputs.iter().map(|&value| self.shapes[value].clone()).collect();
        (0..network.layers.len()).map(|number| first(number).map_or_else(Vec::new, shapes)).collect()
    }

    /// The shapes of one sample of each output, of a built model.
    pub(super) fn output_shapes(&self) -> Vec<&[usize]> {
        self.network.outputs.iter().map(|&value| self.shapes[value].as_slice()).collect()
    }
}

/// Whether `predict`, which returns one tensor, is the call for `model`.
pub(super) fn check_single(model: &Model) -> Result<()> {
    if model.network.outputs.len() <= 1 {
        return Ok(());
    }
    let expected = "1: call `predict_each`";
    Err(Error::argument("predict", "number of outputs", model.network.outputs.len(), expected))
}
