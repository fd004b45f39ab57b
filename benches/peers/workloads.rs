//! The workloads, alike for every peer written in Rust: the same sizes, random data. See README.md.

use std::time::Instant;

const EPOCHS: usize = 3;
const PRODUCTS: usize = 20;

/// A training workload: `samples` rows of numbers, each with the number of its class.
pub struct Workload {
    pub samples: usize,
    pub row: usize,
    /// For one-hot labels, which meganeura alone takes.
    #[allow(dead_code)]
    pub classes: usize,
    pub batch: usize,
    pub x: Vec<f32>,
    pub y: Vec<u32>,
    steps: usize,
}

impl Workload {
    pub fn named(name: &str) -> Self {
        let (samples, row, classes, batch): (usize, usize, usize, usize) = match name {
            "signs_cnn" => (1080, 3 * 64 * 64, 6, 32),
            "fashion_mlp" => (8000, 784, 10, 32),
            "fashion_mlp_256" => (8000, 784, 10, 256),
            "lstm" => (3200, 28 * 28, 10, 32),
            "xor" => (4000, 2, 2, 4),
            _ => panic!("no workload {name}: see README.md"),
        };
        let mut random = Random(1);
        let mut x: Vec<f32> = (0..samples * row).map(|_| random.uniform()).collect();
        let mut y: Vec<u32> = (0..samples).map(|_| (random.uniform() * classes as f32) as u32).collect();
        if name == "xor" {
            x = (0..samples).flat_map(|i| [(i / 2 % 2) as f32, (i % 2) as f32]).collect();
            y = x.chunks(2).map(|bits| u32::from(bits[0] != bits[1])).collect();
        }
        let whole = samples.div_ceil(batch);
        let steps = std::env::var("STEPS").map_or(whole, |steps| steps.parse().expect("STEPS is a number"));
        Self { samples, row, classes, batch, x, y, steps: steps.min(whole) }
    }

    /// The rows and classes of one step; the last batch may be smaller.
    pub fn batch(&self, step: usize) -> (&[f32], &[u32]) {
        let rows = step * self.batch..self.samples.min((step + 1) * self.batch);
        (&self.x[rows.start * self.row..rows.end * self.row], &self.y[rows])
    }

    /// Runs all steps once to warm up, then EPOCHS times, and prints steps per second of the median one.
    /// `finish` waits for all work of an epoch.
    pub fn report(&self, peer: &str, name: &str, mut step: impl FnMut(usize), mut finish: impl FnMut()) {
        let mut epoch = || {
            (0..self.steps).for_each(&mut step);
            finish();
        };
        epoch();
        let rate = self.steps as f64 / median(epoch, EPOCHS);
        println!("{peer} {name} steps_per_s={rate:.3} peak_rss_mb={:.0}", peak_mb());
    }
}

/// `size` of `matmul_size`.
pub fn product_size(name: &str) -> Option<usize> {
    name.strip_prefix("matmul_")?.parse().ok()
}

/// The two square matrices of `matmul_size`.
pub fn factors(size: usize) -> [Vec<f32>; 2] {
    [1, 2].map(|seed| {
        let mut random = Random(seed);
        (0..size * size).map(|_| random.uniform()).collect()
    })
}

/// Prints the rate of `product`, which computes and finishes one product of `factors`.
pub fn report_product(peer: &str, size: usize, mut product: impl FnMut()) {
    product();
    let gflops = 2e-9 * (size as f64).powi(3) / median(product, PRODUCTS);
    println!("{peer} matmul_{size} gflops={gflops:.2} peak_rss_mb={:.0}", peak_mb());
}

fn median(mut run: impl FnMut(), times: usize) -> f64 {
    let mut seconds: Vec<f64> = (0..times)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    seconds[times / 2]
}

/// The largest resident set of this process so far.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok())
        .map_or(f64::NAN, |kib| kib / 1024.0)
}

/// Uniform numbers in [0, 1), the same in every run.
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1u64 << 24) as f32
    }
}
