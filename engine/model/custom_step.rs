//! Training steps that are not one loss.

use std::fmt;

use super::compiled::{Compiled, Goal};
use super::learner::Learner;
use super::network::Model;
use super::session::Session;
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::tensor::{Dim, Shape};
use crate::train::losses::{Loss, Prediction, reduce};
use crate::train::optimizers;

/// What a custom step does: it returns a loss for each learner.
type Body = dyn Fn(&mut CustomStep<'_>) -> Result<Vec<NodeId>> + Send + Sync;

/// A [`Body`] that can be printed.
pub(super) struct CustomBody(Box<Body>);

impl fmt::Debug for CustomBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomBody")
    }
}

/// A step of [`Model::custom_step`]: the graph after the model's forward pass.
#[derive(Debug)]
pub struct CustomStep<'a> {
    /// The graph, to which losses are added.
    pub graph: &'a mut Graph,
    /// The model's outputs.
    pub outputs: &'a [Prediction],
    /// What `fit` was given as targets: class numbers as integers, anything else as floats, `[B, …]`.
    pub targets: &'a [NodeId],
    reports: Vec<(String, NodeId)>,
}

impl CustomStep<'_> {
    /// The mean over the batch of `loss`, by value or by Keras's name, between a target and an output; or what else its
    /// reduction makes of the batch: with none a loss for each sample, `[B, …]`.
    ///
    /// # Errors
    /// If there is no such loss, or the shapes do not fit.
    pub fn loss<L>(&mut self, loss: L, target: NodeId, output: &Prediction) -> Result<NodeId>
    where
        L: TryInto<Box<dyn Loss>, Error: Into<Error>>,
    {
        let loss = loss.try_into().map_err(Into::into)?;
        reduce(self.graph, loss.as_ref(), target, output, None)
    }

    /// Lets the logs have the mean over all batches of the scalar `node` under `name`.
    pub fn report(&mut self, name: &str, node: NodeId) {
        self.reports.push((name.to_string(), node));
    }

    /// Runs `body` and adds outputs to the graph. Every learner's loss has `penalty` added, of whose terms only those of
    /// its own layers move it.
    pub(super) fn run(
        graph: &mut Graph,
        body: &CustomBody,
        (outputs, targets): (&[Prediction], &[NodeId]),
        penalty: NodeId,
        learners: &[Learner],
    ) -> Result<Vec<NodeId>> {
        graph.enter("custom_step");
        let mut step = CustomStep { graph, outputs, targets, reports: Vec::new() };
        let losses = body.0(&mut step)?;
        let reports = step.reports;
        if losses.len() != learners.len() {
            let expected = format!("{}, one for each learner", learners.len());
            return Err(Error::argument("custom_step", "number of losses", losses.len(), expected));
        }
        let mut total = graph.constant(0.0);
        let mut whole = Vec::new();
        for loss in losses {
            check_scalar(graph, "a loss", loss)?;
            total = graph.add(total, loss)?;
            whole.push(graph.add(loss, penalty)?);
        }
        let total = graph.add(total, penalty)?;
        graph.output("loss", total)?;
        for (learner, &loss) in learners.iter().zip(&whole) {
            graph.output(&format!("{}_loss", learner.name), loss)?;
        }
        for (name, node) in reports {
            check_scalar(graph, &name, node)?;
            graph.output(&name, node)?;
        }
        graph.enter("");
        Ok(whole)
    }
}

fn check_scalar(graph: &Graph, what: &str, node: NodeId) -> Result<()> {
    let shape = graph.shape(node);
    if shape.count() == Dim::fixed(1) {
        return Ok(());
    }
    let remedy = "reduce it, such as by Graph::mean_all";
    Err(Error::shape("custom_step", what, shape, Shape::scalar(), remedy))
}

impl Model {
    /// Compiles a training step of your own: several optimizers, each for layers and a loss of its own, as adversarial
    /// networks and actors with critics need. `body` adds to the graph of the forward pass and returns a loss for each
    /// of `learners`; `fit`, `evaluate` and callbacks work as ever. All losses are those before the step, so that the
    /// learners move at once. In `fit`, targets are whatever `body` reads as [`CustomStep::targets`]; there may be none.
    ///
    /// A generator learns to draw numbers that a critic takes for real ones:
    ///
    /// ```
    /// use gradus::{Adam, Dense, FitOptions, Input, Learner, Model, SharedLayer, Tensor};
    /// let (noise, real) = (Input::new(&[2]), Input::new(&[1]));
    /// let made = noise.apply(Dense::new(1).name("generator"));
    /// let hidden = SharedLayer::new(Dense::new(8).activation("tanh").name("critic_hidden"));
    /// let verdict = SharedLayer::new(Dense::new(1).activation("sigmoid").name("critic"));
    /// let judge = |value: &gradus::Symbol| value.apply(&hidden).apply(&verdict);
    /// let mut model = Model::new([&noise, &real], [&judge(&made), &judge(&real), &made])?;
    /// let generator = Learner::new("generator", Adam::new(0.01), &["generator"])?;
    /// let critic = Learner::new("critic", Adam::new(0.01), &["critic"])?;
    /// model.custom_step([generator, critic], |step| {
    ///     let (made, real) = (step.outputs[0], step.outputs[1]);
    ///     let shape = step.graph.shape(made.value).clone();
    ///     let (no, yes) = (step.graph.full(0.0, &shape), step.graph.full(1.0, &shape));
    ///     let fooled = step.loss("binary_crossentropy", yes, &made)?;
    ///     let caught = step.loss("binary_crossentropy", no, &made)?;
    ///     let known = step.loss("binary_crossentropy", yes, &real)?;
    ///     Ok(vec![fooled, step.graph.add(caught, known)?])
    /// })?;
    /// let x = [Tensor::f32(&[4, 2], vec![0.3; 8])?, Tensor::f32(&[4, 1], vec![5.0; 4])?];
    /// let none: [Tensor; 0] = [];
    /// let history = model.fit(x, none, FitOptions::new().epochs(2).verbose(0))?;
    /// assert!(history.get("critic_loss").is_some());
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are no learners, or one keeps an average of the weights.
    pub fn custom_step(
        &mut self,
        learners: impl IntoIterator<Item = Learner>,
        body: impl Fn(&mut CustomStep<'_>) -> Result<Vec<NodeId>> + Send + Sync + 'static,
    ) -> Result<()> {
        let learners: Vec<Learner> = learners.into_iter().collect();
        if learners.is_empty() {
            return Err(Error::argument("custom_step", "number of learners", 0, "at least 1"));
        }
        if let Some(learner) = learners.iter().find(|l| optimizers::average(l.optimizer.as_ref()).is_some()) {
            let expected = "false: an average is kept by models with one optimizer alone";
            return Err(Error::argument(learner.place(), "use_ema", true, expected));
        }
        self.take_compiled(Compiled { learners, goal: Goal::Custom(CustomBody(Box::new(body))) })
    }

    pub(super) fn take_compiled(&mut self, compiled: Compiled) -> Result<()> {
        self.compiled = Some(compiled);
        (self.step, self.epoch, self.remembered, self.checkpoint) = (0, 0, None, None);
        self.session.as_mut().map_or(Ok(()), Session::start_over)
    }
}
