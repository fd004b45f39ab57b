//! Data sets that are read while the device computes: the weights are bitwise those of data in memory.

use std::path::Path;

use super::golden::{uniform, word};
use super::harness::gpu;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::formats::{npy, write_file};
use crate::layers::{Dense, Flatten};
use crate::model::{Device, FitOptions, Sequential};
use crate::tensor::Tensor;
use crate::train::optimizers::Adam;

const SAMPLES: usize = 41;

/// Images of 4x3 bytes, and one of three classes for each.
fn samples() -> Result<(Tensor, Tensor)> {
    let bytes = (0..SAMPLES as u32 * 12).map(|i| word(1, i) as u8).collect();
    let labels = (0..SAMPLES as u32).map(|i| word(2, i) % 3).collect();
    Ok((Tensor::u8(&[SAMPLES, 4, 3], bytes)?, Tensor::u32(&[SAMPLES], labels)?))
}

fn devices() -> Vec<Device> {
    let gpu = gpu().map(|_| Device::gpu());
    let cpu = if cfg!(feature = "cpu") { Some(Device::cpu()) } else { None };
    cpu.into_iter().chain(gpu).collect()
}

fn model(device: &Device) -> Result<Sequential> {
    let layers = Sequential::new().device(device.clone()).seed(3).add(Flatten::new());
    let mut model = layers.add(Dense::new(5).activation("tanh")).add(Dense::new(3).activation("softmax"));
    model.compile(Adam::new(0.01), "sparse_categorical_crossentropy", &["accuracy"])?;
    Ok(model)
}

fn quiet() -> FitOptions {
    FitOptions::new().epochs(3).verbose(0)
}

/// The weights after three epochs in batches of 4, the last smaller, with validation after each, as bits; and the losses.
fn trained(device: &Device, data: &Dataset) -> Result<(Vec<u32>, Vec<f64>)> {
    let (training, validation) = data.split(0.25)?;
    let mut model = model(device)?;
    let options = quiet().class_weight(&[(1, 2.0)]).validation_data(&validation, ());
    let history = model.fit(training.batch(4), (), options)?;
    let weights = model.get_weights()?;
    let bits = weights.iter().flat_map(|w| w.to_f32()).map(f32::to_bits).collect();
    Ok((bits, ["loss", "val_loss"].iter().flat_map(|name| history.get(name).unwrap()).collect()))
}

/// The same samples as files of every kind that is read by rows.
fn files(folder: &Path) -> Result<Vec<Dataset>> {
    let (x, y) = samples()?;
    let at = |name: &str| folder.join(name).display().to_string();
    npy::write(at("x.npy"), &x)?;
    npy::write(at("y.npy"), &y)?;
    let mut idx = vec![0, 0, 8, 3, 0, 0, 0, SAMPLES as u8, 0, 0, 0, 4, 0, 0, 0, 3];
    idx.extend(x.to_f32().iter().map(|&byte| byte as u8));
    write_file(at("x.idx"), &idx)?;
    let mut found = vec![Dataset::open(&at("x.npy"), at("y.npy").as_str())?];
    found.push(Dataset::open(&at("x.idx"), at("y.npy").as_str())?);
    #[cfg(feature = "hdf5")]
    for (name, storage) in [("a", None), ("b", Some(3))] {
        use crate::formats::hdf5::{Group, Storage};
        let storage = storage.map_or(Storage::Contiguous, |rows| Storage::Gzip { rows });
        let mut root = Group::default();
        root.insert("x", x.clone(), storage)?;
        root.insert("y", y.clone(), storage)?;
        let path = at(&format!("{name}.h5"));
        root.write(&path)?;
        found.push(Dataset::open(&format!("{path}:x"), format!("{path}:y").as_str())?);
    }
    Ok(found)
}

#[test]
fn streamed_data_give_bitwise_the_weights_of_data_in_memory() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (x, y) = samples()?;
    let resident = Dataset::new([x.scaled(1.0 / 255.0)], [y])?;
    for device in devices() {
        let expected = trained(&device, &resident)?;
        for data in files(folder.path())? {
            let data = data.scaled(1.0 / 255.0)?;
            // Chunks are shuffled otherwise than rows, in memory as on disk.
            let expected =
                if data.source().block() == 1 { expected.clone() } else { trained(&device, &data.cache()?)? };
            for ahead in [0, 1, 3] {
                assert_eq!(trained(&device, &data.prefetch(ahead))?, expected, "{device} {data:?} {ahead}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_data_set_takes_the_place_of_arrays() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (x, y) = samples()?;
    for device in devices() {
        let mut of_arrays = model(&device)?;
        of_arrays.fit(&x, &y, quiet().batch_size(8))?;
        for data in files(folder.path())?.into_iter().filter(|data| data.source().block() == 1) {
            let mut of_files = model(&device)?;
            of_files.fit(&data, (), quiet().batch_size(8))?;
            assert_eq!(of_files.get_weights()?, of_arrays.get_weights()?);
            assert_eq!(of_files.evaluate(&data, (), 7)?, of_arrays.evaluate(&x, &y, 7)?);
            assert_eq!(of_files.predict(&data, 9)?, of_arrays.predict(&x, 9)?);
        }
    }
    Ok(())
}

#[test]
fn wrong_rows_are_named_when_they_are_read() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (x, _) = samples()?;
    let mut floats = x.to_f32();
    floats[12 * 30 + 5] = f32::NAN;
    npy::write(at("nan.npy"), &Tensor::f32(x.shape(), floats)?)?;
    npy::write(at("x.npy"), &x)?;
    npy::write(
        at("y.npy"),
        &Tensor::u32(&[SAMPLES], (0..SAMPLES as u32).map(|i| if i == 33 { 7 } else { 0 }).collect())?,
    )?;
    let refused = |x: &str, y: &str| -> Result<String> {
        let data = Dataset::open(&at(x), at(y).as_str())?;
        let result = model(&Device::from_environment()?)?.fit(&data, (), quiet());
        Ok(result.unwrap_err().to_string())
    };
    let message = refused("nan.npy", "y.npy")?;
    assert!(message.contains("holds NaN at [0, 1, 2] of row 30") && message.contains("nan.npy"), "{message}");
    let message = refused("x.npy", "y.npy")?;
    assert!(message.contains("label 7") && message.contains("of row 33"), "{message}");
    Ok(())
}

#[test]
fn what_a_data_set_does_not_take_is_refused() -> anyhow::Result<()> {
    let (x, y) = samples()?;
    let data = Dataset::new([x.clone()], [y.clone()])?.batch(4);
    let fit = |options: FitOptions| model(&Device::from_environment()?)?.fit(&data, (), options);
    let refused = |options: FitOptions| fit(options).unwrap_err().to_string();
    assert!(refused(quiet().batch_size(2)).contains("expected none: the data set is in batches of 4"));
    assert!(refused(quiet().validation_split(0.5)).contains("Dataset::split"));
    let weights = Tensor::f32(&[SAMPLES], uniform(4, SAMPLES, 1.0))?;
    assert!(refused(quiet().sample_weight(weights)).contains("none with a data set"));
    let error: Error = model(&Device::from_environment()?)?.fit(&data, &y, quiet()).unwrap_err();
    assert!(error.to_string().contains("has targets of its own"), "{error}");
    Ok(())
}
