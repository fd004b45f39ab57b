//! Convolution and its gradients against plain loops.

use super::super::{Epilogue, Images, Window2d, conv2d, conv2d_filter_gradient, conv2d_input_gradient};
use super::{Random, Sum, assert_epilogue, assert_within, at_every_level, for_each_tap};

/// One convolution with its data.
#[derive(Debug)]
struct Case {
    input: Images,
    channels: usize,
    window: Window2d,
    x: Vec<f32>,
    filter: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    fn new(random: &mut Random, input: Images, channels: usize, window: Window2d) -> Self {
        let [high, wide] = window.kernel;
        let x = random.numbers(input.len());
        let filter = random.numbers(high * wide * input.channels * channels);
        let dy = random.numbers(window.output(input, channels).len());
        Case { input, channels, window, x, filter, dy }
    }

    fn name(&self) -> String {
        format!("{:?} to {} channels by {:?}", self.input, self.channels, self.window)
    }

    /// The output, its input gradient, its filter gradient and its bias gradient.
    fn reference(&self) -> [Vec<Sum>; 4] {
        let zeros = |count| vec![Sum::default(); count];
        let (inner, outer) = (self.input.channels, self.channels);
        let [mut y, mut dx] = [zeros(self.dy.len()), zeros(self.x.len())];
        let [mut filter, mut bias] = [zeros(self.filter.len()), zeros(outer)];
        for_each_tap(self.input, &self.window, |to, from, tap| {
            for ci in 0..inner {
                for co in 0..outer {
                    let (weight, x, y_at) =
                        ((tap * inner + ci) * outer + co, from * inner + ci, to * outer + co);
                    y[y_at].add(self.x[x], self.filter[weight]);
                    dx[x].add(self.dy[y_at], self.filter[weight]);
                    filter[weight].add(self.x[x], self.dy[y_at]);
                }
            }
        });
        for (i, &dy) in self.dy.iter().enumerate() {
            bias[i % outer].add(dy, 1.0);
        }
        [y, dx, filter, bias]
    }

    fn forward(&self, epilogue: Option<Epilogue<'_>>) -> Vec<f32> {
        let mut y = vec![f32::NAN; self.dy.len()];
        conv2d(&self.x, self.input, &self.filter, &self.window, &mut y, self.channels, epilogue);
        y
    }

    fn input_gradient(&self, epilogue: Option<Epilogue<'_>>) -> Vec<f32> {
        let mut dx = vec![f32::NAN; self.x.len()];
        conv2d_input_gradient(
            &self.dy,
            self.channels,
            &self.filter,
            &self.window,
            &mut dx,
            self.input,
            epilogue,
        );
        dx
    }

    /// The filter's gradient, then the bias's.
    fn filter_gradient(&self) -> Vec<f32> {
        let mut all = vec![f32::NAN; self.filter.len() + self.channels];
        let (filter, bias) = all.split_at_mut(self.filter.len());
        conv2d_filter_gradient(
            &self.x,
            self.input,
            &self.dy,
            self.channels,
            &self.window,
            filter,
            Some(bias),
        );
        all
    }

    fn check(&self) {
        let [y, dx, mut filter, bias] = self.reference();
        filter.extend(bias);
        let name = self.name();
        for actual in at_every_level(&name, || self.forward(None)) {
            assert_within(&actual, &y, &format!("forward, {name}"));
        }
        for actual in at_every_level(&name, || self.input_gradient(None)) {
            assert_within(&actual, &dx, &format!("input gradient, {name}"));
        }
        for actual in at_every_level(&name, || self.filter_gradient()) {
            assert_within(&actual, &filter, &format!("filter gradient, {name}"));
        }
    }
}

fn images(batch: usize, height: usize, width: usize, channels: usize) -> Images {
    Images { batch, height, width, channels }
}

