//! A training on its way: what `fit` runs, and what callbacks may see and change of it.

use std::fmt;

use super::callbacks::Callback;
use super::checkpoint::{CallbackState, Checkpoint};
use super::history::{History, Logs};
use super::network::{Model, check_single};
use super::pass::Pass;
use super::session::{Newer, Session};
use super::tensors::Tensors;
use super::watch::{Trouble, trouble};
use crate::cancellation::CancellationToken;
use crate::error::{Error, Result};
use crate::schedule::Step;
use crate::tensor::Tensor;
use crate::train::optimizers;

/// The training that a [`Callback`] follows.
pub struct Training<'a> {
    pub(super) model: &'a mut Model,
    pub(super) session: &'a mut Session,
    pub(super) pass: &'a Pass,
    pub(super) check: Option<&'a Pass>,
    pub(super) epochs: usize,
    pub(super) initial_epoch: usize,
    pub(super) seed: u64,
    pub(super) shuffle: bool,
    pub(super) token: CancellationToken,
    /// Where the run stood that this one goes on from.
    pub(super) resumed: Option<Checkpoint>,
    done: usize,
    /// Whether an epoch is under way.
    within: bool,
    losses: Vec<f32>,
    watched: Vec<(String, Vec<f32>)>,
    stopped: bool,
    reason: Option<String>,
    /// What each callback has gathered, as of its last call, and which one is called.
    states: Vec<Option<CallbackState>>,
    called: usize,
}

impl fmt::Debug for Training<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Training of {} epochs, {} of {} steps done", self.epochs, self.done, self.steps())
    }
}

impl Training<'_> {
    /// How many epochs were asked for.
    pub fn epochs(&self) -> usize {
        self.epochs
    }

    /// Steps in an epoch.
    pub fn steps(&self) -> usize {
        self.pass.count()
    }

    /// Ends the training after the steps that are under way and their epoch's validation.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// [`Training::stop`], for a reason that [`History::stop_reason`] gives: the first one stays.
    pub fn stop_because(&mut self, reason: &str) {
        self.reason.get_or_insert_with(|| reason.to_string());
        self.stop();
    }

    /// The optimizer's learning rate.
    ///
    /// # Errors
    /// If a custom step has several optimizers.
    pub fn learning_rate(&self) -> Result<f64> {
        self.model.learning_rate()
    }

    /// Gives the optimizer another learning rate, from the next step on and for later trainings.
    ///
    /// # Errors
    /// If `rate` is no number above 0, or a custom step has several optimizers; the old one stays then.
    pub fn set_learning_rate(&mut self, rate: f64) -> Result<()> {
        self.model.set_learning_rate(rate)
    }

    /// All weights as they are now, in the order of [`Model::get_weights`]. Waits for the device.
    ///
    /// # Errors
    /// If the device fails, and in a browser, where nothing can be waited for.
    pub fn weights(&mut self) -> Result<Vec<Tensor>> {
        wait("weights", self.session.pull(&mut self.model.built))?;
        self.model.host_weights()
    }

    /// Replaces all weights, in the order of [`Model::get_weights`].
    ///
    /// # Errors
    /// If the tensors do not fit, or the device fails.
    pub fn set_weights(&mut self, weights: &[Tensor]) -> Result<()> {
        self.model.put_weights(weights)?;
        self.session.newer = Newer::Host;
        self.session.push(&self.model.built)
    }

    /// [`Model::save_weights`] of the weights as they are now. Waits for the device.
    ///
    /// # Errors
    /// If the file cannot be written, or the device fails.
    pub fn save_weights(&mut self, path: impl AsRef<std::path::Path>) -> Result<()> {
        let weights = self.weights()?;
        self.model.write_weights(path, weights)
    }

    /// What the model of one output gives for samples `x` with the weights as they are now. Waits for the device.
    ///
    /// # Errors
    /// If the samples do not fit the model or hold NaN, the model has several outputs, or the device fails.
    pub fn predict(&mut self, x: impl Into<Tensors>) -> Result<Tensor> {
        check_single(self.model)?;
        Ok(wait("predict", self.model.predict_in(self.session, x.into()))?.swap_remove(0))
    }

    /// [`Model::save`] of the model as it is now, in the midst of an epoch too: [`FitOptions::resume`](super::FitOptions::resume)
    /// goes on from there. The state of callbacks is that after their last call: one that saves stands behind those whose
    /// state it is to save. Waits for the device.
    ///
    /// # Errors
    /// As [`Model::save`], or if the device fails.
    pub fn save(&mut self, path: impl AsRef<std::path::Path>) -> Result<()> {
        wait("save", self.session.pull(&mut self.model.built))?;
        self.model.checkpoint = Some(wait("save", self.checkpoint())?);
        // The session is not the model's while it trains.
        self.model.remembered = Some(wait("save", self.session.slots())?);
        let saved = self.model.save(path);
        self.model.remembered = None;
        saved
    }

    /// The means over the steps of this epoch that are done. Waits for the device.
    ///
    /// # Errors
    /// If the device fails, and in a browser, where nothing can be waited for.
    pub fn logs(&mut self) -> Result<Logs> {
        let outputs = wait("logs", self.outputs())?;
        Ok(self.pass.logs(&outputs, self.done))
    }

    /// The loss of each step's own batch, before its update; known when an epoch is over.
    pub fn step_losses(&self) -> &[f32] {
        &self.losses
    }

    /// Whether the training was cancelled, so that it may go on later.
    pub fn is_cancelled(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Lets the callback that is called save `state` with the model.
    pub(super) fn keep_state(&mut self, state: Option<CallbackState>) {
        if let Some(kept) = self.states.get_mut(self.called) {
            *kept = state;
        }
    }

    /// Takes the device away, if it is a GPU.
    #[cfg(test)]
    pub(crate) fn lose_device(&mut self) {
        if let super::device::Engine::Gpu(engine) = self.session.engine() {
            engine.lose();
        }
    }

    /// The first number of this epoch that no training goes on from: not finite, or above `limit` where layers are watched.
    pub(super) fn trouble(&self, limit: f32) -> Option<Trouble> {
        trouble(&self.losses, &self.watched, limit)
    }

    /// Whether steps are done when they are handed to the device, so that nothing is ever waited for.
    pub(super) fn is_immediate(&mut self) -> bool {
        self.session.engine().is_immediate()
    }
}

