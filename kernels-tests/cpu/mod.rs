//! The fast CPU kernels against plain loops in f64: at every level of vector instructions that this machine has, on one
//! thread and on two.

use super::level::forced::with_level;
use super::{Images, Level, Window2d};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

mod convolution;
mod functions;
mod matmul;
mod pooling;
mod sums;

/// Sizes at and around those at which tiles, vectors and blocks end.
const SIZES: [usize; 18] = [1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 41, 47, 55, 61, 63, 64, 65, 97];

/// A sum in f64, with what its bound needs.
#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    value: f64,
    /// The sum of the terms' absolute values.
    magnitude: f64,
    terms: usize,
}

impl Sum {
    fn add(&mut self, a: f32, b: f32) {
        let term = f64::from(a) * f64::from(b);
        self.value += term;
        self.magnitude += term.abs();
        self.terms += 1;
    }

    /// How far from `value` a sum of f32 may lie.
    fn bound(&self) -> f64 {
        let terms = self.terms as f64;
        8.0 * terms.sqrt() * 2_f64.powi(-24) * self.magnitude + terms * 2_f64.powi(-126)
    }
}

fn assert_within(actual: &[f32], expected: &[Sum], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (i, (&actual, sum)) in actual.iter().zip(expected).enumerate() {
        let error = (f64::from(actual) - sum.value).abs();
        assert!(error <= sum.bound(), "{what}: element {i} is {actual}, off by {error:e}, expected {sum:?}");
    }
}

fn assert_same_bits(a: &[f32], b: &[f32], what: &str) {
    let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert!(bits(a) == bits(b), "{what}: different bits");
}

/// The results of `run` at each level, checked to be the same bits on one thread and on two.
fn at_every_level(what: &str, run: impl Fn() -> Vec<f32> + Sync) -> Vec<Vec<f32>> {
    static POOLS: LazyLock<[ThreadPool; 2]> = LazyLock::new(|| {
        [1, 2].map(|threads| ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start"))
    });
    let at = |level| {
        let [one, two] = POOLS.each_ref().map(|pool| pool.install(|| with_level(level, &run)));
        assert_same_bits(&one, &two, &format!("{what}, one thread and two at {level:?}"));
        one
    };
    Level::all().into_iter().map(at).collect()
}

/// Checks that `run(epilogue)` passes every element to the epilogue once, with its index, when it has its final value.
fn assert_epilogue(what: &str, run: impl Fn(Option<super::Epilogue<'_>>) -> Vec<f32> + Sync) {
    let plain = at_every_level(what, || run(None));
    let negated = at_every_level(what, || {
        let seen: Vec<AtomicU32> = plain[0].iter().map(|_| AtomicU32::new(0)).collect();
        let result = run(Some(&|first, values| {
            for (i, value) in values.iter_mut().enumerate() {
                seen[first + i].fetch_add(1, Ordering::Relaxed);
                *value = -*value;
            }
        }));
        assert!(seen.into_iter().all(|count| count.into_inner() == 1), "{what}: an element not seen once");
        result
    });
    for (plain, negated) in plain.iter().zip(negated) {
        let back: Vec<f32> = negated.into_iter().map(|value| -value).collect();
        assert_same_bits(plain, &back, what);
    }
}

/// Numbers that look random (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn size(&mut self) -> usize {
        SIZES[self.below(SIZES.len())]
    }

    /// `count` numbers in -1..1.
    fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.next() >> 40) as f32 / 8_388_608.0 - 1.0).collect()
    }

    /// A window with a stride of 1 to 3, padding and perhaps dilation.
    fn window(&mut self, most_dilation: usize) -> Window2d {
        let mut pair = |first, count| [first + self.below(count), first + self.below(count)];
        Window2d {
            kernel: pair(1, 4),
            stride: pair(1, 3),
            dilation: pair(1, most_dilation),
            pad_before: pair(0, 3),
            pad_after: pair(0, 3),
        }
    }

    /// A batch of small images.
    fn images(&mut self) -> Images {
        let [height, width, channels] = [0; 3].map(|_| self.size());
        Images {
            batch: 1 + self.below(3),
            height: height.min(1 + self.below(24)),
            width,
            channels: channels.min(33),
        }
    }
}

/// Calls `body(output pixel, input pixel, tap)` for each tap of each window that falls on an image, by their numbers in the batch.
fn for_each_tap(input: Images, window: &Window2d, mut body: impl FnMut(usize, usize, usize)) {
    let output = window.output(input, 1);
    let [high, wide] = window.kernel;
    let on_image = |axis: usize, at: usize, tap: usize, size: usize| {
        (at * window.stride[axis] + tap * window.dilation[axis])
            .checked_sub(window.pad_before[axis])
            .filter(|&i| i < size)
    };
    for at in 0..output.len() {
        let (image, oy, ox) = (at / output.image(), at / output.width % output.height, at % output.width);
        for tap in 0..high * wide {
            let y = on_image(0, oy, tap / wide, input.height);
            let x = on_image(1, ox, tap % wide, input.width);
            if let (Some(y), Some(x)) = (y, x) {
                body(at, (image * input.height + y) * input.width + x, tap);
            }
        }
    }
}
