//! Pooling, sums of columns, sums of partials and random numbers on the GPU against plain loops.

use super::harness::{Gpu, Launch, Step, Sum, assert_sums, gpu, random};
use super::kernels::{
    Hooks, PoolKind, PoolSpec, SumColumnsSpec, matmul_naive, philox, pool, sum_columns, sum_partials,
};
use crate::graph::random::{Key, uniform};
use crate::graph::{Axis, Window};
use crate::tensor::Dim;

const fn axis(size: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation, before, after }
}

/// Height, width, channels and window.
const CASES: [(usize, usize, usize, Window); 7] = [
    (6, 8, 3, Window { height: axis(2, 2, 1, 0, 0), width: axis(2, 2, 1, 0, 0) }),
    (11, 7, 3, Window { height: axis(2, 3, 1, 1, 0), width: axis(2, 2, 1, 0, 0) }),
    (9, 10, 5, Window { height: axis(2, 3, 2, 0, 1), width: axis(3, 6, 2, 2, 0) }),
    (7, 9, 1, Window { height: axis(2, 2, 1, 0, 0), width: axis(3, 2, 1, 0, 0) }),
    (7, 5, 4, Window { height: axis(3, 1, 1, 1, 1), width: axis(3, 2, 1, 1, 1) }),
    (5, 11, 2, Window { height: axis(3, 2, 1, 1, 1), width: axis(5, 3, 1, 2, 2) }),
    (9, 10, 5, Window { height: axis(2, 1, 2, 1, 0), width: axis(3, 2, 2, 0, 1) }),
];

struct Pool {
    spec: PoolSpec,
    batch: usize,
    /// For each output, the inputs of its window in scan order.
    windows: Vec<Vec<usize>>,
}

impl Pool {
    fn new((height, width, channels, window): (usize, usize, usize, Window), batch: usize) -> Self {
        let counts = [window.height.windows(height).unwrap(), window.width.windows(width).unwrap()];
        let taps = |axis: Axis, out: usize, size: usize| -> Vec<usize> {
            let at = |tap: usize| (out * axis.stride + tap * axis.dilation).checked_sub(axis.before);
            (0..axis.size).filter_map(at).filter(|&p| p < size).collect()
        };
        let mut windows = Vec::new();
        for out in 0..batch * counts[0] * counts[1] * channels {
            let (c, j) = (out % channels, out / channels % counts[1]);
            let (i, n) = (out / (channels * counts[1]) % counts[0], out / (channels * counts[1] * counts[0]));
            let (rows, columns) = (taps(window.height, i, height), taps(window.width, j, width));
            let place = |h, w| ((n * height + h) * width + w) * channels + c;
            windows.push(rows.iter().flat_map(|&h| columns.iter().map(move |&w| place(h, w))).collect());
        }
        let kind = PoolKind::Max;
        let hooks = Hooks::default();
        let spec = PoolSpec { kind, images: Dim::batch(1), height, width, channels, window, hooks };
        Self { spec, batch, windows }
    }

    fn inputs(&self) -> usize {
        self.batch * self.spec.height * self.spec.width * self.spec.channels
    }

    fn run(&self, gpu: &Gpu, kind: PoolKind, operands: &[&[f32]], results: usize) -> Vec<f32> {
        let kernel = pool(&PoolSpec { kind, ..self.spec.clone() });
        let mut buffers: Vec<Vec<f32>> = operands.iter().map(|o| o.to_vec()).collect();
        buffers.push(vec![f32::NAN; results]);
        let bindings = [(1, 0), (2, 1), (3, 2)];
        let bindings = if operands.len() == 2 { &bindings[..] } else { &[(1, 0), (3, 1)] };
        let launch = Launch { kernel: &kernel, bindings };
        gpu.run(&[launch], Step::batch(self.batch), &buffers).pop().unwrap()
    }

    /// The first greatest input of each window; the first NaN if there is one.
    fn winners(&self, x: &[f32]) -> Vec<usize> {
        let winner = |window: &Vec<usize>| {
            let nan = window.iter().copied().find(|&i| x[i].is_nan());
            let first = || window.iter().copied().reduce(|best, i| if x[i] > x[best] { i } else { best });
            nan.or_else(first).unwrap()
        };
        self.windows.iter().map(winner).collect()
    }
}

/// Few distinct values, so that windows have several greatest; and a NaN.
fn ties(count: usize) -> Vec<f32> {
    let mut x: Vec<f32> = random(count, 21).iter().map(|v| (v * 3.0).round()).collect();
    x[count / 2] = f32::NAN;
    x
}

