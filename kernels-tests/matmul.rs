//! Products of matrices on the GPU against plain loops in f64.

use super::harness::{Gpu, Launch, Step, Sum, assert_sums, gpu, random};
use super::kernels::{Hooks, MatMulSpec, Specialised, matmul, matmul_naive, sum_partials};
use crate::schedule::Tile;
use crate::tensor::Dim;

const SMALL: Tile = Tile::Workgroup { rows: 32, columns: 32, depth: 16 };
const MIDDLE: Tile = Tile::Workgroup { rows: 64, columns: 64, depth: 16 };
const TALL: Tile = Tile::Workgroup { rows: 128, columns: 64, depth: 16 };
const LARGE: Tile = Tile::Workgroup { rows: 128, columns: 128, depth: 8 };
// Larger ones differ in nothing but the time that a driver takes to compile them.
const REGISTERS: Tile = Tile::Registers { rows: 4, columns: 8 };
const NARROW: Tile = Tile::Registers { rows: 8, columns: 4 };
const SUBGROUPS: Tile = Tile::Subgroup { rows: 16, columns: 16 };
const WIDE: Tile = Tile::Subgroup { rows: 8, columns: 32 };

fn spec(m: usize, n: usize, k: usize, tile: Tile) -> MatMulSpec {
    MatMulSpec {
        stack: Dim::fixed(1),
        m: Dim::batch(m),
        n: n.into(),
        k: k.into(),
        transpose_a: false,
        transpose_b: false,
        tile,
        splits: 1,
        hooks: Hooks::default(),
    }
}

/// A product of a column of `count` zeros with one number: `count` results for a hook to fill.
pub fn vector(count: usize) -> MatMulSpec {
    spec(count, 1, 1, REGISTERS)
}

/// op(A)·op(B) for each of the stack.
fn reference(spec: &MatMulSpec, batch: usize, a: &[f32], b: &[f32]) -> Vec<Sum> {
    let [stack, m, n, k] = [spec.stack, spec.m, spec.n, spec.k].map(|d| d.at(batch));
    let mut c = vec![Sum::default(); stack * m * n];
    for (at, sum) in c.iter_mut().enumerate() {
        let (s, row, column) = (at / (m * n), at / n % m, at % n);
        for t in 0..k {
            let i = if spec.transpose_a { t * m + row } else { row * k + t };
            let j = if spec.transpose_b { column * k + t } else { t * n + column };
            sum.add(f64::from(a[s * m * k + i]) * f64::from(b[s * k * n + j]));
        }
    }
    c
}

/// The product as the kernels compute it, partial sums and all.
fn product(gpu: &Gpu, spec: &MatMulSpec, batch: usize, a: Vec<f32>, b: Vec<f32>) -> Vec<f32> {
    let [stack, m, n] = [spec.stack, spec.m, spec.n].map(|d| d.at(batch));
    let kernel = matmul(spec);
    if spec.splits == 1 {
        let buffers = [a, b, vec![f32::NAN; stack * m * n]];
        let launch = Launch { kernel: &kernel, bindings: &[(1, 0), (2, 1), (3, 2)] };
        return gpu.run(&[launch], Step::batch(batch), &buffers).remove(2);
    }
    let count = Dim {
        factor: spec.stack.factor * spec.m.factor * spec.n.factor,
        batch: spec.stack.batch || spec.m.batch || spec.n.batch,
    };
    let sum = sum_partials(count, spec.splits, &Hooks::default());
    let nans = |count| vec![f32::NAN; count];
    let buffers = [a, b, nans(spec.splits * stack * m * n), nans(stack * m * n)];
    let launches = [
        Launch { kernel: &kernel, bindings: &[(1, 0), (2, 1), (3, 2)] },
        Launch { kernel: &sum, bindings: &[(1, 2), (3, 3)] },
    ];
    gpu.run(&launches, Step::batch(batch), &buffers).remove(3)
}

fn check(gpu: &Gpu, spec: &MatMulSpec, batch: usize) {
    let [stack, m, n, k] = [spec.stack, spec.m, spec.n, spec.k].map(|d| d.at(batch));
    let (a, b) = (random(stack * m * k, 1), random(stack * k * n, 2));
    let expected = reference(spec, batch, &a, &b);
    let what = format!("{:?} {stack}x {m}x{k}x{n}, {} splits", spec.tile, spec.splits);
    assert_sums(&what, &product(gpu, spec, batch, a, b), &expected, k);
}

/// Every size below is the batch's, so that a tile needs one pipeline for each pair (n, k).
#[test]
fn sizes() {
    let Some(gpu) = gpu() else { return };
    let pairs = [(1, 1), (7, 3), (16, 17), (33, 64), (6, 129), (64, 31), (41, 55)];
    for (i, &(n, k)) in pairs.iter().enumerate() {
        for (j, tile) in
            [SMALL, MIDDLE, TALL, LARGE, REGISTERS, NARROW, SUBGROUPS, WIDE].into_iter().enumerate()
        {
            for m in [1, 15, 63, 129].into_iter().filter(|_| gpu.takes(tile)).skip((i + j) % 2).step_by(2) {
                check(gpu, &spec(1, n, k, tile), m);
            }
        }
    }
}