/// The result of a future, for which the thread waits.
fn wait<T>(call: &str, future: impl Future<Output = Result<T>>) -> Result<T> {
    if cfg!(target_arch = "wasm32") {
        let remedy = "read weights and logs before or after the training";
        return Err(Error::order(call, "a callback cannot wait for the device in a browser", remedy));
    }
    pollster::block_on(future)
}

impl<'a> Training<'a> {
    pub(super) fn new(
        model: &'a mut Model,
        session: &'a mut Session,
        passes: (&'a Pass, Option<&'a Pass>),
    ) -> Self {
        let ((pass, check), seed) = (passes, model.seed);
        Self {
            model,
            session,
            pass,
            check,
            epochs: 1,
            initial_epoch: 0,
            seed,
            shuffle: true,
            token: CancellationToken::new(),
            resumed: None,
            done: 0,
            within: false,
            losses: Vec::new(),
            watched: Vec::new(),
            stopped: false,
            reason: None,
            states: Vec::new(),
            called: 0,
        }
    }

    pub(super) async fn run(&mut self, callbacks: &mut [Box<dyn Callback>]) -> Result<History> {
        let mut history = History::default();
        self.each(callbacks, |callback, training| callback.on_train_begin(training))?;
        self.restore(callbacks)?;
        for epoch in self.initial_epoch..self.epochs {
            if self.token.is_cancelled() {
                history.cancel(&[]);
                break;
            }
            match self.epoch(epoch, callbacks).await? {
                Some(logs) => history.push(logs, &self.losses),
                None => history.cancel(&self.losses),
            }
            if self.stopped || history.is_cancelled() {
                break;
            }
        }
        self.model.checkpoint = Some(self.checkpoint().await?);
        // A training that was cancelled may go on: it keeps the weights that its optimizer works on.
        if !history.is_cancelled()
            && let Ok(optimizer) = self.model.compiled("fit")?.optimizer("fit")
            && let Some(average) = optimizers::average(optimizer)
        {
            self.session.adopt(average).await?;
        }
        self.each(callbacks, |callback, training| callback.on_train_end(training))?;
        history.stop_reason = self.reason.take();
        Ok(history)
    }

    /// Calls each callback, and keeps what it has gathered.
    fn each(
        &mut self,
        callbacks: &mut [Box<dyn Callback>],
        mut call: impl FnMut(&mut dyn Callback, &mut Self) -> Result<()>,
    ) -> Result<()> {
        self.states.resize(callbacks.len(), None);
        for (number, callback) in callbacks.iter_mut().enumerate() {
            self.called = number;
            call(callback.as_mut(), self)?;
            self.states[number] = callback.state();
        }
        Ok(())
    }

