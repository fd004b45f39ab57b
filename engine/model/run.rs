//! Evaluation and prediction, and the way to the device that all runs share.

use super::apart::apart;
use super::compiled::{Compiled, Goal};
use super::device::Device;
use super::examples::Form;
use super::history::Logs;
use super::network::{Model, Purpose, check_single};
use super::pass::Pass;
use super::samples::Samples;
use super::session::{Layout, Newer, Session};
use super::tensors::Tensors;
use crate::cancellation::CancellationToken;
use crate::error::{Error, Result};
use crate::graph::Element;
use crate::stream::Stored;
use crate::tensor::Tensor;

/// How many samples a step takes, and how many its plan has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    pub size: usize,
    pub most: usize,
}

impl Batch {
    /// Batches of `size`, planned for no more than there are `samples`.
    pub fn of(samples: &Samples, size: usize) -> Self {
        Self { size, most: size.min(samples.rows()) }
    }
}

impl Model {
    /// Loss and metrics over `x` and `y`, in batches of `batch_size`, by default 32 or what a data set says. Every sample weighs
    /// alike. `x` is `[samples, …]`, one tensor for each input, and `y` likewise for each output; or a
    /// [`Dataset`](crate::data::Dataset) and `()`.
    ///
    /// ```
    /// use gradus::{Dense, Sequential, Tensor};
    /// let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
    /// let labels = Tensor::u32(&[4], vec![0, 1, 1, 0])?;
    /// let mut model = Sequential::new().add(Dense::new(2).activation("softmax"));
    /// model.compile("sgd", "sparse_categorical_crossentropy", &["accuracy"])?;
    /// let logs = model.evaluate(&x, &labels, None)?;
    /// let (loss, accuracy) = (logs.get("loss").unwrap(), logs.get("accuracy").unwrap());
    /// assert!(loss > 0.0 && (0.0..=1.0).contains(&accuracy));
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model is not compiled, the data do not fit it or hold NaN, or the device fails.
    pub fn evaluate(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        let samples = Samples::new("evaluate", x.into(), y.into())?;
        pollster::block_on(self.evaluate_samples(samples, batch_size.into(), &CancellationToken::new()))
    }

