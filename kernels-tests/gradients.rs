//! Every derivative against finite differences, with the operation mid-graph under a random cotangent.

use super::differences::{BATCH, check, check_no_gradient, check_rounded, positive, shape};
use crate::cpu::plain::{Feed, Plain};
use crate::graph::{Axis, Binary, Comparison, Element, Graph, NodeId, Reduction, Unary, Window};
use crate::tensor::{Shape, Tensor};

const fn axis(size: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation, before, after }
}

#[test]
fn unary() {
    use Unary::{
        Abs, Detach, Erf, Erfc, Exp, Expm1, Log, Log1p, Negate, Relu, Sigmoid, Sign, Softplus, Sqrt, Tanh,
    };
    for leaf in [[shape(&[0, 3])], [shape(&[2, 1, 3])], [Shape::scalar()]] {
        for f in [Negate, Abs, Exp, Expm1, Tanh, Sigmoid, Softplus, Relu] {
            check(&leaf, |g, x| Ok(g.unary(f, x[0])));
        }
        for f in [Erf, Erfc] {
            check_rounded(&leaf, 2f64.powi(-24), |g, x| Ok(g.unary(f, x[0])));
        }
        for f in [Log, Log1p, Sqrt] {
            check(&leaf, |g, x| {
                let x = positive(g, x[0]);
                Ok(g.unary(f, x))
            });
        }
        for f in [Sign, Detach] {
            check_no_gradient(&leaf, |g, x| Ok(g.unary(f, x[0])));
        }
    }
}

/// Pairs of shapes that broadcast: none, missing axes, both sides, scalars, the batch.
fn pairs() -> Vec<[Shape; 2]> {
    let pairs: [[&[usize]; 2]; 9] = [
        [&[2, 3], &[2, 3]],
        [&[2, 3], &[3]],
        [&[2, 1], &[1, 3]],
        [&[], &[2, 3]],
        [&[0, 3], &[3]],
        [&[0, 1], &[0, 3]],
        [&[1], &[0, 2]],
        [&[0, 1, 2], &[3, 1]],
        [&[1, 4], &[4]],
    ];
    pairs.iter().flat_map(|&[a, b]| [[shape(a), shape(b)], [shape(b), shape(a)]]).collect()
}

#[test]
fn binary() {
    use Binary::{Add, Divide, Maximum, Minimum, Multiply, Subtract};
    for pair in pairs() {
        for f in [Add, Subtract, Multiply, Maximum, Minimum] {
            check(&pair, |g, x| g.binary(f, x[0], x[1]));
        }
        check(&pair, |g, x| {
            let divisor = positive(g, x[1]);
            g.binary(Divide, x[0], divisor)
        });
    }
}

#[test]
fn both_operands_the_same() {
    use Binary::{Add, Divide, Maximum, Minimum, Multiply, Subtract};
    for f in [Add, Multiply, Maximum, Minimum] {
        check(&[shape(&[0, 3])], |g, x| g.binary(f, x[0], x[0]));
    }
    for f in [Subtract, Divide] {
        check_no_gradient(&[shape(&[0, 3])], |g, x| g.binary(f, x[0], x[0]));
    }
}

#[test]
fn select() {
    let shapes: [[&[usize]; 3]; 5] = [
        [&[2, 3], &[2, 3], &[2, 3]],
        [&[3], &[0, 3], &[]],
        [&[0, 1], &[3], &[0, 3]],
        [&[0, 4], &[1, 4], &[1]],
        [&[2, 1], &[], &[3]],
    ];
    for [condition, a, b] in shapes {
        check(&[shape(a), shape(b)], |g, x| {
            let condition = alternating(g, &shape(condition))?;
            g.select(condition, x[0], x[1])
        });
    }
    check_no_gradient(&[shape(&[0, 3])], |g, x| {
        let (one, zero) = (g.constant(1.0), g.constant(0.0));
        let positive = g.compare(Comparison::Greater, x[0], zero)?;
        g.select(positive, one, zero)
    });
}

