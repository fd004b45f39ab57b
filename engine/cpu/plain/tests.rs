//! The interpreter against values computed by hand.

use super::*;
use crate::graph::{Axis, Binary, Comparison, Reduction, Unary, Window};
use crate::tensor::Shape;

const NAN: f32 = f32::NAN;

fn axis(size: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation, before, after }
}

/// A graph whose constants come in as rows of a batch.
#[derive(Default)]
struct Case {
    graph: Graph,
    feed: Feed,
}

impl Case {
    fn new(batch: usize) -> Self {
        Self { feed: Feed { batch, ..Feed::default() }, ..Self::default() }
    }

    fn input(&mut self, row: &[usize], values: &[f32]) -> NodeId {
        let shape: Vec<usize> = std::iter::once(self.feed.batch).chain(row.iter().copied()).collect();
        self.feed.inputs.push(Tensor::f32(&shape, values.to_vec()).unwrap());
        self.graph.input("x", row, Element::F32)
    }

    fn value(&self, id: NodeId) -> Vec<f64> {
        let values = Plain::new(&self.graph).evaluate(&self.graph, &self.feed).unwrap();
        values[id.0].data.clone()
    }

    /// Equal, with NaN equal to NaN.
    #[track_caller]
    fn assert(&self, id: NodeId, expected: &[f64]) {
        let found = self.value(id);
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        assert!(found.len() == expected.len() && found.iter().zip(expected).all(same), "{found:?}");
    }
}

#[test]
fn nan_goes_through_extremes_and_fails_comparisons() {
    let mut case = Case::new(4);
    let a = case.input(&[], &[NAN, 1.0, NAN, -2.0]);
    let b = case.input(&[], &[1.0, NAN, NAN, 3.0]);
    let nan = f64::NAN;
    let graph = &mut case.graph;
    let larger = graph.binary(Binary::Maximum, a, b).unwrap();
    let smaller = graph.binary(Binary::Minimum, a, b).unwrap();
    let (relu, sign) = (graph.unary(Unary::Relu, a), graph.unary(Unary::Sign, a));
    let softplus = graph.unary(Unary::Softplus, b);
    let largest = graph.reduce(Reduction::Max, b, &[0]).unwrap();
    let smallest = graph.reduce(Reduction::Min, b, &[0]).unwrap();
    case.assert(larger, &[nan, nan, nan, 3.0]);
    case.assert(smaller, &[nan, nan, nan, -2.0]);
    case.assert(relu, &[nan, 1.0, nan, 0.0]);
    case.assert(sign, &[nan, 1.0, nan, -1.0]);
    assert!(case.value(softplus)[1].is_nan());
    case.assert(largest, &[nan]);
    case.assert(smallest, &[nan]);
}

#[test]
fn comparisons_are_false_with_nan_but_not_equal() {
    let mut case = Case::new(3);
    let a = case.input(&[], &[NAN, 1.0, 1.0]);
    let b = case.input(&[], &[NAN, 1.0, 2.0]);
    let expected = [
        (Comparison::Equal, [0.0, 1.0, 0.0]),
        (Comparison::NotEqual, [1.0, 0.0, 1.0]),
        (Comparison::Less, [0.0, 0.0, 1.0]),
        (Comparison::LessEqual, [0.0, 1.0, 1.0]),
        (Comparison::Greater, [0.0, 0.0, 0.0]),
        (Comparison::GreaterEqual, [0.0, 1.0, 0.0]),
    ];
    for (comparison, expected) in expected {
        let found = case.graph.compare(comparison, a, b).unwrap();
        case.assert(found, &expected);
    }
    let selected = case.graph.select(a, a, b).unwrap();
    case.assert(selected, &[f64::NAN, 1.0, 1.0]);
}

#[test]
fn argmax_takes_the_first_largest_and_never_nan() {
    let mut case = Case::new(4);
    let x = case.input(
        &[3],
        &[1.0, 3.0, 3.0, NAN, 2.0, 1.0, NAN, NAN, NAN, f32::NEG_INFINITY, f32::NEG_INFINITY, -1.0],
    );
    let along = case.graph.argmax(x, 1).unwrap();
    case.assert(along, &[1.0, 1.0, 0.0, 2.0]);
    let across = case.graph.argmax(x, 0).unwrap();
    case.assert(across, &[0.0, 0.0, 0.0]);
}

#[test]
fn unary_functions_stay_finite_far_out() {
    let mut case = Case::new(3);
    let x = case.input(&[], &[-1000.0, 0.0, 1000.0]);
    let values = |case: &mut Case, f| {
        let y = case.graph.unary(f, x);
        case.value(y)
    };
    assert_eq!(values(&mut case, Unary::Sigmoid), [0.0, 0.5, 1.0]);
    assert_eq!(values(&mut case, Unary::Softplus), [0.0, 2f64.ln(), 1000.0]);
    assert_eq!(values(&mut case, Unary::Sign), [-1.0, 0.0, 1.0]);
    assert_eq!(values(&mut case, Unary::Tanh), [-1.0, 0.0, 1.0]);
}

