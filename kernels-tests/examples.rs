//! Every example in a short form, on data that are made here, and what the pictures that it writes show.

mod pictures;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gradus::{Conv2D, Dense, Flatten, Sequential};

use pictures::{Pixels, SERIES, check_chart, check_tiles, frames};

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
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), size, size);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

/// What the example `name` prints when it is run in `folder`; `None` where it is not built.
#[track_caller]
fn run(name: &str, folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = example(name)?.current_dir(folder).args(arguments).output().unwrap();
    Some(text(&output))
}

#[test]
fn every_example_is_run_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = std::fs::read_to_string(root.join("kernels-tests/examples.rs")).unwrap();
    let entries = std::fs::read_dir(root.join("examples")).unwrap();
    let names: BTreeSet<String> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    let missing: Vec<&String> = names
        .iter()
        .filter(|name| {
            let called = |call: &str| tests.contains(&format!("{call}(\"{name}\""));
            !called("run") && !called("example")
        })
        .collect();
    assert!(missing.is_empty(), "no test runs {missing:?}");
}

/// Hands, drawn by the example that drew those in `assets`.
fn few_signs(folder: &Path) -> Option<()> {
    let text = run("draw_signs", folder, &["--out", "signs", "--train", "4", "--test", "2"])?;
    assert!(text.contains("train_signs.h5: 24 pictures"), "{text}");
    Some(())
}

#[test]
fn signs_are_drawn_learned_and_searched() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let Some(()) = few_signs(folder.path()) else { return };
    let Some(text) = run("signs_cnn", folder.path(), &["--data", "signs", "--epochs", "3", "--out", "cnn"])
    else {
        return;
    };
    assert!(text.contains("Epoch 3/3") && text.contains("Test: accuracy"), "{text}");
    for name in ["loss.png", "accuracy.png"] {
        check_chart(&at("cnn").join(name), &SERIES[..2], 1);
    }
    // Six classes against six; 32 filters of three channels; 32 maps of 62x62; mistakes with their images.
    check_tiles(&at("cnn/confusion.png"), (6 * 56, 6 * 30), 8);
    check_tiles(&at("cnn/filters.png"), (300, 100), 200);
    check_tiles(&at("cnn/feature_maps.png"), (4 * 62, 8 * 62), 60);
    check_tiles(&at("cnn/misclassified.png"), (500, 176), 500);
    let report = std::fs::read_to_string(at("cnn/report.html")).unwrap();
    assert!(report.matches("<svg").count() >= 2, "{}", report.len());
    let history = std::fs::read_to_string(at("cnn/history.csv")).unwrap();
    assert_eq!(history.lines().count(), 1 + 3, "{history}");

    let search = ["--data", "signs", "--epochs", "1", "--folds", "2", "--out", "search"];
    let text = run("grid_search", folder.path(), &search).unwrap();
    assert!(text.contains("Best: ") && text.contains("accuracy: "), "{text}");
    let table = std::fs::read_to_string(at("search/results.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 24, "{table}");
    check_tiles(&at("search/accuracy.png"), (4 * 96, 6 * 30), 6);
}

#[test]
fn xor_is_an_animation_and_a_surface() {
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = run("xor", folder.path(), &["1"]) else { return };
    assert!(text.contains("2-1: 0 of 1") && text.contains("2-8-1: 1 of 1"), "{text}");
    let surface = Pixels::read(&folder.path().join("target/xor/surface.png"));
    // Blue where the answer is 0, orange where it is 1: a quarter of 400x400 pixels and more.
    for color in &SERIES[..2] {
        assert!(surface.count(*color) > 10_000, "{color:?}: {}", surface.count(*color));
    }
    let frames = frames(&folder.path().join("target/xor/surface.gif"));
    assert!(frames.len() >= 1000 / 20, "{}", frames.len());
    assert_ne!(frames.first(), frames.last());
}

#[test]
fn activation_functions_are_curves_in_svg_and_png() {
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = run("activations", folder.path(), &["a.svg"]) else { return };
    let functions: usize = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    let svg = std::fs::read_to_string(folder.path().join("a.svg")).unwrap();
    let svg = roxmltree::Document::parse(&svg).unwrap();
    let strokes = |color: &str| {
        let is = |node: &roxmltree::Node<'_, '_>| node.attribute("stroke") == Some(color);
        svg.descendants().filter(|node| node.has_tag_name("polyline") && is(node)).count()
    };
    // A curve in each field, and a stroke in the key.
    assert!(strokes("#0072b2") > functions && strokes("#d55e00") > functions, "{functions}");
    let words = |word: &str| svg.descendants().any(|node| node.text() == Some(word));
    assert!(words("relu") && words("softmax of (x, 0)") && words("derivative"));
    run("activations", folder.path(), &["a.png"]);
    let pixels = Pixels::read(&folder.path().join("a.png"));
    // Fields are some 200 pixels wide, and of the derivatives' narrow lines one pixel in each column is covered whole, but
    // for those at half a row.
    for (color, least) in [(SERIES[0], 400), (SERIES[1], 150)] {
        assert!(pixels.count(color) > least * functions, "{color:?}: {}", pixels.count(color));
    }
}

#[test]
fn additions_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let short = ["--questions", "200", "--epochs", "2", "--units", "16"];
    let Some(text) = run("addition", folder.path(), &short) else { return };
    let answers = text.lines().filter(|line| line.ends_with(" right") || line.ends_with(" wrong"));
    assert_eq!(answers.count(), 10, "{text}");
    assert!(text.contains("Epoch 2/2") && text.contains("99 % of the characters"), "{text}");
}

