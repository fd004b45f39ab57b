//! Examples that take files of the user's, in a short form, on pictures that are drawn here.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gradus::{Conv2D, Dense, Flatten, Sequential};

/// The example `name`, which cargo builds beside the tests; `None` where it was told to build the tests alone.
fn example(name: &str) -> Option<Command> {
    let folder = std::env::current_exe().ok()?.parent()?.parent()?.join("examples");
    let path = folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    if !path.is_file() {
        println!("skipped: {} is not built", path.display());
        return None;
    }
    let mut command = Command::new(path);
    command.env("GRADUS_DEVICE", "cpu");
    Some(command)
}

#[track_caller]
fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A picture of `size` by `size` pixels with a bright bar, upright or lying, somewhere.
fn bar(path: PathBuf, size: u32, upright: bool, place: u32) {
    let at = |x: u32, y: u32| if upright { x } else { y };
    let pixel =
        |x: u32, y: u32| if at(x, y).abs_diff(place % size) < 4 { [240, 200, 180] } else { [20, 30, 40] };
    let bytes: Vec<u8> = (0..size * size).flat_map(|i| pixel(i % size, i / size)).collect();
    image::save_buffer(path, &bytes, size, size, image::ColorType::Rgb8).unwrap();
}

#[test]
fn own_images_are_learned_saved_and_loaded_again() {
    let Some(mut example) = example("own_images") else { return };
    let folder = tempfile::tempdir().unwrap();
    for (label, upright) in [("lying", false), ("standing", true)] {
        let path = folder.path().join("signs").join(label);
        std::fs::create_dir_all(&path).unwrap();
        (0..20).for_each(|i| bar(path.join(format!("{i}.png")), 40 + i, upright, 7 * i + 5));
    }
    let text = text(&example.current_dir(folder.path()).args(["signs", "4"]).output().unwrap());
    assert!(text.contains("Epoch 4/4") && text.contains("val_accuracy"), "{text}");
    assert!(
        text.contains("Loaded again: ") && text.contains("lying: ") && text.contains("standing: "),
        "{text}"
    );
    assert!(folder.path().join("own_images.keras").is_file());
}

fn signs_predict(folder: &Path, image: &str) -> Option<Output> {
    let mut example = example("signs_predict")?;
    Some(example.current_dir(folder).args([image, "--model", "model.h5", "--out", "out"]).output().unwrap())
}

#[test]
fn six_probabilities_stand_as_bars() {
    let folder = tempfile::tempdir().unwrap();
    bar(folder.path().join("hand.png"), 100, true, 50);
    let Some(none) = signs_predict(folder.path(), "hand.png") else { return };
    let message = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(message.contains("model.h5: make it by `cargo run --release --example signs_cnn`"), "{message}");
    let mut model = Sequential::new()
        .add(Conv2D::new(4, 3).strides(4).activation("relu"))
        .add(Flatten::new())
        .add(Dense::new(6).activation("softmax"));
    model.build(&[64, 64, 3]).unwrap();
    model.save(folder.path().join("model.h5")).unwrap();
    let text = text(&signs_predict(folder.path(), "hand.png").unwrap());
    let lines: Vec<&str> = text.lines().filter(|line| line.contains('%')).collect();
    let shares = lines.iter().map(|line| line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap());
    assert_eq!(lines.len(), 6, "{text}");
    // Each is rounded to a tenth.
    assert!((shares.sum::<f64>() - 100.0).abs() <= 0.3, "{text}");
    assert!(text.contains('█'), "{text}");
    let maps = image::open(folder.path().join("out/feature_maps.png")).unwrap();
    assert!(maps.width() > 64, "{}", maps.width());
}
