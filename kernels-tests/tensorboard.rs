//! Event files, as TensorBoard's own reader finds them.

use std::process::Command;

use serde_json::{Value, json};

use crate::model::{Device, FitOptions, History, Sequential};
use crate::{Conv2D, Dense, Flatten, Result, Sgd, Tensor, TensorBoard};

/// A training of two epochs of five steps with everything written.
fn train(folder: &std::path::Path) -> Result<(Sequential, History)> {
    let x = Tensor::f32(&[20, 6, 6, 1], (0..720).map(|i| (i as f32 * 0.7).sin()).collect())?;
    let y = Tensor::u32(&[20], (0..20).map(|i| i % 3).collect())?;
    let mut model = Sequential::new()
        .add(Conv2D::new(2, 3).activation("relu"))
        .add(Flatten::new())
        .add(Dense::new(3).activation("softmax"))
        .device(Device::cpu());
    model.compile(Sgd::new(0.125), "sparse_categorical_crossentropy", &["accuracy"])?;
    let board = TensorBoard::new(folder).histogram_freq(1).write_images(true).update_freq(2);
    let options = FitOptions::new().epochs(2).batch_size(4).verbose(0).callback(board);
    let history = model.fit(&x, &y, options.validation_data(&x, &y))?;
    Ok((model, history))
}

/// What this test needs is a Python with TensorBoard: `GRADUS_TENSORBOARD_PYTHON=python3`.
#[test]
fn tensorboard_reads_what_a_training_writes() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let (mut model, history) = train(directory.path())?;
    let Some(python) = std::env::var_os("GRADUS_TENSORBOARD_PYTHON") else {
        println!("half skipped: GRADUS_TENSORBOARD_PYTHON does not name a Python with TensorBoard");
        return Ok(());
    };
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/event_files.py");
    let output = Command::new(&python).arg(script).arg(directory.path()).output().unwrap();
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let found: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}\n{errors}"));

    for (part, prefix) in [("train", ""), ("validation", "val_")] {
        for name in ["loss", "accuracy"] {
            let values = history.get(&format!("{prefix}{name}")).unwrap();
            let expected: Vec<Value> = values
                .iter()
                .enumerate()
                .map(|(epoch, value)| json!([epoch, f64::from(*value as f32)]))
                .collect();
            assert_eq!(found[part]["scalars"][format!("epoch_{name}")], json!(expected), "{part} {name}");
        }
    }
    let train = &found["train"];
    assert_eq!(train["scalars"]["epoch_learning_rate"], json!([[0, 0.125], [1, 0.125]]));
    let steps = train["scalars"]["batch_loss"].as_array().unwrap().iter().map(|event| event[0].clone());
    assert_eq!(steps.collect::<Vec<_>>(), [2, 4, 7, 9]);

    let kernel = model.get_weights()?[2].to_f32();
    let histogram = &train["histograms"]["dense/kernel/histogram"][1];
    let least = kernel.iter().copied().fold(f32::INFINITY, f32::min);
    let sum: f64 = kernel.iter().copied().map(f64::from).sum();
    assert_eq!(histogram[0].as_f64().unwrap() as f32, least);
    assert_eq!((&histogram[2], &histogram[4]), (&json!(96.0), &json!(96.0)));
    assert!((histogram[3].as_f64().unwrap() - sum).abs() < 1e-9, "{histogram}");
    assert_eq!(train["histograms"].as_object().unwrap().len(), 4);
    let image = &train["images"]["conv2d/kernel/image"][1];
    assert_eq!(image[2], json!([137, 80, 78, 71, 13, 10, 26, 10]), "a PNG file");
    let nodes = json!([
        ["x", "InputLayer", [], [-1, 6, 6, 1]],
        ["conv2d", "Conv2D", ["x"], [-1, 4, 4, 2]],
        ["flatten", "Flatten", ["conv2d"], [-1, 32]],
        ["dense", "Dense", ["flatten"], [-1, 3]],
    ]);
    assert_eq!(train["nodes"], nodes);
    Ok(())
}
