//! A generator and a critic against Keras: `keras/custom_step.py` has recorded them.

use serde_json::Value;

use super::golden::uniform;
use crate::error::{Error, Result};
use crate::layers::Dense;
use crate::model::{Device, FitOptions, Input, Learner, Model, SharedLayer};
use crate::tensor::Tensor;
use crate::train::optimizers::{Adam, Optimizer, Sgd};
use crate::train::regularizers::Regularizer;

const SAMPLES: usize = 13;

fn numbers(stream: u32, shape: &[usize], amplitude: f32) -> Tensor {
    Tensor::f32(shape, uniform(stream, shape.iter().product(), amplitude)).unwrap()
}

/// Draws two numbers from three, and the verdicts on drawn and on given ones.
fn adversaries() -> Result<Model> {
    let (noise, real) = (Input::named("noise", &[3]), Input::named("real", &[2]));
    let made = noise.apply(Dense::new(4).activation("tanh").name("generator_hidden"));
    let made = made.apply(Dense::new(2).name("generator"));
    let hidden = Dense::new(5).activation("tanh").kernel_regularizer(Regularizer::l2(0.01));
    let hidden = SharedLayer::new(hidden.name("critic_hidden"));
    let verdict = SharedLayer::new(Dense::new(1).activation("sigmoid").name("critic"));
    let judged = made.apply(&hidden).apply(&verdict);
    let known = real.apply(&hidden).apply(&verdict);
    Model::new([&noise, &real], [&judged, &known])
}

fn compiled(learners: [Learner; 2]) -> Result<Model> {
    let mut model = adversaries()?;
    model.custom_step(learners, |step| {
        let (made, real) = (step.outputs[0], step.outputs[1]);
        let shape = step.graph.shape(made.value).clone();
        let (no, yes) = (step.graph.full(0.0, &shape), step.graph.full(1.0, &shape));
        let fooled = step.loss("binary_crossentropy", yes, &made)?;
        let caught = step.loss("binary_crossentropy", no, &made)?;
        let known = step.loss("binary_crossentropy", yes, &real)?;
        let mean = step.graph.mean_all(made.value)?;
        step.report("verdict", mean);
        Ok(vec![fooled, step.graph.add(caught, known)?])
    })?;
    Ok(model)
}

fn learners() -> Result<[Learner; 2]> {
    let generator = Learner::new("generator", Adam::new(0.01), &["generator"])?;
    Ok([generator, Learner::new("critic", Sgd::new(0.1).momentum(0.9), &["critic"])?])
}

fn data() -> [Tensor; 2] {
    [numbers(10, &[SAMPLES, 3], 1.0), numbers(11, &[SAMPLES, 2], 1.0)]
}

const NONE: [Tensor; 0] = [];

fn options() -> FitOptions {
    FitOptions::new().batch_size(5).epochs(4).shuffle(false).verbose(0)
}

fn follows_keras(device: Device) -> Result<()> {
    let golden: Value = serde_json::from_str(include_str!("keras/custom_step.json")).unwrap();
    let mut model = compiled(learners()?)?.device(device);
    // The order of the layers: by depth, which here is Keras's too.
    let weights = model.get_weights()?;
    let start = weights.iter().enumerate().map(|(i, w)| numbers(100 + i as u32, w.shape(), 0.5));
    model.set_weights(&start.collect::<Vec<_>>())?;
    let history = model.fit(data(), NONE, options())?;
    for (name, values) in golden["history"].as_object().unwrap() {
        let values: Vec<f64> = serde_json::from_value(values.clone()).unwrap();
        for (found, expected) in history.get(name).unwrap().iter().zip(&values) {
            assert!((found - expected).abs() <= 1e-5 * expected, "{name}: {found}, Keras {expected}");
        }
    }
    for (weight, expected) in model.get_weights()?.iter().zip(golden["final"].as_array().unwrap()) {
        let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
        let norm = expected.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let differences = weight.to_f32().into_iter().zip(expected).map(|(a, b)| f64::from(a - b).powi(2));
        let distance = differences.sum::<f64>().sqrt();
        assert!(distance <= 1e-5 * norm, "{distance:e} of {norm}");
    }
    let logs = model.evaluate(data(), NONE, 5)?;
    assert!(logs.get("critic_loss").is_some_and(f64::is_finite));
    Ok(())
}

#[test]
#[cfg(feature = "cpu")]
fn adversaries_follow_keras() -> Result<()> {
    follows_keras(Device::cpu())
}

#[test]
#[cfg(feature = "native")]
fn adversaries_follow_keras_on_the_gpu() -> Result<()> {
    if pollster::block_on(crate::gpu::adapter::list()).is_empty() {
        println!("no adapter: nothing tested");
        return Ok(());
    }
    follows_keras(Device::gpu())
}

#[test]
#[cfg(feature = "cpu")]
fn steps_that_make_no_sense_are_refused() -> Result<()> {
    let message = |error: Error| error.to_string();
    let fit = |learners: [Learner; 2]| -> Result<String> {
        let mut model = compiled(learners)?.device(Device::cpu());
        Ok(model.fit(data(), NONE, options()).map(|_| ()).map_err(message).unwrap_err())
    };
    let learner = |name: &str, layers: &[&str]| Learner::new(name, Adam::new(0.01), layers);
    let both = fit([learner("a", &["generator"])?, learner("b", &["critic", "generator_hidden"])?])?;
    assert!(both.contains("another learner's too"), "{both}");
    let nothing = fit([learner("a", &["generator"])?, learner("b", &["critics"])?])?;
    assert!(nothing.contains("learner \"b\"") && nothing.contains("critics"), "{nothing}");
    let average = Learner::new("a", Adam::new(0.01).use_ema(true), &["generator"])?;
    let average = message(compiled([average, learner("b", &["critic"])?]).unwrap_err());
    assert!(average.contains("use_ema"), "{average}");
    assert!(message(learner("a", &[]).unwrap_err()).contains("one layer's name at least"));
    let mut model = adversaries()?.device(Device::cpu());
    model.custom_step(learners()?, |step| Ok(vec![step.outputs[0].value; 2]))?;
    let vector = message(model.fit(data(), NONE, options()).unwrap_err());
    assert!(vector.contains("reduce it"), "{vector}");
    model.custom_step(learners()?, |step| Ok(vec![step.graph.constant(1.0)]))?;
    let one = message(model.fit(data(), NONE, options()).unwrap_err());
    assert!(one.contains("number of losses is 1, expected 2"), "{one}");
    assert!(message(model.learning_rate().unwrap_err()).contains("number of optimizers is 2"));
    let weights = options().sample_weight([numbers(1, &[SAMPLES], 1.0)]);
    let weighed = message(model.fit(data(), NONE, weights).unwrap_err());
    assert!(weighed.contains("number of sample weights"), "{weighed}");
    Ok(())
}
