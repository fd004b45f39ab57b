//! The program `gradus`, as a user calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gradus::{Dense, Model, Sequential, Tensor, formats::npy};
use serde_json::Value;

fn gradus(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.current_dir(folder).env("GRADUS_DEVICE", "cpu").args(arguments).output().unwrap()
}

#[track_caller]
fn done(folder: &Path, arguments: &[&str]) -> String {
    let output = gradus(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&done(folder, &[&["--json"], arguments].concat())).unwrap()
}

/// A folder with a compiled model, its config, samples and targets.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    let mut model =
        Sequential::new().add(Dense::new(4).activation("tanh")).add(Dense::new(1)).input_shape(&[3]);
    model.compile("adam", "mean_squared_error", &["mean_absolute_error"]).unwrap();
    model.build(&[3]).unwrap();
    model.save(path.join("model.keras")).unwrap();
    model.save(path.join("config.json")).unwrap();
    let numbers = |count: usize| (0..count).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    npy::write(path.join("x.npy"), &Tensor::f32(&[10, 3], numbers(30)).unwrap()).unwrap();
    npy::write(path.join("y.npy"), &Tensor::f32(&[10, 1], numbers(10)).unwrap()).unwrap();
    (directory, path)
}

#[test]
fn models_are_shown_run_and_converted() {
    let (_directory, at) = folder();
    assert!(done(&at, &["summary", "model.keras"]).contains("Total params: 21"));
    assert!(done(&at, &["explain", "model.keras", "--batch", "5"]).contains("batches of up to 5"));
    assert!(json(&at, &["devices"])["auto"]["device"].is_string());
    assert_eq!(json(&at, &["check", "model.keras"])["holds"], true);
    assert!(
        json(&at, &["profile", "model.keras", "--trace", "trace.json"])["seconds"].as_f64().unwrap() > 0.0
    );
    assert!(at.join("trace.json").exists());

    done(&at, &["predict", "model.keras", "--x", "x.npy", "--out", "p.npy"]);
    let expected = npy::read(at.join("p.npy")).unwrap();
    for file in ["model.h5", "again.keras", "model.onnx"] {
        done(&at, &["convert", "model.keras", file]);
        done(&at, &["predict", file, "--x", "x.npy", "--out", "q.npy"]);
        assert_eq!(npy::read(at.join("q.npy")).unwrap(), expected, "{file}");
    }
    assert!(done(&at, &["summary", "model.onnx"]).contains("Total params: 21"));
    done(&at, &["convert", "model.onnx", "back.keras"]);
    assert_eq!(
        json(&at, &["summary", "back.keras"])["config"],
        json(&at, &["summary", "model.keras"])["config"]
    );
    for weights in ["w.weights.h5", "w.safetensors", "w.npz"] {
        done(&at, &["convert", "model.keras", weights]);
        done(&at, &["predict", "config.json", "--weights", weights, "--x", "x.npy", "--out", "q.npy"]);
        assert_eq!(npy::read(at.join("q.npy")).unwrap(), expected, "{weights}");
    }
}

#[test]
fn a_training_goes_on_where_it_stopped() {
    let (_directory, at) = folder();
    let fit = |epochs: &str, save: &str, more: &[&str]| {
        let data = ["fit", "model.keras", "--x", "x.npy", "--y", "y.npy", "--batch-size", "4", "--seed", "3"];
        json(&at, &[&data[..], &["--epochs", epochs, "--save", save], more].concat())
    };
    assert_eq!(
        fit("5", "whole.keras", &["--plots", "plots", "--report", "run.html"])["epochs"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert!(at.join("plots/loss.png").exists() && at.join("plots/mean_absolute_error.png").exists());
    let report = std::fs::read_to_string(at.join("run.html")).unwrap();
    assert!(
        report.contains("Total params: 21") && report.contains("<td class=\"number\">5</td>"),
        "{report}"
    );
    fit("2", "parts.keras", &["--history", "h.csv", "--resume"]);
    fit("5", "parts.keras", &["--history", "h.csv", "--resume"]);
    let weights = |file: &str| Model::load(at.join(file)).unwrap().get_weights().unwrap();
    assert_eq!(weights("parts.keras"), weights("whole.keras"));
    let history = std::fs::read_to_string(at.join("h.csv")).unwrap();
    let epochs: Vec<&str> = history.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(epochs, ["epoch", "0", "1", "2", "3", "4"]);
    let found = json(&at, &["evaluate", "whole.keras", "--x", "x.npy", "--y", "y.npy", "--metrics", "mae"]);
    assert!(
        found["loss"].is_number() && found["mae"].is_number() || found["mean_absolute_error"].is_number(),
        "{found}"
    );
}

#[test]
fn without_a_terminal_progress_is_plain_lines() {
    let (_directory, at) = folder();
    let output = gradus(&at, &["fit", "model.keras", "--x", "x.npy", "--y", "y.npy", "--epochs", "2"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["Device: CPU", "Epoch 1/2", "Epoch 2/2", "1/1 - "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let is_plain = |bytes: &[u8]| !bytes.contains(&0x1b) && !bytes.contains(&b'\r');
    assert!(is_plain(text.as_bytes()) && is_plain(&output.stderr), "{text:?}");
}

#[test]
fn failures_and_wrong_usage_have_their_codes() {
    let (_directory, at) = folder();
    for (arguments, code, text) in [
        (&["predict", "nothing.keras", "--x", "x.npy"][..], 1, "nothing.keras"),
        (&["summary", "x.npy"], 1, "is no model"),
        (
            &["fit", "model.keras", "--x", "x.npy", "--y", "y.npy", "--loss", "nothing"],
            1,
            "mean_squared_error",
        ),
        (&["fit", "model.keras", "--x", "x.npy", "--y", "y.npy", "--epochs", "0"], 1, "epochs"),
        (&["tune", "--x", "x.npy"], 1, "need a model"),
        (&["tune", "--batch", "8"], 1, "need a model"),
        (&["profile", "model.keras", "--x", "x.npy", "--batch", "8"], 2, "--batch"),
        (&["profile", "model.keras", "--loss", "mse"], 2, "--y"),
        (&["predict", "model.keras"], 2, "--x"),
        (&["fit", "model.keras", "--x", "x.npy", "--y", "y.npy", "--epochs", "many"], 2, "many"),
        (&["nothing"], 2, "nothing"),
    ] {
        let output = gradus(&at, arguments);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(text), "{arguments:?}: {message}");
    }
}
