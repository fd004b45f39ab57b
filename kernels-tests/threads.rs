//! Models inside an application: many threads, futures, and a training that is asked to stop.

use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::harness::random;
use super::programs::devices;
use crate::error::Result;
use crate::layers::{Conv2D, Dense, Dropout, Flatten};
use crate::model::{Callback, Device, FitOptions, Predictor, Sequential, Training};
use crate::tensor::Tensor;
use crate::{CancellationToken, LambdaCallback};

fn numbers(shape: &[usize], seed: u64) -> Tensor {
    Tensor::f32(shape, random(shape.iter().product(), seed)).unwrap()
}

fn data() -> (Tensor, Tensor) {
    (numbers(&[40, 6, 5, 2], 1), numbers(&[40, 3], 2))
}

fn model(device: &Device, seed: u64) -> Sequential {
    let mut model = Sequential::new()
        .add(Conv2D::new(4, 3).activation("relu"))
        .add(Flatten::new())
        .add(Dropout::new(0.2))
        .add(Dense::new(3))
        .seed(seed)
        .device(device.clone());
    model.compile("adam", "mean_squared_error", &[]).unwrap();
    model
}

fn quiet(epochs: usize) -> FitOptions {
    FitOptions::new().epochs(epochs).batch_size(8).verbose(0)
}

#[test]
fn what_threads_and_tasks_hand_on_can_be_handed_on() {
    fn sendable(_: &impl Send) {}
    fn shareable<T: Send + Sync + 'static>() {}
    shareable::<crate::Model>();
    shareable::<Predictor>();
    shareable::<CancellationToken>();
    let mut model = model(&Device::cpu(), 1);
    let (x, y) = data();
    sendable(&quiet(1));
    sendable(&model.fit_async(&x, &y, quiet(1)));
    sendable(&model.evaluate_async(&x, &y, None));
    sendable(&model.predict_async(&x, None));
    sendable(&Predictor::new(model, 1).predict_async(&x));
}