/// 0 and 1 by turns along the last axis, or along the batch.
fn alternating(g: &mut Graph, shape: &Shape) -> crate::Result<NodeId> {
    let axis = if shape.0.last().unwrap().is_one() { 0 } else { shape.rank() - 1 };
    let index = g.iota(shape, axis)?;
    let index = g.cast(index, Element::F32);
    let (half, floor) = (g.scale(index, 0.5)?, Element::U32);
    let floor = g.cast(half, floor);
    let floor = g.cast(floor, Element::F32);
    g.subtract(half, floor)
}

#[test]
fn broadcast() {
    let cases: [[&[usize]; 2]; 5] = [
        [&[1, 3], &[2, 3]],
        [&[], &[0, 2]],
        [&[0, 1], &[0, 4]],
        [&[2, 1, 3], &[4, 2, 5, 3]],
        [&[1], &[1, 1]],
    ];
    for [from, to] in cases {
        check(&[shape(from)], |g, x| g.broadcast(x[0], &shape(to)));
    }
}

#[test]
fn reduce() {
    use Reduction::{Max, Min, Sum};
    let cases: [(&[usize], &[usize]); 9] = [
        (&[2, 3, 2], &[0]),
        (&[2, 3, 2], &[1]),
        (&[2, 3, 2], &[0, 2]),
        (&[2, 3, 2], &[0, 1, 2]),
        (&[2, 3, 2], &[]),
        (&[0, 3], &[0]),
        (&[0, 3], &[1]),
        (&[0, 3], &[1, 0]),
        (&[0, 1, 4], &[1]),
    ];
    for (sizes, axes) in cases {
        for kind in [Sum, Max, Min] {
            check(&[shape(sizes)], |g, x| g.reduce(kind, x[0], axes));
        }
    }
    check(&[shape(&[0, 3])], |g, x| g.mean_all(x[0]));
}

/// Equal elements share the gradient, so that moving all of them together moves the result as much.
#[test]
fn ties_share() {
    for kind in [Reduction::Max, Reduction::Min] {
        check(&[shape(&[0, 1])], |g, x| {
            let copies = g.broadcast(x[0], &shape(&[0, 3]))?;
            g.reduce(kind, copies, &[1])
        });
    }
    let mut g = Graph::new();
    let x = g.input("x", &[4], Element::F32);
    let largest = g.reduce(Reduction::Max, x, &[1]).unwrap();
    let gradient = g.gradients_from(largest, largest, &[x]).unwrap();
    let rows = Tensor::f32(&[2, 4], vec![6.0, 1.0, 6.0, 6.0, 2.0, 3.0, 1.0, 0.0]).unwrap();
    let feed = Feed { batch: 2, inputs: vec![rows], ..Feed::default() };
    let values = Plain::new(&g).evaluate(&g, &feed).unwrap();
    assert_eq!(values[gradient[0].0].data, [2.0, 0.0, 2.0, 2.0, 0.0, 3.0, 0.0, 0.0]);
}

/// Equal operands take half the gradient each, whatever the other's shape.
#[test]
fn equal_operands_share() {
    for f in [Binary::Maximum, Binary::Minimum] {
        let mut g = Graph::new();
        let (a, b) = (g.full(2.0, &shape(&[0, 3])), g.constant(2.0));
        let y = g.binary(f, a, b).unwrap();
        let gradients = g.gradients_from(y, y, &[a, b]).unwrap();
        let values = Plain::new(&g).evaluate(&g, &Feed { batch: 2, ..Feed::default() }).unwrap();
        assert_eq!(values[gradients[0].0].data, [1.0; 6]);
        assert_eq!(values[gradients[1].0].data, [6.0]);
    }
}

#[test]
fn indices_and_casts_have_no_gradient() {
    check_no_gradient(&[shape(&[0, 3])], |g, x| {
        let index = g.argmax(x[0], 1)?;
        Ok(g.cast(index, Element::F32))
    });
    check_no_gradient(&[shape(&[0, 3])], |g, x| {
        let whole = g.cast(x[0], Element::U32);
        Ok(g.cast(whole, Element::F32))
    });
}

