//! Files made to do harm: cut short, changed, bombs, paths that lead out, links in circles. Each is an error or what it says,
//! without a panic, in no time, and in no more memory than ten times the file and 64 MiB.
//!
//! `GRADUS_MUTATIONS=100000 cargo test --release --lib hostile` changes so many files; by default 600.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::data::{parse_idx, read_csv};
use crate::formats::hdf5::{File, Group, Storage};
use crate::formats::{keras_archive, keras_weights, npy, npz, safetensors};
use crate::graph::random::philox;
use crate::model::Model;
use crate::tensor::Tensor;

const LONGEST: Duration = Duration::from_secs(2);

/// What reads a kind of file: from bytes, or from the path at which they lie. Whether it was taken.
type Reader = fn(&Path, &[u8]) -> bool;

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("kernels-tests")
}

fn model(path: &Path, bytes: &[u8]) -> bool {
    std::fs::write(path, bytes).unwrap();
    Model::load(path).is_ok()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zipped(method: CompressionMethod, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn x() -> Tensor {
    Tensor::f32(&[20, 4], (0..80).map(|i| i as f32).collect()).unwrap()
}

fn idx() -> Vec<u8> {
    [vec![0, 0, 0x0d, 2, 0, 0, 0, 20, 0, 0, 0, 4], vec![7; 320]].concat()
}

fn compressed() -> Vec<u8> {
    let mut root = Group::default();
    root.insert("x", x(), Storage::Gzip { rows: 5 }).unwrap();
    root.into_bytes(Path::new("x.h5")).unwrap()
}

/// A whole file of each kind, and its reader.
fn kinds(directory: &Path) -> Vec<(&'static str, Vec<u8>, Reader)> {
    let at = |name: &str| directory.join(name);
    safetensors::write(at("x.safetensors"), &[("x".into(), x())]).unwrap();
    let numbers = (0..200).map(|i| format!("{i},{}.5,-1e{}\n", i * 3, i % 30)).collect::<String>();
    let golden = |name: &str| std::fs::read(files().join("keras/files").join(name)).unwrap();
    let array = npy::to_bytes(&x());
    vec![
        ("x.idx", idx(), |path, bytes| parse_idx(path, bytes).is_ok()),
        ("x.idx.gz", gzipped(&idx()), |path, bytes| parse_idx(path, bytes).is_ok()),
        ("x.npy", array.clone(), |path, bytes| npy::parse(path, bytes).is_ok()),
        ("x.npz", zipped(CompressionMethod::Stored, &[("x.npy", &array)]), |path, bytes| {
            npz::parse(path, bytes, "x").is_ok()
        }),
        ("packed.npz", zipped(CompressionMethod::Deflated, &[("x.npy", &array)]), |path, bytes| {
            npz::parse(path, bytes, "x").is_ok()
        }),
        ("x.safetensors", std::fs::read(at("x.safetensors")).unwrap(), |path, bytes| {
            safetensors::parse(path, bytes).is_ok()
        }),
        ("x.csv", numbers.into_bytes(), |path, bytes| {
            std::fs::write(path, bytes).unwrap();
            read_csv(path).is_ok()
        }),
        ("x.h5", compressed(), |path, bytes| {
            File::from_bytes(path, bytes.to_vec()).and_then(|file| file.dataset("x")).is_ok()
        }),
        ("links.h5", std::fs::read(files().join("hostile/links.h5")).unwrap(), |path, bytes| {
            File::from_bytes(path, bytes.to_vec()).and_then(|file| keras_weights::read_from(&file)).is_ok()
        }),
        ("series.keras", golden("series.keras"), model),
        ("graph.keras", golden("graph.keras"), model),
        ("words.h5", golden("words.h5"), model),
        ("volumes_tf.h5", golden("volumes_tf.h5"), model),
        ("nested.keras", golden("nested.keras"), model),
        ("twins_tf.h5", golden("twins_tf.h5"), model),
        ("images.onnx", golden("../../onnx/images.onnx"), model),
        ("branches.onnx", golden("../../onnx/branches.onnx"), model),
    ]
}

/// Whether `bytes` are taken; they must be, or not, at once.
#[track_caller]
fn read(reader: Reader, path: &Path, bytes: &[u8], what: &str) -> bool {
    let start = Instant::now();
    let taken = reader(path, bytes);
    assert!(start.elapsed() <= LONGEST, "{what} took {:?}", start.elapsed());
    taken
}

#[test]
fn files_cut_short_at_every_64th_byte_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    for (name, bytes, reader) in kinds(directory.path()) {
        let path = directory.path().join(name);
        let whole = name != "links.h5";
        assert_eq!(read(reader, &path, &bytes, name), whole, "{name}");
        for length in (0..bytes.len()).step_by(64) {
            let taken = read(reader, &path, &bytes[..length], &format!("{name} of {length} bytes"));
            // A table that ends with a whole number is a whole table, a message cut between two fields a whole message.
            let may_be_whole = name == "x.csv" || name.ends_with(".onnx");
            assert!(!taken || may_be_whole, "{name} of {length} bytes");
        }
    }
}

/// `bytes` with up to eight of them changed, bits flipped, or a piece taken out.
fn mutated(bytes: &[u8], number: u32) -> Vec<u8> {
    let draw = |word: u32| philox([number, word, 0, 0], [11, 0]);
    let mut bytes = bytes.to_vec();
    let [kind, at, length, _] = draw(0);
    match kind % 4 {
        0 => bytes.truncate(at as usize % bytes.len()),
        1 => {
            let start = at as usize % bytes.len();
            let end = (start + length as usize % 16).min(bytes.len());
            bytes.drain(start..end);
        }
        kind => {
            for change in 1..2 + length % 8 {
                let [at, value, ..] = draw(change);
                let at = at as usize % bytes.len();
                bytes[at] = if kind == 2 { value as u8 } else { bytes[at] ^ (1 << (value % 8)) };
            }
        }
    }
    bytes
}

#[test]
fn changed_files_do_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let count: u32 = std::env::var("GRADUS_MUTATIONS").map_or(600, |count| count.parse().unwrap());
    let kinds = kinds(directory.path());
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    for number in 0..count {
        let (name, bytes, reader) = &kinds[number as usize % kinds.len()];
        let start = Instant::now();
        let changed = mutated(bytes, number);
        let taken =
            read(*reader, &directory.path().join(name), &changed, &format!("{name}, change {number}"));
        (refused, slowest) = (refused + u32::from(!taken), slowest.max(start.elapsed()));
    }
    println!("{refused} of {count} changed files refused, the slowest in {slowest:?}");
    assert!(refused * 3 > count, "{refused} of {count} refused");
}

