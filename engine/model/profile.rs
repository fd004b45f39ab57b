//! Where the time goes, kernel by kernel.

use std::fmt;

use serde_json::{Value, json};

use super::network::{Model, Purpose};
use super::pass::Pass;
use super::run::Batch;
use super::samples::Samples;
use super::session::{Newer, Session};
use super::tensors::Tensors;
use crate::error::{Error, Result};
use crate::schedule::Contraction;

/// The time of one kernel in a step, beside what it has to do.
#[derive(Clone, Debug, PartialEq)]
pub struct KernelTime {
    /// Its name, as [`Model::explain`] has it.
    pub name: String,
    /// The median over the steps.
    pub seconds: f64,
    /// Floating-point operations of a full batch: two for each multiply and add.
    pub flops: u64,
    /// Bytes that a full batch must read and write.
    pub bytes: u64,
}

/// What [`Model::profile`] has measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The device, and why it is this one.
    pub device: String,
    /// Samples in a step.
    pub batch: usize,
    /// All kernels, in the order in which they run.
    pub kernels: Vec<KernelTime>,
}

impl Profile {
    /// Seconds of all kernels together.
    pub fn seconds(&self) -> f64 {
        self.kernels.iter().map(|kernel| kernel.seconds).sum()
    }

    /// The step in Chrome's trace format, for `chrome://tracing` or Perfetto: kernels one after the other.
    pub fn to_chrome_trace(&self) -> Value {
        let mut start = 0.0;
        let events = self.kernels.iter().map(|kernel| {
            let microseconds = kernel.seconds * 1e6;
            let event = json!({
                "name": kernel.name, "ph": "X", "ts": start, "dur": microseconds, "pid": 0, "tid": 0,
                "args": { "flops": kernel.flops, "bytes": kernel.bytes },
            });
            start += microseconds;
            event
        });
        let events: Vec<Value> = events.collect();
        json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": { "device": self.device } })
    }
}

impl fmt::Display for Profile {
    /// The roofline as a table: what each kernel reaches of arithmetic and of memory, and how much arithmetic it does for
    /// each byte.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.kernels.iter().map(|k| k.name.chars().count()).max().unwrap_or(0).max(6);
        writeln!(f, "Device: {}", self.device)?;
        writeln!(
            f,
            "{:<width$} {:>10} {:>6} {:>9} {:>9} {:>10}",
            "kernel", "µs", "%", "GFLOP/s", "GB/s", "FLOP/byte"
        )?;
        let total = self.seconds();
        for KernelTime { name, seconds, flops, bytes } in &self.kernels {
            let (flops, bytes) = (*flops as f64, *bytes as f64);
            let (micros, share) = (seconds * 1e6, seconds / total * 100.0);
            let (arithmetic, memory) = (flops / seconds * 1e-9, bytes / seconds * 1e-9);
            let intensity = flops / bytes.max(1.0);
            writeln!(
                f,
                "{name:<width$} {micros:>10.1} {share:>6.1} {arithmetic:>9.2} {memory:>9.2} {intensity:>10.2}"
            )?;
        }
        let flops: u64 = self.kernels.iter().map(|kernel| kernel.flops).sum();
        let rate = flops as f64 / total * 1e-9;
        writeln!(f, "{:.3} ms a step of {} samples, {rate:.2} GFLOP/s in all", total * 1e3, self.batch)
    }
}

impl Model {
    /// Measures each kernel over `steps` steps of one batch, all samples of `x`: of a training step if there are targets
    /// `y`, else of a prediction. Weights are as before when it is done; what the optimizer remembers starts anew.
    ///
    /// ```
    /// use gradus::{Dense, Sequential, Tensor};
    /// let mut model = Sequential::new().add(Dense::new(8).activation("relu")).add(Dense::new(1));
    /// model.compile("sgd", "mean_squared_error", &[])?;
    /// let (x, y) = (Tensor::f32(&[4, 2], vec![0.5; 8])?, Tensor::f32(&[4, 1], vec![1.0; 4])?);
    /// println!("{}", model.profile(x, Some(y.into()), 10)?);
    /// # Ok::<(), gradus::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `steps` is 0, the data do not fit the model, it is not compiled though there are targets, or the adapter has no
    /// clock.
    pub fn profile(&mut self, x: impl Into<Tensors>, y: Option<Tensors>, steps: usize) -> Result<Profile> {
        pollster::block_on(self.profile_async(x, y, steps))
    }

