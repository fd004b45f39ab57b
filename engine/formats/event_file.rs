//! TensorBoard's event files: a log of records that grows while a training runs.
//!
//! A record is its length (8 bytes), a checksum of that (4), the data, and a checksum of those (4); the data are an `Event`
//! of TensorFlow's `event.proto`, whose numbers of fields stand below. A reader leaves out a last record that is cut off.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::protobuf::Writer;
use crate::error::{Error, Result};

/// Into how many parts of equal width the numbers of a histogram are counted.
const BUCKETS: usize = 30;

/// An event file that is being written.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// use gradus::formats::event_file::EventFile;
/// let mut file = EventFile::create(folder)?;
/// file.scalar("epoch_loss", 0, 0.5)?;
/// file.histogram("dense/kernel/histogram", 0, &[0.1, -0.2, 0.3])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
}

/// A part of a graph that TensorBoard shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// A name of its own; slashes make groups.
    pub name: String,
    /// What it does, such as `Dense`.
    pub op: String,
    /// The names of the nodes that it takes.
    pub inputs: Vec<String>,
    /// The shape of what it gives, without the batch.
    pub shape: Vec<usize>,
}

impl EventFile {
    /// A new file in `folder`, which is made if it is not there, under a name that TensorBoard looks for.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn create(folder: impl AsRef<Path>) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (seconds, process) = (wall_time() as u64, std::process::id());
        let path =
            folder.as_ref().join(format!("events.out.tfevents.{seconds:010}.gradus.{process}.{number}.v2"));
        let made = fs::create_dir_all(folder.as_ref()).and_then(|()| File::create_new(&path));
        let file = made.map_err(|error| failed(&path, &error))?;
        let mut events = Self { path, file };
        events.write(None, |event| event.bytes(3, b"brain.Event:2"))?;
        Ok(events)
    }

    /// A number called `tag` at `step`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn scalar(&mut self, tag: &str, step: u64, value: f64) -> Result<()> {
        self.summary(tag, step, |summary| summary.float(2, value as f32))
    }

    /// How the numbers called `tag` are spread at `step`. NaN and infinite ones are left out; of none there is no histogram.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn histogram(&mut self, tag: &str, step: u64, values: &[f32]) -> Result<()> {
        let finite: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).map(f64::from).collect();
        if finite.is_empty() {
            return Ok(());
        }
        let least = finite.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = finite.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let (limits, counts) = buckets(&finite, least, largest);
        self.summary(tag, step, |summary| {
            summary.message(5, |histogram| {
                histogram.double(1, least);
                histogram.double(2, largest);
                histogram.double(3, finite.len() as f64);
                histogram.double(4, finite.iter().sum());
                histogram.double(5, finite.iter().map(|value| value * value).sum());
                histogram.doubles(6, &limits);
                histogram.doubles(7, &counts);
            });
        })
    }

    /// A coloured image called `tag` at `step`: a PNG file of `width` times `height` pixels.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn image(&mut self, tag: &str, step: u64, (width, height): (usize, usize), png: &[u8]) -> Result<()> {
        self.summary(tag, step, |summary| {
            summary.message(4, |image| {
                image.int(1, height as i64);
                image.int(2, width as i64);
                image.int(3, 3);
                image.bytes(4, png);
            });
        })
    }

    /// The graph of `nodes`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn graph(&mut self, nodes: &[GraphNode]) -> Result<()> {
        let mut graph = Writer::default();
        nodes.iter().for_each(|node| graph.message(1, |fields| write_node(fields, node)));
        // The oldest version that readers take.
        graph.message(4, |versions| versions.int(1, 22));
        self.write(None, |event| event.bytes(4, &graph.into_bytes()))
    }

    fn summary(&mut self, tag: &str, step: u64, fill: impl FnOnce(&mut Writer)) -> Result<()> {
        self.write(Some(step), |event| {
            event.message(5, |summary| {
                summary.message(1, |value| {
                    value.bytes(1, tag.as_bytes());
                    fill(value);
                });
            });
        })
    }

    fn write(&mut self, step: Option<u64>, fill: impl FnOnce(&mut Writer)) -> Result<()> {
        let mut event = Writer::default();
        event.double(1, wall_time());
        if let Some(step) = step {
            event.int(2, step as i64);
        }
        fill(&mut event);
        // In one call, so that a process that is killed leaves whole records.
        self.file.write_all(&record(&event.into_bytes())).map_err(|error| failed(&self.path, &error))
    }
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    let remedy = "check that the folder may be written to and has room";
    Error::file(path, format!("cannot be written: {error}"), remedy)
}