#[test]
fn transposes_and_stacks() {
    let Some(gpu) = gpu() else { return };
    for tile in [SMALL, TALL, LARGE, REGISTERS, SUBGROUPS].into_iter().filter(|&t| gpu.takes(t)) {
        for (transpose_a, transpose_b) in [(false, true), (true, false), (true, true)] {
            for (m, n, k) in [(17, 9, 13), (64, 36, 20)] {
                check(gpu, &MatMulSpec { transpose_a, transpose_b, ..spec(m, n, k, tile) }, 2);
            }
        }
        let stacked = MatMulSpec { stack: Dim::batch(1), m: 5.into(), ..spec(1, 7, 18, tile) };
        check(gpu, &stacked, 3);
    }
}

/// The inner size is the batch's: the gradient of a dense layer's weights.
#[test]
fn batched_inner_size() {
    let Some(gpu) = gpu() else { return };
    for tile in [SMALL, MIDDLE, TALL, REGISTERS, WIDE].into_iter().filter(|&t| gpu.takes(t)) {
        let weights = MatMulSpec {
            m: 65.into(),
            k: Dim::batch(1),
            transpose_a: true,
            splits: 3,
            ..spec(1, 6, 1, tile)
        };
        for batch in [1, 2, 33, 600] {
            check(gpu, &weights, batch);
        }
    }
}

/// Constant data of one sign rounds in one direction: plain sums leave the bound from some thousand terms on.
#[test]
fn long_sums_of_constants() {
    let Some(gpu) = gpu() else { return };
    let k = 28_800;
    // The last two are tiles that training uses: their inner loops must be unrolled, because lavapipe ends all
    // loops of a thread after 65,535 rounds together, without a word.
    let trained = [Tile::Registers { rows: 16, columns: 8 }, Tile::Subgroup { rows: 32, columns: 32 }];
    let all = [SMALL, TALL, LARGE, REGISTERS].into_iter().chain(trained);
    for tile in all.filter(|&t| gpu.takes(t)) {
        for splits in [1, 7] {
            let spec = MatMulSpec { splits, ..spec(1, 6, k, tile) };
            let (a, b) = (vec![0.1; 2 * k], vec![0.7; 6 * k]);
            let expected = reference(&spec, 2, &a, &b);
            let what = format!("{tile:?}, {splits} splits of constants");
            assert_sums(&what, &product(gpu, &spec, 2, a, b), &expected, k);
        }
    }
}

/// The hooks see the right elements: indices are added, so that a wrong one shows.
#[test]
fn hooks() {
    let Some(gpu) = gpu() else { return };
    let hooks = || Hooks {
        declarations: "@group(0) @binding(4) var<storage, read_write> bias: array<f32>;\n\
            @group(0) @binding(5) var<storage, read_write> copy: array<f32>;"
            .into(),
        load_a: Some("return value + f32(index) * 0.5;".into()),
        load_b: Some("return value - f32(index) * 0.25;".into()),
        epilogue: Some("copy[index] = value; return value * 2.0 + bias[index % 6u];".into()),
        store_result: true,
    };
    let batch = 19;
    let plain = spec(1, 6, 12, SMALL);
    let (a, b, bias) = (random(batch * 12, 3), random(12 * 6, 4), random(6, 5));
    let ramp = |data: &[f32], step: f32| -> Vec<f32> {
        data.iter().enumerate().map(|(i, x)| x + i as f32 * step).collect()
    };
    let sums = reference(&plain, batch, &ramp(&a, 0.5), &ramp(&b, -0.25));
    let outputs: Vec<Sum> = (sums.iter().enumerate())
        .map(|(i, s)| {
            let bias = f64::from(bias[i % 6]);
            Sum { value: 2.0 * s.value + bias, magnitude: 2.0 * s.magnitude + bias.abs() }
        })
        .collect();
    let tiles = [SMALL, REGISTERS, SUBGROUPS].into_iter().filter(|&tile| gpu.takes(tile));
    let kernels: Vec<Specialised> =
        tiles.map(|tile| matmul(&MatMulSpec { hooks: hooks(), tile, ..plain.clone() })).collect();
    let naive = matmul_naive(&MatMulSpec { hooks: hooks(), ..plain });
    for kernel in kernels.iter().chain([&naive]) {
        check_hooks(gpu, kernel, [&a, &b, &bias], [&sums, &outputs]);
    }
}

fn check_hooks(
    gpu: &Gpu,
    kernel: &Specialised,
    [a, b, bias]: [&Vec<f32>; 3],
    [sums, outputs]: [&Vec<Sum>; 2],
) {
    let nans = vec![f32::NAN; sums.len()];
    let buffers = [a.clone(), b.clone(), nans.clone(), bias.clone(), nans];
    let bindings = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 4)];
    let after = gpu.run(&[Launch { kernel, bindings: &bindings }], Step::batch(19), &buffers);
    assert_sums(&format!("{}: result", kernel.name), &after[2], outputs, 13);
    assert_sums(&format!("{}: copy", kernel.name), &after[4], sums, 13);
}

/// A NaN reaches its own row and column and no other element.
#[test]
fn nan_stays_in_its_row() {
    let Some(gpu) = gpu() else { return };
    for tile in [SMALL, MIDDLE, TALL, LARGE, REGISTERS, WIDE].into_iter().filter(|&t| gpu.takes(t)) {
        let spec = spec(1, 5, 7, tile);
        let (mut a, b) = (random(9 * 7, 6), random(7 * 5, 7));
        a[8 * 7 + 6] = f32::NAN;
        let c = product(gpu, &spec, 9, a, b);
        assert!(c[8 * 5..].iter().all(|x| x.is_nan()), "{tile:?}: the NaN is lost");
        assert!(c[..8 * 5].iter().all(|x| x.is_finite()), "{tile:?}: the NaN spreads");
    }
}
