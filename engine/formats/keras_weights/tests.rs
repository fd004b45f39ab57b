//! Keras's weights files: read as Keras wrote them, and written so that Keras reads them.

use std::path::PathBuf;
use std::process::Command;

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/keras").join(name)
}

/// The arrays' names and shapes, checked against the numbering of `write_golden.py`.
fn check_tiny(layers: &[LayerWeights]) -> Vec<(&str, &[usize])> {
    let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
    assert_eq!(names, ["conv2d", "flatten", "batch_normalization", "dense"]);
    assert!(layers[1].weights.is_empty());
    let arrays = layers.iter().flat_map(|layer| &layer.weights);
    let check = |(n, (name, array)): (usize, &(String, Tensor))| {
        for (i, value) in array.to_f32().into_iter().enumerate() {
            assert_eq!(value, (n as f64 + i as f64 / 100.0) as f32, "{name} {i}");
        }
    };
    arrays.clone().enumerate().for_each(check);
    arrays.map(|(name, array)| (name.as_str(), array.shape())).collect()
}

const TINY: [(&str, &[usize]); 8] = [
    ("kernel", &[3, 3, 1, 2]),
    ("bias", &[2]),
    ("gamma", &[8]),
    ("beta", &[8]),
    ("moving_mean", &[8]),
    ("moving_variance", &[8]),
    ("kernel", &[8, 3]),
    ("bias", &[3]),
];

#[test]
fn weights_that_keras_2_wrote_are_read() -> Result<()> {
    let layers = read(golden("keras2_weights.h5"))?;
    let arrays = check_tiny(&layers);
    assert_eq!(arrays[0].0, "conv2d/kernel:0");
    for ((name, shape), (end, expected)) in arrays.into_iter().zip(TINY) {
        assert!(name.ends_with(&format!("/{end}:0")) && shape == expected, "{name} {shape:?}");
    }
    Ok(())
}

#[test]
fn a_whole_model_that_keras_3_wrote_is_read() -> Result<()> {
    let layers = read(golden("keras3_model.h5"))?;
    for ((name, shape), (end, expected)) in check_tiny(&layers).into_iter().zip(TINY) {
        assert!(name.ends_with(end) && shape == expected, "{name} {shape:?}");
    }
    Ok(())
}

#[test]
fn a_split_list_of_fixed_length_names_is_read() -> Result<()> {
    let layers = read(golden("split_names.h5"))?;
    let firsts: Vec<(String, f32)> =
        layers.iter().map(|layer| (layer.name.clone(), layer.weights[0].1.to_f32()[0])).collect();
    assert_eq!(firsts, [("a".into(), 0.0), ("b".into(), 1.0), ("c".into(), 2.0)]);
    Ok(())
}

#[test]
fn other_layouts_and_files_are_refused() -> anyhow::Result<()> {
    let refused = |path: &Path| read(path).unwrap_err().to_string();
    assert!(refused(&golden("keras3.weights.h5")).contains("layout of Keras's `.weights.h5`"));
    assert!(refused(&golden("h5py.h5")).contains("has no attribute \"layer_names\""));
    assert!(refused(Path::new("/nowhere/model.h5")).contains("cannot be opened"));

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("bad.h5");
    let mut root = Group::default();
    root.set_list("layer_names", &["dense".into()]);
    root.write(&path)?;
    assert!(refused(&path).contains("Keras 1"), "{}", refused(&path));

    let mut root = Group::default();
    root.set_list("layer_names", &["dense".into()]);
    root.set_text("keras_version", "2.4.0");
    root.group("dense")?.set_list("weight_names", &["dense/kernel:0".into()]);
    root.write(&path)?;
    assert!(refused(&path).contains("has no dataset \"dense/dense/kernel:0\""), "{}", refused(&path));
    Ok(())
}

/// The course's network; element i of its n-th array is n - (i mod 97) / 64, exact in f32.
fn network() -> Result<Vec<LayerWeights>> {
    let shapes: [(&str, &[&[usize]]); 5] = [
        ("conv2d", &[&[3, 3, 3, 32], &[32]]),
        ("conv2d_1", &[&[3, 3, 32, 32], &[32]]),
        ("max_pooling2d", &[]),
        ("flatten", &[]),
        ("dense", &[&[28_800, 6], &[6]]),
    ];
    let mut n = 0;
    let mut array = |shape: &[usize]| {
        let values = (0..shape.iter().product()).map(|i: usize| n as f32 - (i % 97) as f32 / 64.0).collect();
        n += 1;
        Tensor::f32(shape, values)
    };
    let layer = |(name, shapes): (&str, &[&[usize]])| {
        let names = ["kernel", "bias"].map(|weight| format!("{name}/{weight}:0"));
        let weights = shapes.iter().zip(names).map(|(shape, name)| Ok((name, array(shape)?)));
        Ok(LayerWeights { name: name.into(), weights: weights.collect::<Result<_>>()? })
    };
    shapes.into_iter().map(layer).collect()
}

#[test]
fn what_is_written_comes_back() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.h5");
    write(&path, &network()?)?;
    assert_eq!(read(&path)?, network()?);
    write(&path, &[])?;
    assert_eq!(read(&path)?, []);
    Ok(())
}

#[test]
fn many_and_long_names_come_back() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.h5");
    let name = |n: usize| format!("{}_{n}", "block/ünit".repeat(40));
    let layers: Vec<_> = (0..300).map(|n| LayerWeights { name: name(n), weights: Vec::new() }).collect();
    write(&path, &layers)?;
    assert_eq!(read(&path)?, layers);
    Ok(())
}

#[test]
fn names_that_are_taken_are_refused_and_nothing_is_written() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.h5");
    let mut layers = network()?;
    layers[1].name = "conv2d".into();
    let message = write(&path, &layers).unwrap_err().to_string();
    assert!(message.contains("\"conv2d\", used twice"), "{message}");
    let mut layers = network()?;
    layers[0].weights[1].0 = "conv2d/kernel:0".into();
    assert!(write(&path, &layers).is_err());
    assert!(!path.exists());
    Ok(())
}

#[test]
fn keras_3_loads_what_is_written_and_what_it_saves_is_read() -> anyhow::Result<()> {
    let Some(python) = std::env::var_os("GRADUS_PYTHON") else {
        println!("skipped: set GRADUS_PYTHON to a Python that has keras 3, tensorflow and h5py");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let (ours, theirs) = (folder.path().join("gradus.h5"), folder.path().join("keras.h5"));
    write(&ours, &network()?)?;
    let output = Command::new(python).arg(golden("check_weights.py")).args([&ours, &theirs]).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let arrays = |layers: Vec<LayerWeights>| -> Vec<(String, Vec<Tensor>)> {
        let arrays =
            |layer: LayerWeights| (layer.name, layer.weights.into_iter().map(|(_, array)| array).collect());
        layers.into_iter().map(arrays).collect()
    };
    assert_eq!(arrays(read(&theirs)?), arrays(network()?));
    Ok(())
}
