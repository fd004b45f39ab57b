//! Evaluation and prediction, and the way to the device that all runs share.

use std::sync::Arc;

use super::device::Device;
use super::examples::Examples;
use super::history::Logs;
use super::lower::Stored;
use super::options::{BATCH_SIZE, check_batch_size};
use super::pass::Pass;
use super::sequential::{Purpose, Sequential};
use super::session::{Layout, Newer, Session};
use crate::error::{Error, Result};
use crate::graph::Element;
use crate::tensor::Tensor;
use crate::train::optimizers;

impl Sequential {
    /// Loss and metrics over `x` and `y`, in batches of `batch_size`, by default 32. Every sample weighs alike.
    ///
    /// # Errors
    /// If the model is not compiled, the data do not fit it or hold NaN, or the device fails.
    pub fn evaluate(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        y: impl Into<Arc<Tensor>>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        pollster::block_on(self.evaluate_async(x, y, batch_size))
    }

    /// [`Sequential::evaluate`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Sequential::evaluate`].
    pub async fn evaluate_async(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        y: impl Into<Arc<Tensor>>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Logs> {
        self.compiled("evaluate")?;
        let examples = Examples::new("evaluate", x.into(), &y.into())?;
        let examples = self.for_loss("evaluate", examples)?;
        let (outputs, pass) = self.run(Purpose::Evaluation, &examples, batch_size.into(), "evaluate").await?;
        Ok(pass.means(&outputs, pass.count()))
    }

    /// The model's output for every sample of `x`, `[samples, …]`, in batches of `batch_size`, by default 32.
    /// A model need not be compiled or trained for that.
    ///
    /// # Errors
    /// If the data do not fit the model or hold NaN, or the device fails.
    pub fn predict(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        pollster::block_on(self.predict_async(x, batch_size))
    }

    /// [`Sequential::predict`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Sequential::predict`].
    pub async fn predict_async(
        &mut self,
        x: impl Into<Arc<Tensor>>,
        batch_size: impl Into<Option<usize>>,
    ) -> Result<Tensor> {
        let examples = Examples::samples("predict", x.into())?;
        self.build(&examples.stored().row)?;
        let (mut outputs, _) = self.run(Purpose::Prediction, &examples, batch_size.into(), "predict").await?;
        Tensor::f32(&[&[examples.rows()], self.output_shape()].concat(), outputs.swap_remove(0))
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
        examples: &Examples,
        batch_size: Option<usize>,
        call: &str,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let batch_size = batch_size.unwrap_or(BATCH_SIZE);
        check_batch_size(call, batch_size)?;
        let mut session = self.start_session().await?;
        let result = self.run_in(&mut session, purpose, examples, batch_size).await;
        self.session = Some(session);
        result
    }

    async fn run_in(
        &self,
        session: &mut Session,
        purpose: Purpose,
        examples: &Examples,
        batch_size: usize,
    ) -> Result<(Vec<Vec<f32>>, Pass)> {
        let pass = self.bind(session, purpose, examples, batch_size)?;
        if pass.loaded.changes {
            session.newer = Newer::Device;
        }
        let outputs = pass.run(session).await;
        session.engine().release(pass.binding);
        Ok((outputs?, pass))
    }

    /// The program for `purpose`, bound to `examples`.
    pub(super) fn bind(
        &self,
        session: &mut Session,
        purpose: Purpose,
        examples: &Examples,
        batch_size: usize,
    ) -> Result<Pass> {
        let (stored, max_batch) = (examples.stored(), batch_size.min(examples.rows()));
        let loaded = session.load(purpose, &stored, max_batch, || self.lower(purpose, &stored))?;
        Pass::new(session, loaded, examples, batch_size)
    }

    /// Builds the model for `examples` and brings the targets into the form that the loss compares.
    pub(super) fn for_loss(&mut self, call: &str, examples: Examples) -> Result<Examples> {
        self.build(&examples.stored().row)?;
        examples.for_loss(call, self.compiled(call)?.loss.as_ref(), self.output_shape())
    }

    fn output_shape(&self) -> &[usize] {
        self.built.last().map_or(&[], |layer| &layer.output)
    }

    async fn open(&self) -> Result<Session> {
        let device = self.device.clone().map_or_else(Device::from_environment, Ok)?;
        Ok(Session::new(device.open().await?))
    }

    /// The session with this model's weights, taken out of the model while it runs.
    pub(super) async fn start_session(&mut self) -> Result<Session> {
        let row = self.input_shape.clone().unwrap_or_default();
        let stored = Stored { row, element: Element::F32, scale: 1.0 };
        let slots = self.compiled.as_ref().map(|compiled| optimizers::slots(compiled.optimizer.as_ref()));
        let layout = Layout::new(&self.lower(Purpose::Prediction, &stored)?, slots.unwrap_or_default());
        let mut session = match self.session.take() {
            Some(session) => session,
            None => self.open().await?,
        };
        match session.prepare(layout, &mut self.built).await {
            Ok(()) => Ok(session),
            Err(error) => {
                self.session = Some(session);
                Err(error)
            }
        }
    }
}
