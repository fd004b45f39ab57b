//! The three passes of a convolution on the GPU against plain loops in f64.

use super::harness::{Gpu, Launch, Step, Sum, assert_sums, gpu, random};
use super::kernels::{ConvPass, ConvSpec, Hooks, conv, sum_partials};
use crate::graph::{Axis, Window};
use crate::schedule::Tile;
use crate::tensor::Dim;

const SMALL: Tile = Tile::Workgroup { rows: 32, columns: 32, depth: 16 };
const MIDDLE: Tile = Tile::Workgroup { rows: 64, columns: 64, depth: 16 };
const TALL: Tile = Tile::Workgroup { rows: 128, columns: 64, depth: 16 };
const LARGE: Tile = Tile::Workgroup { rows: 128, columns: 128, depth: 8 };
const REGISTERS: Tile = Tile::Registers { rows: 8, columns: 4 };
const SUBGROUPS: [Tile; 3] = [
    Tile::Subgroup { rows: 16, columns: 16 },
    Tile::Subgroup { rows: 48, columns: 32 },
    Tile::Subgroup { rows: 32, columns: 8 },
];

const FORWARD: ConvPass = ConvPass::Forward;
const INPUT: ConvPass = ConvPass::InputGradient;
const FILTER: ConvPass = ConvPass::FilterGradient { bias: false };
const FILTER_AND_BIAS: ConvPass = ConvPass::FilterGradient { bias: true };

/// Sizes of a convolution: height and width of the image, channels, filters, and the window.
#[derive(Clone, Copy, Debug)]
struct Case {
    image: [usize; 2],
    channels: usize,
    filters: usize,
    window: Window,
}

const fn axis(size: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation, before, after }
}

const fn case(image: [usize; 2], channels: usize, filters: usize, height: Axis, width: Axis) -> Case {
    Case { image, channels, filters, window: Window { height, width } }
}

const CASES: [Case; 9] = [
    case([5, 7], 1, 1, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0)),
    case([9, 17], 3, 7, axis(3, 1, 1, 1, 1), axis(3, 1, 1, 1, 1)),
    case([8, 19], 4, 8, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0)),
    case([12, 33], 8, 12, axis(2, 2, 1, 0, 0), axis(3, 2, 1, 0, 1)),
    case([11, 10], 5, 4, axis(3, 3, 1, 1, 1), axis(5, 2, 1, 2, 2)),
    case([13, 16], 4, 3, axis(3, 1, 2, 2, 2), axis(2, 1, 3, 1, 2)),
    case([9, 8], 6, 33, axis(1, 1, 1, 0, 0), axis(1, 1, 1, 0, 0)),
    case([3, 65], 2, 5, axis(3, 2, 2, 2, 3), axis(1, 3, 1, 0, 0)),
    // Sums of two blocks, forward and for the images.
    case([5, 7], 64, 60, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0)),
];

impl Case {
    fn outputs(&self) -> [usize; 2] {
        let [h, w] = self.image;
        [self.window.height.windows(h).unwrap(), self.window.width.windows(w).unwrap()]
    }

    /// Elements of images, filters and outputs for a batch.
    fn counts(&self, batch: usize) -> [usize; 3] {
        let ([h, w], [oh, ow]) = (self.image, self.outputs());
        let taps = self.window.height.size * self.window.width.size;
        [batch * h * w * self.channels, taps * self.channels * self.filters, batch * oh * ow * self.filters]
    }

    /// Calls `visit` with the places of x, w and y of every term of the sums.
    fn terms(&self, batch: usize, mut visit: impl FnMut(usize, usize, usize)) {
        let ([h, w], [oh, ow]) = (self.image, self.outputs());
        let Window { height, width } = self.window;
        let pixel = |axis: Axis, out: usize, tap: usize, size: usize| {
            (out * axis.stride + tap * axis.dilation).checked_sub(axis.before).filter(|&at| at < size)
        };
        for (n, i, j) in triples(batch, oh, ow) {
            for (a, b, c) in triples(height.size, width.size, self.channels) {
                let (Some(row), Some(column)) = (pixel(height, i, a, h), pixel(width, j, b, w)) else {
                    continue;
                };
                for f in 0..self.filters {
                    visit(
                        ((n * h + row) * w + column) * self.channels + c,
                        ((a * width.size + b) * self.channels + c) * self.filters + f,
                        ((n * oh + i) * ow + j) * self.filters + f,
                    );
                }
            }
        }
    }

