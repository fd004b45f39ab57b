//! HDF5 files: what h5py wrote is read, what is written comes back, what is damaged is refused.

use std::path::PathBuf;

use super::*;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests/keras").join(name)
}

fn refused(dataset: &str) -> String {
    File::open(golden("h5py.h5")).unwrap().dataset(dataset).unwrap_err().to_string()
}

#[test]
fn what_h5py_wrote_is_read() -> Result<()> {
    let file = File::open(golden("h5py.h5"))?;
    assert_eq!(file.dataset("u8")?, Tensor::u8(&[2, 3, 4], (0..24).collect())?);
    assert_eq!(file.dataset("gzip")?, Tensor::u8(&[5, 4, 3], (0..60).collect())?);
    for name in ["i32", "i64", "u16", "big_endian"] {
        assert_eq!(file.dataset(name)?, Tensor::u32(&[3], vec![0, 1, 2])?, "{name}");
    }
    for name in ["f32", "f32_big_endian"] {
        assert_eq!(file.dataset(name)?, Tensor::f32(&[2], vec![0.5, -1.5])?, "{name}");
    }
    assert_eq!(file.dataset("f64")?, Tensor::f32(&[2], vec![0.1, -1.5])?);
    assert_eq!(file.dataset("scalar")?, Tensor::f32(&[], vec![7.0])?);
    assert_eq!(file.dataset("empty")?, Tensor::f32(&[0, 3], vec![])?);
    assert_eq!(file.dataset("group/inner")?, Tensor::f32(&[2], vec![1.0, 2.0])?);
    Ok(())
}

#[test]
fn strings_are_read_whatever_their_storage() -> Result<()> {
    let file = File::open(golden("h5py.h5"))?;
    let strings = |name| file.strings("", name);
    assert_eq!(strings("variable")?, Some(vec!["a".into(), "bé".into()]));
    assert_eq!(strings("fixed")?, Some(vec!["conv2d".into(), "flatten".into()]));
    assert_eq!(strings("one")?, Some(vec!["2.15.0".into()]));
    assert_eq!(strings("none")?, Some(vec![]));
    assert_eq!(strings("missing")?, None);
    let message = strings("number").unwrap_err().to_string();
    assert!(message.contains("attribute \"number\"") && message.contains("not strings"), "{message}");
    let message = file.strings("group/inner", "x").unwrap_err().to_string();
    assert!(message.contains("has no group \"group/inner\""), "{message}");
    Ok(())
}

#[test]
fn a_wrong_name_lists_the_names_that_are_there() {
    let message = refused("train_set_x");
    assert!(message.contains("has no dataset \"train_set_x\""), "{message}");
    assert!(message.contains("\"/\" has big_endian, empty, f32"), "{message}");
    assert!(refused("group/other/x").contains("\"/group\" has inner"), "{}", refused("group/other/x"));
    assert!(refused("group").contains("is a group, not a dataset"), "{}", refused("group"));
    assert!(refused("").contains("\"\""), "{}", refused(""));
}

#[test]
fn what_is_no_number_or_does_not_fit_is_refused() {
    for name in ["half", "text", "flag"] {
        assert!(refused(name).contains("expected integers of 8 to 64 bits"), "{}", refused(name));
    }
    assert!(refused("negative").contains("has -1 at index 1"), "{}", refused("negative"));
    assert!(refused("huge").contains("at index 1, too large for f32"), "{}", refused("huge"));
}

#[test]
fn a_missing_file_and_one_of_another_kind_are_refused() -> anyhow::Result<()> {
    let message = File::open("/nowhere/signs.h5").err().unwrap().to_string();
    assert!(message.contains("/nowhere/signs.h5: cannot be opened"), "{message}");
    let message = File::open(golden("write_golden.py")).err().unwrap().to_string();
    assert!(message.contains("is not a whole HDF5 file"), "{message}");
    assert!(File::open(golden("")).is_err());
    assert!(File::from_bytes("empty", Vec::new()).is_err());
    Ok(())
}