/// Seconds since 1970.
fn wall_time() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

/// The upper end of each bucket, and how many values lie in it.
fn buckets(values: &[f64], least: f64, largest: f64) -> (Vec<f64>, Vec<f64>) {
    let width = (largest - least) / BUCKETS as f64;
    if width <= 0.0 {
        return (vec![largest], vec![values.len() as f64]);
    }
    let mut counts = vec![0.0; BUCKETS];
    for value in values {
        counts[(((value - least) / width) as usize).min(BUCKETS - 1)] += 1.0;
    }
    ((1..=BUCKETS).map(|i| least + width * i as f64).collect(), counts)
}

fn write_node(fields: &mut Writer, node: &GraphNode) {
    fields.bytes(1, node.name.as_bytes());
    fields.bytes(2, node.op.as_bytes());
    node.inputs.iter().for_each(|input| fields.bytes(3, input.as_bytes()));
    fields.message(5, |attribute| {
        attribute.bytes(1, b"_output_shapes");
        let dims = std::iter::once(-1).chain(node.shape.iter().map(|&size| size as i64));
        attribute.message(2, |value| {
            value.message(1, |list| {
                list.message(7, |shape| dims.for_each(|size| shape.message(2, |dim| dim.int(1, size))));
            });
        });
    });
}

/// `data` with its length and both checksums.
fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// The checksum, turned and moved: data may hold checksums themselves.
fn masked(data: &[u8]) -> [u8; 4] {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// The cyclic redundancy check of Castagnoli's polynomial, its bits in reverse.
fn crc32c(data: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut rest = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                rest = if rest & 1 == 1 { rest >> 1 ^ 0x82f6_3b78 } else { rest >> 1 };
                bit += 1;
            }
            table[byte] = rest;
            byte += 1;
        }
        table
    };
    !data.iter().fold(!0, |rest, &byte| rest >> 8 ^ TABLE[(rest as u8 ^ byte) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The check value of the polynomial, and those of RFC 3720, appendix B.4.
    #[test]
    fn checksums_are_castagnolis() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn records_stand_one_behind_the_other() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let mut file = EventFile::create(folder.path().join("train"))?;
        file.scalar("loss", 7, 0.25)?;
        let bytes = fs::read(&file.path)?;
        // How the files that TensorFlow writes begin: 24 bytes, the checksum of that, a field of eight bytes.
        assert_eq!(bytes[..13], *b"\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09");
        let mut rest = bytes.as_slice();
        let mut events = Vec::new();
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into()?) as usize;
            assert_eq!(rest[8..12], masked(&rest[..8]));
            let data = &rest[12..12 + length];
            assert_eq!(rest[12 + length..16 + length], masked(data));
            events.push(data.to_vec());
            rest = &rest[16 + length..];
        }
        let [version, scalar] = events.as_slice() else { panic!("{} events", events.len()) };
        // Behind the time: field 3, and then step 7 and a value with a tag and a float.
        assert_eq!(version[9..], *b"\x1a\x0dbrain.Event:2");
        assert_eq!(scalar[9..], *b"\x10\x07\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x80\x3e");
        Ok(())
    }

    #[test]
    fn every_value_lies_in_a_bucket() {
        let (limits, counts) = buckets(&[0.0, 0.1, 1.5, 3.0], 0.0, 3.0);
        assert_eq!((limits.len(), limits[29], counts.iter().sum::<f64>()), (30, 3.0, 4.0));
        assert_eq!((counts[0], counts[1], counts[15], counts[29]), (1.0, 1.0, 1.0, 1.0));
        assert_eq!(buckets(&[2.0, 2.0], 2.0, 2.0), (vec![2.0], vec![2.0]));
    }
}
