//! The model as a user sees it: what it promises, and what it says to bad input.

use super::Objective;
use super::*;
use crate::error::{Error, Result};
use crate::layers::{Conv2D, Dense, Dropout, Flatten, LSTM};
use crate::schedule::{Destination, Target, schedule};
use crate::tensor::Tensor;
use crate::train::losses::SparseCategoricalCrossentropy;
use crate::train::optimizers::{Adam, AdamW, Lamb, Optimizer, Sgd};

fn numbers(shape: &[usize], step: f32) -> Tensor {
    let count = shape.iter().product();
    Tensor::f32(shape, (0..count).map(|i| (i as f32 * step).sin()).collect()).expect("the shape fits")
}

/// 26 samples of five numbers in three classes.
fn samples() -> (Tensor, Tensor) {
    (numbers(&[26, 5], 0.7), Tensor::u32(&[26], (0..26).map(|i| i * 7 % 3).collect()).expect("26 labels"))
}

fn classifier() -> Sequential {
    let model = Sequential::new().add(Dense::new(8).activation("tanh")).add(Dropout::new(0.25));
    model.add(Dense::new(3).activation("softmax")).seed(5).device(Device::cpu())
}

fn compiled() -> Sequential {
    let mut model = classifier();
    model.compile(Adam::new(0.01), "sparse_categorical_crossentropy", &["accuracy"]).expect("known names");
    model
}

fn quiet() -> FitOptions {
    FitOptions::new().batch_size(8).epochs(3).verbose(0)
}

#[test]
fn models_go_to_other_threads() {
    fn sendable<T: Send + Sync>() {}
    sendable::<Sequential>();
    sendable::<Box<dyn crate::layers::Layer>>();
    sendable::<Error>();
}

#[test]
fn the_same_seed_gives_the_same_bits() -> Result<()> {
    let (x, y) = samples();
    let train = |seed| {
        let mut model = compiled().seed(seed);
        let history = model.fit(&x, &y, quiet().validation_split(0.2))?;
        Ok::<_, Error>((history, model.get_weights()?))
    };
    let first = train(5)?;
    assert_eq!(first, train(5)?);
    assert_ne!(first, train(6)?);
    assert_eq!(first.0.step_losses().len(), 3 * 3);
    assert!(first.0.get("val_accuracy").is_some_and(|values| values.len() == 3));
    Ok(())
}

/// A power of two changes no digit of the gradients, and the reported loss is never scaled.
#[test]
fn a_scaled_loss_trains_alike() -> Result<()> {
    let (x, y) = samples();
    let train = |optimizer: Sgd| {
        let mut model = classifier();
        model.compile(optimizer, "sparse_categorical_crossentropy", &[])?;
        let history = model.fit(&x, &y, quiet())?;
        Ok::<_, Error>((history, model.get_weights()?))
    };
    assert_eq!(train(Sgd::new(0.1).loss_scale_factor(1024.0))?, train(Sgd::new(0.1))?);
    assert!(train(Sgd::new(0.1).loss_scale_factor(0.0)).is_err());
    Ok(())
}

/// Two calls of one epoch are one call of two: order, dropout and Adam's step go on where they were.
#[test]
fn training_goes_on_where_it_stopped() -> Result<()> {
    let (x, y) = samples();
    let (mut once, mut twice) = (compiled(), compiled());
    once.fit(&x, &y, quiet().epochs(2))?;
    for _ in 0..2 {
        twice.fit(&x, &y, quiet().epochs(1))?;
        twice.evaluate(&x, &y, 7)?;
    }
    assert_eq!(once.get_weights()?, twice.get_weights()?);
    Ok(())
}

#[test]
fn predict_needs_no_compile_and_weights_survive_one() -> Result<()> {
    let (x, _) = samples();
    let mut model = classifier();
    let fresh = model.predict(&x, None)?;
    assert_eq!(fresh.shape(), [26, 3]);
    for row in fresh.to_f32().chunks(3) {
        assert!((row.iter().sum::<f32>() - 1.0).abs() <= 1e-6, "{row:?}");
    }
    model.compile("adam", SparseCategoricalCrossentropy::new(), &[])?;
    // Batches of another size may sum in another order.
    for (a, b) in model.predict(&x, 5)?.to_f32().iter().zip(fresh.to_f32()) {
        assert!((a - b).abs() <= 1e-6, "{a} {b}");
    }
    Ok(())
}

