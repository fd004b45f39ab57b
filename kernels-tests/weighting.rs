//! Weights of samples, of classes and masked time steps against Keras: `keras/weighting.py` has recorded its runs.

use serde_json::Value;

use super::golden::{uniform, word};
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::layers;
use crate::model::{Device, FitOptions, Objective, Sequential};
use crate::tensor::Tensor;
use crate::train::losses::{Loss, Prediction, Reduced};
use crate::train::metrics::Metric;
use crate::train::optimizers::Sgd;

const SAMPLES: usize = 13;

fn numbers(stream: u32, shape: &[usize], amplitude: f32) -> Tensor {
    Tensor::f32(shape, uniform(stream, shape.iter().product(), amplitude)).unwrap()
}

fn shape(json: &Value) -> Vec<usize> {
    let row: Vec<usize> = serde_json::from_value(json.clone()).unwrap();
    [&[SAMPLES], row.as_slice()].concat()
}

fn inputs(case: &Value) -> Tensor {
    let shape = shape(&case["shape"]);
    let mut values = uniform(10, shape.iter().product(), 1.0);
    for place in case["masked"].as_array().into_iter().flatten() {
        let [sample, time]: [usize; 2] = serde_json::from_value(place.clone()).unwrap();
        values[(sample * shape[1] + time) * shape[2]..][..shape[2]].fill(0.0);
    }
    Tensor::f32(&shape, values).unwrap()
}

fn targets(case: &Value, output: &[usize]) -> Tensor {
    let classes = |count| (0..SAMPLES as u32).map(move |i| word(20, i) % count);
    let labels = |count| Tensor::u32(&[SAMPLES], classes(count).collect()).unwrap();
    match case["loss"].as_str().unwrap() {
        "sparse_categorical_crossentropy" => labels(3),
        "categorical_crossentropy" => crate::data::one_hot(&labels(3), 3).unwrap(),
        "binary_crossentropy" => Tensor::f32(&[SAMPLES, 1], classes(2).map(|c| c as f32).collect()).unwrap(),
        _ => numbers(20, &[&[SAMPLES], output].concat(), 1.0),
    }
}

fn model(case: &Value, device: Device) -> Result<Sequential> {
    let mut model = Sequential::new().device(device);
    for layer in case["layers"].as_array().unwrap() {
        model = model.add(layers::from_config(layer["class_name"].as_str().unwrap(), &layer["config"])?);
    }
    let names = |key: &str| -> Vec<String> { serde_json::from_value(case[key].clone()).unwrap_or_default() };
    let (metrics, weighted) = (names("metrics"), names("weighted_metrics"));
    let [metrics, weighted] =
        [&metrics, &weighted].map(|names| names.iter().map(String::as_str).collect::<Vec<_>>());
    let loss: Box<dyn Loss> = case["loss"].as_str().unwrap().try_into()?;
    let loss = match case["reduction"].as_str() {
        Some(reduction) => Reduced::new(loss, reduction.try_into()?).into(),
        None => loss,
    };
    let objective = Objective::new(loss, &metrics)?.weighted_metrics(&weighted)?;
    model.compile_each(Sgd::new(case["rate"].as_f64().unwrap()), [objective])?;
    model.build(&shape(&case["shape"])[1..])?;
    let weights = model.get_weights()?;
    let given = weights.iter().enumerate().map(|(i, w)| numbers(100 + i as u32, w.shape(), 0.5));
    model.set_weights(&given.collect::<Vec<_>>())?;
    Ok(model)
}

fn options(case: &Value, x: &Tensor, y: &Tensor) -> Result<FitOptions> {
    let mut options = FitOptions::new().batch_size(5).epochs(3).shuffle(false).verbose(0);
    if !case["weight"].is_null() {
        let shape = shape(&case["weight"]);
        let values = uniform(30, shape.iter().product(), 2.0).into_iter().map(f32::abs).collect();
        let weights = Tensor::f32(&shape, values)?;
        let part = |tensor: &Tensor| tensor.slice_rows(0..7);
        let validation = options.validation_data(part(x)?, part(y)?);
        options = validation.validation_sample_weight(part(&weights)?).sample_weight(weights);
    }
    let classes = case["class_weight"].as_array().into_iter().flatten();
    let classes: Vec<(usize, f32)> =
        classes.map(|pair| serde_json::from_value(pair.clone()).unwrap()).collect();
    Ok(options.class_weight(&classes))
}

