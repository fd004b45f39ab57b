//! Callbacks beside Keras's, which were fed the same logs: `kernels-tests/keras/callbacks.py`.

use std::path::Path;

use serde_json::Value;

use super::*;
use crate::error::Error;
use crate::layers::Dense;
use crate::model::{Device, FitOptions, History, Sequential};
use crate::tensor::Tensor;
use crate::train::optimizers::Sgd;

/// One weight, which the zeros of [`zeros`] never move.
fn model() -> Sequential {
    let mut model = Sequential::new().add(Dense::new(1).use_bias(false)).device(Device::cpu());
    model.compile(Sgd::new(0.1), "mse", &[]).expect("known names");
    model
}

fn zeros() -> Tensor {
    Tensor::f32(&[3, 1], vec![0.0; 3]).expect("three numbers")
}

fn options(epochs: usize) -> FitOptions {
    FitOptions::new().batch_size(1).epochs(epochs).verbose(0)
}

/// Puts `values` into the logs under `name`, and the epoch's number, from 1, into the weight.
fn feed(name: &str, values: Vec<f64>) -> LambdaCallback {
    let name = name.to_string();
    LambdaCallback::new().on_epoch_end(move |epoch, logs, training| {
        *logs = Logs::default();
        logs.insert("loss", 0.25);
        logs.insert(&name, values[epoch]);
        training.set_weights(&[Tensor::f32(&[1, 1], vec![(epoch + 1) as f32])?])
    })
}

fn mode(options: &Value) -> Mode {
    match options["mode"].as_str() {
        Some("min") => Mode::Min,
        Some("max") => Mode::Max,
        _ => Mode::Auto,
    }
}

fn monitor(options: &Value) -> &str {
    options["monitor"].as_str().unwrap_or("val_loss")
}

fn early_stopping(options: &Value) -> EarlyStopping {
    let mut stop = EarlyStopping::new().monitor(monitor(options)).mode(mode(options));
    stop = stop.patience(options["patience"].as_u64().unwrap_or(0) as usize);
    stop = stop.min_delta(options["min_delta"].as_f64().unwrap_or(0.0));
    stop = stop.restore_best_weights(options["restore_best_weights"].as_bool().unwrap_or(false));
    stop = stop.start_from_epoch(options["start_from_epoch"].as_u64().unwrap_or(0) as usize);
    options["baseline"].as_f64().map_or(stop.clone(), |baseline| stop.baseline(baseline))
}

fn reduce_lr_on_plateau(options: &Value) -> ReduceLROnPlateau {
    let mut reduce = ReduceLROnPlateau::new().monitor(monitor(options)).mode(mode(options));
    reduce = reduce.patience(options["patience"].as_u64().unwrap_or(10) as usize);
    reduce = reduce.min_delta(options["min_delta"].as_f64().unwrap_or(1e-4));
    reduce = reduce.cooldown(options["cooldown"].as_u64().unwrap_or(0) as usize);
    reduce.factor(options["factor"].as_f64().unwrap_or(0.1)).min_lr(options["min_lr"].as_f64().unwrap_or(0.0))
}

#[cfg(feature = "hdf5")]
fn model_checkpoint(options: &Value, folder: &Path) -> ModelCheckpoint {
    let path = folder.join("deep").join(options["filepath"].as_str().expect("a file name"));
    let mut save = ModelCheckpoint::new(path.to_str().expect("Unicode")).save_weights_only(true);
    save =
        save.monitor(monitor(options)).save_best_only(options["save_best_only"].as_bool().unwrap_or(false));
    if let Some(batches) = options["save_freq"].as_u64() {
        save = save.save_freq(SaveFreq::Batches(batches as usize));
    }
    let threshold = options["initial_value_threshold"].as_f64();
    threshold.map_or(save.clone(), |value| save.initial_value_threshold(value))
}

fn csv_logger(options: &Value, folder: &Path) -> CSVLogger {
    let separator = options["separator"].as_str().and_then(|text| text.chars().next());
    CSVLogger::new(folder.join("log.csv")).separator(separator.unwrap_or(','))
}