/// Convolutions that meet each case of the kernels.
fn cases(random: &mut Random) -> Vec<Case> {
    let valid = Window2d::valid;
    let same = |size: usize| Window2d {
        pad_before: [(size - 1) / 2; 2],
        pad_after: [size / 2; 2],
        ..valid([size; 2])
    };
    [
        (images(2, 12, 64, 3), 32, valid([3, 3])),
        (images(2, 12, 62, 32), 32, valid([3, 3])),
        (images(5, 9, 33, 7), 33, same(3)),
        // Sums of over 512 terms, forward and backward.
        (images(1, 5, 17, 65), 3, valid([3, 3])),
        (images(1, 4, 5, 700), 2, valid([1, 1])),
        (images(1, 5, 6, 2), 600, same(2)),
        (images(3, 2, 1030, 2), 5, valid([2, 3])),
        // One pixel, one channel, one row, a window as large as the image, one that does not fit.
        (images(1, 1, 1, 1), 1, valid([1, 1])),
        (images(1, 1, 129, 1), 47, valid([1, 7])),
        (images(2, 7, 5, 3), 65, valid([7, 5])),
        (images(1, 3, 9, 2), 4, valid([4, 4])),
        // Strides beyond the window, with a remainder; padding beyond the window.
        (images(2, 17, 31, 5), 6, Window2d { stride: [3, 4], ..valid([2, 2]) }),
        (images(2, 8, 9, 3), 4, Window2d { stride: [2, 3], ..same(3) }),
        (images(1, 6, 5, 2), 3, Window2d { pad_before: [4, 3], pad_after: [3, 5], ..valid([3, 2]) }),
        (images(1, 15, 16, 3), 4, Window2d { dilation: [2, 3], stride: [2, 2], ..same(3) }),
    ]
    .map(|(input, channels, window)| Case::new(random, input, channels, window))
    .into()
}

#[test]
fn convolutions_and_their_gradients_are_within_the_bound() {
    cases(&mut Random(1)).iter().for_each(Case::check);
}

#[test]
fn random_convolutions_and_their_gradients_are_within_the_bound() {
    let mut random = Random(2);
    for _ in 0..120 {
        let (input, channels, window) = (random.images(), random.size().min(48), random.window(3));
        Case::new(&mut random, input, channels, window).check();
    }
}

#[test]
fn each_element_goes_through_the_epilogue_once() {
    for case in cases(&mut Random(3)) {
        assert_epilogue(&case.name(), |epilogue| case.forward(epilogue));
        assert_epilogue(&case.name(), |epilogue| case.input_gradient(epilogue));
    }
}

#[test]
fn the_filter_gradient_needs_no_bias_gradient() {
    for case in cases(&mut Random(4)) {
        let mut filter = vec![f32::NAN; case.filter.len()];
        conv2d_filter_gradient(&case.x, case.input, &case.dy, case.channels, &case.window, &mut filter, None);
        super::assert_same_bits(&filter, &case.filter_gradient()[..filter.len()], &case.name());
    }
}

#[test]
fn like_terms_over_a_large_batch_are_within_the_bound() {
    for (input, kernel) in
        [(images(16, 30, 62, 2), [3, 3]), (images(1, 200, 600, 1), [1, 1]), (images(1, 3, 4, 30_000), [1, 1])]
    {
        let mut case = Case::new(&mut Random(5), input, 2, Window2d::valid(kernel));
        case.x.fill(0.1);
        case.dy.fill(0.1);
        case.filter.fill(0.1);
        case.check();
    }
}

#[test]
fn nan_reaches_what_it_is_a_term_of_and_nothing_else() {
    let mut case = Case::new(&mut Random(6), images(2, 9, 17, 3), 5, Window2d::valid([3, 3]));
    let middle = case.x.len() / 2;
    for bad in [f32::NAN, f32::INFINITY] {
        case.x[middle] = bad;
        let [y, _, filter, _] = case.reference();
        let same = |actual: &[f32], expected: &[Sum]| {
            actual.iter().zip(expected).all(|(actual, sum)| actual.is_finite() == sum.value.is_finite())
        };
        for actual in at_every_level("a bad pixel", || case.forward(None)) {
            assert!(same(&actual, &y), "forward with {bad}");
        }
        for actual in at_every_level("a bad pixel", || case.filter_gradient()) {
            assert!(same(&actual, &filter), "filter gradient with {bad}");
        }
    }
}