#[test]
fn frozen_layers_stay() -> Result<()> {
    let (x, y) = samples();
    let mut model = compiled();
    model.fit(&x, &y, quiet())?;
    let before = model.get_weights()?;
    model.set_trainable("dense", false)?;
    model.fit(&x, &y, quiet())?;
    let after = model.get_weights()?;
    assert_eq!(before[..2], after[..2]);
    assert!(before[2] != after[2] && before[3] != after[3]);
    assert!(model.set_trainable("dens", true).unwrap_err().to_string().contains("dense, dropout, dense_1"));
    model.set_trainable("dense_1", false)?;
    model.fit(&x, &y, quiet())?;
    assert_eq!(model.get_weights()?, after);
    Ok(())
}

#[test]
fn a_layer_can_be_added_to_a_trained_model() -> Result<()> {
    let (x, y) = samples();
    let mut model = compiled();
    model.fit(&x, &y, quiet())?;
    let before = model.get_weights()?;
    let mut longer = model.add(Dense::new(3).name("last"));
    longer.predict(&x, None)?;
    assert_eq!(longer.get_weights()?[..4], before);
    Ok(())
}

#[test]
#[cfg(feature = "hdf5")]
fn weights_come_back_from_a_file_and_others_are_refused() -> anyhow::Result<()> {
    let (x, y) = samples();
    let path = tempfile::tempdir()?.keep().join("model.h5");
    let mut model = compiled();
    model.fit(&x, &y, quiet())?;
    model.save_weights(&path)?;
    let mut other = classifier().seed(99);
    other.build(&[5])?;
    other.load_weights(&path)?;
    assert_eq!(model.get_weights()?, other.get_weights()?);
    assert_eq!(model.predict(&x, None)?, other.predict(&x, None)?);

    let refused = |mut model: Sequential| {
        model.build(&[5]).and_then(|()| model.load_weights(&path)).unwrap_err().to_string()
    };
    let message = refused(Sequential::new().add(Dense::new(8)));
    assert!(
        message.contains("model.h5") && message.contains("2 layers with weights, the model 1"),
        "{message}"
    );
    let message = refused(Sequential::new().add(Dense::new(8)).add(Dense::new(4)));
    assert!(message.contains("\"dense_1\"") && message.contains("[8, 3], expected [8, 4]"), "{message}");
    let message = refused(Sequential::new().add(Dense::new(8)).add(Dense::new(3).use_bias(false)));
    assert!(message.contains("has 2 weights, expected 1"), "{message}");
    std::fs::remove_dir_all(path.parent().expect("a folder"))?;
    Ok(())
}

