use super::build::{BuiltLayer, check_names, free_name};
use super::device::Device;
use super::lower::{self, Compiled, Stored};
use super::session::Session;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::layers::{Layer, shown};
use crate::tensor::Tensor;
use crate::train::losses::Loss;
use crate::train::metrics::Metric;
use crate::train::optimizers::{self, Optimizer};

/// Layers in a row.
#[derive(Debug)]
pub struct Sequential {
    pub(super) name: String,
    pub(super) layers: Vec<Box<dyn Layer>>,
    pub(super) seed: u64,
    pub(super) input_shape: Option<Vec<usize>>,
    pub(super) built: Vec<BuiltLayer>,
    pub(super) compiled: Option<Compiled>,
    pub(super) device: Option<Device>,
    pub(super) session: Option<Session>,
    /// Training steps since `compile`.
    pub(super) step: u64,
    /// Epochs since `compile`.
    pub(super) epoch: u32,
}

impl Default for Sequential {
    fn default() -> Self {
        Self::new()
    }
}

impl Sequential {
    /// A model without layers.
    pub fn new() -> Self {
        Self {
            name: "sequential".into(),
            layers: Vec::new(),
            seed: 0,
            input_shape: None,
            built: Vec::new(),
            compiled: None,
            device: None,
            session: None,
            step: 0,
            epoch: 0,
        }
    }

    /// Adds a layer at the end. A layer without a name gets Keras's: `conv2d`, `conv2d_1`, …
    #[expect(clippy::should_implement_trait, reason = "Keras's name; a model is no number")]
    pub fn add(mut self, layer: impl Into<Box<dyn Layer>>) -> Self {
        let mut layer = layer.into();
        if layer.name().is_empty() {
            let name = free_name(layer.class_name(), &self.layers);
            layer.base_mut().set_name(&name);
        }
        self.layers.push(layer);
        self
    }

    /// The shape of one sample, such as `[64, 64, 3]`. Without it the first data seen decide.
    pub fn input_shape(mut self, shape: &[usize]) -> Self {
        self.input_shape = Some(shape.to_vec());
        self
    }

    /// What the first weights, the order of the samples and dropout depend on. Default 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Where the model runs. Default what `GRADUS_DEVICE` names, else a real GPU if there is one, else the CPU.
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// The model's name in the summary. Default `sequential`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_string();
        self
    }
}

/// What a graph is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// A training step: loss, metrics, gradients and the optimizer's update.
    Training,
    /// Loss and metrics.
    Evaluation,
    /// The model's output.
    Prediction,
}

impl Sequential {
    /// Names the optimizer, the loss and the metrics, each as a value or by Keras's name. What an earlier
    /// optimizer remembered is forgotten; weights stay.
    ///
    /// ```
    /// use gradus::{Adam, Dense, Sequential};
    /// let mut model = Sequential::new().add(Dense::new(1).activation("sigmoid"));
    /// model.compile(Adam::new(0.01), "mean_squared_error", &["accuracy"])?;
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a name is unknown (the known ones are listed) or a number of the optimizer makes no sense.
    pub fn compile<O, L>(&mut self, optimizer: O, loss: L, metrics: &[&str]) -> Result<()>
    where
        O: TryInto<Box<dyn Optimizer>, Error: Into<Error>>,
        L: TryInto<Box<dyn Loss>, Error: Into<Error>>,
    {
        let optimizer = optimizer.try_into().map_err(Into::into)?;
        optimizers::check(optimizer.as_ref())?;
        let loss = loss.try_into().map_err(Into::into)?;
        let metrics = metrics.iter().map(|&name| Metric::try_from(name)).collect::<Result<Vec<_>>>()?;
        if let Some(i) = (1..metrics.len()).find(|&i| metrics[..i].contains(&metrics[i])) {
            let found = format!("{:?}, given twice", metrics[i].name());
            return Err(Error::argument("compile", "metrics", found, "each metric once"));
        }
        self.compiled = Some(Compiled { optimizer, loss, metrics });
        (self.step, self.epoch) = (0, 0);
        self.session.as_mut().map_or(Ok(()), Session::start_over)
    }

    /// Builds the layers over samples of `input_shape` and draws the first weights. Happens by itself with the
    /// first data.
    ///
    /// # Errors
    /// If a layer does not take what the one before it gives, or an option lies outside its range.
    pub fn build(&mut self, input_shape: &[usize]) -> Result<()> {
        if self.layers.is_empty() {
            return Err(Error::order("build", "the model has no layers", "add one first"));
        }
        check_names(&self.layers)?;
        self.check_input(input_shape)?;
        for i in self.built.len()..self.layers.len() {
            let input = if i == 0 { input_shape } else { &self.built[i - 1].output };
            let first = self.built.iter().map(|layer| layer.weights.len()).sum();
            let layer = BuiltLayer::new(self.layers[i].as_ref(), input, self.seed, first)?;
            self.built.push(layer);
        }
        self.input_shape = Some(input_shape.to_vec());
        Ok(())
    }

    fn check_input(&self, found: &[usize]) -> Result<()> {
        match &self.input_shape {
            Some(expected) if expected != found => {
                let remedy = "give samples of the shape that the model was built for";
                let place = format!("model {:?}", self.name);
                Err(Error::shape(place, "input", shown(found), shown(expected), remedy))
            }
            _ => Ok(()),
        }
    }

    /// The graph of one step over samples like those of `x`.
    ///
    /// # Errors
    /// If the layers do not fit the samples, or a training or evaluation graph is wanted before `compile`.
    pub fn graph(&mut self, purpose: Purpose, x: &Tensor) -> Result<Graph> {
        let stored = Stored::of(x);
        self.build(&stored.row)?;
        self.lower(purpose, &stored)
    }

    pub(super) fn lower(&self, purpose: Purpose, stored: &Stored) -> Result<Graph> {
        match purpose {
            Purpose::Training => lower::train_graph(&self.layers, stored, self.compiled("graph")?),
            Purpose::Evaluation => lower::evaluate_graph(&self.layers, stored, self.compiled("graph")?),
            Purpose::Prediction => lower::predict_graph(&self.layers, stored),
        }
    }

    /// The learning rate of the optimizer's next step.
    ///
    /// # Errors
    /// If the model is not compiled.
    pub fn learning_rate(&self) -> Result<f64> {
        Ok(self.compiled("learning_rate")?.optimizer.base().learning_rate(self.step))
    }

    /// Gives the optimizer another learning rate.
    ///
    /// # Errors
    /// If the model is not compiled, the rate follows a schedule, or `rate` is no number above 0; the old one stays
    /// then.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.compiled("set_learning_rate")?;
        let optimizer = self.compiled.as_mut().map(|compiled| compiled.optimizer.base_mut());
        optimizer.map_or(Ok(()), |base| base.set_learning_rate(rate))
    }

    pub(super) fn compiled(&self, call: &str) -> Result<&Compiled> {
        let problem = "the model has no loss and no optimizer yet";
        self.compiled.as_ref().ok_or_else(|| Error::order(call, problem, "call `compile` first"))
    }
}
