//! What an application has that is built with the feature `inference` alone: it predicts, and refuses files of the kinds
//! that are not built in by naming the feature that reads them.
//!
//! `cargo test --no-default-features --features inference --test inference`; other builds have nothing to test here.
#![cfg(not(feature = "hdf5"))]

use gradus::data::read_array;
use gradus::{Device, Model, Tensor};

fn xor() -> Model {
    let config = serde_json::from_str(include_str!("../examples/inference/xor.json")).unwrap();
    let mut model = Model::from_config(&config).unwrap().device(Device::cpu());
    model.parse_weights("xor.safetensors", include_bytes!("../examples/inference/xor.safetensors")).unwrap();
    model
}

fn answers(model: &mut Model) -> Vec<f32> {
    let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0]).unwrap();
    model.predict(&x, None).unwrap().to_f32()
}

#[test]
fn a_finished_model_predicts() {
    let answers = answers(&mut xor());
    assert!(
        answers.iter().zip([0.0, 1.0, 1.0, 0.0]).all(|(y, truth)| (y - truth).abs() < 0.5),
        "{answers:?}"
    );
}

#[test]
fn files_of_keras_are_refused_by_the_feature_that_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut model = xor();
    for (name, start) in [("model.keras", &b"PK\x03\x04"[..]), ("model.h5", b"\x89HDF\r\n\x1a\n")] {
        let path = folder.path().join(name);
        names_feature(model.save(&path), name, "hdf5");
        assert!(!path.exists(), "{name} was written");
        std::fs::write(&path, start).unwrap();
        names_feature(model.save(&path), name, "hdf5");
        names_feature(Model::load(&path).map(|_| ()), name, "hdf5");
        assert_eq!(std::fs::read(&path).unwrap(), start);
    }
    let path = folder.path().join("weights.weights.h5");
    names_feature(model.save_weights(&path), "weights.weights.h5", "hdf5");
    std::fs::write(&path, b"\x89HDF\r\n\x1a\n").unwrap();
    names_feature(model.load_weights(&path), "weights.weights.h5", "hdf5");
}

#[test]
fn data_are_refused_by_the_feature_that_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |name: &str, feature: &str| {
        names_feature(read_array(folder.path().join(name).to_str().unwrap()).map(|_| ()), name, feature);
    };
    refused("data.h5:x", "hdf5");
    refused("table.csv", "csv");
    refused("picture.png", "images");
    refused("", "images");
}

fn names_feature(refusal: gradus::Result<()>, name: &str, feature: &str) {
    let message = refusal.expect_err(name).to_string();
    let file = name.split(':').next().unwrap();
    assert!(message.contains(file) && message.contains(&format!("feature `{feature}`")), "{message}");
}