fn files(folder: &Path) -> std::io::Result<Vec<String>> {
    let names = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn check_rates(history: &History, case: &Value) {
    let expected = case["learning_rate"].as_array();
    let found = history.get("learning_rate");
    assert_eq!(found.is_some(), expected.is_some(), "{case}");
    for (found, expected) in found.iter().flatten().zip(expected.into_iter().flatten()) {
        let expected = expected.as_f64().expect("a number");
        // Keras keeps the rate in 32 bits, and rounds it once more at each change.
        assert!((found - expected).abs() <= 1e-6 * expected, "{found} {expected}: {case}");
    }
}

#[test]
#[cfg(feature = "hdf5")]
fn callbacks_do_what_keras_does() -> anyhow::Result<()> {
    let cases: Vec<Value> =
        serde_json::from_str(include_str!("../../../kernels-tests/keras/callbacks.json"))?;
    assert_eq!(cases.len(), 30);
    for case in &cases {
        let folder = tempfile::tempdir()?;
        let given = &case["options"];
        let values = case["values"].as_array().expect("a list").iter();
        let values: Vec<f64> = values.map(|value| value.as_f64().unwrap_or(f64::NAN)).collect();
        let fit = options(values.len()).callback(feed(monitor(given), values));
        let fit = match case["callback"].as_str().expect("a name") {
            "EarlyStopping" => fit.callback(early_stopping(given)),
            "ReduceLROnPlateau" => fit.callback(reduce_lr_on_plateau(given)),
            "LearningRateScheduler" => {
                fit.callback(LearningRateScheduler::new(
                    |epoch, rate| {
                        if epoch < 3 { rate } else { rate * 0.9 }
                    },
                ))
            }
            "ModelCheckpoint" => fit.callback(model_checkpoint(given, folder.path())),
            _ => fit.callback(csv_logger(given, folder.path())),
        };
        let mut model = model();
        let history = model.fit(zeros(), zeros(), fit)?;
        assert_eq!(history.epochs().len() as u64, case["epochs"].as_u64().expect("a count"), "{case}");
        let weight = f64::from(model.get_weights()?[0].to_f32()[0]);
        assert_eq!(Some(weight), case["weight"].as_f64(), "{case}");
        check_rates(&history, case);
        if case["callback"] == "ModelCheckpoint" {
            assert_eq!(serde_json::to_value(files(&folder.path().join("deep"))?)?, case["files"], "{case}");
        }
        if let Some(text) = case["text"].as_str() {
            let written = std::fs::read_to_string(folder.path().join("log.csv"))?;
            assert_eq!(written, text.replace("\r\n", "\n"));
        }
    }
    Ok(())
}

/// What is saved after a step is what the training had then.
#[test]
#[cfg(feature = "hdf5")]
fn checkpoints_hold_the_weights_of_their_step() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (x, y) = (Tensor::f32(&[6, 1], vec![1.0; 6])?, Tensor::f32(&[6, 1], vec![3.0; 6])?);
    let path = folder.path().join("{epoch}-{batch}-{loss:.3f}.h5");
    let save = ModelCheckpoint::new(path.to_str().expect("Unicode")).save_weights_only(true);
    let save = save.save_freq(SaveFreq::Batches(4));
    let mut watched = model();
    watched.build(&[1])?;
    let start = Tensor::f32(&[1, 1], vec![1.0])?;
    watched.set_weights(std::slice::from_ref(&start))?;
    watched.fit(&x, &y, options(2).callback(save))?;
    // w ← w − 0.1 · 2 · (w − 3): the distance from 3 is 2 · 0.8ⁿ after n steps, the loss its square before each.
    let mut loaded = model();
    loaded.build(&[1])?;
    for (name, steps) in [("1-4-2.312.h5", 4), ("2-2-0.225.h5", 8), ("2-6-0.119.h5", 12)] {
        loaded.load_weights(folder.path().join(name))?;
        let (found, expected) = (loaded.get_weights()?[0].to_f32()[0], 3.0 - 2.0 * 0.8_f32.powi(steps));
        assert!((found - expected).abs() <= 1e-6, "{found} {expected}");
    }
    assert_eq!(files(folder.path())?.len(), 3);
    Ok(())
}

