//! Pooling and its gradients against plain loops.

use super::super::{
    Epilogue, Images, Window2d, average_pool, average_pool_gradient, max_pool, max_pool_gradient,
};
use super::{Random, Sum, assert_epilogue, assert_same_bits, assert_within, at_every_level, for_each_tap};

struct Case {
    input: Images,
    window: Window2d,
    x: Vec<f32>,
    dy: Vec<f32>,
}

impl Case {
    /// Coarse numbers, so that many windows have their maximum more than once.
    fn new(random: &mut Random, input: Images, window: Window2d) -> Self {
        let x = random.numbers(input.len()).into_iter().map(|x| (x * 4.0).round()).collect();
        let dy = random.numbers(window.output(input, input.channels).len());
        Case { input, window, x, dy }
    }

    fn name(&self) -> String {
        format!("{:?} by {:?}", self.input, self.window)
    }

    fn forward(&self, maximum: bool, epilogue: Option<Epilogue<'_>>) -> Vec<f32> {
        let mut y = vec![7.0; self.dy.len()];
        let pool = if maximum { max_pool } else { average_pool };
        pool(&self.x, self.input, &self.window, &mut y, epilogue);
        y
    }

    fn gradient(&self, maximum: bool, epilogue: Option<Epilogue<'_>>) -> Vec<f32> {
        let mut dx = vec![7.0; self.x.len()];
        match maximum {
            true => max_pool_gradient(&self.x, self.input, &self.window, &self.dy, &mut dx, epilogue),
            false => average_pool_gradient(self.input, &self.window, &self.dy, &mut dx, epilogue),
        }
        dx
    }

    /// For each output, the inputs under its window.
    fn under(&self) -> Vec<Vec<usize>> {
        let channels = self.input.channels;
        let mut under = vec![Vec::new(); self.dy.len()];
        for_each_tap(self.input, &self.window, |to, from, _| {
            (0..channels).for_each(|c| under[to * channels + c].push(from * channels + c));
        });
        under
    }

    fn check_maximum(&self) {
        let mut gradient = vec![Sum::default(); self.x.len()];
        let mut y = Vec::new();
        for (under, &dy) in self.under().iter().zip(&self.dy) {
            let nan = under.iter().copied().find(|&i| self.x[i].is_nan());
            let first = |best: usize, i: usize| if self.x[i] > self.x[best] { i } else { best };
            let best = nan.or(under.iter().copied().reduce(first));
            y.push(best.map_or(f32::NEG_INFINITY, |best| self.x[best]));
            if let Some(best) = best {
                gradient[best].add(dy, 1.0);
            }
        }
        for actual in at_every_level(&self.name(), || self.forward(true, None)) {
            assert_same_bits(&actual, &y, &self.name());
        }
        for actual in at_every_level(&self.name(), || self.gradient(true, None)) {
            assert_within(&actual, &gradient, &self.name());
        }
    }

    fn check_average(&self) {
        let mut gradient = vec![Sum::default(); self.x.len()];
        let mut y = Vec::new();
        let under = self.under();
        for (under, &dy) in under.iter().zip(&self.dy) {
            let count = under.len() as f64;
            let mut sum = Sum::default();
            under.iter().for_each(|&i| sum.add(self.x[i], 1.0));
            // One rounding more than the sum: that of the division.
            y.push(Sum { value: sum.value / count, magnitude: sum.magnitude / count, terms: sum.terms });
            for &i in under {
                let share = f64::from(dy) / count;
                gradient[i].value += share;
                gradient[i].magnitude += share.abs();
                gradient[i].terms += 1;
            }
        }
        for actual in at_every_level(&self.name(), || self.forward(false, None)) {
            assert_within(&actual, &y, &self.name());
        }
        for actual in at_every_level(&self.name(), || self.gradient(false, None)) {
            assert_within(&actual, &gradient, &self.name());
        }
    }
}

fn cases(random: &mut Random) -> Vec<Case> {
    let square = |size: usize| Window2d { stride: [size; 2], ..Window2d::valid([size; 2]) };
    let same = Window2d { pad_before: [0, 1], pad_after: [1, 1], stride: [2, 2], ..Window2d::valid([2, 3]) };
    let images = |batch, height, width, channels| Images { batch, height, width, channels };
    let mut cases: Vec<_> = [
        (images(2, 60, 60, 32), square(2)),
        (images(3, 61, 33, 17), square(2)),
        (images(1, 1, 1, 1), square(1)),
        (images(2, 9, 10, 1), square(3)),
        (images(2, 15, 17, 33), same),
        (images(1, 2, 3, 5), square(4)),
        (images(2, 31, 33, 16), Window2d { stride: [2, 1], ..Window2d::valid([3, 3]) }),
        (images(1, 30, 600, 3), Window2d::valid([30, 600])),
    ]
    .map(|(input, window)| Case::new(random, input, window))
    .into();
    for _ in 0..60 {
        let (input, mut window) = (random.images(), random.window(1));
        for axis in 0..2 {
            // Padding of less than the window, so that every window has a pixel.
            window.pad_before[axis] = window.pad_before[axis].min(window.kernel[axis] - 1);
            window.pad_after[axis] = window.pad_after[axis].min(window.kernel[axis] - 1);
        }
        let input = Images { height: input.height.max(3), width: input.width.max(3), ..input };
        cases.push(Case::new(random, input, window));
    }
    cases
}

#[test]
fn maxima_and_their_gradients_are_right() {
    cases(&mut Random(1)).iter().for_each(Case::check_maximum);
}

#[test]
fn averages_and_their_gradients_are_within_the_bound() {
    cases(&mut Random(2)).iter().for_each(Case::check_average);
}

#[test]
fn each_element_goes_through_the_epilogue_once() {
    for case in cases(&mut Random(3)) {
        for maximum in [true, false] {
            assert_epilogue(&case.name(), |epilogue| case.forward(maximum, epilogue));
            assert_epilogue(&case.name(), |epilogue| case.gradient(maximum, epilogue));
        }
    }
}

#[test]
fn nan_is_the_maximum_and_takes_the_gradient() {
    for mut case in cases(&mut Random(4)) {
        for i in (0..case.x.len()).step_by(11) {
            case.x[i] = f32::NAN;
        }
        case.check_maximum();
        case.x.fill(f32::NEG_INFINITY);
        for actual in at_every_level(&case.name(), || case.forward(true, None)) {
            assert!(actual.iter().all(|&y| y == f32::NEG_INFINITY));
        }
    }
}