#[test]
fn matmul() {
    // (a, b) as [m, k] and [k, n]; 0 is the batch.
    let cases: [[&[usize]; 2]; 6] = [
        [&[2, 3], &[3, 4]],
        [&[0, 3], &[3, 2]],
        [&[2, 0], &[0, 3]],
        [&[1, 1], &[1, 1]],
        [&[2, 3, 4], &[2, 4, 1]],
        [&[0, 2, 3], &[0, 3, 2]],
    ];
    for [a, b] in cases {
        for (ta, tb) in [(false, false), (true, false), (false, true), (true, true)] {
            let given = |sizes: &[usize], transposed: bool| {
                let mut shape = shape(sizes);
                let rank = shape.rank();
                if transposed {
                    shape.0.swap(rank - 1, rank - 2);
                }
                shape
            };
            check(&[given(a, ta), given(b, tb)], |g, x| g.matmul(x[0], x[1], ta, tb));
        }
    }
}

/// Images, filters and windows: plain, padded as `same`, strides that leave a remainder, dilation, one pixel.
fn convolutions() -> Vec<(Shape, Shape, Window)> {
    let window = |height, width| Window { height, width };
    vec![
        (shape(&[2, 3, 4, 2]), shape(&[2, 3, 2, 2]), window(axis(2, 1, 1, 0, 0), axis(3, 1, 1, 0, 0))),
        (shape(&[0, 3, 2, 1]), shape(&[2, 3, 1, 2]), window(axis(2, 1, 1, 0, 1), axis(3, 1, 1, 1, 1))),
        (shape(&[1, 6, 5, 1]), shape(&[3, 2, 1, 2]), window(axis(3, 2, 1, 0, 0), axis(2, 2, 1, 0, 0))),
        (shape(&[1, 4, 7, 2]), shape(&[2, 2, 2, 1]), window(axis(2, 3, 2, 2, 1), axis(2, 2, 3, 1, 2))),
        (shape(&[0, 1, 2, 3]), shape(&[1, 1, 3, 2]), window(axis(1, 1, 1, 0, 0), axis(1, 1, 1, 0, 0))),
        (shape(&[0, 2, 1, 1]), shape(&[1, 1, 1, 1]), window(axis(1, 3, 1, 2, 2), axis(1, 1, 1, 0, 0))),
    ]
}

/// The shape of a convolution.
fn convolved(images: &Shape, filters: &Shape, window: Window) -> Shape {
    let mut g = Graph::new();
    let (x, f) = (g.random(images), g.random(filters));
    let y = g.conv(x, f, window).unwrap();
    g.shape(y).clone()
}

#[test]
fn conv() {
    for (images, filters, window) in convolutions() {
        check(&[images, filters], |g, x| g.conv(x[0], x[1], window));
    }
}

#[test]
fn conv_input_gradient() {
    for (images, filters, window) in convolutions() {
        let gradient = convolved(&images, &filters, window);
        check(&[gradient, filters], |g, x| g.conv_input_gradient(x[0], x[1], window, &images));
    }
}

#[test]
fn conv_filter_gradient() {
    for (images, filters, window) in convolutions() {
        let gradient = convolved(&images, &filters, window);
        check(&[images, gradient], |g, x| g.conv_filter_gradient(x[0], x[1], window, &filters));
    }
}

/// Gradients of gradients: what a gradient penalty needs.
#[test]
fn second_derivatives() {
    for (images, filters, window) in convolutions() {
        for target in [0, 1] {
            check(&[images.clone(), filters.clone()], |g, x| {
                let y = g.conv(x[0], x[1], window)?;
                let y = g.unary(Unary::Tanh, y);
                let loss = g.sum_all(y)?;
                Ok(g.gradients(loss, &[x[target]])?[0])
            });
        }
    }
    check(&[shape(&[0, 3]), shape(&[3, 2])], |g, x| {
        let y = g.matmul(x[0], x[1], false, false)?;
        let y = g.unary(Unary::Sigmoid, y);
        let loss = g.mean_all(y)?;
        Ok(g.gradients(loss, &[x[1]])?[0])
    });
    check(&[shape(&[0, 3, 4, 1])], |g, x| {
        let window = Window { height: axis(2, 1, 1, 0, 1), width: axis(3, 2, 1, 1, 1) };
        let y = g.average_pool(x[0], window)?;
        let y = g.unary(Unary::Exp, y);
        let loss = g.sum_all(y)?;
        Ok(g.gradients(loss, &[x[0]])?[0])
    });
}

