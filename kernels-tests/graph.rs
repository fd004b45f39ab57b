//! The graph's shape rules, errors and printed forms.

use super::differences::shape;
use crate::error::Result;
use crate::graph::{Axis, Comparison, Element, Graph, NodeId, Reduction, Unary, Window};
use crate::tensor::Shape;

const fn axis(size: usize, stride: usize, dilation: usize, before: usize, after: usize) -> Axis {
    Axis { size, stride, dilation, before, after }
}

const PLAIN: Axis = axis(2, 1, 1, 0, 0);

/// What `build` answers to values of the shapes `sizes`, where 0 stands for B.
fn refused<T>(sizes: &[&[usize]], build: impl Fn(&mut Graph, &[NodeId]) -> Result<T>) -> String {
    let mut graph = Graph::new();
    let nodes: Vec<NodeId> = sizes.iter().map(|s| graph.random(&shape(s))).collect();
    graph.enter("dense_1");
    build(&mut graph, &nodes).err().expect("an error").to_string()
}

#[test]
fn elementwise_errors() {
    assert_eq!(
        refused(&[&[0, 3], &[4]], |g, x| g.add(x[0], x[1])),
        "dense_1: add: an operand has shape [4], expected a shape that broadcasts with [B, 3]: \
         make the sizes equal or 1, matched from the last axis"
    );
    assert_eq!(
        refused(&[&[0, 1], &[1, 0]], |g, x| g.multiply(x[0], x[1])),
        "dense_1: multiply: the result has shape [B, B], expected one size with B at most: \
         keep one row for each sample: samples of a batch are not paired with each other"
    );
    assert_eq!(
        refused(&[&[0, 3]], |g, x| g.broadcast(x[0], &shape(&[3]))),
        "dense_1: broadcast: the input has shape [B, 3], expected [3]: only axes of size 1 stretch"
    );
    let labels = |g: &mut Graph| g.iota(&shape(&[0, 3]), 1).unwrap();
    assert_eq!(
        refused(&[&[0, 3]], |g, x| {
            let labels = labels(g);
            g.add(x[0], labels)
        }),
        "dense_1: arithmetic: element type is U32, expected F32: cast it first"
    );
    let compared = refused(&[&[0, 3]], |g, x| {
        let labels = labels(g);
        g.compare(Comparison::Equal, labels, x[0])
    });
    assert!(compared.contains("compare: element type is F32, expected U32"), "{compared}");
    let selected = refused(&[&[0, 3], &[0, 2]], |g, x| g.select(x[0], x[1], x[1]));
    assert!(selected.contains("select: an operand has shape [B, 2]"), "{selected}");
}

#[test]
fn reduce_and_move_errors() {
    assert_eq!(
        refused(&[&[0, 3]], |g, x| g.reduce(Reduction::Max, x[0], &[0, 2])),
        "dense_1: reduce: axis is 2, expected an axis below 2, the rank of [1, 3]"
    );
    let argmax = refused(&[&[0, 3]], |g, x| g.argmax(x[0], 5));
    assert!(argmax.contains("argmax: axis is 5"), "{argmax}");
    assert_eq!(
        refused(&[&[0, 3]], |g, x| g.reshape(x[0], &shape(&[0, 4]))),
        "dense_1: reshape: the input has shape [B, 3], expected as many elements as [B, 4]: \
         keep the product of the sizes"
    );
    let squared = refused(&[&[0]], |g, x| g.reshape(x[0], &shape(&[0, 0])));
    assert!(squared.contains("[B, B]"), "{squared}");
    for order in [&[0][..], &[0, 0], &[0, 2], &[0, 1, 2]] {
        let transposed = refused(&[&[0, 3]], |g, x| g.transpose(x[0], order));
        assert!(transposed.contains("expected each axis of [B, 3] once"), "{transposed}");
    }
}

