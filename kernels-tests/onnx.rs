//! ONNX files: those that gradus writes, run by onnxruntime; those that PyTorch writes (`onnx/write.py`), read by gradus.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::files::{check_predictions, folder as keras_files, golden, tensors};
use super::layers::{FAMILIES, cases};
use crate::error::Result;
use crate::formats::{npz, onnx};
use crate::layers::Masking;
use crate::model::{Device, FitOptions, Input, Model, Objective, Symbol};
use crate::tensor::Tensor;

/// The model of one layer of the tests against Keras, with the weights and samples of those tests.
fn one_layer(case: super::layers::Case) -> Result<(Model, Vec<Tensor>)> {
    let graph = case.graph();
    let (start, mut x) = (case.start(&graph), vec![case.samples()]);
    x.extend(case.first_states());
    x = x.iter().map(|x| Tensor::f32(x.shape(), x.to_f32())).collect::<Result<_>>()?;
    let inputs: Vec<Symbol> = x.iter().map(|x| Input::new(&x.shape()[1..])).collect();
    let mut called = inputs.clone();
    if case.is_masked() {
        called[0] = called[0].apply(Masking::new());
    }
    let outputs = Symbol::call_each(case.layer, &called);
    let mut model = Model::new(&inputs, &outputs)?.device(Device::cpu());
    let weights = graph.parameters.iter().map(|parameter| {
        let values = start[parameter.variable.0][parameter.offset..][..parameter.len()].to_vec();
        Tensor::f32(&parameter.shape, values)
    });
    model.set_weights(&weights.collect::<Result<Vec<_>>>()?)?;
    Ok((model, x))
}

/// Writes a model, its samples, and what gradus predicts.
fn export(folder: &Path, name: &str, model: &mut Model, x: &[Tensor]) -> Result<Vec<Tensor>> {
    model.export_onnx(folder.join(format!("{name}.onnx")))?;
    let named: Vec<_> = x.iter().enumerate().map(|(i, x)| (format!("x{i}"), x.clone())).collect();
    npz::write(folder.join(format!("{name}.npz")), &named)?;
    model.predict_each(x.to_vec(), None)
}

/// Every layer, every option of it, and whole models. What this test needs is a Python with onnx and onnxruntime:
/// `GRADUS_ONNX_PYTHON=python3`.
#[test]
fn onnxruntime_predicts_what_gradus_predicts() -> Result<()> {
    let Some(python) = std::env::var_os("GRADUS_ONNX_PYTHON") else {
        println!("skipped: GRADUS_ONNX_PYTHON does not name a Python with onnx and onnxruntime");
        return Ok(());
    };
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let mut expected = Vec::new();
    for (number, case) in FAMILIES.into_iter().flat_map(cases).enumerate() {
        let (what, name) = (case.what(), format!("layer{number:03}"));
        let (mut model, x) = one_layer(case)?;
        expected.push((what, name.clone(), export(at, &name, &mut model, &x)?));
    }
    for (name, case) in golden("golden.json") {
        let mut model = Model::load(keras_files().join(format!("{name}.keras")))?.device(Device::cpu());
        let y = export(at, &name, &mut model, &tensors(&case["x"]))?;
        expected.push((name.clone(), name, y));
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/onnx/run.py");
    let output = Command::new(python).arg(script).arg(at).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (what, name, expected) in expected {
        let file = at.join(format!("{name}.out.npz"));
        let found = (0..expected.len()).map(|i| npz::read(&file, &format!("y{i}")));
        check_predictions(&what, &found.collect::<Result<Vec<_>>>()?, &expected);
    }
    Ok(())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/onnx")
}

/// The files of PyTorch with samples and outputs.
fn of_pytorch() -> Vec<(PathBuf, Value)> {
    let text = std::fs::read_to_string(folder().join("golden.json")).unwrap();
    let cases: Value = serde_json::from_str(&text).unwrap();
    let files = cases.as_object().unwrap().iter().flat_map(|(name, case)| {
        ["", "_script"].map(|form| (folder().join(format!("{name}{form}.onnx")), case.clone()))
    });
    let files: Vec<_> = files.filter(|(path, _)| path.exists()).collect();
    assert_eq!(files.len(), 15);
    files
}

#[test]
fn models_of_pytorch_predict_as_there_and_can_be_trained() -> Result<()> {
    for (path, case) in of_pytorch() {
        let what = path.display().to_string();
        let mut model = Model::load(&path)?.device(Device::cpu());
        let (x, y) = (tensors(&case["x"]), tensors(&case["y"]));
        check_predictions(&what, &model.predict_each(x.clone(), None)?, &y);
        let before = model.get_weights()?;
        let targets = y.iter().map(|y| y.clone().scaled(0.5)).collect::<Vec<_>>();
        let objective = || Objective::new("mean_squared_error", &[]);
        model.compile_each("sgd", targets.iter().map(|_| objective()).collect::<Result<Vec<_>>>()?)?;
        let losses = model
            .fit(x, targets, FitOptions::new().epochs(3).shuffle(false).verbose(0))?
            .get("loss")
            .unwrap();
        assert!(losses[2] < losses[0] && model.get_weights()? != before, "{what}: {losses:?}");
    }
    Ok(())
}

/// Even in the two forms that PyTorch writes, the layers are those that a person would have built.
#[test]
fn axes_are_turned_where_their_order_counts_alone() -> Result<()> {
    let classes = |name: &str| -> Result<Vec<String>> {
        let config = Model::load(folder().join(name))?.config()?;
        let layers = config["config"]["layers"].as_array().unwrap();
        Ok(layers.iter().map(|layer| layer["class_name"].as_str().unwrap().to_string()).collect())
    };
    let expected = [
        "InputLayer",
        "Permute",
        "Reshape",
        "ZeroPadding2D",
        "Reshape",
        "Conv1D",
        "Activation",
        "MaxPooling1D",
        "Conv1D",
        "Activation",
        "Permute",
        "Flatten",
        "Dense",
        "LayerNormalization",
        "Activation",
        "Dense",
        "Activation",
    ];
    assert_eq!(classes("series_script.onnx")?, expected);
    assert_eq!(classes("gru_script.onnx")?, ["InputLayer", "GRU", "Dense"]);
    assert_eq!(classes("rnn_script.onnx")?[..2], ["InputLayer", "SimpleRNN"]);
    Ok(())
}

#[test]
fn what_gradus_exports_comes_back_whole() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    for (name, case) in golden("golden.json") {
        let mut model = Model::load(keras_files().join(format!("{name}.keras")))?.device(Device::cpu());
        let path = directory.path().join(format!("{name}.onnx"));
        model.export_onnx(&path)?;
        let mut restored = Model::load(&path)?.device(Device::cpu());
        assert_eq!(restored.config()?, model.config()?, "{name}");
        assert_eq!(restored.get_weights()?, model.get_weights()?, "{name}");
        let x = tensors(&case["x"]);
        assert_eq!(restored.predict_each(x.clone(), None)?, model.predict_each(x, None)?, "{name}");
    }
    Ok(())
}

