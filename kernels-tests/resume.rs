//! A training stopped after any step goes on, in a process that has nothing but the file, as if it had never stopped.

use crate::CancellationToken;
use crate::error::Result;
use crate::graph::random::philox;
use crate::layers::{BatchNormalization, Dense, Dropout, SimpleRNN};
use crate::model::callbacks::{EarlyStopping, LearningRateScheduler, ReduceLROnPlateau};
use crate::model::{Callback, Device, FitOptions, History, Model, Sequential, Training};
use crate::tensor::Tensor;
use crate::train::optimizers::{Adam, Optimizer};

const EPOCHS: usize = 6;
/// Of 19 training samples in batches of 4.
const STEPS: usize = 5;

/// Cancels after so many steps.
struct Stop {
    after: usize,
    done: usize,
    token: CancellationToken,
}

impl Callback for Stop {
    fn next_batch(&self) -> Option<usize> {
        Some(1)
    }

    fn on_batch_end(&mut self, _done: usize, _training: &mut Training<'_>) -> Result<()> {
        self.done += 1;
        if self.done == self.after {
            self.token.cancel();
        }
        Ok(())
    }
}

fn draw(seed: u32, shape: &[usize]) -> Tensor {
    let count: usize = shape.iter().product();
    let number = |i: usize| philox([i as u32, 0, 0, 0], [seed, 0])[0] as f32 / u32::MAX as f32;
    Tensor::f32(shape, (0..count).map(number).collect()).unwrap()
}

/// Every kind of state: dropout, moving averages, gathered gradients, a mean of weights, sums of metrics.
fn fresh(device: Device) -> Result<Model> {
    let mut model = Sequential::new()
        .add(Dense::new(7).activation("relu"))
        .add(BatchNormalization::new())
        .add(Dropout::new(0.3))
        .add(Dense::new(1).activation("sigmoid"))
        .seed(5)
        .device(device);
    let adam = Adam::new(0.01).gradient_accumulation_steps(3).use_ema(true);
    model.compile(adam, "binary_crossentropy", &["accuracy", "auc", "mean_absolute_error"])?;
    Ok(model.into())
}

fn options() -> FitOptions {
    // The loss of these random targets falls and rises: rates fall, and the best weights are not the last.
    FitOptions::new()
        .epochs(EPOCHS)
        .batch_size(4)
        .validation_split(0.2)
        .verbose(0)
        .seed(3)
        .callback(LearningRateScheduler::new(|_, rate| rate * 0.9))
        .callback(ReduceLROnPlateau::new().monitor("loss").patience(1).min_delta(0.05))
        .callback(EarlyStopping::new().patience(4).restore_best_weights(true))
}

fn fit(model: &mut Model, options: FitOptions) -> Result<History> {
    let (x, y) = (draw(1, &[23, 5]), draw(2, &[23, 1]));
    let y = Tensor::f32(&[23, 1], y.to_f32().iter().map(|y| y.round()).collect())?;
    model.fit(&x, &y, options)
}

/// Stops after `steps` steps, saves, loads, goes on to the end; weights and the reports of all epochs.
fn stopped(
    device: &Device,
    steps: &[usize],
    path: &std::path::Path,
) -> Result<(Vec<Tensor>, History, Vec<History>)> {
    let mut model = fresh(device.clone())?;
    let mut parts = Vec::new();
    for &after in steps {
        let token = CancellationToken::new();
        let stop = Stop { after, done: 0, token: token.clone() };
        parts.push(fit(&mut model, options().resume(true).cancel_on(token).callback(stop))?);
        model.save(path)?;
        model = Model::load(path)?.device(device.clone());
    }
    let last = fit(&mut model, options().resume(true))?;
    Ok((model.get_weights()?, last, parts))
}