/// What is said when `call` fails.
fn message<T>(result: Result<T>) -> String {
    result.err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn bad_calls_say_what_to_do() -> Result<()> {
    let (x, y) = samples();
    let fit = |options: FitOptions| message(compiled().fit(&x, &y, options));
    assert!(fit(quiet().batch_size(0)).contains("batch_size is 0, expected at least 1"));
    assert!(fit(quiet().epochs(0)).contains("epochs is 0"));
    assert!(fit(quiet().validation_split(1.0)).contains("validation_split is 1"));
    assert!(fit(quiet().verbose(3)).contains("verbose is 3, expected 0, 1 or 2"));
    assert!(message(classifier().fit(&x, &y, quiet())).contains("call `compile` first"));
    assert!(message(classifier().evaluate(&x, &y, None)).contains("call `compile` first"));
    assert!(message(classifier().get_weights()).contains("call `build`"));
    assert!(message(Sequential::new().predict(&x, None)).contains("no layers"));
    let twice = Sequential::new().add(Dense::new(1).name("a")).add(Dense::new(1).name("a"));
    assert!(message(twice.device(Device::cpu()).predict(&x, None)).contains("\"a\", used twice"));
    let mut model = classifier();
    assert!(message(model.compile("rmsprob", "mse", &[])).contains("one of sgd, adam"));
    assert!(message(model.compile("sgd", "hinges", &[])).contains("mean_squared_error"));
    assert!(message(model.compile("sgd", "mse", &["f1"])).contains("categorical_accuracy"));
    assert!(message(model.compile("sgd", "mse", &["accuracy", "accuracy"])).contains("given twice"));
    assert!(message(model.compile(Sgd::new(-0.1), "mse", &[])).contains("learning_rate is -0.1"));
    assert!(message(model.compile(Adam::new(0.1).beta_1(1.0), "mse", &[])).contains("beta_1 is 1"));
    Ok(())
}

#[test]
fn bad_data_say_what_to_do() -> Result<()> {
    let (x, y) = samples();
    let fit = |x: &Tensor, y: &Tensor| message(compiled().fit(x, y, quiet()));
    assert!(fit(&x.slice_rows(0..0)?, &y.slice_rows(0..0)?).contains("at least one sample"));
    assert!(fit(&x, &y.slice_rows(0..9)?).contains("y has shape [9], expected 26 rows"));
    assert!(
        fit(&x, &Tensor::u32(&[26], vec![3; 26])?)
            .contains("label 3 at index 0 is out of range for 3 classes")
    );
    assert!(fit(&x, &Tensor::f32(&[26], vec![0.5; 26])?).contains("labels"));
    assert!(fit(&x, &numbers(&[26, 3], 0.1)).contains("categorical_crossentropy for one-hot targets"));
    let mut values = x.to_f32();
    values[7] = f32::NAN;
    assert!(fit(&Tensor::f32(&[26, 5], values)?, &y).contains("fit: x: holds NaN at [1, 2]"));
    let mut images = Sequential::new().add(Conv2D::new(2, 3)).device(Device::cpu());
    images.compile("sgd", "mse", &[])?;
    let unfit = message(images.fit(&x, &y, quiet()));
    assert!(unfit.contains("layer \"conv2d\" (Conv2D 2, 3x3)") && unfit.contains("height, width"), "{unfit}");
    let mut model = compiled();
    model.fit(&x, &y, quiet())?;
    assert!(message(model.predict(numbers(&[2, 6], 0.1), None)).contains("[None, 6], expected [None, 5]"));
    let mut dense = classifier();
    dense.compile("sgd", "categorical_crossentropy", &[])?;
    assert!(message(dense.fit(&x, &y, quiet())).contains("one_hot"));
    Ok(())
}

/// Whole numbers that came as floats are labels too, in a column or not.
#[test]
fn labels_come_in_several_forms() -> Result<()> {
    let (x, y) = samples();
    let expected = compiled().fit(&x, &y, quiet())?;
    let bytes = y.to_f32().iter().map(|&v| v as u8).collect();
    for y in [Tensor::f32(&[26], y.to_f32())?, Tensor::u8(&[26, 1], bytes)?] {
        assert_eq!(compiled().fit(&x, &y, quiet())?, expected);
    }
    Ok(())
}

/// Bytes are scaled on the device: the same as floats scaled before, but for the rounding of each product.
#[test]
fn images_of_bytes() -> Result<()> {
    let bytes: Vec<u8> = (0..4 * 6 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
    let scaled = Tensor::u8(&[4, 6, 5, 3], bytes)?.scaled(1.0 / 255.0);
    let floats = Tensor::f32(&[4, 6, 5, 3], scaled.to_f32())?;
    let mut model = Sequential::new().add(Conv2D::new(4, 3).activation("relu")).add(Flatten::new());
    model = model.add(Dense::new(2)).device(Device::cpu());
    let (a, b) = (model.predict(scaled, None)?.to_f32(), model.predict(floats, None)?.to_f32());
    assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= 1e-6), "{a:?} {b:?}");
    Ok(())
}

#[test]
fn explain_prints_the_programs() -> Result<()> {
    let (x, y) = samples();
    let mut model = compiled();
    assert!(message(model.explain()).contains("nothing has run yet"));
    model.fit(&x, &y, quiet())?;
    let text = model.explain()?;
    assert!(text.contains("CPU") && text.contains("Training") && text.contains("as asked for"), "{text}");
    Ok(())
}

/// A table of counts beside the numbers, over batches of 32 and a last one of fewer.
#[test]
fn confusions_stand_in_the_logs() -> Result<()> {
    let (x, y) = samples();
    let mut model = compiled();
    let objective = Objective::new("sparse_categorical_crossentropy", &["accuracy", "confusion_matrix"])?;
    model.compile_each("sgd", [objective])?;
    let history = model.fit(&x, &y, quiet().validation_data(&x, &y))?;
    let logs = model.evaluate(&x, &y, 4)?;
    let table = logs.table("confusion_matrix").expect("a table");
    assert_eq!(history.epochs().last().and_then(|logs| logs.table("val_confusion_matrix")), Some(table));
    let classes = table.shape()[0];
    let counts = table.to_f32();
    assert_eq!(counts.iter().sum::<f32>(), x.rows() as f32);
    let right: f32 = counts.iter().step_by(classes + 1).sum();
    assert!((f64::from(right) / x.rows() as f64 - logs.get("accuracy").unwrap()).abs() < 1e-6);
    assert!(logs.iter().all(|(name, _)| name != "confusion_matrix"));
    Ok(())
}

