//! Training for long: memory of process and device stays what it was after the first hundred steps, within 1 %, and what Rust
//! code holds of it within a byte a step.
//!
//! `GRADUS_SOAK_STEPS=20000 cargo test --release --test soak -- --nocapture` runs as many on each device; otherwise there are
//! 300. One process for itself: other tests would be seen in its memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use gradus::{Conv2D, Dense, Device, FitOptions, Flatten, MaxPooling2D, Sequential, Tensor};

/// Steps between two looks.
const PART: usize = 100;
/// Steps of one fit; each has validation, an evaluation, predictions and a save behind it.
const FIT: usize = 20;
/// Of Fashion-MNIST's size: in a process much smaller than a real one, a few pages would be 1 %.
const IMAGES: [usize; 4] = [500, 28, 28, 1];
const CLASSES: usize = 10;
/// Bytes that wgpu-core keeps of bind groups that are gone: each buffer's list of them is swept only once it is full.
const UNSWEPT: f64 = 65536.0;

/// Counts the bytes that are held: pages would hide a leak of a few bytes a step.
struct Counting;
static HELD: AtomicUsize = AtomicUsize::new(0);
#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: each call goes to the system's allocator as it came, and what it gives comes back as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(memory, layout) }
    }
}

fn steps() -> usize {
    std::env::var("GRADUS_SOAK_STEPS").map_or(300, |text| text.parse().expect("a number"))
}

fn numbers(shape: &[usize]) -> Tensor {
    let count = shape.iter().product();
    Tensor::f32(shape, (0..count).map(|i| (i as f32 * 0.37).sin()).collect()).unwrap()
}

fn model(device: Device) -> Sequential {
    let mut model = Sequential::new()
        .add(Conv2D::new(4, 3).activation("relu"))
        .add(MaxPooling2D::new(2))
        .add(Flatten::new())
        .add(Dense::new(16).activation("tanh"))
        .add(Dense::new(CLASSES).activation("softmax"))
        .device(device);
    model.compile("adam", "categorical_crossentropy", &["accuracy"]).unwrap();
    model
}

/// Bytes of the process that lie in memory, where the system tells.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok()).unwrap_or(0.0) * 1024.0
}

/// Bytes of the device's memory, where the backend counts them.
fn on_device(model: &Sequential) -> f64 {
    let text = model.explain().unwrap();
    let rest = text.split("; holds ").nth(1).and_then(|rest| rest.split(' ').next());
    rest.map_or(0.0, |bytes| bytes.parse().unwrap())
}

/// One fit with all that a user does after it.
fn train(model: &mut Sequential, [x, y]: [&Tensor; 2], file: &std::path::Path) {
    let options = FitOptions::new().batch_size(IMAGES[0] / FIT).epochs(1).verbose(0);
    model.fit(x, y, options.validation_data(x, y)).unwrap();
    // Other batches than those of the validation: programs are unloaded and loaded again.
    model.evaluate(x, y, 100).unwrap();
    model.predict(x, 100).unwrap();
    model.save(file).unwrap();
}

fn soak(device: Device, unswept: f64) {
    let (what, folder) = (device.to_string(), tempfile::tempdir().unwrap());
    let y = Tensor::f32(&[IMAGES[0], CLASSES], vec![1.0 / CLASSES as f32; IMAGES[0] * CLASSES]).unwrap();
    let (x, mut model, mut before) = (numbers(&IMAGES), model(device), None);
    for part in 1..=steps() / PART {
        for _ in 0..PART / FIT {
            train(&mut model, [&x, &y], &folder.path().join("model.keras"));
        }
        let now = [resident(), on_device(&model), HELD.load(Ordering::Relaxed) as f64];
        let first = *before.get_or_insert(now);
        if part % 20 == 0 || part <= 3 {
            let [resident, device, held] = now;
            let steps = part * PART;
            println!("{what}: {steps} steps, {resident} bytes resident, {device} on the device, {held} held");
        }
        for (kind, (now, before)) in ["resident", "on the device"].iter().zip(now.into_iter().zip(first)) {
            assert!(now <= before * 1.01, "{what}: {before} bytes {kind} became {now}");
        }
        let more = now[2] - first[2];
        assert!(
            more <= unswept + (part * PART) as f64,
            "{what}: {more} more bytes held than after {PART} steps"
        );
    }
}

#[test]
fn memory_stays_flat() {
    soak(Device::cpu(), 0.0);
    let mut probe = model(Device::gpu());
    match probe.describe_device() {
        Ok(_) => soak(Device::gpu(), UNSWEPT),
        Err(problem) => {
            assert!(std::env::var("GRADUS_REQUIRE_GPU").is_err(), "{problem}");
            println!("skipped: {problem}");
        }
    }
}