#[test]
fn batches_and_epochs_are_two_heat_maps() {
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = run("batch_and_epochs", folder.path(), &["--out", "out"]) else { return };
    let table = std::fs::read_to_string(folder.path().join("out/results.csv")).unwrap();
    assert_eq!(table.lines().count(), 1 + 9, "{table}");
    // A thousand epochs part the spirals.
    let last = text.lines().rfind(|line| line.trim_start().starts_with("1000")).unwrap();
    assert!(last.split_whitespace().last().unwrap().parse::<f64>().unwrap() > 0.95, "{text}");
    for name in ["accuracy.png", "seconds.png"] {
        check_tiles(&folder.path().join("out").join(name), (3 * 96, 3 * 30), 5);
    }
}

#[test]
fn sunspots_are_four_curves() {
    let folder = tempfile::tempdir().unwrap();
    let Some(text) = run("series", folder.path(), &["--epochs", "2", "--out", "out"]) else { return };
    for layer in ["SimpleRNN", "LSTM", "GRU"] {
        assert!(text.contains(layer), "{text}");
    }
    check_chart(&folder.path().join("out/forecast.png"), &SERIES[..4], 4);
}

#[test]
fn a_model_within_the_program_answers() {
    let Some(text) = run("inference", Path::new("."), &[]) else { return };
    let answers: Vec<&str> = text.lines().map(|line| &line[..line.len() - 2]).collect();
    assert_eq!(answers, ["0 xor 0: 0.0", "0 xor 1: 1.0", "1 xor 0: 1.0", "1 xor 1: 0.0"]);
}

/// Four IDX files in the layout of Fashion-MNIST, in whose images a bright bar tells the class by its row.
fn few_clothes(folder: &Path) {
    for (part, count) in [("train", 2_600u32), ("t10k", 100)] {
        let header = |kind: u8, sizes: &[u32]| {
            let sizes = sizes.iter().flat_map(|size| size.to_be_bytes());
            [0, 0, 8, kind].into_iter().chain(sizes).collect::<Vec<u8>>()
        };
        let (mut images, mut labels) = (header(3, &[count, 28, 28]), header(1, &[count]));
        for i in 0..count {
            let class = i * 7 % 10;
            labels.push(class as u8);
            let pixel = |at: u32| {
                let noise = pictures::noise(i * 784 + at) / 4;
                if (at / 28).abs_diff(3 + 2 * class) < 2 { 160 + noise } else { noise }
            };
            images.extend((0..784).map(pixel));
        }
        std::fs::write(folder.join(format!("{part}-images-idx3-ubyte")), images).unwrap();
        std::fs::write(folder.join(format!("{part}-labels-idx1-ubyte")), labels).unwrap();
    }
}

#[test]
fn clothes_are_told_apart_by_both_networks() {
    let folder = tempfile::tempdir().unwrap();
    few_clothes(folder.path());
    for name in ["fashion_mlp", "fashion_cnn"] {
        let arguments = ["--data", ".", "--epochs", "2", "--out", name];
        let output = match name {
            "fashion_mlp" => run("fashion_mlp", folder.path(), &arguments),
            _ => run("fashion_cnn", folder.path(), &arguments),
        };
        let Some(text) = output else { return };
        assert!(text.contains("Epoch 2/2") && text.contains("Test: accuracy"), "{text}");
        for chart in ["loss.png", "accuracy.png"] {
            check_chart(&folder.path().join(name).join(chart), &SERIES[..2], 1);
        }
    }
}

#[test]
fn remedies_against_overfitting_are_eight_curves() {
    let folder = tempfile::tempdir().unwrap();
    few_clothes(folder.path());
    let arguments = ["--data", ".", "--epochs", "3", "--out", "out"];
    let Some(text) = run("regularisation", folder.path(), &arguments) else { return };
    assert_eq!(text.lines().count(), 1 + 8 + 1, "{text}");
    // In three epochs nothing stops early: that curve lies on the one without a remedy.
    check_chart(&folder.path().join("out/validation.png"), &SERIES, 6);
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
    check_tiles(&folder.path().join("out/feature_maps.png"), (4 * 16, 16), 10);
}