/// Rows of labels shorter than the time they take; labels that take longer are refused.
#[test]
fn sequences_of_labels_are_learned() -> Result<()> {
    let x = Tensor::f32(&[4, 5, 3], (0..60).map(|i| ((i * 7) % 11) as f32 * 0.2 - 1.0).collect())?;
    let y = Tensor::u32(&[4, 2], vec![1, 2, 2, 1, 1, 0, 2, 2])?;
    let mut model = Sequential::new().device(Device::cpu()).add(Dense::new(3));
    model.compile(Adam::new(0.1), "ctc", &[])?;
    let losses = model.fit(&x, &y, quiet().epochs(60))?.get("loss").unwrap();
    assert!(losses[59] < 0.5 * losses[0], "{losses:?}");
    let long = Tensor::u32(&[4, 6], vec![1; 24])?;
    assert!(message(model.fit(&x, long, quiet())).contains("at most 5 labels"));
    let flat = Tensor::f32(&[4, 2, 2], vec![1.0; 16])?;
    assert!(message(model.fit(&x, flat, quiet())).contains("one row of labels"));
    Ok(())
}

/// Dispatches of a training step of a small network, and those of them that change variables.
fn dispatches(optimizer: Box<dyn Optimizer>, target: Target) -> Result<(usize, usize)> {
    let x = Tensor::f32(&[4, 20], vec![0.5; 80])?;
    let mut model = Sequential::new().add(Dense::new(30).activation("relu")).add(Dense::new(3));
    model.compile(optimizer, "mean_squared_error", &[])?;
    let program = schedule(&model.graph(Purpose::Training, &x)?, target, Default::default(), 4)?;
    let updates = program.kernels.iter().filter(|kernel| {
        kernel.region.stores.iter().any(|store| matches!(store.to, Destination::Variable(_)))
    });
    Ok((program.dispatches(), updates.count()))
}

/// One dispatch updates all weights and all that an elementwise optimizer remembers of them.
#[test]
fn an_optimizer_is_one_kernel() -> Result<()> {
    for name in ["sgd", "adam", "adamw", "adamax", "nadam", "rmsprop", "adagrad", "adadelta", "ftrl", "lion"]
    {
        for target in [Target::Cpu, Target::Gpu] {
            assert_eq!(dispatches(name.try_into()?, target)?.1, 1, "{name} {target:?}");
        }
    }
    Ok(())
}

/// A time step of an LSTM takes at most three dispatches forward and three backward; the input's product and those for the
/// weights' gradients are one each for all steps.
#[test]
fn a_time_step_takes_few_dispatches() -> Result<()> {
    let count = |time: usize| -> Result<usize> {
        let x = Tensor::f32(&[4, time, 28], vec![0.5; 4 * time * 28])?;
        let mut model = Sequential::new().add(LSTM::new(128)).add(Dense::new(10));
        model.compile("adam", "mean_squared_error", &[])?;
        let graph = model.graph(Purpose::Training, &x)?;
        Ok(schedule(&graph, Target::Gpu, Default::default(), 32)?.dispatches())
    };
    let (short, long) = (count(12)?, count(36)?);
    assert!(long - short <= 24 * (3 + 3), "{short} dispatches for 12 steps, {long} for 36");
    Ok(())
}

/// Lengths add two dispatches, of single weights and of all together: sums of segments, and sums of those.
#[test]
fn lengths_add_two_dispatches() -> Result<()> {
    let gpu = Target::Gpu;
    let (plain, updates) = dispatches(Adam::new(0.01).into(), gpu)?;
    assert_eq!(updates, 1);
    let optimizers: [(&str, Box<dyn Optimizer>, usize); 6] = [
        ("clipnorm", Adam::new(0.01).clipnorm(1.0).into(), 2),
        ("global_clipnorm", Adam::new(0.01).global_clipnorm(1.0).into(), 2),
        ("lamb", Lamb::new(0.01).into(), 2),
        ("lamb and clipnorm", Lamb::new(0.01).clipnorm(1.0).into(), 4),
        ("decay but of biases", AdamW::new(0.01).exclude_from_weight_decay(&["bias"]).into(), 0),
        (
            "all of it",
            AdamW::new(0.01).exclude_from_weight_decay(&["bias"]).clipnorm(1.0).use_ema(true).into(),
            2,
        ),
    ];
    for (name, optimizer, added) in optimizers {
        assert_eq!(dispatches(optimizer, gpu)?.0, plain + added, "{name}");
    }
    Ok(())
}