/// Windows apart, overlapping, with a remainder, padded, dilated.
fn poolings() -> Vec<(Shape, Window)> {
    let window = |height, width| Window { height, width };
    vec![
        (shape(&[2, 4, 6, 2]), window(axis(2, 2, 1, 0, 0), axis(3, 3, 1, 0, 0))),
        (shape(&[0, 3, 4, 1]), window(axis(2, 1, 1, 0, 0), axis(3, 1, 1, 0, 0))),
        (shape(&[0, 5, 3, 1]), window(axis(2, 2, 1, 0, 0), axis(2, 2, 1, 0, 0))),
        (shape(&[1, 3, 5, 2]), window(axis(3, 2, 1, 1, 1), axis(2, 1, 1, 0, 1))),
        (shape(&[1, 5, 6, 1]), window(axis(2, 1, 2, 1, 0), axis(3, 2, 2, 2, 2))),
        (shape(&[0, 1, 1, 2]), window(axis(1, 1, 1, 0, 0), axis(1, 1, 1, 0, 0))),
    ]
}

#[test]
fn pools() {
    for (images, window) in poolings() {
        let images = [images];
        check(&images, |g, x| g.max_pool(x[0], window));
        check(&images, |g, x| g.average_pool(x[0], window));
    }
}

/// Max pooling over equal pixels: one of them takes all, so that they take as much together as one.
#[test]
fn max_pool_ties() {
    check(&[shape(&[0, 1, 1, 2])], |g, x| {
        let copies = g.broadcast(x[0], &shape(&[0, 3, 4, 2]))?;
        g.max_pool(copies, Window { height: axis(2, 1, 1, 0, 1), width: axis(2, 2, 1, 0, 0) })
    });
}

#[test]
fn movement() {
    check(&[shape(&[2, 6])], |g, x| g.reshape(x[0], &shape(&[3, 1, 4])));
    check(&[shape(&[0, 2, 3])], |g, x| g.reshape(x[0], &shape(&[0, 6])));
    check(&[shape(&[2, 3])], |g, x| g.transpose(x[0], &[1, 0]));
    for order in [[1, 2, 0], [2, 0, 1], [2, 1, 0], [0, 2, 1]] {
        check(&[shape(&[0, 2, 3])], |g, x| g.transpose(x[0], &order));
    }
}

/// What flows along several ways adds up; a target in the middle, twice, or apart from the loss is served.
#[test]
fn targets() {
    check(&[shape(&[0, 3])], |g, x| {
        let (a, b) = (g.unary(Unary::Exp, x[0]), g.unary(Unary::Tanh, x[0]));
        let sum = g.add(a, b)?;
        g.multiply(sum, x[0])
    });
    let mut g = Graph::new();
    let (x, apart) = (g.constant(3.0), g.full(1.0, &Shape::fixed(&[2])));
    let middle = g.multiply(x, x).unwrap();
    let loss = g.multiply(middle, middle).unwrap();
    let found = g.gradients(loss, &[x, middle, x, apart, loss]).unwrap();
    let later = g.constant(1.0);
    let none = g.gradients(loss, &[later]).unwrap();
    let values = Plain::new(&g).evaluate(&g, &Feed { batch: BATCH, ..Feed::default() }).unwrap();
    let value = |id: NodeId| values[id.0].data.clone();
    let expected: [&[f64]; 5] = [&[108.0], &[18.0], &[108.0], &[0.0, 0.0], &[1.0]];
    assert!(found.iter().zip(expected).all(|(&id, expected)| value(id) == expected));
    assert_eq!(value(none[0]), [0.0]);
}

/// Softmax and cross-entropy from logits, as a loss builds them.
#[test]
fn softmax_cross_entropy() {
    check(&[shape(&[0, 3]), shape(&[0, 3])], |g, x| {
        let largest = g.reduce(Reduction::Max, x[0], &[1])?;
        let largest = g.detach(largest);
        let shifted = g.subtract(x[0], largest)?;
        let powers = g.unary(Unary::Exp, shifted);
        let total = g.sum(powers, &[1])?;
        let logarithm = g.unary(Unary::Log, total);
        let logarithms = g.subtract(shifted, logarithm)?;
        let products = g.multiply(logarithms, x[1])?;
        g.mean_all(products)
    });
}
