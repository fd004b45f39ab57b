//! Speed of the CPU kernels, in GFLOP/s: `cargo bench --bench cpu_kernels [-- NAME]`. Each figure is the best of several.

use gradus_cpu_kernels::*;
use std::time::{Duration, Instant};

fn main() {
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    println!("{:?}, {} threads", Level::current(), rayon::current_num_threads());
    let bench = Bench { only };
    for threads in [1, rayon::current_num_threads()] {
        println!("\n{threads} thread(s)");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
        pool.install(|| bench.all());
    }
}

struct Bench {
    only: String,
}

impl Bench {
    fn all(&self) {
        self.matmuls();
        let first = Images { batch: 32, height: 64, width: 64, channels: 3 };
        self.convolution("conv1", first, 32);
        self.convolution("conv2", Images { batch: 32, height: 62, width: 62, channels: 32 }, 32);
        self.convolution(
            "conv 28x28x64 to 128",
            Images { batch: 8, height: 28, width: 28, channels: 64 },
            128,
        );
        self.pooling(Images { batch: 32, height: 60, width: 60, channels: 32 });
        self.sums();
    }

    /// Prints the best time of `body`, which does `flops` operations and moves `bytes`.
    fn time(&self, name: &str, flops: usize, bytes: usize, mut body: impl FnMut()) {
        if !name.contains(&self.only) {
            return;
        }
        let mut best = Duration::MAX;
        let start = Instant::now();
        let mut runs = 0;
        while runs < 5 || (start.elapsed() < Duration::from_millis(300) && runs < 2000) {
            let start = Instant::now();
            body();
            best = best.min(start.elapsed());
            runs += 1;
        }
        let seconds = best.as_secs_f64();
        let (gflops, gigabytes) = (flops as f64 / seconds / 1e9, bytes as f64 / seconds / 1e9);
        println!("{name:40} {:10.1} us {gflops:8.1} GFLOP/s {gigabytes:7.1} GB/s", seconds * 1e6);
    }

    fn matmuls(&self) {
        let shape = |m, n, k| Matmul { m, n, k, ..Matmul::default() };
        let shapes = [
            shape(1024, 1024, 1024),
            Matmul { transpose_a: true, ..shape(1024, 1024, 1024) },
            Matmul { transpose_b: true, ..shape(1024, 1024, 1024) },
            shape(512, 512, 512),
            shape(256, 256, 256),
            shape(32, 6, 28800),
            Matmul { transpose_a: true, ..shape(28800, 6, 32) },
            Matmul { transpose_b: true, ..shape(32, 28800, 6) },
            shape(32, 256, 784),
            Matmul { transpose_a: true, ..shape(784, 256, 32) },
            Matmul { transpose_b: true, ..shape(32, 784, 256) },
            shape(896, 512, 28),
            shape(32, 512, 128),
            Matmul { transpose_b: true, ..shape(32, 128, 512) },
            Matmul { transpose_a: true, ..shape(128, 512, 896) },
            Matmul { transpose_a: true, ..shape(28, 512, 896) },
            shape(32, 128, 256),
            shape(32, 10, 128),
            shape(1, 256, 784),
            shape(4, 2, 2),
        ];
        for shape in shapes {
            let Matmul { m, n, k, .. } = shape;
            let (a, b, mut c) = (numbers(m * k), numbers(k * n), vec![0.0; m * n]);
            let turned = [if shape.transpose_a { "t" } else { "" }, if shape.transpose_b { "t" } else { "" }];
            let name = format!("matmul {m}x{k}{} by {k}x{n}{}", turned[0], turned[1]);
            let bytes = 4 * (m * k + k * n + m * n);
            self.time(&name, 2 * m * n * k, bytes, || matmul(&a, &b, &mut c, shape, None));
        }
    }

    fn convolution(&self, name: &str, input: Images, channels: usize) {
        let valid = Window2d::valid([3, 3]);
        let same = Window2d { pad_before: [1; 2], pad_after: [1; 2], ..valid };
        for (padding, window) in [("valid", valid), ("same", same)] {
            let output = window.output(input, channels);
            let filter = numbers(9 * input.channels * channels);
            let (x, dy) = (numbers(input.len()), numbers(output.len()));
            let (mut dx, mut y) = (x.clone(), dy.clone());
            let (mut df, mut db) = (filter.clone(), vec![0.0; channels]);
            let flops = 2 * output.len() * 9 * input.channels;
            let bytes = 4 * (x.len() + y.len() + filter.len());
            self.time(&format!("{name} {padding} forward"), flops, bytes, || {
                conv2d(&x, input, &filter, &window, &mut y, channels, None)
            });
            self.time(&format!("{name} {padding} input gradient"), flops, bytes, || {
                conv2d_input_gradient(&dy, channels, &filter, &window, &mut dx, input, None)
            });
            self.time(&format!("{name} {padding} filter gradient"), flops, bytes, || {
                conv2d_filter_gradient(&x, input, &dy, channels, &window, &mut df, Some(&mut db))
            });
        }
    }

    fn pooling(&self, input: Images) {
        let window = Window2d { stride: [2; 2], ..Window2d::valid([2; 2]) };
        let output = window.output(input, input.channels);
        let (x, dy) = (numbers(input.len()), numbers(output.len()));
        let (mut dx, mut y) = (x.clone(), dy.clone());
        let bytes = 4 * (x.len() + y.len());
        self.time("max pool 2x2", x.len(), bytes, || max_pool(&x, input, &window, &mut y, None));
        self.time("max pool 2x2 gradient", x.len(), bytes + 4 * x.len(), || {
            max_pool_gradient(&x, input, &window, &dy, &mut dx, None)
        });
        self.time("average pool 2x2", x.len(), bytes, || average_pool(&x, input, &window, &mut y, None));
        self.time("average pool 2x2 gradient", x.len(), bytes, || {
            average_pool_gradient(input, &window, &dy, &mut dx, None)
        });
    }

    fn sums(&self) {
        for (rows, columns) in [(115_200, 32), (28_800, 6), (32, 28_800)] {
            let x = numbers(rows * columns);
            let mut down = vec![0.0; columns];
            let name = format!("column sums {rows}x{columns}");
            self.time(&name, x.len(), 4 * x.len(), || column_sums(&x, &mut down));
        }
    }
}

/// Numbers in -1..1 that look random.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| (i as u32).wrapping_mul(2_654_435_761) as f32 / 2_147_483_648.0 - 1.0).collect()
}
