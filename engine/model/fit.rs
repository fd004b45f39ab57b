//! Training.

use super::apart::apart;
use super::history::History;
use super::network::{Model, Purpose};
use super::options::FitOptions;
use super::run::Batch;
use super::samples::Samples;
use super::session::Session;
use super::tensors::Tensors;
use super::training::Training;
use crate::error::{Error, Result};

impl Model {
    /// Trains on `x` and `y`, or on a [`Dataset`](crate::data::Dataset) and `()`. Weights and what the optimizer remembers
    /// stay on the device for the next call.
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
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        options: FitOptions,
    ) -> Result<History> {
        pollster::block_on(self.fit_here(x.into(), y.into(), options))
    }

    /// [`Model::fit`] on a thread of its own, callbacks too: the caller's is free meanwhile. A future that is dropped ends the
    /// training after the step that is under way, and waits for that.
    ///
    /// # Errors
    /// As [`Model::fit`].
    pub async fn fit_async(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        mut options: FitOptions,
    ) -> Result<History> {
        let (x, y) = (x.into(), y.into());
        options.token = options.token.child_token();
        apart(self, options.token.clone(), async move |model: &mut Self| model.fit_here(x, y, options).await)
            .await
    }

    async fn fit_here(&mut self, x: Tensors, y: Tensors, mut options: FitOptions) -> Result<History> {
        self.compiled("fit")?;
        options.start(self.trained_epochs())?;
        let (training, validation) = samples(x, y, &options)?;
        let training = self.for_losses("fit", training)?.weighted_by_class(&options.class_weight)?;
        let validation = validation.map(|v| self.for_losses("fit: validation_data", v)).transpose()?;
        let mut session = self.start_session().await?;
        let result = self.train(&mut session, &training, validation.as_ref(), &mut options).await;
        self.keep(session);
        result
    }

    async fn train(
        &mut self,
        session: &mut Session,
        training: &Samples,
        validation: Option<&Samples>,
        options: &mut FitOptions,
    ) -> Result<History> {
        let batch_size = training.batch_size("fit", options.batch_size)?;
        let purpose = match options.callbacks.iter().any(|callback| callback.watches_layers()) {
            true => Purpose::WatchedTraining,
            false => Purpose::Training,
        };
        let pass = self.bind(session, purpose, training, Batch::of(training, batch_size))?;
        let check = validation.map(|v| {
            let asked = if v.is_batched() { None } else { Some(batch_size) };
            let size = v.batch_size("fit: validation_data", asked)?;
            self.bind(session, Purpose::Evaluation, v, Batch::of(v, size))
        });
        let check = check.transpose()?;
        let mut callbacks = std::mem::take(&mut options.callbacks);
        let resumed = self.checkpoint.take().filter(|_| options.resume);
        let seed = options.seed.or(resumed.as_ref().map(|resumed| resumed.seed)).unwrap_or(self.seed);
        let can_resume =
            resumed.as_ref().map_or(Ok(()), |resumed| resumed.check(&pass, options.shuffle, seed));
        let mut training = Training::new(self, session, (&pass, check.as_ref()));
        training.epochs = options.epochs;
        training.initial_epoch = options.initial_epoch;
        training.shuffle = options.shuffle;
        training.token = options.token.clone();
        (training.seed, training.resumed) = (seed, resumed);
        let result = match can_resume {
            Ok(()) => training.run(&mut callbacks).await,
            Err(error) => {
                training.model.checkpoint = training.resumed.take();
                Err(error)
            }
        };
        for pass in std::iter::once(&pass).chain(&check) {
            session.engine().release(pass.binding);
        }
        result
    }
}

/// The samples to train on and those to validate on.
fn samples(x: Tensors, y: Tensors, options: &FitOptions) -> Result<(Samples, Option<Samples>)> {
    let all = Samples::new("fit", x, y)?.weighted("fit", options.sample_weight.clone())?;
    if let Some((x, y)) = &options.validation_data {
        let call = "fit: validation_data";
        let validation = Samples::new(call, x.clone(), y.clone())?;
        return Ok((all, Some(validation.weighted(call, options.validation_sample_weight.clone())?)));
    }
    if options.validation_sample_weight.is_some() {
        let problem = "there are weights of validation samples, but no validation_data";
        return Err(Error::order("fit", problem, "give validation_data, or sample_weight of all samples"));
    }
    if options.validation_split == 0.0 {
        return Ok((all, None));
    }
    let [training, validation] = all.part(options.validation_split)?;
    Ok((training, Some(validation)))
}