    fn spec(&self, pass: ConvPass, tile: Tile, splits: usize) -> ConvSpec {
        ConvSpec {
            pass,
            images: Dim::batch(1),
            height: self.image[0],
            width: self.image[1],
            channels: self.channels,
            filters: self.filters,
            window: self.window,
            tile,
            splits,
            hooks: Hooks::default(),
        }
    }
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a * b * c).map(move |i| (i / (b * c), i / c % b, i % c))
}

/// The pass's result for operands `a` and `b`.
fn reference(case: &Case, pass: ConvPass, batch: usize, a: &[f32], b: &[f32]) -> Vec<Sum> {
    let [images, filters, outputs] = case.counts(batch);
    let mut sums = vec![Sum::default(); [outputs, images, filters][index(pass)]];
    let product = |x: f32, y: f32| f64::from(x) * f64::from(y);
    case.terms(batch, |x, w, y| match pass {
        ConvPass::Forward => sums[y].add(product(a[x], b[w])),
        ConvPass::InputGradient => sums[x].add(product(a[y], b[w])),
        ConvPass::FilterGradient { .. } => sums[w].add(product(a[x], b[y])),
    });
    if pass == FILTER_AND_BIAS {
        let mut bias = vec![Sum::default(); case.filters];
        b.iter().enumerate().for_each(|(i, &dy)| bias[i % case.filters].add(f64::from(dy)));
        sums.extend(bias);
    }
    sums
}

fn index(pass: ConvPass) -> usize {
    match pass {
        ConvPass::Forward => 0,
        ConvPass::InputGradient => 1,
        ConvPass::FilterGradient { .. } => 2,
    }
}

/// The pass as the kernels compute it.
fn run(gpu: &Gpu, spec: &ConvSpec, batch: usize, [a, b]: [Vec<f32>; 2], results: usize) -> Vec<f32> {
    let kernel = conv(spec);
    let nans = |count| vec![f32::NAN; count];
    if spec.splits == 1 {
        let launch = Launch { kernel: &kernel, bindings: &[(1, 0), (2, 1), (3, 2)] };
        return gpu.run(&[launch], Step::batch(batch), &[a, b, nans(results)]).remove(2);
    }
    let sum = sum_partials(results.into(), spec.splits, &Hooks::default());
    let launches = [
        Launch { kernel: &kernel, bindings: &[(1, 0), (2, 1), (3, 2)] },
        Launch { kernel: &sum, bindings: &[(1, 2), (3, 3)] },
    ];
    gpu.run(&launches, Step::batch(batch), &[a, b, nans(spec.splits * results), nans(results)]).remove(3)
}

fn check(gpu: &Gpu, case: &Case, pass: ConvPass, tile: Tile, splits: usize, batch: usize) {
    if !gpu.takes(tile) {
        return;
    }
    let [images, filters, outputs] = case.counts(batch);
    let sizes = [[images, filters], [outputs, filters], [images, outputs]][index(pass)];
    let operands = [random(sizes[0], 11), random(sizes[1], 12)];
    let expected = reference(case, pass, batch, &operands[0], &operands[1]);
    let spec = case.spec(pass, tile, splits);
    let k = spec.product().k.at(batch);
    let what = format!("{pass:?} of {case:?} with {tile:?}, {splits} splits, batch {batch}");
    assert_sums(&what, &run(gpu, &spec, batch, operands, expected.len()), &expected, k);
}

#[test]
fn forward() {
    let Some(gpu) = gpu() else { return };
    for (i, case) in CASES.iter().enumerate() {
        check(gpu, case, FORWARD, [SMALL, MIDDLE, LARGE, TALL, MIDDLE][i % 5], 1, 1 + i % 3);
        check(gpu, case, FORWARD, REGISTERS, 1, 1 + i % 2);
        check(gpu, case, FORWARD, SUBGROUPS[i % 3], 1, 1 + i % 4);
    }
}

#[test]
fn input_gradient() {
    let Some(gpu) = gpu() else { return };
    for (i, case) in CASES.iter().enumerate() {
        check(gpu, case, INPUT, [MIDDLE, TALL, SMALL, LARGE, SMALL][i % 5], 1, 1 + i % 3);
        check(gpu, case, INPUT, REGISTERS, 1, 1 + i % 2);
        check(gpu, case, INPUT, SUBGROUPS[i % 3], 1, 1 + i % 4);
    }
}