/// Against the values of C's library.
#[test]
fn error_functions() {
    for (x, erf, erfc) in [
        (1e-10, 1.1283791670955126e-10, 0.999999999887162),
        (0.3, 0.3286267594591274, 0.6713732405408726),
        (0.75, 0.7111556336535151, 0.28884436634648486),
        (1.5, 0.9661051464753108, 0.033894853524689274),
        (1.99, 0.995111413199617, 0.004888586800383003),
        (2.0, 0.9953222650189527, 0.004677734981047265),
        (3.5, 0.9999992569016276, 7.430983723414128e-07),
        (9.0, 1.0, 4.13703174651381e-37),
        (26.0, 1.0, 5.663192408856143e-296),
    ] {
        for (found, exact) in [
            (special::erf(x), erf),
            (special::erf(-x), -erf),
            (special::erfc(x), erfc),
            (special::erfc(-x), 2.0 - erfc),
        ] {
            assert!((found - exact).abs() <= 1e-13 * f64::abs(exact), "{x}: {found} is not {exact}");
        }
    }
}

#[test]
fn broadcasting_matches_axes_from_the_last() {
    let mut case = Case::new(2);
    let x = case.input(&[3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let iota = case.graph.iota(&Shape::fixed(&[3]), 0).unwrap();
    let row = case.graph.cast(iota, Element::F32);
    let sum = case.graph.add(x, row).unwrap();
    case.assert(sum, &[1.0, 3.0, 5.0, 4.0, 6.0, 8.0]);
    let column = case.graph.sum(x, &[1]).unwrap();
    let difference = case.graph.subtract(x, column).unwrap();
    case.assert(difference, &[-5.0, -4.0, -3.0, -11.0, -10.0, -9.0]);
    let stretched = case.graph.broadcast(column, &Shape::batched(&[3])).unwrap();
    case.assert(stretched, &[6.0, 6.0, 6.0, 15.0, 15.0, 15.0]);
}

#[test]
fn matmul_transposes_and_stacks() {
    let mut case = Case::new(2);
    let a = case.input(&[2, 2], &[1.0, 2.0, 3.0, 4.0, 1.0, 0.0, 0.0, 1.0]);
    let b = case.input(&[2, 2], &[5.0, 6.0, 7.0, 8.0, 9.0, 8.0, 7.0, 6.0]);
    let identity = [9.0, 8.0, 7.0, 6.0];
    let transposed = [9.0, 7.0, 8.0, 6.0];
    for (ta, tb, first, second) in [
        (false, false, [19.0, 22.0, 43.0, 50.0], identity),
        (true, false, [26.0, 30.0, 38.0, 44.0], identity),
        (false, true, [17.0, 23.0, 39.0, 53.0], transposed),
        (true, true, [23.0, 31.0, 34.0, 46.0], transposed),
    ] {
        let product = case.graph.matmul(a, b, ta, tb).unwrap();
        case.assert(product, &[first, second].concat());
    }
}

/// One image of one channel, 2x3, with a 2x2 filter: padded after, as `same` does.
#[test]
fn conv_correlates_and_pads_with_zero() {
    let mut case = Case::new(1);
    let x = case.input(&[2, 3, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let variable = case.graph.variable("weights");
    let filters = case.graph.parameter("kernel", &[2, 2, 1, 1], variable);
    let same = Window { height: axis(2, 1, 1, 0, 1), width: axis(2, 1, 1, 0, 1) };
    let strided = Window { height: axis(2, 1, 1, 1, 0), width: axis(2, 2, 2, 0, 1) };
    let y = case.graph.conv(x, filters, same).unwrap();
    let z = case.graph.conv(x, filters, strided).unwrap();
    let mut plain = Plain::new(&case.graph);
    plain.set_parameter(&case.graph.parameters[0], &[1.0, 10.0, 100.0, 1000.0]).unwrap();
    let values = plain.evaluate(&case.graph, &case.feed).unwrap();
    assert_eq!(values[y.0].data, [5421.0, 6532.0, 603.0, 54.0, 65.0, 6.0]);
    // Windows over columns (0, 2) and a second that does not fit; rows (padding, 0) and (0, 1).
    assert_eq!(values[z.0].shape, [1, 2, 1, 1]);
    assert_eq!(values[z.0].data, [3100.0, 6431.0]);
}

#[test]
fn max_pool_ties_go_to_the_first_and_overlaps_add() {
    let mut case = Case::new(1);
    let x = case.input(&[1, 5, 1], &[2.0, 7.0, 7.0, 1.0, NAN]);
    let window = Window { height: axis(1, 1, 1, 0, 0), width: axis(3, 1, 1, 1, 1) };
    let y = case.graph.max_pool(x, window).unwrap();
    case.assert(y, &[7.0, 7.0, 7.0, f64::NAN, f64::NAN]);
    let g = case.input(&[1, 5, 1], &[1.0, 10.0, 100.0, 1000.0, 10000.0]);
    let gradient = case.graph.gradients_from(y, g, &[x]).unwrap();
    case.assert(gradient[0], &[0.0, 111.0, 0.0, 0.0, 11000.0]);
}

#[test]
fn average_pool_leaves_padding_out() {
    let mut case = Case::new(1);
    let x = case.input(&[2, 3, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let window = Window { height: axis(2, 2, 1, 1, 1), width: axis(2, 2, 1, 0, 1) };
    let y = case.graph.average_pool(x, window).unwrap();
    case.assert(y, &[1.5, 3.0, 4.5, 6.0]);
}

#[test]
fn a_step_assigns_after_everything_is_computed() {
    let mut graph = Graph::new();
    let (first, second) = (graph.variable("first"), graph.variable("second"));
    let a = graph.parameter("a", &[2], first);
    let _ = graph.parameter("b", &[257], second);
    let c = graph.parameter("c", &[2], second);
    let zeros = graph.full(0.0, &Shape::fixed(&[257]));
    let swapped = graph.pack(first, &[c]).unwrap();
    let packed = graph.pack(second, &[zeros, a]).unwrap();
    graph.assign(first, swapped).unwrap();
    graph.assign(second, packed).unwrap();
    let mut plain = Plain::new(&graph);
    assert_eq!(plain.variables[1].len(), 3 * SEGMENT);
    plain.set_parameter(&graph.parameters[0], &[1.0, 2.0]).unwrap();
    plain.set_parameter(&graph.parameters[2], &[3.0, 4.0]).unwrap();
    plain.step(&graph, &Feed { batch: 1, ..Feed::default() }).unwrap();
    assert_eq!(plain.parameter(&graph.parameters[0]), [3.0, 4.0]);
    assert_eq!(plain.parameter(&graph.parameters[2]), [1.0, 2.0]);
    assert_eq!(plain.variables[1].iter().sum::<f64>(), 3.0);
    assert_eq!(plain.variables[1][2 * SEGMENT..][..2], [1.0, 2.0]);
}

#[test]
fn random_numbers_are_those_of_philox() {
    let mut graph = Graph::new();
    let shape = Shape::batched(&[3]);
    let (a, b) = (graph.random(&shape), graph.random(&shape));
    let key = Key { seed: 5, step: 7 };
    let feed = Feed { batch: 2, key, ..Feed::default() };
    let values = Plain::new(&graph).evaluate(&graph, &feed).unwrap();
    for (stream, node) in [(0, a), (1, b)] {
        let expected: Vec<f64> = (0..6).map(|i| f64::from(random::uniform(key, stream, i))).collect();
        assert_eq!(values[node.0].data, expected);
    }
    assert_ne!(values[a.0].data, values[b.0].data);
}

#[test]
fn bytes_are_read_unscaled_and_scalars_by_name() {
    let mut graph = Graph::new();
    let x = graph.input("image", &[2], Element::U8);
    let x = graph.cast(x, Element::F32);
    let rate = graph.scalar("rate");
    let batch = graph.batch_size();
    let y = graph.multiply(x, rate).unwrap();
    let y = graph.divide(y, batch).unwrap();
    graph.output("y", y).unwrap();
    let bytes = Tensor::u8(&[2, 2], vec![0, 1, 254, 255]).unwrap().scaled(1.0 / 255.0);
    let feed = Feed { batch: 2, inputs: vec![bytes], scalars: vec![0.5], key: Key::default() };
    let result = Plain::new(&graph).step(&graph, &feed).unwrap();
    assert_eq!(result.output("y").unwrap().data, [0.0, 0.25, 63.5, 63.75]);
    assert!(result.output("z").is_none());
}

#[test]
fn a_feed_that_does_not_fit_is_refused() {
    let mut graph = Graph::new();
    let _ = graph.input("image", &[2], Element::F32);
    let plain = Plain::new(&graph);
    let refused = |batch, inputs| {
        let feed = Feed { batch, inputs, ..Feed::default() };
        plain.evaluate(&graph, &feed).unwrap_err().to_string()
    };
    let rows = |n: usize| Tensor::f32(&[n, 2], vec![0.0; 2 * n]).unwrap();
    assert!(refused(0, vec![rows(0)]).contains("batch is 0, expected at least one sample"));
    assert!(refused(1, vec![]).contains("number of inputs is 0, expected 1"));
    assert!(
        refused(2, vec![rows(3)]).contains("input \"image\": the batch has shape [3, 2], expected [2, 2]")
    );
    let labels = Tensor::u32(&[1, 2], vec![0, 1]).unwrap();
    assert!(refused(1, vec![labels]).contains("element type is U32, expected F32"));
}