fn check(device: &Device, extension: &str, stops: &[Vec<usize>]) -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("model.{extension}"));
    let mut whole = fresh(device.clone())?;
    let history = fit(&mut whole, options())?;
    let weights = whole.get_weights()?;
    for steps in stops {
        let (found, last, parts) = stopped(device, steps, &path)?;
        assert_eq!(found, weights, "weights after stops at {steps:?}");
        let epochs: Vec<_> = parts.iter().chain([&last]).flat_map(History::epochs).cloned().collect();
        assert_eq!(epochs, history.epochs(), "history after stops at {steps:?}");
        let losses = history.step_losses();
        let from = losses.len() - last.step_losses().len();
        assert_eq!(last.step_losses(), &losses[from..], "losses after stops at {steps:?}");
    }
    Ok(())
}

/// `count` stops somewhere before the last step.
fn one_each(count: u32) -> Vec<Vec<usize>> {
    let most = (EPOCHS - 1) * STEPS;
    (0..count).map(|i| vec![1 + philox([i, 7, 0, 0], [3, 0])[0] as usize % most]).collect()
}

#[test]
fn a_run_stopped_at_20_random_steps_ends_as_one_that_never_stopped() -> Result<()> {
    check(&Device::cpu(), "keras", &one_each(20))
}

#[test]
fn so_does_a_run_that_is_stopped_again_and_again_and_one_in_an_h5_file() -> Result<()> {
    check(&Device::cpu(), "h5", &[vec![2, 1, 1, 4, 3], vec![STEPS, STEPS], vec![STEPS * 2 + 2]])
}

/// `GRADUS_STOPS=20` stops as often as on the CPU; by default three times.
#[test]
fn so_does_a_run_on_the_gpu() -> Result<()> {
    if super::harness::gpu().is_none() {
        return Ok(());
    }
    let count = std::env::var("GRADUS_STOPS").map_or(3, |count| count.parse().unwrap());
    check(&Device::gpu(), "keras", &one_each(count))
}

/// What a stateful layer keeps from batch to batch is in the file too.
#[test]
fn states_from_batch_to_batch_go_on() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.keras");
    let (x, y) = (draw(1, &[24, 3, 2]), draw(2, &[24, 1]));
    let fresh = || -> Result<Model> {
        let mut model = Sequential::new().add(SimpleRNN::new(5).stateful(4)).add(Dense::new(1)).seed(5);
        model.compile(Adam::new(0.01), "mse", &[])?;
        Ok(Model::from(model).device(Device::cpu()))
    };
    let options = || FitOptions::new().epochs(3).batch_size(4).shuffle(false).verbose(0);
    let mut whole = fresh()?;
    whole.fit(&x, &y, options())?;
    let (mut model, token) = (fresh()?, CancellationToken::new());
    let stop = Stop { after: 8, done: 0, token: token.clone() };
    model.fit(&x, &y, options().cancel_on(token).callback(stop))?;
    model.save(&path)?;
    let mut model = Model::load(&path)?.device(Device::cpu());
    model.fit(&x, &y, options().resume(true))?;
    assert_eq!(model.get_weights()?, whole.get_weights()?);
    assert_eq!(model.predict(&x, 4)?, whole.predict(&x, 4)?);
    Ok(())
}

#[test]
fn an_epoch_goes_on_with_the_samples_and_options_it_began_with_or_not_at_all() -> Result<()> {
    let mut model = fresh(Device::cpu())?;
    let token = CancellationToken::new();
    let stop = Stop { after: STEPS + 2, done: 0, token: token.clone() };
    fit(&mut model, options().cancel_on(token).callback(stop))?;
    let refused = |model: &mut Model, options| fit(model, options).unwrap_err().to_string();
    let message = refused(&mut model, options().resume(true).batch_size(5));
    assert!(message.contains("batch_size is 5, expected 4, as in the first 2 steps"), "{message}");
    let message = refused(&mut model, options().resume(true).seed(4));
    assert!(message.contains("seed is 4, expected 3"), "{message}");
    let message = refused(&mut model, options().resume(true).shuffle(false));
    assert!(message.contains("shuffle is false, expected true"), "{message}");
    let message = refused(&mut model, options().resume(true).initial_epoch(3));
    assert!(message.contains("initial_epoch is 3, expected 1"), "{message}");
    let rest = fit(&mut model, options().resume(true))?;
    assert_eq!(rest.epochs().len(), EPOCHS - 1);
    Ok(())
}