/// A tree with each kind of array, contiguous and chunked.
fn sample() -> Result<Group> {
    let mut root = Group::default();
    let images = Tensor::u8(&[5, 8, 8, 3], (0..960).map(|i| (i * i % 251) as u8).collect())?;
    root.insert("images", images.clone(), Storage::Contiguous)?;
    root.insert("chunks", images, Storage::Gzip { rows: 2 })?;
    root.insert("labels", Tensor::u32(&[3], vec![0, 5, u32::MAX])?, Storage::Contiguous)?;
    root.insert("a/b/scalar", Tensor::f32(&[], vec![-0.0])?, Storage::Gzip { rows: 9 })?;
    root.insert("a/empty", Tensor::f32(&[0, 2], vec![])?, Storage::Contiguous)?;
    root.insert("a/pixels", Tensor::u8(&[2], vec![0, 128])?.scaled(0.5), Storage::Contiguous)?;
    root.set_text("version", "1");
    root.group("a")?.set_list("names", &["b/scalar".into(), "empty".into()]);
    root.group("c")?.set_list("names", &[]);
    Ok(root)
}

fn sample_bytes() -> anyhow::Result<Vec<u8>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("sample.h5");
    sample()?.write(&path)?;
    Ok(std::fs::read(path)?)
}

#[test]
fn what_is_written_comes_back() -> anyhow::Result<()> {
    let file = File::from_bytes("sample", sample_bytes()?)?;
    let images = file.dataset("images")?;
    assert_eq!(images.shape(), [5, 8, 8, 3]);
    assert_eq!(file.dataset("chunks")?, images);
    assert_eq!(file.dataset("labels")?, Tensor::u32(&[3], vec![0, 5, u32::MAX])?);
    let scalar = file.dataset("a/b/scalar")?;
    assert!(scalar.shape().is_empty() && scalar.to_f32()[0].to_bits() == (-0.0f32).to_bits());
    assert_eq!(file.dataset("a/empty")?.shape(), [0, 2]);
    assert_eq!(file.dataset("a/pixels")?, Tensor::f32(&[2], vec![0.0, 64.0])?);
    assert_eq!(file.names("")?, ["a", "c", "chunks", "images", "labels"]);
    assert_eq!(file.strings("", "version")?, Some(vec!["1".into()]));
    assert_eq!(file.strings("a", "names")?, Some(vec!["b/scalar".into(), "empty".into()]));
    assert_eq!(file.strings("c", "names")?, Some(vec![]));
    Ok(())
}

#[test]
fn names_that_are_taken_or_empty_are_refused() -> Result<()> {
    let mut root = sample()?;
    let one = Tensor::f32(&[1], vec![1.0])?;
    for path in ["labels", "a", "labels/x", "a/empty/x/y", "", "a//x", "/x", "a/"] {
        let message = root.insert(path, one.clone(), Storage::Contiguous).unwrap_err().to_string();
        assert!(message.contains("HDF5 group: path is "), "{path}: {message}");
    }
    assert!(root.group("images").is_err());
    Ok(())
}

/// Opens the file and reads everything in it, as far as that goes.
fn read_all(bytes: Vec<u8>) -> Result<()> {
    let file = File::from_bytes("damaged", bytes)?;
    for name in ["images", "chunks", "labels", "a/b/scalar", "a/pixels"] {
        file.dataset(name)?;
    }
    for group in ["", "a", "c"] {
        file.strings(group, "names")?;
    }
    Ok(())
}

#[test]
fn a_file_cut_short_anywhere_is_refused() -> anyhow::Result<()> {
    let bytes = sample_bytes()?;
    read_all(bytes.clone())?;
    for length in (0..bytes.len()).step_by(97).chain([1, 8, 64, bytes.len() - 1]) {
        assert!(read_all(bytes[..length].to_vec()).is_err(), "{length} of {} bytes", bytes.len());
    }
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("short.h5");
    std::fs::write(&path, &bytes[..bytes.len() / 2])?;
    let message = File::open(&path).err().unwrap().to_string();
    assert!(message.contains("short.h5") && message.contains("cut short"), "{message}");
    Ok(())
}

#[test]
fn a_file_with_any_byte_changed_is_read_or_refused_without_a_panic() -> anyhow::Result<()> {
    let ours = sample_bytes()?;
    let theirs = std::fs::read(golden("h5py.h5"))?;
    for (bytes, step) in [(ours, 5), (theirs, 17)] {
        for at in (0..bytes.len()).step_by(step) {
            for value in [0x00, 0xff, bytes[at] ^ 0x10] {
                let mut changed = bytes.clone();
                changed[at] = value;
                // Either answer will do: most bytes are pixels.
                let _ = read_all(changed);
            }
        }
    }
    Ok(())
}
