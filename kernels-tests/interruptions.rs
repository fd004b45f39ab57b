//! The program `gradus` on a bad day: killed, interrupted, without room or rights, in two places at once. What was saved
//! stays, and a run that goes on ends bitwise where it would have ended undisturbed.
//!
//! `GRADUS_KILLS=200 cargo test --test interruptions kill` kills as many runs; otherwise there are five.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use gradus::{Dense, Model, Sequential, Tensor, formats::npy};

/// A folder with a model that is not trained yet, samples and targets.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_path_buf();
    let mut model =
        Sequential::new().add(Dense::new(16).activation("tanh")).add(Dense::new(1)).input_shape(&[3]);
    model.compile("adam", "mean_squared_error", &["mean_absolute_error"]).unwrap();
    model.build(&[3]).unwrap();
    model.save(path.join("fresh.keras")).unwrap();
    let numbers = |count: usize| (0..count).map(|i| (i * 7 % 11) as f32 / 11.0).collect();
    npy::write(path.join("x.npy"), &Tensor::f32(&[60, 3], numbers(180)).unwrap()).unwrap();
    npy::write(path.join("y.npy"), &Tensor::f32(&[60, 1], numbers(60)).unwrap()).unwrap();
    (directory, path)
}

const FIT: [&str; 9] = ["fit", "fresh.keras", "--x", "x.npy", "--y", "y.npy", "--batch-size", "4", "--save"];

/// `gradus fit` in `folder`, saving to `save`.
fn fit(folder: &Path, save: &str, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gradus"));
    command.current_dir(folder).env("GRADUS_DEVICE", "cpu").stdout(Stdio::piped()).stderr(Stdio::piped());
    command.args(FIT).arg(save).args(more);
    command
}

#[track_caller]
fn done(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn weights(path: impl AsRef<Path>) -> Vec<Tensor> {
    Model::load(path).unwrap().get_weights().unwrap()
}

/// Names in `folder` that are none of those a run leaves.
fn strangers(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.map(|name| name.into_string().unwrap()).filter(|name| name.starts_with('.')).collect()
}

/// Numbers from 0 to `below`, without a pattern.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Every run is killed at a random moment, while it reads, trains, or writes; the next goes on from what it left.
#[test]
fn killed_runs_end_as_one_that_never_was() {
    let kills: usize = std::env::var("GRADUS_KILLS").map_or(5, |text| text.parse().expect("a number"));
    let ((_directory, at), mut moments) = (folder(), Moments(7));
    let (mut reached, mut with_model) = (0, 0);
    for kill in 0..kills {
        let more = ["--epochs", "1000000", "--history", "killed.csv", "--resume"];
        let mut run = fit(&at, "killed.keras", &more).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(moments.next(150_000)));
        run.kill().unwrap();
        assert!(!run.wait().unwrap().success(), "a million epochs are not done by kill {kill}");
        if at.join("killed.keras").exists() {
            let epochs = Model::load(at.join("killed.keras")).unwrap().trained_epochs();
            assert!(epochs >= reached, "kill {kill}: {epochs} epochs, there were {reached}");
            (reached, with_model) = (epochs, with_model + 1);
        }
    }
    println!("{kills} runs killed, {with_model} of them with a model saved, {reached} epochs reached");
    let epochs = (reached + 3).to_string();
    done(fit(&at, "killed.keras", &["--epochs", &epochs, "--history", "killed.csv", "--resume"]));
    done(fit(&at, "whole.keras", &["--epochs", &epochs, "--history", "whole.csv"]));
    assert_eq!(weights(at.join("killed.keras")), weights(at.join("whole.keras")));
    let history = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
    assert_eq!(history("killed.csv"), history("whole.csv"));
    assert_eq!(strangers(&at), [""; 0], "what killed runs left is gone");
}

fn wait_for(path: &Path, run: &mut Child) {
    while !path.exists() {
        assert!(run.try_wait().unwrap().is_none(), "it ended before it saved");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn an_interrupted_run_says_how_to_go_on() {
    let (_directory, at) = folder();
    // Nothing saves but the interruption, most likely within an epoch.
    let more = ["--epochs", "1000000", "--save-every", "0", "--history", "parts.csv"];
    let mut run = fit(&at, "model.keras", &more).spawn().unwrap();
    wait_for(&at.join("parts.csv"), &mut run);
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
    let output = run.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(130), "{text}");
    assert!(text.contains("Interrupted in epoch ") && text.trim_end().ends_with("--resume"), "{text}");
    let epochs = (Model::load(at.join("model.keras")).unwrap().trained_epochs() + 2).to_string();
    done(fit(&at, "model.keras", &["--epochs", &epochs, "--history", "parts.csv", "--resume"]));
    done(fit(&at, "whole.keras", &["--epochs", &epochs, "--history", "whole.csv"]));
    assert_eq!(weights(at.join("model.keras")), weights(at.join("whole.keras")));
    let history = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
    assert_eq!(history("parts.csv"), history("whole.csv"));
}

/// Fails to save, names the file and the reason, and leaves the file as it was and nothing else.
#[track_caller]
fn fails_to_save(mut command: Command, at: &Path, name: &str, reason: &str) {
    let before = std::fs::read(at.join("model.keras")).unwrap();
    let output = command.output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains(name) && message.contains(reason), "{message}");
    assert!(message.contains("has room"), "{message}");
    assert_eq!(std::fs::read(at.join("model.keras")).unwrap(), before);
    assert_eq!(strangers(at), [""; 0]);
}

/// The system's limit on the size of a file stops the write in its middle, as a full disk does.
#[test]
fn a_full_disk_leaves_the_file_before() {
    let (_directory, at) = folder();
    done(fit(&at, "model.keras", &[]));
    let mut limited = Command::new("sh");
    limited.current_dir(&at).env("GRADUS_DEVICE", "cpu").args([
        "-c",
        "trap '' XFSZ; ulimit -f 4; exec \"$@\"",
        "sh",
    ]);
    limited.arg(env!("CARGO_BIN_EXE_gradus")).args(FIT).arg("model.keras");
    fails_to_save(limited, &at, "model.keras", "File too large");
}

#[test]
fn a_folder_that_cannot_be_written_to_leaves_the_file_before() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, at) = folder();
    done(fit(&at, "model.keras", &[]));
    if cfg!(target_os = "linux") {
        fails_to_save(fit(&at, "/proc/model.keras", &[]), &at, "/proc/model.keras", "cannot be written");
    }
    let mode = |mode| std::fs::set_permissions(&at, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    // Root may write everywhere.
    if std::fs::write(at.join("probe"), "").is_err() {
        fails_to_save(fit(&at, "model.keras", &[]), &at, "model.keras", "Permission denied");
    }
    mode(0o755);
}

/// Two runs save to one path at once, again and again: in the end it is one of the two, whole.
#[test]
fn two_processes_save_to_one_path() {
    let (_directory, at) = folder();
    let run = |save: &str, rate: &str| fit(&at, save, &["--epochs", "30", "--learning-rate", rate]);
    let rates = ["0.01", "0.02"];
    let runs = rates.map(|rate| run("both.keras", rate).spawn().unwrap());
    for run in runs {
        let output = run.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let alone = rates.map(|rate| {
        done(run("alone.keras", rate));
        weights(at.join("alone.keras"))
    });
    assert!(alone.contains(&weights(at.join("both.keras"))));
    assert_eq!(strangers(&at), [""; 0]);
}