#[test]
fn matmul_errors() {
    assert_eq!(
        refused(&[&[0, 3], &[4, 2]], |g, x| g.matmul(x[0], x[1], false, false)),
        "dense_1: matmul: the second operand has shape [4, 2], expected inner size 3, as in [B, 3]: \
         the inner sizes must be equal"
    );
    let cases: [(&[&[usize]], &str); 5] = [
        (&[&[3], &[3, 2]], "the first operand has shape [3], expected [m, k] or [stack, m, k]"),
        (&[&[0, 2, 3], &[3, 2]], "expected as many matrices as [B, 2, 3]"),
        (&[&[0, 2, 3], &[4, 3, 2]], "expected as many matrices as [B, 2, 3]"),
        (&[&[2, 0], &[3, 2]], "expected inner size B"),
        (&[&[0, 1], &[1, 0]], "the result has shape [B, B]"),
    ];
    for (sizes, expected) in cases {
        let found = refused(sizes, |g, x| g.matmul(x[0], x[1], false, false));
        assert!(found.contains(expected), "{found}");
    }
}

#[test]
fn conv_errors() {
    let window = Window { height: PLAIN, width: PLAIN };
    let cases: [(&[&[usize]], &str); 5] = [
        (
            &[&[0, 3, 4], &[2, 2, 1, 1]],
            "the input has shape [B, 3, 4], expected [N, height, width, channels]",
        ),
        (&[&[2, 0, 4, 1], &[2, 2, 1, 1]], "the input has shape [2, B, 4, 1]"),
        (&[&[0, 3, 4, 3], &[2, 2, 1, 8]], "the filters has shape [2, 2, 1, 8], expected [2, 2, 3, filters]"),
        (&[&[0, 3, 4, 3], &[3, 2, 3, 8]], "expected [2, 2, 3, filters]"),
        (&[&[0, 3, 1, 3], &[2, 2, 3, 8]], "expected at least 2 pixels along each side: use `same` padding"),
    ];
    for (sizes, expected) in cases {
        let found = refused(sizes, |g, x| g.conv(x[0], x[1], window));
        assert!(found.contains(expected), "{found}");
    }
    for broken in [axis(2, 0, 1, 0, 0), axis(2, 1, 0, 0, 0)] {
        let window = Window { height: PLAIN, width: broken };
        let found = refused(&[&[0, 3, 4, 1], &[2, 2, 1, 1]], |g, x| g.conv(x[0], x[1], window));
        assert!(found.contains("expected sizes, strides and dilations of at least 1"), "{found}");
    }
}

#[test]
fn conv_gradient_errors() {
    let window = Window { height: PLAIN, width: PLAIN };
    let sizes: &[&[usize]] = &[&[0, 2, 2, 1], &[2, 2, 1, 1]];
    assert_eq!(
        refused(sizes, |g, x| g.conv_input_gradient(x[0], x[1], window, &shape(&[0, 3, 4, 1]))),
        "dense_1: conv_input_gradient: the gradient has shape [B, 2, 2, 1], expected [B, 2, 3, 1]: \
         give it the convolution's shape"
    );
    let flat = refused(sizes, |g, x| g.conv_input_gradient(x[0], x[1], window, &shape(&[0, 3])));
    assert!(flat.contains("expected [N, height, width, channels]"), "{flat}");
    let filters = shape(&[2, 3, 1, 1]);
    let found = refused(sizes, |g, x| g.conv_filter_gradient(x[0], x[0], window, &filters));
    assert!(found.contains("the filters has shape [2, 3, 1, 1], expected [2, 2, 1, filters]"), "{found}");
}

#[test]
fn pool_errors() {
    let pool = |height, sizes: &[usize]| {
        refused(&[sizes], |g, x| g.max_pool(x[0], Window { height, width: axis(1, 1, 1, 0, 0) }))
    };
    let empty = pool(axis(0, 1, 1, 0, 0), &[0, 4, 4, 1]);
    assert!(empty.contains("expected sizes, strides and dilations of at least 1"), "{empty}");
    assert_eq!(
        pool(axis(2, 1, 1, 2, 0), &[0, 4, 4, 1]),
        "dense_1: max_pool: padding is 2 before and 0 after, expected small enough that every window holds a pixel"
    );
    // Both taps of a dilated window beside the only pixel.
    let dilated = pool(axis(2, 1, 2, 1, 1), &[0, 1, 1, 1]);
    assert!(dilated.contains("1 before and 1 after"), "{dilated}");
}