#[test]
fn a_changed_rate_is_the_rate_of_the_next_step() -> Result<()> {
    let (x, y) = (Tensor::f32(&[1, 1], vec![1.0])?, Tensor::f32(&[1, 1], vec![3.0])?);
    let mut model = model();
    model.build(&[1])?;
    model.set_weights(&[Tensor::f32(&[1, 1], vec![1.0])?])?;
    let rates = [0.1, 0.25, 0.4];
    model.fit(&x, &y, options(3).callback(LearningRateScheduler::new(move |epoch, _| rates[epoch])))?;
    let expected = 3.0 - 2.0 * rates.iter().map(|rate| 1.0 - 2.0 * rate).product::<f64>();
    let found = f64::from(model.get_weights()?[0].to_f32()[0]);
    assert!((found - expected).abs() <= 1e-6, "{found} {expected}");
    assert_eq!(model.learning_rate()?, 0.4);
    let message = model.set_learning_rate(-1.0).unwrap_err().to_string();
    assert!(message.contains("learning_rate is -1") && model.learning_rate()? == 0.4, "{message}");
    Ok(())
}

/// A loss that overflows: the first epoch of the three is the last.
#[test]
fn a_loss_that_is_no_number_ends_the_training() -> Result<()> {
    let (x, y) = (Tensor::f32(&[3, 1], vec![1e30; 3])?, zeros());
    let fit = |callback: TerminateOnNaN| {
        let mut model = model();
        model.build(&[1])?;
        model.set_weights(&[Tensor::f32(&[1, 1], vec![1.0])?])?;
        model.fit(&x, &y, options(3).callback(callback))
    };
    assert_eq!(fit(TerminateOnNaN::new())?.epochs().len(), 1);
    let message = fit(TerminateOnNaN::new().raise_error(true)).unwrap_err().to_string();
    assert!(message.contains("the loss reaches inf in step 0 of epoch 0"), "{message}");
    Ok(())
}

#[test]
fn lines_are_appended_without_a_second_line_of_names() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("log.csv");
    for append in [true, true, false, true] {
        let logger = CSVLogger::new(&path).append(append);
        model().fit(zeros(), zeros(), options(2).callback(logger))?;
    }
    let text = std::fs::read_to_string(&path)?;
    assert_eq!(text, "epoch,loss,val_loss\n0,0.0,NA\n1,0.0,NA\n0,0.0,NA\n1,0.0,NA\n");
    Ok(())
}

#[test]
fn a_callback_may_end_an_epoch() -> Result<()> {
    struct Stop;
    impl Callback for Stop {
        fn next_batch(&self) -> Option<usize> {
            Some(2)
        }
        fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
            assert!(done == 2 && training.logs()?.get("loss") == Some(0.0));
            training.stop();
            Ok(())
        }
    }
    let x = Tensor::f32(&[7, 1], vec![0.0; 7])?;
    let history = model().fit(&x, &x, options(3).callback(Stop))?;
    assert_eq!((history.epochs().len(), history.step_losses().len()), (1, 2));
    Ok(())
}

#[test]
fn what_cannot_work_is_refused() {
    let message = |fit: FitOptions| model().fit(zeros(), zeros(), fit).unwrap_err().to_string();
    let fit = || options(2);
    let unknown = message(fit().callback(EarlyStopping::new()));
    assert!(unknown.contains("\"val_loss\", expected one of loss"), "{unknown}");
    let stop = EarlyStopping::new().monitor("score");
    let unclear = message(fit().callback(feed("score", vec![1.0, 1.0])).callback(stop));
    assert!(unclear.contains("Min or Max"), "{unclear}");
    assert!(message(fit().callback(ReduceLROnPlateau::new().factor(1.0))).contains("factor is 1,"));
    let rate = message(fit().callback(LearningRateScheduler::new(|_, _| f64::NAN)));
    assert!(rate.contains("learning_rate is NaN"), "{rate}");
    let failing = LambdaCallback::new().on_train_end(|_| Err(Error::argument("here", "a", 1, "2")));
    assert!(message(fit().callback(failing)).contains("here"));
}

#[test]
#[cfg(feature = "hdf5")]
fn checkpoints_that_cannot_be_written_are_refused() {
    let message = |save| model().fit(zeros(), zeros(), options(1).callback(save)).unwrap_err().to_string();
    assert!(message(ModelCheckpoint::new("a.txt")).contains("ends in .keras"));
    let save = || ModelCheckpoint::new("{acc}.h5").save_weights_only(true);
    assert!(message(save().save_freq(SaveFreq::Batches(0))).contains("save_freq"));
    assert!(message(save()).contains("one of epoch, loss"));
}