#[test]
fn filter_gradient() {
    let Some(gpu) = gpu() else { return };
    for (i, case) in CASES.iter().enumerate() {
        let pass = [FILTER, FILTER_AND_BIAS][i % 2];
        check(gpu, case, pass, [LARGE, SMALL, MIDDLE, TALL, SMALL][i % 5], 1 + i % 5, 1 + i % 3);
        check(gpu, case, pass, REGISTERS, 4 - i % 4, 1 + i % 2);
        check(gpu, case, [FILTER_AND_BIAS, FILTER][i % 2], SUBGROUPS[i % 3], 1 + i % 4, 1 + i % 2);
    }
    // Four pixels in seven parts, three of which add nothing.
    let few = case([4, 4], 4, 8, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0));
    for tile in [SMALL, REGISTERS, SUBGROUPS[0], SUBGROUPS[1]] {
        check(gpu, &few, FILTER_AND_BIAS, tile, 7, 1);
    }
}

/// Constant data of one sign rounds in one direction; long sums need sums of sums.
fn check_constants(gpu: &Gpu, case: &Case, pass: ConvPass, batch: usize, tiles: &[(Tile, usize)]) {
    let [images, filters, outputs] = case.counts(batch);
    let sizes = [[images, filters], [outputs, filters], [images, outputs]][index(pass)];
    let operands = [vec![0.1; sizes[0]], vec![0.7; sizes[1]]];
    let expected = reference(case, pass, batch, &operands[0], &operands[1]);
    for &(tile, splits) in tiles.iter().filter(|(tile, _)| gpu.takes(*tile)) {
        let spec = case.spec(pass, tile, splits);
        let found = run(gpu, &spec, batch, operands.clone(), expected.len());
        assert_sums(
            &format!("{pass:?}, {tile:?}, {splits} splits"),
            &found,
            &expected,
            spec.product().k.at(batch),
        );
    }
}

/// 28,800 pixels.
#[test]
fn filter_gradient_of_constants() {
    let Some(gpu) = gpu() else { return };
    let case = case([62, 62], 4, 4, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0));
    let [narrow, wide, _] = SUBGROUPS;
    let tiles =
        [(SMALL, 1), (MIDDLE, 16), (TALL, 3), (REGISTERS, 1), (REGISTERS, 16), (narrow, 1), (wide, 16)];
    check_constants(gpu, &case, FILTER_AND_BIAS, 8, &tiles);
}

/// 18,432 products of taps and channels.
#[test]
fn convolutions_of_constants() {
    let Some(gpu) = gpu() else { return };
    let tiles = [SMALL, MIDDLE, TALL, REGISTERS, SUBGROUPS[0], SUBGROUPS[1]].map(|tile| (tile, 1));
    let wide = |channels, filters| case([4, 5], channels, filters, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0));
    check_constants(gpu, &wide(2048, 4), FORWARD, 1, &tiles);
    check_constants(gpu, &wide(4, 2048), INPUT, 1, &tiles);
}

/// A row's last pixel meets the last taps alone. The others do not read it with a gradient of zero: it may be infinite.
#[test]
fn pixels_behind_the_last_window_are_not_read() {
    let Some(gpu) = gpu() else { return };
    let case = case([4, 5], 4, 8, axis(3, 1, 1, 0, 0), axis(3, 1, 1, 0, 0));
    let [images, _, outputs] = case.counts(1);
    let mut x = random(images, 21);
    let last = (case.image[1] * 2 - 1) * case.channels;
    x[last..][..case.channels].fill(f32::INFINITY);
    let operands = [x, random(outputs, 22)];
    let mut meets = vec![false; 9 * case.channels * case.filters];
    case.terms(1, |x, w, _| meets[w] |= operands[0][x].is_infinite());
    for tile in [SMALL, REGISTERS, SUBGROUPS[0], SUBGROUPS[1]].into_iter().filter(|&tile| gpu.takes(tile)) {
        let found = run(gpu, &case.spec(FILTER, tile, 1), 1, operands.clone(), meets.len());
        let infinite: Vec<bool> = found.iter().map(|x| !x.is_finite()).collect();
        assert_eq!(infinite, meets, "{tile:?}");
    }
}