#[test]
fn max_and_its_gradient() {
    let Some(gpu) = gpu() else { return };
    for (i, case) in CASES.into_iter().enumerate() {
        let pool = Pool::new(case, 1 + i % 3);
        let x = ties(pool.inputs());
        let winners = pool.winners(&x);
        let y = pool.run(gpu, PoolKind::Max, &[&x], winners.len());
        for (found, &winner) in y.iter().zip(&winners) {
            assert!(
                found.to_bits() == x[winner].to_bits() || found.is_nan() && x[winner].is_nan(),
                "{case:?}"
            );
            assert!(*found == x[winner] || x[winner].is_nan(), "{case:?}: {found} for {}", x[winner]);
        }
        let dy = random(winners.len(), 22);
        let mut expected = vec![Sum::default(); x.len()];
        winners.iter().zip(&dy).for_each(|(&winner, &g)| expected[winner].add(f64::from(g)));
        let dx = pool.run(gpu, PoolKind::MaxGradient, &[&x, &dy], x.len());
        assert_sums(&format!("gradient of max, {case:?}"), &dx, &expected, 9);
    }
}

#[test]
fn average_and_its_gradient() {
    let Some(gpu) = gpu() else { return };
    for (i, case) in CASES.into_iter().enumerate() {
        let pool = Pool::new(case, 1 + i % 3);
        let (x, dy) = (random(pool.inputs(), 23), random(pool.windows.len(), 24));
        let mut means = vec![Sum::default(); dy.len()];
        let mut expected = vec![Sum::default(); x.len()];
        for (out, window) in pool.windows.iter().enumerate() {
            let share = 1.0 / window.len() as f64;
            window.iter().for_each(|&at| means[out].add(f64::from(x[at]) * share));
            window.iter().for_each(|&at| expected[at].add(f64::from(dy[out]) * share));
        }
        let y = pool.run(gpu, PoolKind::Average, &[&x], dy.len());
        assert_sums(&format!("average, {case:?}"), &y, &means, 15);
        let dx = pool.run(gpu, PoolKind::AverageGradient, &[&dy], x.len());
        assert_sums(&format!("gradient of average, {case:?}"), &dx, &expected, 15);
    }
}

fn column_sums(gpu: &Gpu, rows: usize, columns: usize, splits: usize, x: Vec<f32>) -> Vec<f32> {
    let spec =
        SumColumnsSpec { rows: Dim::batch(1), columns: columns.into(), splits, hooks: Hooks::default() };
    let (first, second) = (sum_columns(&spec), sum_partials(columns.into(), splits, &Hooks::default()));
    let nans = |count| vec![f32::NAN; count];
    let launches = [
        Launch { kernel: &first, bindings: &[(1, 0), (3, 1)] },
        Launch { kernel: &second, bindings: &[(1, 1), (3, 2)] },
    ];
    gpu.run(&launches, Step::batch(rows), &[x, nans(splits * columns), nans(columns)]).pop().unwrap()
}

#[test]
fn sums_of_columns() {
    let Some(gpu) = gpu() else { return };
    for (rows, columns, splits) in [(1, 1, 1), (3, 65, 4), (1025, 7, 3), (600, 33, 1), (2, 129, 256)] {
        let x = random(rows * columns, 31);
        let mut expected = vec![Sum::default(); columns];
        x.iter().enumerate().for_each(|(i, &v)| expected[i % columns].add(f64::from(v)));
        let found = column_sums(gpu, rows, columns, splits, x);
        assert_sums(&format!("{rows}x{columns} in {splits}"), &found, &expected, rows);
    }
    // Not in one part: lavapipe ends a thread's loops after 65,535 rounds, without a word.
    for splits in [2, 225] {
        let found = column_sums(gpu, 115_200, 2, splits, vec![0.1; 230_400]);
        let sum = f64::from(0.1f32) * 115_200.0;
        let expected = [Sum { value: sum, magnitude: sum }; 2];
        assert_sums(&format!("constants in {splits}"), &found, &expected, 115_200);
    }
}

/// The same words as the CPU's, bit for bit.
#[test]
fn random_numbers() {
    let Some(gpu) = gpu() else { return };
    let spec = super::matmul::vector(1027);
    let hooks = Hooks {
        declarations: philox().into(),
        epilogue: Some("return random_uniform(index, 7u);".into()),
        ..Hooks::default()
    };
    let kernel = matmul_naive(&super::kernels::MatMulSpec { hooks, ..spec });
    let step = Step { batch: 1, iteration: 12, seed: 0x0123_4567_89ab_cdef };
    let launch = Launch { kernel: &kernel, bindings: &[(1, 0), (2, 1), (3, 2)] };
    let found = gpu.run(&[launch], step, &[vec![0.0; 1027], vec![0.0], vec![0.0; 1027]]).pop().unwrap();
    let key = Key { seed: step.seed, step: step.iteration };
    for (i, found) in found.into_iter().enumerate() {
        assert_eq!(found.to_bits(), uniform(key, 7, i as u32).to_bits(), "number {i}");
    }
}
