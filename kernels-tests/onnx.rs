//! ONNX files that gradus writes, run by onnxruntime.

use std::path::Path;
use std::process::Command;

use super::files::{check_predictions, folder as keras_files, golden, tensors};
use super::layers::{FAMILIES, cases};
use crate::error::Result;
use crate::formats::npz;
use crate::layers::Masking;
use crate::model::{Device, Input, Model, Symbol};
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