    /// Gives callbacks what those of the run before had gathered.
    fn restore(&mut self, callbacks: &mut [Box<dyn Callback>]) -> Result<()> {
        let mut states = self.resumed.as_ref().map_or(Vec::new(), |resumed| resumed.callbacks.clone());
        self.each(callbacks, |callback, _| {
            let own = callback.state();
            match states.iter().position(|state| own.as_ref().is_some_and(|own| own.kind == state.kind)) {
                Some(at) => callback.restore(states.remove(at)),
                None => Ok(()),
            }
        })
    }

    /// What epoch number `epoch` reports; nothing if it was cancelled before its end.
    async fn epoch(&mut self, epoch: usize, callbacks: &mut [Box<dyn Callback>]) -> Result<Option<Logs>> {
        self.done = self.resumed.as_ref().map_or(0, |resumed| resumed.done);
        self.within = true;
        match self.done {
            0 => self.each(callbacks, |callback, training| callback.on_epoch_begin(epoch, training))?,
            done => {
                self.each(callbacks, |callback, training| callback.on_epoch_resume(epoch, done, training))?
            }
        }
        if self.shuffle {
            let order = self.pass.order(self.seed, self.model.epoch);
            self.session.engine().set_order(self.pass.binding, &order)?;
        }
        let is_whole = self.run_steps(callbacks).await?;
        let outputs = self.outputs().await?;
        let mut logs = self.pass.logs(&outputs, self.done);
        self.losses = outputs.first().map_or(Vec::new(), |losses| losses[..self.done].to_vec());
        self.watched = self.pass.watched(&outputs);
        if !is_whole {
            return Ok(None);
        }
        self.model.epoch += 1;
        (self.within, self.resumed) = (false, None);
        if let Some(check) = self.check {
            // A report without validation would be half a report.
            let outputs = check.run(self.session, &CancellationToken::new()).await?;
            logs.insert_validation(check.logs(&outputs, check.count()));
        }
        tracing::info!(epoch, %logs, "epoch done");
        self.each(callbacks, |callback, training| callback.on_epoch_end(epoch, &mut logs, training))?;
        Ok(Some(logs))
    }

    /// What the steps of this epoch have reported, those of the run before among them.
    async fn outputs(&mut self) -> Result<Vec<Vec<f32>>> {
        let mut outputs = self.session.engine().outputs(self.pass.binding).await?;
        if let Some(resumed) = &self.resumed {
            resumed.put_reports(&self.pass.loaded.outputs, self.pass.count(), &mut outputs)?;
        }
        Ok(outputs)
    }

    /// Where the training stands.
    async fn checkpoint(&mut self) -> Result<Checkpoint> {
        let done = if self.within { self.done } else { 0 };
        let outputs = if done == 0 { Vec::new() } else { self.outputs().await? };
        let steps = self.pass.count();
        let named = self.pass.loaded.outputs.iter().zip(outputs);
        let outputs =
            named.map(|(name, values)| (name.clone(), values[..values.len() / steps * done].to_vec()));
        Ok(Checkpoint {
            seed: self.seed,
            shuffle: self.shuffle,
            batch_size: self.pass.batch_size(),
            rows: self.pass.rows(),
            done,
            outputs: outputs.collect(),
            callbacks: self.states.iter().flatten().cloned().collect(),
        })
    }

    /// Runs the steps of an epoch, in parts if a callback wants to see them. False if the training was cancelled first.
    async fn run_steps(&mut self, callbacks: &mut [Box<dyn Callback>]) -> Result<bool> {
        let count = self.pass.count();
        while self.done < count && !(self.stopped && self.done > 0) {
            let wanted = callbacks.iter().filter_map(|callback| callback.next_batch()).min();
            let end = wanted.map_or(count, |steps| (self.done + steps.max(1)).min(count));
            // Made part by part: a callback may have changed the learning rate.
            let steps = self.steps_of(self.done..end)?;
            self.session.newer = Newer::Device;
            let done = self.session.engine().run_until(self.pass.binding, &steps, &self.token).await?;
            self.model.step += done as u64;
            tracing::debug!(from = self.done, to = self.done + done, of = count, "steps run");
            self.done += done;
            if self.done < end {
                return Ok(false);
            }
            if wanted.is_some() {
                self.each(callbacks, |callback, training| callback.on_batch_end(end, training))?;
            }
        }
        Ok(true)
    }

    /// The steps numbered `range` in their epoch.
    fn steps_of(&self, range: std::ops::Range<usize>) -> Result<Vec<Step>> {
        let (compiled, names) = (self.model.compiled("fit")?, &self.pass.loaded.scalars);
        self.pass.steps(range, self.seed, self.model.step, |step| compiled.scalars(step + 1, names))
    }
}
