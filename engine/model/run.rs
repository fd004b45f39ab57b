//! Evaluation and prediction, and the way to the device that all runs share.

use super::compiled::{Compiled, Goal};
use super::device::Device;
use super::examples::Form;
use super::history::Logs;
use super::network::{Model, Purpose};
use super::pass::Pass;
use super::samples::Samples;
use super::session::{Layout, Newer, Session};
use super::tensors::Tensors;
use crate::error::{Error, Result};
use crate::graph::Element;
use crate::stream::Stored;
use crate::tensor::Tensor;

impl Model {
    /// Loss and metrics over `x` and `y`, in batches of `batch_size`, by default 32. Every sample weighs alike.
    ///
    /// # Errors
    /// If the model is not compiled, the data do not fit it or hold NaN, or the device fails.
    pub fn evaluate(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        pollster::block_on(self.evaluate_async(x, y, batch_size))
    }

    /// [`Model::evaluate`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::evaluate`].
    pub async fn evaluate_async(
        &mut self,
        x: impl Into<Tensors>,
        y: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        self.evaluate_samples(Samples::new("evaluate", x.into(), y.into())?, batch_size.into()).await
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
        pollster::block_on(self.evaluate_samples(samples, batch_size.into()))
    }

    async fn evaluate_samples(&mut self, samples: Samples, batch_size: Option<usize>) -> Result<Logs> {
        self.compiled("evaluate")?;
        let samples = self.for_losses("evaluate", samples)?;
        let (outputs, pass) = self.run(Purpose::Evaluation, &samples, batch_size, "evaluate").await?;
        Ok(pass.logs(&outputs, pass.count()))
    }

    /// The output of a model that has one for every sample of `x`, `[samples, …]`, in batches of `batch_size`, by
    /// default 32. A model need not be compiled or trained for that.
    ///
    /// # Errors
    /// If the data do not fit the model or hold NaN, the device fails, or the model has several outputs, for which
    /// there is [`Model::predict_each`].
    pub fn predict(&mut self, x: impl Into<Tensors>, batch_size: impl Into<Option<usize>>) -> Result<Tensor> {
        pollster::block_on(self.predict_async(x, batch_size))
    }

    /// [`Model::predict`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::predict`].
    pub async fn predict_async(
        &mut self,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        if self.outputs.len() > 1 {
            let expected = "1: call `predict_each`";
            return Err(Error::argument("predict", "number of outputs", self.outputs.len(), expected));
        }
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
        pollster::block_on(self.predict_each_async(x, batch_size))
    }

    /// [`Model::predict_each`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::predict_each`].
    pub async fn predict_each_async(
        &mut self,
        x: impl Into<Tensors>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Vec<Tensor>> {
        let samples = Samples::without_targets("predict", x.into())?;
        self.build_rows(&samples)?;
        let (outputs, _) = self.run(Purpose::Prediction, &samples, batch_size.into(), "predict").await?;
        let shapes = self.output_shapes();
        let tensors = outputs.into_iter().zip(shapes);
        tensors.map(|(values, row)| Tensor::f32(&[&[samples.rows()], row].concat(), values)).collect()
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

    /// The programs that ran last, kernel by kernel, and what the device has done so far.
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
        batch_size: Option<usize>,
        call: &str,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let batch_size = samples.batch_size(call, batch_size)?;
        let mut session = self.start_session().await?;
        let result = self.run_in(&mut session, purpose, samples, batch_size).await;
        self.session = Some(session);
        result
    }

    async fn run_in(
        &self,
        session: &mut Session,
        purpose: Purpose,
        samples: &Samples,
        batch_size: usize,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let pass = self.bind(session, purpose, samples, batch_size)?;
        if pass.loaded.changes {
            session.newer = Newer::Device;
        }
        let outputs = pass.run(session).await;
        session.engine().release(pass.binding);
        Ok((outputs?, pass))
    }

    /// The program for `purpose`, bound to `samples`.
    pub(super) fn bind(
        &self,
        session: &mut Session,
        purpose: Purpose,
        samples: &Samples,
        batch_size: usize,
    ) -> Result<Pass> {
        let (stored, max_batch) = (samples.stored(), batch_size.min(samples.rows()));
        let loaded = session.load(purpose, &stored, max_batch, || self.lower(purpose, &stored))?;
        let reports = self.reports(purpose, &loaded.outputs);
        Pass::new(session, loaded, reports, samples, batch_size)
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
        self.build_for(&samples.input_rows())
    }

    async fn open(&self) -> Result<Session> {
        let device = self.device.clone().map_or_else(Device::from_environment, Ok)?;
        Ok(Session::new(device.open().await?))
    }

    /// How weights and what the optimizer remembers lie on the device.
    pub(super) fn layout(&self) -> Result<Layout> {
        let rows = self.inputs.iter().map(|port| port.shape.clone().unwrap_or_default());
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
                self.session = Some(session);
                Err(error)
            }
        }
    }
}