#[test]
fn step_errors() {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let kernel = g.parameter("kernel", &[2, 3], weights);
    let rows = g.input("x", &[3], Element::F32);
    let table = g.full(0.0, &Shape::fixed(&[4]));
    let columns = g.transpose(rows, &[1, 0]).unwrap();
    assert_eq!(
        g.assign(weights, kernel).unwrap_err().to_string(),
        "assign to weights: the value has shape [2, 3], expected [1, 256]: assign whole variables"
    );
    assert_eq!(
        g.output("columns", columns).unwrap_err().to_string(),
        "output \"columns\": the node has shape [3, B], expected floats of a fixed shape, or of shape [B, …]: reduce it first"
    );
    let none = g.pack(weights, &[]).unwrap_err().to_string();
    assert!(none.contains("number of gradients is 0, expected 1, one for each parameter"), "{none}");
    let wrong = g.pack(weights, &[table]).unwrap_err().to_string();
    assert!(wrong.contains("a gradient has shape [4], expected [2, 3]"), "{wrong}");
    assert_eq!(
        g.gradients(rows, &[kernel]).unwrap_err().to_string(),
        "gradients: the loss has shape [B, 3], expected []: reduce it to one number first"
    );
    let cotangent = g.gradients_from(rows, table, &[kernel]).unwrap_err().to_string();
    assert!(cotangent.contains("the cotangent has shape [4], expected [B, 3]"), "{cotangent}");
}

#[test]
fn max_pooling_has_no_second_derivative() {
    let mut g = Graph::new();
    let x = g.random(&shape(&[0, 4, 4, 1]));
    let y = g.max_pool(x, Window { height: PLAIN, width: PLAIN }).unwrap();
    let square = g.multiply(y, y).unwrap();
    let loss = g.sum_all(square).unwrap();
    let first = g.gradients(loss, &[x]).unwrap()[0];
    let again = g.sum_all(first).unwrap();
    let error = g.gradients(again, &[x]).unwrap_err().to_string();
    assert_eq!(
        error,
        "gradients: operation is max_pool_gradient, expected a graph differentiated once through it"
    );
}

/// One neuron and its update.
fn neuron() -> Graph {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    let x = g.input("x", &[3], Element::F32);
    g.enter("dense");
    let kernel = g.parameter("dense/kernel", &[3, 1], weights);
    let y = g.matmul(x, kernel, false, false).unwrap();
    let y = g.unary(Unary::Tanh, y);
    g.enter("");
    let loss = g.mean_all(y).unwrap();
    g.output("loss", loss).unwrap();
    let seed = g.full(1.0, &shape(&[0, 1]));
    let gradient = g.gradients_from(y, seed, &[kernel]).unwrap();
    let packed = g.pack(weights, &gradient).unwrap();
    g.assign(weights, packed).unwrap();
    g
}

#[test]
fn printed() {
    let expected = "\
%0 = input x() : [B, 3]
%1 = parameter dense/kernel() : [3, 1]  // dense
%2 = matmul(a, b)(%0, %1) : [B, 1]  // dense
%3 = tanh(%2) : [B, 1]  // dense
%4 = sum[0, 1](%3) : [1, 1]
%5 = reshape(%4) : []
%6 = 1.0() : []
%7 = multiply(%5, %6) : []
%8 = batch_size() : []
%9 = divide(%7, %8) : []
%10 = 1.0() : [B, 1]
%11 = multiply(%3, %3) : [B, 1]  // dense'
%12 = 1.0() : []  // dense'
%13 = subtract(%12, %11) : [B, 1]  // dense'
%14 = multiply(%10, %13) : [B, 1]  // dense'
%15 = matmul(a, bᵀ)(%14, %1) : [B, 3]  // dense'
%16 = matmul(aᵀ, b)(%0, %14) : [3, 1]  // dense'
%17 = pack(%16) : [1, 256]
weights <- %17
output loss = %9
";
    let found = neuron().to_string();
    assert_eq!(found, expected, "{found}");
}

#[test]
fn drawn() {
    let mut g = Graph::new();
    let weights = g.variable("weights");
    g.enter("the \"first\"");
    let all = g.read(weights);
    let less = g.scale(all, 0.5).unwrap();
    g.assign(weights, less).unwrap();
    let expected = r#"digraph gradus {
  node [shape=box, fontname="sans-serif"];
  n0 [label="variable weights\n[0, 256]\nthe 'first'"];
  n1 [label="0.5\n[]\nthe 'first'"];
  n2 [label="multiply\n[0, 256]\nthe 'first'"];
  n0 -> n2;
  n1 -> n2;
  "weights" [shape=cylinder];
  n2 -> "weights";
}
"#;
    let found = g.to_graphviz();
    assert_eq!(found, expected, "{found}");
}