    /// [`Model::evaluate`] on a thread of its own: the caller's is free meanwhile.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub async fn evaluate_async(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        let (x, y, batch_size, token) = (x.into(), y.into(), batch_size.into(), CancellationToken::new());
        apart(self, token.clone(), async move |model: &mut Self| {
            model.evaluate_samples(Samples::new("evaluate", x, y)?, batch_size, &token).await
        })
        .await
    }

    /// [`Model::evaluate`] with a weight for each sample in the loss, as in
    /// [`FitOptions::sample_weight`](super::FitOptions::sample_weight).
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub fn evaluate_weighted(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        sample_weight: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        let samples = Samples::new("evaluate", x.into(), y.into())?;
        let samples = samples.weighted("evaluate", Some(sample_weight.into()))?;
        pollster::block_on(self.evaluate_samples(samples, batch_size.into(), &CancellationToken::new()))
    }

    async fn evaluate_samples(
        &mut self,
        samples: Samples,
        batch_size: Option<usize>,
        token: &CancellationToken,
    ) -> Result<Logs> {
        self.compiled("evaluate")?;
        let samples = self.for_losses("evaluate", samples)?;
        let batch = batch("evaluate", &samples, batch_size)?;
        let (outputs, pass) = self.run(Purpose::Evaluation, &samples, batch, token).await?;
        Ok(pass.logs(&outputs, pass.count()))
    }

    /// The output of a model that has one for every sample of `x`, `[samples, …]`, in batches of `batch_size`, by
    /// default 32 or what a data set says. `x` is `[samples, …]`, one tensor for each input. A model need not be compiled or
    /// trained for that.
    ///
    /// ```
    /// use gradus::{Dense, Sequential, Tensor};
    /// let mut model = Sequential::new().add(Dense::new(3).activation("softmax"));
    /// let samples = Tensor::f32(&[2, 4], vec![0.5; 8])?;
    /// let probabilities = model.predict(&samples, None)?;
    /// assert_eq!(probabilities.shape(), [2, 3]);
    /// let first = probabilities.slice_rows(0..1)?.to_f32();
    /// assert!((first.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the data do not fit the model or hold NaN, the device fails, or the model has several outputs, for which
    /// there is [`Model::predict_each`].
    pub fn predict(&mut self, x: impl Into<Tensors>, batch_size: impl Into<Option<usize>>) -> Result<Tensor> {
        check_single(self)?;
        Ok(self.predict_each(x, batch_size)?.swap_remove(0))
    }

    /// [`Model::predict`] on a thread of its own: the caller's is free meanwhile.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub async fn predict_async(
        &mut self,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        check_single(self)?;
        Ok(self.predict_each_async(x, batch_size).await?.swap_remove(0))
    }

    /// [`Model::predict`] for models of several outputs: a tensor for each, in order.
    ///
    /// # Errors
    /// If the data do not fit the model or hold NaN, or the device fails.
    pub fn predict_each(
        &mut self,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Vec<Tensor>> {
        pollster::block_on(self.predict_rows(x.into(), batch_size.into(), None, &CancellationToken::new()))
    }

    /// [`Model::predict_each`] on a thread of its own: the caller's is free meanwhile.
    ///
    /// # Errors
    /// As [`Model::predict_each`].
    pub async fn predict_each_async(
        &mut self,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Vec<Tensor>> {
        let (x, batch_size, token) = (x.into(), batch_size.into(), CancellationToken::new());
        apart(self, token.clone(), async move |model: &mut Self| {
            model.predict_rows(x, batch_size, None, &token).await
        })
        .await
    }

    /// Predictions in batches of `batch_size`, by a program that has room for `most`, if that is given.
    pub(super) async fn predict_rows(
        &mut self,
        x: Tensors,
        batch_size: impl Into<Option<usize>>,
        most: Option<usize>,
        token: &CancellationToken,
    ) -> Result<Vec<Tensor>> {
        let samples = Samples::without_targets("predict", x)?;
        self.build_rows(&samples)?;
        let mut batch = batch("predict", &samples, batch_size.into())?;
        batch.most = most.unwrap_or(batch.most);
        let (outputs, _) = self.run(Purpose::Prediction, &samples, batch, token).await?;
        self.as_tensors(outputs, samples.rows())
    }

    /// What the model gives for `x` in the midst of a run on `session`, which has its newest weights.
    pub(super) async fn predict_in(&self, session: &mut Session, x: Tensors) -> Result<Vec<Tensor>> {
        let samples = Samples::without_targets("predict", x)?;
        self.network.check_inputs(&self.network.place_of_model(), &samples.row_shapes())?;
        let batch = batch("predict", &samples, None)?;
        let (outputs, _) =
            self.run_in(session, Purpose::Prediction, &samples, batch, &CancellationToken::new()).await?;
        self.as_tensors(outputs, samples.rows())
    }

    fn as_tensors(&self, outputs: Vec<Vec<f32>>, rows: usize) -> Result<Vec<Tensor>> {
        let tensors = outputs.into_iter().zip(self.output_shapes());
        tensors.map(|(values, row)| Tensor::f32(&[&[rows], row].concat(), values)).collect()
    }

    /// The device that the model runs on and why, such as `CPU, 2 threads, AVX2 (no GPU adapter was found)`.
    /// Opens the device if it is not open yet.
    ///
    /// # Errors
    /// If the device asked for is not there.
    pub fn describe_device(&mut self) -> Result<String> {
        let session = match self.session.take() {
            Some(session) => session,
            None => pollster::block_on(self.open())?,
        };
        Ok(self.session.insert(session).opened.describe())
    }

    /// The programs that ran last, kernel by kernel, and what the device has done so far: a text to be read, whose form may
    /// change. It says of each kernel what it computes, its tile and why that one, arithmetic and bytes; and the memory in all.
    ///
    /// ```
    /// use gradus::{Dense, Sequential, Tensor};
    /// let mut model = Sequential::new().add(Dense::new(3).activation("relu"));
    /// model.predict(Tensor::f32(&[2, 4], vec![0.5; 8])?, None)?;
    /// let text = model.explain()?;
    /// assert!(text.contains("batches of up to 2"), "{text}");
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the model has not run yet.
    pub fn explain(&self) -> Result<String> {
        let remedy = "call `fit`, `evaluate` or `predict` first";
        let session = self.session.as_ref();
        session.map(Session::explain).ok_or_else(|| Error::order("explain", "nothing has run yet", remedy))
    }

    async fn run(
        &mut self,
        purpose: Purpose,
        samples: &Samples,
        batch: Batch,
        token: &CancellationToken,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let mut session = self.start_session().await?;
        let result = self.run_in(&mut session, purpose, samples, batch, token).await;
        self.keep(session);
        result
    }

    async fn run_in(
        &self,
        session: &mut Session,
        purpose: Purpose,
        samples: &Samples,
        batch: Batch,
        token: &CancellationToken,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let pass = self.bind(session, purpose, samples, batch)?;
        if pass.loaded.changes {
            session.newer = Newer::Device;
        }
        let outputs = pass.run(session, token).await;
        session.engine().release(pass.binding);
        Ok((outputs?, pass))
    }

    /// The program for `purpose`, bound to `samples`.
    pub(super) fn bind(
        &self,
        session: &mut Session,
        purpose: Purpose,
        samples: &Samples,
        batch: Batch,
    ) -> Result<Pass> {
        let given = (purpose, self.network.outputs.as_slice());
        let loaded = session.load(given, samples, batch, |stored| self.lower(purpose, stored))?;
        let reports = self.reports(purpose, &loaded.outputs);
        Pass::new(session, loaded, reports, samples, batch.size)
    }

    /// Builds the model for `samples` and brings the targets into the form that the losses compare.
    pub(super) fn for_losses(&mut self, call: &str, samples: Samples) -> Result<Samples> {
        self.build_rows(&samples)?;
        match &self.compiled(call)?.goal {
            Goal::Objectives(objectives) => {
                samples.in_form(call, &Form::of(objectives, &self.output_shapes()))
            }
            Goal::Custom(_) => samples.in_form(call, &Form::Custom),
        }
    }

    pub(super) fn build_rows(&mut self, samples: &Samples) -> Result<()> {
        self.build_for(&samples.row_shapes())
    }

    async fn open(&self) -> Result<Session> {
        let device = self.device.clone().map_or_else(Device::from_environment, Ok)?;
        let opened = device.open().await?;
        tracing::info!(device = opened.describe(), "device opened");
        Ok(Session::new(opened))
    }

    /// Keeps `session` for the next call, unless its device is lost: that call then opens it anew, with the weights that the
    /// host had last.
    pub(super) fn keep(&mut self, session: Session) {
        self.session = (!session.opened.engine.is_broken()).then_some(session);
    }

    /// How weights and what the optimizer remembers lie on the device.
    pub(super) fn layout(&self) -> Result<Layout> {
        let rows = self.network.inputs.iter().map(|port| port.shape.clone().unwrap_or_default());
        let stored: Vec<Stored> = rows.map(|row| Stored { row, element: Element::F32, scale: 1.0 }).collect();
        let slots = self.compiled.as_ref().map(Compiled::slots);
        Ok(Layout::new(&self.lower(Purpose::Prediction, &stored)?, slots.unwrap_or_default()))
    }

    /// The session with this model's weights, taken out of the model while it runs.
    pub(super) async fn start_session(&mut self) -> Result<Session> {
        let layout = self.layout()?;
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        match session.prepare(layout, &mut self.built).await {
            Ok(()) => {
                if let Some(slots) = self.remembered.take() {
                    session.remember(&slots)?;
                }
                Ok(session)
            }
            Err(error) => {
                self.keep(session);
                Err(error)
            }
        }
    }
}

/// Batches of `batch_size` for `call`, or of the default size.
fn batch(call: &str, samples: &Samples, batch_size: Option<usize>) -> Result<Batch> {
    Ok(Batch::of(samples, samples.batch_size(call, batch_size)?))
}