    /// [`Model::profile`] without blocking the thread.
    ///
    /// # Errors
    /// As [`Model::profile`].
    pub async fn profile_async(
        &mut self,
        x: impl Into<Tensors>,
        y: Option<Tensors>,
        steps: usize,
    ) -> Result<Profile> {
        if steps == 0 {
            return Err(Error::argument("profile", "steps", 0, "at least 1"));
        }
        self.profile_and_contractions(x.into(), y, steps).await.map(|(profile, _)| profile)
    }

    /// The products and convolutions of a training step over one batch, all samples of `x`, if there are targets `y`, else
    /// of a prediction: what [`Device::tune`](super::Device::tune) can search for. The step is run once, and changes nothing.
    ///
    /// # Errors
    /// As [`Model::profile`].
    pub fn contractions(&mut self, x: impl Into<Tensors>, y: Option<Tensors>) -> Result<Vec<Contraction>> {
        pollster::block_on(self.profile_and_contractions(x.into(), y, 1))
            .map(|(_, contractions)| contractions)
    }

    async fn profile_and_contractions(
        &mut self,
        x: Tensors,
        y: Option<Tensors>,
        steps: usize,
    ) -> Result<(Profile, Vec<Contraction>)> {
        let (purpose, samples) = match y {
            Some(y) => {
                self.compiled("profile")?;
                (Purpose::Training, self.for_losses("profile", Samples::new("profile", x, y)?)?)
            }
            None => (Purpose::Prediction, Samples::without_targets("profile", x)?),
        };
        self.build_rows(&samples)?;
        let weights = self.get_weights_async().await?;
        let mut session = self.start_session().await?;
        let result = self.profile_in(&mut session, purpose, &samples, steps).await;
        if purpose == Purpose::Training {
            session.start_over()?;
            session.newer = Newer::Host;
        }
        self.keep(session);
        self.put_weights(&weights)?;
        result
    }

    async fn profile_in(
        &self,
        session: &mut Session,
        purpose: Purpose,
        samples: &Samples,
        steps: usize,
    ) -> Result<(Profile, Vec<Contraction>)> {
        let pass = self.bind(session, purpose, samples, Batch::of(samples, samples.rows()))?;
        let times = self.times(session, &pass, steps).await;
        session.engine().release(pass.binding);
        let median = |kernel: usize, times: &[Vec<f64>]| {
            let mut all: Vec<f64> = times.iter().map(|step| step[kernel]).collect();
            all.sort_by(f64::total_cmp);
            all[all.len() / 2]
        };
        let times = times?;
        let kernel = |(i, cost): (usize, crate::schedule::Cost)| KernelTime {
            name: cost.name,
            seconds: median(i, &times),
            flops: cost.flops,
            bytes: cost.bytes,
        };
        let kernels = pass.loaded.costs.iter().cloned().enumerate().map(kernel).collect();
        let profile = Profile { device: session.opened.describe(), batch: samples.rows(), kernels };
        Ok((profile, pass.loaded.contractions.clone()))
    }

    /// Seconds of each kernel in each of `steps` steps; one more before them warms up.
    async fn times(&self, session: &mut Session, pass: &Pass, steps: usize) -> Result<Vec<Vec<f64>>> {
        let scalars = |step: u64| match &self.compiled {
            Some(compiled) => compiled.scalars(step + 1, &pass.loaded.scalars),
            None => Ok(Vec::new()),
        };
        let mut times = Vec::with_capacity(steps);
        for number in 0..=steps as u64 {
            let step = pass.steps(0..1, self.seed, number, scalars)?;
            let seconds = session.engine().profile(pass.binding, &step[0]).await?;
            if number > 0 {
                times.push(seconds);
            }
        }
        Ok(times)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::layers::Dense;
    use crate::model::{Device, Sequential};
    use crate::tensor::Tensor;

    #[test]
    fn every_kernel_is_timed_and_the_weights_stay() -> Result<()> {
        let mut model = Sequential::new().add(Dense::new(8).activation("tanh")).add(Dense::new(1));
        model = model.device(Device::cpu());
        model.compile("adam", "mean_squared_error", &[])?;
        let (x, y) = (Tensor::f32(&[4, 2], vec![0.5; 8])?, Tensor::f32(&[4, 1], vec![1.0; 4])?);
        model.build(&[2])?;
        let before = model.get_weights()?;
        let profile = model.profile(&x, Some(y.into()), 3)?;
        assert_eq!(model.get_weights()?, before);
        assert!(profile.kernels.len() > 2 && profile.kernels.iter().all(|k| k.seconds > 0.0), "{profile}");
        assert!(profile.to_string().contains("GFLOP/s in all"));
        let trace = profile.to_chrome_trace();
        assert_eq!(trace["traceEvents"].as_array().map(Vec::len), Some(profile.kernels.len()));
        assert!(model.profile(&x, None, 0).is_err());
        Ok(())
    }
}