/// 64 threads with 1 to 5 samples each, all at once: each has its own answer, to the bit what one thread gets.
#[test]
fn sixty_four_threads_predict_at_once() -> Result<()> {
    for device in devices() {
        let predictor = Predictor::new(model(&device, 3), 4);
        let inputs: Vec<Tensor> = (0..64).map(|i| numbers(&[1 + i % 5, 6, 5, 2], i as u64)).collect();
        let expected = inputs.iter().map(|x| predictor.predict(x)).collect::<Result<Vec<_>>>()?;
        let start = std::sync::Barrier::new(inputs.len());
        let found = thread::scope(|scope| {
            let ask = |x| {
                start.wait();
                predictor.predict(x)
            };
            let threads: Vec<_> = inputs.iter().map(|x| scope.spawn(move || ask(x))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Result<Vec<_>>>()
        })?;
        assert_eq!(found, expected, "{device}");
        assert_ne!(found[0], found[5], "{device}");
    }
    Ok(())
}

/// Two models train at once, and each is to the bit what it becomes alone.
#[test]
fn two_models_train_on_one_device_at_once() -> Result<()> {
    let train = |device: &Device, seed| {
        let ((x, y), mut model) = (data(), model(device, seed));
        model.fit(&x, &y, quiet(3))?;
        model.get_weights()
    };
    for device in devices() {
        let alone = [train(&device, 1)?, train(&device, 2)?];
        let both = thread::scope(|scope| {
            let threads = [1, 2].map(|seed| {
                scope.spawn({
                    let device = device.clone();
                    move || train(&device, seed)
                })
            });
            threads.map(|thread| thread.join().unwrap())
        });
        let [first, second] = both;
        assert_eq!([first?, second?], alone, "{device}");
    }
    Ok(())
}

/// The future gives the thread back at once; callbacks run elsewhere and tell what happens.
#[test]
fn a_training_leaves_the_callers_thread_alone() -> Result<()> {
    for device in devices() {
        let ((x, y), mut model) = (data(), model(&device, 1));
        let (sender, receiver) = mpsc::channel();
        let tell = LambdaCallback::new().on_epoch_end(move |epoch, logs, _| {
            let _ = sender.send((epoch, logs.get("loss"), thread::current().id()));
            Ok(())
        });
        let history = pollster::block_on(model.fit_async(&x, &y, quiet(3).callback(tell)))?;
        let told: Vec<_> = receiver.iter().collect();
        assert_eq!(told.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(told.iter().map(|t| t.1).collect::<Option<Vec<_>>>(), history.get("loss"));
        assert!(told.iter().all(|t| t.2 != thread::current().id()), "{device}");
        let mut same = self::model(&device, 1);
        same.fit(&x, &y, quiet(3))?;
        assert_eq!(same.get_weights()?, model.get_weights()?);
        let prediction = pollster::block_on(model.predict_async(&x, None))?;
        assert_eq!(prediction, same.predict(&x, None)?);
        let logs = pollster::block_on(model.evaluate_async(&x, &y, None))?;
        assert_eq!(logs, same.evaluate(&x, &y, None)?);
    }
    Ok(())
}

/// Dropped futures end what they began, and the model is there again with what it has learnt.
#[test]
fn a_dropped_training_ends() -> Result<()> {
    let ((x, y), mut model) = (data(), model(&Device::cpu(), 1));
    model.build(&[6, 5, 2])?;
    let before = model.get_weights()?;
    let (sender, receiver) = mpsc::channel();
    let tell = LambdaCallback::new().on_epoch_end(move |_, _, _| {
        let _ = sender.send(());
        Ok(())
    });
    {
        let mut training = pin!(model.fit_async(&x, &y, quiet(usize::MAX).callback(tell)));
        assert!(matches!(training.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending));
        receiver.recv().unwrap();
    }
    assert_ne!(model.get_weights()?, before);
    assert!(model.trained_epochs() >= 1);
    Ok(())
}

/// Does something after `at` steps of the first epoch.
struct After<F>(usize, F);

impl<F: FnMut(&mut Training<'_>) + Send> Callback for After<F> {
    fn next_batch(&self) -> Option<usize> {
        Some(1)
    }

    fn on_batch_end(&mut self, done: usize, training: &mut Training<'_>) -> Result<()> {
        if done == self.0 {
            (self.1)(training);
        }
        Ok(())
    }
}

#[test]
fn a_training_is_cancelled_at_any_step() -> Result<()> {
    let (x, y) = data();
    for device in devices() {
        for at in 1..5 {
            let token = CancellationToken::new();
            let asked = token.clone();
            let mut model = self::model(&device, 1);
            let options =
                quiet(2).cancel_on(token).callback(After(at, move |_: &mut Training<'_>| asked.cancel()));
            let history = model.fit(&x, &y, options)?;
            assert!(history.is_cancelled());
            assert_eq!((history.epochs().len(), history.step_losses().len()), (0, at));
            let mut stopped = self::model(&device, 1);
            let history =
                stopped.fit(&x, &y, quiet(1).callback(After(at, |t: &mut Training<'_>| t.stop())))?;
            assert!(!history.is_cancelled());
            assert_eq!(model.get_weights()?, stopped.get_weights()?, "{device}, {at} steps");
        }
        let token = CancellationToken::new();
        token.cancel();
        let history = model(&device, 1).fit(&x, &y, quiet(2).cancel_on(token))?;
        assert!(history.is_cancelled() && history.step_losses().is_empty());
    }
    Ok(())
}

/// On a GPU many steps are one submission: another thread's request ends the training all the same.
#[test]
fn another_thread_cancels() -> Result<()> {
    let (x, y) = data();
    for device in devices() {
        let token = CancellationToken::new();
        let (options, mut model) = (quiet(usize::MAX).cancel_on(token.clone()), model(&device, 1));
        let (sender, begun) = mpsc::channel();
        let tell = LambdaCallback::new().on_epoch_end(move |_, _, _| {
            let _ = sender.send(());
            Ok(())
        });
        let history = thread::scope(|scope| {
            let training = scope.spawn(|| model.fit(&x, &y, options.callback(tell)));
            begun.recv().unwrap();
            token.cancel();
            training.join().unwrap()
        })?;
        assert!(history.is_cancelled() && !history.epochs().is_empty(), "{device}");
        assert!(model.predict(&x, None)?.to_f32().iter().all(|y| y.is_finite()));
    }
    Ok(())
}