/// A file of one chain of nodes over rows of three numbers.
fn chain(path: &Path, nodes: Vec<(&str, Vec<&str>)>) -> Result<()> {
    let (mut last, mut all) = ("x".to_string(), Vec::new());
    for (number, (op, others)) in nodes.into_iter().enumerate() {
        let given = format!("{op}_{number}");
        let inputs = std::iter::once(last).chain(others.into_iter().map(String::from)).collect();
        all.push(onnx::Node {
            name: given.clone(),
            op: op.into(),
            inputs,
            outputs: vec![given.clone()],
            ..Default::default()
        });
        last = given;
    }
    let port = |name: &str| onnx::Port {
        name: name.into(),
        element: onnx::FLOAT,
        shape: Some(vec![onnx::Size::Named("batch".into()), onnx::Size::Fixed(3)]),
    };
    let kernel = onnx::Array::floats(&[3, 2], vec![0.5, -1.0, 2.0, 0.25, 1.0, 0.0]);
    let graph = onnx::Graph {
        name: "chain".into(),
        nodes: all,
        initializers: vec![("kernel".into(), kernel)],
        inputs: vec![port("x")],
        outputs: vec![port(&last)],
    };
    let model =
        onnx::Model { ir_version: 10, operator_sets: vec![(String::new(), 21)], graph, ..Default::default() };
    onnx::write(path, &model, |_| Vec::new())
}

#[test]
fn what_gradus_lacks_is_refused_by_name() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chain.onnx");
    for (nodes, expected) in [
        (vec![("Relu", vec![]), ("Erf", vec![])], "node \"Erf_1\" (Erf) is none that gradus has a layer for"),
        (
            vec![("MatMul", vec!["kernel"]), ("MatMul", vec!["kernel"])],
            "node \"MatMul_1\" (MatMul) has weights of shapes [[3, 2]]",
        ),
        (vec![("Mul", vec!["kernel"])], "node \"Mul_0\" (Mul) takes the constant \"kernel\""),
        (vec![("Add", vec!["nothing"])], "takes \"nothing\", which nothing before it gives"),
        (vec![("Transpose", vec![])], "has the samples along another axis than the first"),
    ] {
        chain(&path, nodes)?;
        let message = Model::load(&path).unwrap_err().to_string();
        assert!(message.contains(expected) && message.contains("chain.onnx"), "{message}");
    }
    chain(&path, vec![("MatMul", vec!["kernel"]), ("Tanh", vec![])])?;
    let y = Model::load(&path)?
        .device(Device::cpu())
        .predict(Tensor::f32(&[1, 3], vec![1.0, 0.0, -0.5])?, None)?;
    assert_eq!(y.to_f32(), [0.0f32.tanh(), (-1.0f32).tanh()]);
    Ok(())
}

/// A chain as long as a file may have neither overflows the stack nor takes long; a longer one is refused.
#[test]
fn long_chains_are_read_or_refused() -> Result<()> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chain.onnx");
    chain(&path, vec![("Relu", vec![]); 2_000])?;
    assert_eq!(Model::load(&path)?.count_parameters(), 0);
    chain(&path, vec![("Relu", vec![]); 2_001])?;
    assert!(Model::load(&path).unwrap_err().to_string().contains("has 2001 nodes"));
    Ok(())
}