#[test]
fn bombs_are_refused_before_they_are_unpacked() {
    let zeros = vec![0; 80 << 20];
    let array = npy::to_bytes(&Tensor::u8(&[zeros.len()], zeros.clone()).unwrap());
    let config = json!({ "class_name": "Sequential", "config": { "layers": [] } }).to_string();
    let bomb = |members: &[(&str, &[u8])]| zipped(CompressionMethod::Deflated, members);
    let refused = |error: crate::Error, part: &str| assert!(error.to_string().contains(part), "{error}");
    refused(npz::parse("x.npz", &bomb(&[("x.npy", &array)]), "x").unwrap_err(), "more than");
    refused(
        keras_archive::parse("m.keras", &bomb(&[("config.json", &zeros)])).unwrap_err(),
        "GRADUS_MOST_UNPACKED",
    );
    let weights = bomb(&[("config.json", config.as_bytes()), ("model.weights.h5", &zeros)]);
    refused(keras_archive::parse("m.keras", &weights).unwrap_err(), "model.weights.h5 unpacks to more");
    let mut header = vec![0, 0, 8, 1];
    header.extend((zeros.len() as u32).to_be_bytes());
    refused(parse_idx("x.gz", &gzipped(&[header, zeros.clone()].concat())).unwrap_err(), "more than");
    let mut root = Group::default();
    let rows = Tensor::u8(&[80, 1 << 20], zeros).unwrap();
    root.insert("x", rows, Storage::Gzip { rows: 20 }).unwrap();
    let bytes = root.into_bytes(Path::new("x.h5")).unwrap();
    let file = File::from_bytes("x.h5", bytes).unwrap();
    refused(file.dataset("x").unwrap_err(), "if you trust it, let GRADUS_MOST_UNPACKED");
}

