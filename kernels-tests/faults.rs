//! What goes wrong on a device: the message says what, with its numbers, and what was saved stays.

use super::harness::random;
use super::programs::devices;
use crate::error::{Error, Result};
use crate::gpu::survey;
use crate::layers::{Dense, Flatten};
use crate::model::{Callback, Device, FitOptions, History, Model, Sequential, Training};
use crate::tensor::Tensor;
use crate::{Sgd, TerminateOnNaN};

fn numbers(shape: &[usize], seed: u64) -> Tensor {
    Tensor::f32(shape, random(shape.iter().product(), seed)).unwrap()
}

fn model(device: &Device) -> Sequential {
    let model =
        Sequential::new().add(Flatten::new()).add(Dense::new(64).activation("relu")).add(Dense::new(2));
    let mut model = model.device(device.clone());
    model.compile("adam", "mean_squared_error", &[]).unwrap();
    model
}

/// The GPU among the devices under test.
fn gpu() -> Option<Device> {
    devices().into_iter().nth(1)
}

fn problem<T>(result: Result<T>) -> (String, String) {
    match result.map(|_| ()).unwrap_err() {
        Error::Device { problem, remedy, .. } => (problem, remedy),
        other => panic!("{other}"),
    }
}

/// Saves the model after its first step, and loses the device after its second.
struct Misfortune(std::path::PathBuf);

impl Callback for Misfortune {
    fn next_batch(&self) -> Option<usize> {
        Some(1)
    }

    fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
        match done {
            1 => training.save_weights(&self.0),
            2 => {
                training.lose_device();
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

#[test]
fn a_lost_device_is_an_error_and_the_model_goes_on() -> anyhow::Result<()> {
    let Some(device) = gpu() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("saved.weights.h5");
    let (x, y) = (numbers(&[40, 3], 1), numbers(&[40, 2], 2));
    let mut model = model(&device);
    let options = FitOptions::new().batch_size(8).verbose(0);
    let (problem, remedy) = problem(model.fit(&x, &y, options.callback(Misfortune(path.clone()))));
    assert!(problem.contains("the device was lost"), "{problem}");
    assert!(remedy.contains("last saved"), "{remedy}");
    model.load_weights(&path)?;
    let history = model.fit(&x, &y, FitOptions::new().batch_size(8).verbose(0))?;
    assert_eq!(history.step_losses().len(), 5, "the model opens the device again");
    Ok(())
}

/// The number behind `before` in `text`.
#[track_caller]
fn number(text: &str, before: &str) -> u64 {
    let rest = text.split(before).nth(1).unwrap_or_else(|| panic!("no {before:?} in {text:?}"));
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Refused before it starts: with what it needs, what there is, and a batch that does fit, the largest.
#[test]
fn too_large_a_batch_is_refused_with_one_that_fits() -> Result<()> {
    let (x, y) = (numbers(&[4000, 3], 1), numbers(&[4000, 2], 2));
    for device in devices() {
        let limit = 900_000;
        let train = |size| {
            let mut model = model(&device.clone().memory_limit(limit));
            model.fit(&x, &y, FitOptions::new().batch_size(size).verbose(0))
        };
        let (problem, remedy) = problem(train(4000));
        assert!(number(&problem, "they need ") + number(&problem, "memory, ") > limit, "{problem}");
        assert_eq!(number(&problem, "there are "), limit, "{problem}");
        let fitting = number(&remedy, "at most ") as usize;
        assert!((100..4000).contains(&fitting), "{device}: {remedy}");
        train(fitting)?;
        assert!(train(fitting + 1).is_err(), "{device}: {} would fit too", fitting + 1);
        let (_, remedy) = self::problem(model(&device.clone().memory_limit(10_000)).fit(
            &x,
            &y,
            FitOptions::new().verbose(0),
        ));
        assert!(remedy.contains("not even a batch of 1"), "{remedy}");
    }
    Ok(())
}

/// One value larger than the adapter's largest binding: both numbers, the layer, and a batch that fits.
#[test]
fn a_value_over_the_binding_limit_is_refused_with_both_numbers() -> Result<()> {
    let Some(device) = gpu() else { return Ok(()) };
    let adapters = survey::adapters();
    let backend = if device.to_string() == "gl" { "Gl" } else { "Vulkan" };
    let limits = adapters.iter().find(|a| a.backend.eq_ignore_ascii_case(backend)).map(|a| a.limits.clone());
    let limit =
        |name| limits.iter().flatten().find(|(n, _)| *n == name).map_or(u64::MAX, |(_, value)| *value);
    let limit = limit("max_storage_buffer_binding_size").min(limit("max_buffer_size"));
    let units = 8192;
    let rows = (limit / 4) as usize / units + 1;
    if rows > 1 << 20 {
        return Ok(());
    }
    let mut wide = Sequential::new().add(Dense::new(units).activation("relu")).add(Dense::new(1));
    wide.build(&[1])?;
    let wide = &mut Model::from(wide).device(device);
    let mut refused = |rows: usize| problem(wide.predict(numbers(&[rows, 1], 1), rows));
    let (problem, remedy) = refused(rows);
    assert_eq!(number(&problem, "takes "), (rows * units * 4) as u64, "{problem}");
    assert_eq!(number(&problem, "adapter holds "), limit, "{problem}");
    assert!(problem.contains("dense"), "{problem}");
    // Where a buffer holds no more than a binding, the step's few other numbers take the room of a row.
    let fitting = number(&remedy, "at most ") as usize;
    assert!((rows - 8..rows).contains(&fitting), "{remedy}");
    assert_eq!(number(&refused(fitting + 1).1, "at most ") as usize, fitting);
    Ok(())
}

/// x times the weights of two layers, against 0, for one epoch; what stopped it.
fn stopped(device: &Device, weights: [f32; 2], x: f32, callback: TerminateOnNaN) -> Result<History> {
    let layer = |name: &str| Dense::new(1).use_bias(false).name(name);
    let mut model =
        Sequential::new().add(layer("first")).add(layer("second")).add(Flatten::new()).device(device.clone());
    model.compile(Sgd::new(1e-30), "mean_squared_error", &[])?;
    model.build(&[1])?;
    let weight = |w| Tensor::f32(&[1, 1], vec![w]);
    model.set_weights(&[weight(weights[0])?, weight(weights[1])?])?;
    let mut samples = vec![0.0; 12];
    samples[7] = x;
    let (x, y) = (Tensor::f32(&[12, 1], samples)?, Tensor::f32(&[12, 1], vec![0.0; 12])?);
    let options = FitOptions::new().epochs(3).batch_size(2).shuffle(false).verbose(0);
    model.fit(&x, &y, options.callback(callback))
}

/// The layer and the step at which numbers overflow, forward and backward.
#[test]
fn what_explodes_is_found() -> Result<()> {
    let locate = TerminateOnNaN::new().locate(true);
    for device in devices() {
        let history = stopped(&device, [1.0, 1e30], 1e20, locate)?;
        let reason = history.stop_reason().unwrap_or_default();
        assert!(
            reason.starts_with("the output of layer \"second\" (Dense 1) reaches inf in step 3 of epoch 0"),
            "{reason}"
        );
        assert_eq!(history.epochs().len(), 1);
        let history = stopped(&device, [1e-30, 1e25], 1e20, locate)?;
        let reason = history.stop_reason().unwrap_or_default();
        assert!(
            reason.starts_with("the gradient of first/kernel reaches inf in step 3 of epoch 0"),
            "{reason}"
        );
        let history = stopped(&device, [1.0, 10.0], 1e3, locate.limit(5e3))?;
        let reason = history.stop_reason().unwrap_or_default();
        assert!(
            reason.starts_with("the output of layer \"second\" (Dense 1) reaches 1e4 in step 3"),
            "{reason}"
        );
        assert_eq!(stopped(&device, [1.0, 10.0], 1e3, locate)?.stop_reason(), None);
        let error = stopped(&device, [1.0, 1e30], 1e20, TerminateOnNaN::new().raise_error(true)).unwrap_err();
        assert!(error.to_string().contains("the loss reaches inf in step 3 of epoch 0"), "{error}");
    }
    Ok(())
}
