//! Training on a data set that is read while the device computes, beside the same training on data in memory:
//! `cargo bench --bench streaming -- [GIB] [WORKLOAD] [DEVICE] [SECONDS]`, by default 4 GiB of images of 64x64x3 bytes, the
//! network of `signs_cnn`, the CPU and 10 seconds for each of six turns. WORKLOAD `mlp` is a step of less arithmetic than any
//! network for such images has. The file `target/streaming/x.npy` is written once.
//!
//! Under a limit of 1 GiB: `cargo bench --bench streaming --no-run`, then `prlimit --as=1073741824 target/release/deps/streaming-*`.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use gradus::data::Dataset;
use gradus::model::{Callback, Training};
use gradus::{Conv2D, Dense, Device, Error, FitOptions, Flatten, MaxPooling2D, Result, Sequential, Sgd};

const FOLDER: &str = "target/streaming";
/// Bytes of an image.
const ROW: usize = 64 * 64 * 3;
const BATCH: usize = 32;
/// Images in memory.
const RESIDENT: usize = 1024;
/// Steps that warm up: they fill the buffers ahead.
const FIRST: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let argument = |i: usize, default: &str| arguments.get(i).map_or(default, String::as_str).to_string();
    let number = |i: usize, default: &str| -> Result<f64> {
        let text = argument(i, default);
        text.parse().map_err(|_| Error::argument("streaming", "an argument", text, "a number"))
    };
    let rows = (number(0, "4")? * (1u64 << 30) as f64 / ROW as f64) as usize;
    let (workload, device) = (argument(1, "signs_cnn"), Device::parse(&argument(2, "cpu"))?);
    let data = files(Path::new(FOLDER), rows.max(RESIDENT))?.scaled(1.0 / 255.0)?.batch(BATCH);
    let some: Vec<u32> = (0..RESIDENT as u32).collect();
    let resident = data.select(&some)?.cache()?;
    let mut model = network(&workload)?.device(device);
    model.compile(Sgd::new(0.01), "sparse_categorical_crossentropy", &[])?;
    let (mut streamed_rates, mut resident_rates) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        resident_rates.push(rate(&mut model, &resident, number(3, "10")?)?);
        streamed_rates.push(rate(&mut model, &data, number(3, "10")?)?);
    }
    let (streamed, resident) = (median(streamed_rates), median(resident_rates));
    println!(
        "{workload}, {} images, {:.2} GiB on disk: streamed {streamed:.2} steps/s, in memory {resident:.2}, {:.1} % {}",
        data.rows(),
        (data.rows() * ROW) as f64 / (1u64 << 30) as f64,
        100.0 * streamed / resident,
        peak_memory()
    );
    Ok(())
}

fn network(workload: &str) -> Result<Sequential> {
    let scores = |model: Sequential| model.add(Flatten::new()).add(Dense::new(6).activation("softmax"));
    let conv = || Conv2D::new(32, 3).activation("relu");
    match workload {
        "signs_cnn" => Ok(scores(Sequential::new().add(conv()).add(conv()).add(MaxPooling2D::new(2)))),
        "mlp" => Ok(scores(Sequential::new().add(Flatten::new()).add(Dense::new(64).activation("relu")))),
        other => Err(Error::argument("streaming", "workload", other, "signs_cnn or mlp")),
    }
}

/// Images of random bytes, and labels; written unless they are there.
fn files(folder: &Path, rows: usize) -> Result<Dataset> {
    let failed = |error: std::io::Error| Error::file(folder, error, "make room, or run it elsewhere");
    let open = || {
        let name = |file: &str| folder.join(file).display().to_string();
        Dataset::open(&name("x.npy"), name("y.npy").as_str())
    };
    if let Ok(data) = open()
        && data.rows() == rows
    {
        return Ok(data);
    }
    std::fs::create_dir_all(folder).map_err(failed)?;
    write(&folder.join("x.npy"), "|u1", &format!("{rows}, 64, 64, 3"), rows * ROW).map_err(failed)?;
    write(&folder.join("y.npy"), "|u1", &format!("{rows},"), 0).map_err(failed)?;
    let labels: Vec<u8> = (0..rows).map(|row| (row % 6) as u8).collect();
    let mut file = std::fs::OpenOptions::new().append(true).open(folder.join("y.npy")).map_err(failed)?;
    file.write_all(&labels).map_err(failed)?;
    open()
}

/// A `.npy` file of `bytes` bytes, none of which follows from the one before.
fn write(path: &Path, descriptor: &str, shape: &str, bytes: usize) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let header = format!("{{'descr': '{descriptor}', 'fortran_order': False, 'shape': ({shape}), }}");
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&118u16.to_le_bytes())?;
    file.write_all(format!("{header:<117}\n").as_bytes())?;
    let mut state = 1u64;
    for _ in 0..bytes / 8 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        file.write_all(&(state ^ (state >> 29)).to_le_bytes())?;
    }
    file.flush()
}

/// Steps a second over `seconds`, in the order of a shuffled epoch.
fn rate(model: &mut Sequential, data: &Dataset, seconds: f64) -> Result<f64> {
    let rate = Arc::new(Mutex::new(0.0));
    let clock = Clock { seconds, first: None, rate: rate.clone() };
    model.fit(data, (), FitOptions::new().epochs(usize::MAX).verbose(0).callback(clock))?;
    let rate = rate.lock().map_or(0.0, |rate| *rate);
    Ok(rate)
}

/// Ends a training when its time is over.
struct Clock {
    seconds: f64,
    first: Option<(Instant, usize)>,
    rate: Arc<Mutex<f64>>,
}

impl Callback for Clock {
    fn next_batch(&self) -> Option<usize> {
        Some(1)
    }

    fn on_batch_end(&mut self, _done: usize, training: &mut Training<'_>) -> Result<()> {
        let (start, steps) = self.first.get_or_insert((Instant::now(), 0));
        *steps += 1;
        if *steps == FIRST {
            *start = Instant::now();
        }
        let elapsed = start.elapsed().as_secs_f64();
        if *steps > FIRST && elapsed > self.seconds {
            if let Ok(mut rate) = self.rate.lock() {
                *rate = (*steps - FIRST) as f64 / elapsed;
            }
            training.stop();
        }
        Ok(())
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The largest resident set so far, where the system tells.
fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let kib = kib.and_then(|kib| kib.parse::<f64>().ok());
    kib.map_or(String::new(), |kib| format!("peak_rss_mb={:.0}", kib / 1024.0))
}