fn follows_keras(case: &Value, device: Device) -> Result<()> {
    let name = case["name"].as_str().unwrap();
    let mut model = model(case, device)?;
    let x = inputs(case);
    let output = model.predict(&x, None)?.shape()[1..].to_vec();
    let y = targets(case, &output);
    let history = model.fit(&x, &y, options(case, &x, &y)?)?;
    let expected = case["history"].as_object().unwrap();
    assert_eq!(history.epochs()[0].iter().count(), expected.len(), "{name}");
    for (key, values) in expected {
        let values: Vec<f64> = serde_json::from_value(values.clone()).unwrap();
        for (found, expected) in history.get(key).unwrap().iter().zip(&values) {
            assert!(
                (found - expected).abs() <= 1e-5 * expected.abs(),
                "{name} {key}: {found}, Keras {expected}"
            );
        }
    }
    for (weight, expected) in model.get_weights()?.iter().zip(case["final"].as_array().unwrap()) {
        let expected: Vec<f32> = serde_json::from_value(expected.clone()).unwrap();
        let norm = expected.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        let differences = weight.to_f32().into_iter().zip(expected).map(|(a, b)| f64::from(a - b).powi(2));
        let distance = differences.sum::<f64>().sqrt();
        assert!(distance <= 1e-5 * norm, "{name}: {distance:e} of {norm}");
    }
    Ok(())
}

fn cases() -> Vec<Value> {
    serde_json::from_str(include_str!("keras/weighting.json")).unwrap()
}

#[test]
#[cfg(feature = "cpu")]
fn weights_and_masks_count_as_in_keras() -> Result<()> {
    cases().iter().try_for_each(|case| follows_keras(case, Device::cpu()))
}

#[test]
#[cfg(feature = "native")]
fn weights_and_masks_count_as_in_keras_on_the_gpu() -> Result<()> {
    if pollster::block_on(crate::gpu::adapter::list()).is_empty() {
        println!("no adapter: nothing tested");
        return Ok(());
    }
    let names =
        ["samples", "labels by class", "masked and weighed", "masked metrics", "by weights masked", "none"];
    let chosen = cases().into_iter().filter(|case| names.iter().any(|name| case["name"] == *name));
    chosen.into_iter().try_for_each(|case| follows_keras(&case, Device::gpu()))
}

/// A metric that does not look at weights.
#[cfg(feature = "cpu")]
#[derive(Debug)]
struct Unweighted;

#[cfg(feature = "cpu")]
impl Metric for Unweighted {
    fn name(&self) -> &str {
        "unweighted"
    }

    fn sums(&self, graph: &mut Graph, _: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        Ok(vec![graph.sum_all(prediction.value)?])
    }
}

#[test]
#[cfg(feature = "cpu")]
fn weights_that_do_not_fit_are_refused() -> Result<()> {
    let case = &cases()[0];
    let mut model = model(case, Device::cpu())?;
    let (x, y) = (inputs(case), numbers(20, &[SAMPLES, 2], 1.0));
    let mut refused = |options: FitOptions| model.fit(&x, &y, options.verbose(0)).unwrap_err().to_string();
    let ones = |shape: &[usize]| Tensor::f32(shape, vec![1.0; shape.iter().product()]).unwrap();
    let short = refused(FitOptions::new().sample_weight(ones(&[5])));
    assert!(short.contains("sample_weight") && short.contains("13 rows"), "{short}");
    let two = refused(FitOptions::new().sample_weight([ones(&[13]), ones(&[13])]));
    assert!(two.contains("number of sample weights is 2, expected 1"), "{two}");
    let wide = refused(FitOptions::new().sample_weight(ones(&[13, 3])));
    assert!(wide.contains("loss \"mean_squared_error\""), "{wide}");
    let both = refused(FitOptions::new().sample_weight(ones(&[13])).class_weight(&[(0, 2.0)]));
    assert!(both.contains("multiply the two"), "{both}");
    let none = refused(FitOptions::new().validation_sample_weight(ones(&[13])));
    assert!(none.contains("no validation_data"), "{none}");
    let objective = Objective::new("mean_squared_error", &[])?.weighted_metric(Unweighted);
    model.compile_each(Sgd::new(0.1), [objective])?;
    model.fit(&x, &y, FitOptions::new().verbose(0))?;
    let blind = FitOptions::new().sample_weight(ones(&[13])).verbose(0);
    let blind = model.fit(&x, &y, blind).unwrap_err().to_string();
    assert!(blind.contains("weighted_metrics is \"unweighted\""), "{blind}");
    Ok(())
}
