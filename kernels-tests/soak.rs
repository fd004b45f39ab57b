//! Training for long: memory of process and device stays what it was after the first hundred steps, within 1 %.
//!
//! `GRADUS_SOAK_STEPS=20000 cargo test --release --test soak -- --nocapture` runs as many on each device; otherwise there are
//! 300. One process for itself: other tests would be seen in its memory.

use gradus::{Conv2D, Dense, Device, FitOptions, Flatten, MaxPooling2D, Sequential, Tensor};

/// Steps between two looks; each is a fit of its own, with validation, an evaluation, predictions and a save behind it.
const PART: usize = 100;
const SAMPLES: usize = 100;

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
        .add(Dense::new(8).activation("tanh"))
        .add(Dense::new(3).activation("softmax"))
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

fn soak(device: Device) {
    let (what, folder) = (device.to_string(), tempfile::tempdir().unwrap());
    let (x, y) =
        (numbers(&[SAMPLES, 9, 9, 2]), Tensor::f32(&[SAMPLES, 3], vec![1.0 / 3.0; 3 * SAMPLES]).unwrap());
    let (mut model, mut before) = (model(device), None);
    for part in 1..=steps() / PART {
        let options = FitOptions::new().batch_size(10).epochs(PART / 10).verbose(0);
        model.fit(&x, &y, options.validation_data(&x, &y)).unwrap();
        model.evaluate(&x, &y, 10).unwrap();
        model.predict(&x, 10).unwrap();
        model.save(folder.path().join("model.keras")).unwrap();
        let now = [resident(), on_device(&model)];
        let [before_resident, before_device] = *before.get_or_insert(now);
        if part % 20 == 0 || part <= 3 {
            println!(
                "{what}: {} steps, {:.0} bytes resident, {:.0} on the device",
                part * PART,
                now[0],
                now[1]
            );
        }
        assert!(
            now[0] <= before_resident * 1.01,
            "{what}: {before_resident} bytes resident became {}",
            now[0]
        );
        assert!(
            now[1] <= before_device * 1.01,
            "{what}: {before_device} bytes on the device became {}",
            now[1]
        );
    }
}

#[test]
fn memory_stays_flat() {
    soak(Device::cpu());
    let mut probe = model(Device::gpu());
    match probe.describe_device() {
        Ok(_) => soak(Device::gpu()),
        Err(problem) => {
            assert!(std::env::var("GRADUS_REQUIRE_GPU").is_err(), "{problem}");
            println!("skipped: {problem}");
        }
    }
}
