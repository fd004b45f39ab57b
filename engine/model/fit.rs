//! Training.

use std::sync::Arc;

use super::callback::Callback;
use super::examples::Examples;
use super::history::{History, Logs};
use super::options::FitOptions;
use super::pass::{Pass, permutation};
use super::sequential::{Purpose, Sequential};
use super::session::{Newer, Session};
use crate::data::split;
use crate::error::{Error, Result};
use crate::schedule::Step;
use crate::tensor::Tensor;
use crate::train::optimizers::Optimizer;

impl Sequential {
    /// Trains on `x` and `y`. Weights and what the optimizer remembers stay on the device for the next call.
    ///
    /// ```
    /// use gradus::{Adam, Dense, FitOptions, Sequential, Tensor};
    /// let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
    /// let y = Tensor::f32(&[4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
    /// let mut model = Sequential::new()
    ///     .add(Dense::new(8).activation("tanh"))
    ///     .add(Dense::new(1).activation("sigmoid"));
    /// model.compile(Adam::new(0.05), "binary_crossentropy", &["accuracy"])?;
    /// let history = model.fit(&x, &y, FitOptions::new().epochs(200).verbose(0))?;
    /// assert!(history.get("loss").unwrap()[199] < 0.1);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model is not compiled, the data do not fit it or hold NaN, an option lies outside its range, or
    /// the device fails.
    pub fn fit(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        y: impl Into<Arc<Tensor>>,
        options: FitOptions,
    ) -> Result<History> {
        pollster::block_on(self.fit_async(x, y, options))
    }

    /// [`Sequential::fit`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Sequential::fit`].
    pub async fn fit_async(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        y: impl Into<Arc<Tensor>>,
        mut options: FitOptions,
    ) -> Result<History> {
        self.compiled("fit")?;
        options.start()?;
        let (training, validation) = examples(x.into(), &y.into(), &options)?;
        let training = self.for_loss("fit", training)?;
        let validation = validation.map(|v| self.for_loss("fit: validation_data", v)).transpose()?;
        let mut session = self.start_session().await?;
        let result = self.train(&mut session, &training, validation.as_ref(), &mut options).await;
        self.session = Some(session);
        result
    }

    async fn train(
        &mut self,
        session: &mut Session,
        training: &Examples,
        validation: Option<&Examples>,
        options: &mut FitOptions,
    ) -> Result<History> {
        let pass = self.bind(session, Purpose::Training, training, options.batch_size)?;
        let check = validation.map(|v| self.bind(session, Purpose::Evaluation, v, options.batch_size));
        let check = check.transpose()?;
        let result = self.epochs(session, &pass, check.as_ref(), options).await;
        for pass in std::iter::once(&pass).chain(&check) {
            session.engine().release(pass.binding);
        }
        result
    }

    async fn epochs(
        &mut self,
        session: &mut Session,
        pass: &Pass,
        check: Option<&Pass>,
        options: &mut FitOptions,
    ) -> Result<History> {
        let mut history = History::default();
        for callback in &mut options.callbacks {
            callback.on_train_begin(options.epochs, pass.count());
        }
        for epoch in 0..options.epochs {
            options.callbacks.iter_mut().for_each(|callback| callback.on_epoch_begin(epoch));
            let (mut logs, losses) = self.epoch(session, pass, options).await?;
            if let Some(check) = check {
                let outputs = check.run(session).await?;
                for (name, value) in check.means(&outputs, check.count()).iter() {
                    logs.insert(&format!("val_{name}"), value);
                }
            }
            let mut stop = false;
            for callback in &mut options.callbacks {
                stop |= callback.on_epoch_end(epoch, &logs)?.is_break();
            }
            history.push(logs, &losses);
            if stop {
                break;
            }
        }
        Ok(history)
    }

    /// One epoch over the training samples: the means, and the loss of each step.
    async fn epoch(
        &mut self,
        session: &mut Session,
        pass: &Pass,
        options: &mut FitOptions,
    ) -> Result<(Logs, Vec<f32>)> {
        let seed = options.seed.unwrap_or(self.seed);
        if options.shuffle {
            let order = permutation(pass.rows(), seed, self.epoch);
            session.engine().set_order(pass.binding, &order)?;
        }
        let steps = self.training_steps(pass, seed)?;
        session.newer = Newer::Device;
        run(session, pass, &steps, &mut options.callbacks).await?;
        self.step += steps.len() as u64;
        self.epoch += 1;
        let mut outputs = session.engine().outputs(pass.binding).await?;
        let logs = pass.means(&outputs, pass.count());
        Ok((logs, outputs.swap_remove(0)))
    }

    fn training_steps(&self, pass: &Pass, seed: u64) -> Result<Vec<Step>> {
        let optimizer = self.compiled("fit")?.optimizer.as_ref();
        pass.steps(seed, self.step, |step| scalars(optimizer, step + 1, &pass.loaded.scalars))
    }
}

/// Runs `steps`, in parts if a callback wants to see them.
async fn run(
    session: &mut Session,
    pass: &Pass,
    steps: &[Step],
    callbacks: &mut [Box<dyn Callback>],
) -> Result<()> {
    let watched = callbacks.iter().any(|callback| callback.wants_batches());
    let immediate = session.engine().is_immediate();
    if !watched {
        return session.engine().run(pass.binding, steps).await;
    }
    // Reading a GPU's losses would wait for it: the bar then shows steps and time alone.
    let part = if immediate { 1 } else { steps.len().div_ceil(20) };
    let mut done = 0;
    for part in steps.chunks(part) {
        session.engine().run(pass.binding, part).await?;
        done += part.len();
        let outputs = if immediate { session.engine().outputs(pass.binding).await? } else { Vec::new() };
        let logs = pass.means(&outputs, done);
        callbacks.iter_mut().for_each(|callback| callback.on_batch_end(done, &logs));
    }
    Ok(())
}

/// The optimizer's numbers for step `step`, in the graph's order.
fn scalars(optimizer: &dyn Optimizer, step: u64, names: &[String]) -> Result<Vec<f32>> {
    let given = optimizer.scalars(step);
    let find = |name: &String| {
        given.iter().find(|(known, _)| known == name).map(|&(_, value)| value).ok_or_else(|| {
            let place = format!("optimizer {:?}", optimizer.name());
            Error::argument(place, "scalars", "without it", format!("a number called {name:?}"))
        })
    };
    names.iter().map(find).collect()
}

/// The samples to train on and those to validate on.
fn examples(x: Arc<Tensor>, y: &Arc<Tensor>, options: &FitOptions) -> Result<(Examples, Option<Examples>)> {
    let all = Examples::new("fit", x, y)?;
    if let Some((x, y)) = &options.validation_data {
        let validation = Examples::new("fit: validation_data", Arc::clone(x), y)?;
        return Ok((all, Some(validation)));
    }
    if options.validation_split == 0.0 {
        return Ok((all, None));
    }
    let parts = split(&all.x, y, options.validation_split)?;
    let part = |x, y| Examples { x: Arc::new(x), y: Some(Arc::new(y)) };
    Ok((part(parts.train_x, parts.train_y), Some(part(parts.validation_x, parts.validation_y))))
}