/// Legal data that shrink well stay legal: up to 16 MiB unpacked at any ratio.
#[test]
fn files_that_shrink_well_are_read() {
    let zeros = Tensor::u8(&[12, 1 << 20], vec![0; 12 << 20]).unwrap();
    let mut root = Group::default();
    root.insert("x", zeros.clone(), Storage::Gzip { rows: 1 }).unwrap();
    let bytes = root.into_bytes(Path::new("x.h5")).unwrap();
    assert!(bytes.len() * 100 < 12 << 20, "{} bytes", bytes.len());
    let file = File::from_bytes("x.h5", bytes).unwrap();
    assert_eq!(file.dataset("x").unwrap(), zeros);
    assert_eq!(file.dataset("x").unwrap(), zeros, "read twice, it counts once");
}

/// Many small data sets are as good a bomb as a large one.
#[test]
fn data_sets_are_counted_together() {
    let mut root = Group::default();
    for number in 0..8 {
        let zeros = Tensor::u8(&[4 << 20], vec![0; 4 << 20]).unwrap();
        root.insert(&number.to_string(), zeros, Storage::Gzip { rows: 1 << 20 }).unwrap();
    }
    let file = File::from_bytes("x.h5", root.into_bytes(Path::new("x.h5")).unwrap()).unwrap();
    let read = (0..8).filter(|number| file.dataset(&number.to_string()).is_ok()).count();
    assert_eq!(read, 4);
}

/// Members named after places outside are not even looked at, and nothing is written anywhere.
#[test]
fn paths_that_lead_out_lead_nowhere() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let original = std::fs::read(files().join("keras/files/series.keras")).unwrap();
    let archive = keras_archive::parse("series.keras", &original).unwrap();
    let config = archive.config.to_string();
    let members: [(&str, &[u8]); 4] = [
        ("../config.json", b"{}"),
        ("/tmp/gradus-was-here", b"here"),
        ("config.json", config.as_bytes()),
        ("model.weights.h5", &archive.weights),
    ];
    let path = inner.join("model.keras");
    assert!(model(&path, &zipped(CompressionMethod::Stored, &members)));
    let names: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["inner"]);
    assert!(!Path::new("/tmp/gradus-was-here").exists());
}

#[test]
fn links_in_circles_and_to_other_files_are_no_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("links.h5");
    std::fs::copy(files().join("hostile/links.h5"), &path).unwrap();
    keras_weights::write(directory.path().join("outside.h5"), &[]).unwrap();
    let file = File::open(&path).unwrap();
    let start = Instant::now();
    let around = ["dense", "root"].repeat(100).join("/");
    for name in ["dense/loop", "dense/one", "dense/outside", "dense/root", &around] {
        assert!(file.dataset(name).is_err(), "{name}");
    }
    assert!(keras_weights::read_from(&file).is_err());
    assert!(Model::load(&path).is_err());
    assert!(start.elapsed() <= LONGEST, "{:?}", start.elapsed());
    assert_eq!(file.dataset("dense/kernel").unwrap().shape(), [2, 1]);
}

/// Sizes that a file of this length cannot hold are refused before room is made for them.
#[test]
fn configs_of_huge_layers_are_refused() {
    let original = std::fs::read(files().join("keras/files/words.keras")).unwrap();
    let mut archive = keras_archive::parse("words.keras", &original).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("words.keras");
    for size in [50_000_000u64, 1 << 40, u64::MAX] {
        archive.config["config"]["layers"][1]["config"]["input_dim"] = json!(size);
        keras_archive::write(&path, &archive).unwrap();
        let message = Model::load(&path).unwrap_err().to_string();
        assert!(message.contains("at most") || message.contains("whole number"), "{message}");
    }
}
