//! Speed of the GPU kernels on the adapter that `GRADUS_TEST_BACKEND` names, in GFLOP/s:
//! `cargo bench --bench gpu_kernels [-- NAME] [-- --tiles]`. Each figure is the best of several runs; `--tiles` measures
//! the workgroup tiles of real GPUs too.

#[allow(dead_code, unused_imports)]
#[path = "../engine/gpu/kernels/mod.rs"]
mod kernels;

#[allow(dead_code)]
#[path = "../kernels-tests/harness.rs"]
mod harness;

// What the kernels' files name `crate::...`.
use gradus::{gpu, graph, schedule};
mod tensor {
    pub use gradus::Dim;
}

use graph::{Axis, Window};
use harness::{Gpu, Launch, Step, gpu, random};
use kernels::{ConvPass, ConvSpec, Hooks, MatMulSpec, Specialised, conv, matmul, sum_partials};
use schedule::Tile;
use tensor::Dim;

const RUNS: usize = 5;
const BATCH: usize = 32;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = arguments.iter().find(|a| !a.starts_with('-')).cloned().unwrap_or_default();
    let Some(gpu) = gpu() else { return };
    println!("{}", gpu.name);
    let mut tiles = vec![Tile::Registers { rows: 16, columns: 8 }, Tile::Registers { rows: 16, columns: 16 }];
    if arguments.iter().any(|a| a == "--tiles") {
        tiles.extend(schedule::WORKGROUP_TILES);
    }
    let bench = Bench { gpu, only };
    let subgroups = Tile::Subgroup { rows: 48, columns: 32 };
    if gpu.takes(subgroups) {
        bench.matmuls(subgroups);
        bench.second_convolution(subgroups);
    }
    for tile in tiles {
        bench.matmuls(tile);
        bench.second_convolution(tile);
    }
}

struct Bench {
    gpu: &'static Gpu,
    only: String,
}

impl Bench {
    fn matmuls(&self, tile: Tile) {
        for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true)] {
            let spec = |m: usize, n: usize, k: usize, splits| MatMulSpec {
                stack: Dim::fixed(1),
                m: m.into(),
                n: n.into(),
                k: k.into(),
                transpose_a,
                transpose_b,
                tile,
                splits,
                hooks: Hooks::default(),
            };
            let name = format!(
                "matmul 1024 {}{}",
                ["a", "at"][transpose_a as usize],
                ["b", "bt"][transpose_b as usize]
            );
            self.product(&name, &spec(1024, 1024, 1024, 1));
            if !transpose_a && !transpose_b {
                self.product("matmul 32x28800x6", &spec(32, 6, 28_800, 113));
            }
        }
    }

    fn product(&self, name: &str, spec: &MatMulSpec) {
        let [m, n, k] = [spec.m, spec.n, spec.k].map(|d| d.at(BATCH));
        self.time(name, &matmul(spec), spec.splits, [m * k, k * n, m * n], 2 * m * n * k);
    }

    /// The second convolution of the SIGNS network: (32, 62, 62, 32) to (32, 60, 60, 32).
    fn second_convolution(&self, tile: Tile) {
        let axis = Axis { size: 3, stride: 1, dilation: 1, before: 0, after: 0 };
        let (images, filters, outputs) = (BATCH * 62 * 62 * 32, 9 * 32 * 32, BATCH * 60 * 60 * 32);
        let passes = [
            ("conv forward", ConvPass::Forward, 1, [images, filters, outputs]),
            ("conv input gradient", ConvPass::InputGradient, 1, [outputs, filters, images]),
            (
                "conv filter gradient",
                ConvPass::FilterGradient { bias: true },
                64,
                [images, outputs, filters + 32],
            ),
        ];
        for (name, pass, splits, sizes) in passes {
            let spec = ConvSpec {
                pass,
                images: Dim::batch(1),
                height: 62,
                width: 62,
                channels: 32,
                filters: 32,
                window: Window { height: axis, width: axis },
                tile,
                splits,
                hooks: Hooks::default(),
            };
            self.time(name, &conv(&spec), splits, sizes, 2 * outputs * 9 * 32);
        }
    }

    fn time(&self, name: &str, kernel: &Specialised, splits: usize, [a, b, c]: [usize; 3], flops: usize) {
        if !name.contains(&self.only) {
            return;
        }
        let sum = sum_partials(c.into(), splits, &Hooks::default());
        let buffers = [random(a, 1), random(b, 2), vec![0.0; splits * c], vec![0.0; c]];
        let launches = [
            Launch { kernel, bindings: &[(1, 0), (2, 1), (3, 2)] },
            Launch { kernel: &sum, bindings: &[(1, 2), (3, 3)] },
        ];
        let launches = if splits > 1 { &launches[..] } else { &launches[..1] };
        let seconds = self.gpu.time(launches, Step::batch(BATCH), &buffers, RUNS);
        let rate = flops as f64 / seconds / 1e9;
        println!("{name:<22} {:<34} {:8.2} ms {rate:8.2} GFLOP/s", kernel.name, seconds * 1e3);
    }
}
