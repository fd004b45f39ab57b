//! Slices, padding, concatenation and rows by their numbers: values on both executors, derivatives, errors.

use super::differences::{check, shape};
use super::programs::{FUSED, PLAIN, assert_close, program, reference, run, run_cpu, shared, steps};
use crate::error::Result;
use crate::graph::{Along, Element, Graph, NodeId, Unary};
use crate::schedule::{Target, schedule};
use crate::tensor::{Dim, Shape, Tensor};

/// What becomes of images `[B, 6, 8, 4]` and labels `[B, 3]`.
type Build = fn(&mut Graph, NodeId, NodeId) -> Result<NodeId>;

const CASES: [(&str, Build); 27] = [
    ("slice of rows", |g, x, _| g.slice(x, &[Along::new(1, 2, 3)])),
    ("slice of channels", |g, x, _| g.slice(x, &[Along::new(3, 1, 2)])),
    ("slice by fours", |g, x, _| g.slice(x, &[Along::new(2, 4, 4)])),
    ("slice with a step", |g, x, _| {
        g.slice(x, &[Along::new(1, 1, 3).every(2), Along::new(2, 0, 3).every(3)])
    }),
    ("reverse", |g, x, _| g.reverse(x, 2)),
    ("reverse of the last axis", |g, x, _| g.reverse(x, 3)),
    ("pad", |g, x, _| g.pad(x, &[Along::new(1, 1, 9), Along::new(2, 3, 11)])),
    ("pad between", |g, x, _| g.pad(x, &[Along::new(1, 1, 13).every(2), Along::new(3, 0, 10).every(3)])),
    ("pad backwards", |g, x, _| g.pad(x, &[Along::new(2, 9, 12).every(-1)])),
    ("concat of rows", |g, x, _| {
        let (first, last) = (g.slice(x, &[Along::new(1, 0, 2)])?, g.reverse(x, 1)?);
        g.concat(&[first, x, last], 1)
    }),
    ("concat of channels", |g, x, _| {
        let y = g.unary(Unary::Abs, x);
        let few = g.slice(x, &[Along::new(3, 0, 3)])?;
        g.concat(&[y, few, x], 3)
    }),
    ("concat of what was sliced", |g, x, _| {
        let parts: Vec<NodeId> = (0..6).map(|t| g.slice(x, &[Along::new(1, t, 1)])).collect::<Result<_>>()?;
        let parts: Vec<NodeId> = parts.into_iter().map(|p| g.unary(Unary::Negate, p)).collect();
        g.concat(&parts, 1)
    }),
    ("assembled of many steps, read turned round", |g, x, _| {
        let mut parts = multiples(g, x, |t| Along::new(1, t % 6, 1))?;
        // A part may come twice, and one be a constant.
        parts.extend([parts[2], g.full(3.0, &Shape::batched(&[1, 8, 4]))]);
        let whole = g.concat(&parts, 1)?;
        let turned = g.reverse(whole, 1)?;
        let twice = g.add(turned, turned)?;
        g.subtract(twice, whole)
    }),
    ("assembled of what is assembled", |g, x, _| {
        let mut parts = multiples(g, x, |t| Along::new(1, t % 5, 2))?;
        parts.push(g.concat(&parts, 1)?);
        g.concat(&parts, 1)
    }),
    ("assembled of few and many channels", |g, x, _| {
        let parts = multiples(g, x, |t| Along::new(3, t % 4, 1 + t % (4 - t % 4)))?;
        g.concat(&parts, 3)
    }),
    ("assembled of products and sums", |g, x, _| {
        let mut parts = Vec::new();
        for factor in 1..5 {
            let scaled = g.scale(x, factor as f32)?;
            let (product, sum) = (g.matmul_rows(scaled)?, g.sum(scaled, &[3])?);
            parts.extend([g.unary(Unary::Negate, product), product, g.unary(Unary::Abs, sum)]);
        }
        let whole = g.concat(&parts, 3)?;
        let (first, last) =
            (g.slice(whole, &[Along::new(3, 0, 9)])?, g.slice(whole, &[Along::new(3, 27, 9)])?);
        g.subtract(last, first)
    }),
    ("neighbours", |g, x, _| {
        let (left, right) = (g.slice(x, &[Along::new(2, 0, 7)])?, g.slice(x, &[Along::new(2, 1, 7)])?);
        let sum = g.add(left, right)?;
        g.pad(sum, &[Along::new(2, 1, 8)])
    }),
    ("in place", |g, x, _| {
        let y = g.unary(Unary::Negate, x);
        let y = g.matmul_rows(y)?;
        let turned = g.reverse(y, 3)?;
        g.add(turned, y)
    }),
    ("late rows of what is in memory", |g, x, _| {
        let y = g.matmul_rows(x)?;
        let (some, others) = (g.slice(y, &[Along::new(1, 3, 2)])?, g.slice(y, &[Along::new(1, 4, 2)])?);
        g.subtract(others, some)
    }),
    ("late rows beside all", |g, x, _| {
        let y = g.matmul_rows(x)?;
        let some = g.slice(y, &[Along::new(1, 2, 4)])?;
        let some = g.pad(some, &[Along::new(1, 1, 6)])?;
        g.subtract(some, y)
    }),
    ("late rows and columns with a bias", |g, x, _| {
        let (y, bias, of_channels) = (g.matmul_rows(x)?, table(g, &[8, 4])?, table(g, &[4])?);
        let y = g.add(y, bias)?;
        let y = g.multiply(y, of_channels)?;
        g.slice(y, &[Along::new(1, 2, 2).every(2), Along::new(2, 3, 4)])
    }),
    ("slice of labels", |g, _, labels| {
        let some = g.slice(labels, &[Along::new(1, 2, 2).every(-1)])?;
        Ok(g.cast(some, Element::F32))
    }),
    ("gather", |g, _, labels| {
        let table = table(g, &[5, 3])?;
        g.gather(table, labels)
    }),
    // 6 is no row of a sample's own 5.
    ("gather of own rows", |g, x, labels| {
        let some = g.slice(x, &[Along::new(1, 0, 5)])?;
        let picked = g.gather(some, labels)?;
        Ok(g.unary(Unary::Negate, picked))
    }),
    ("gather of own pixels", |g, x, labels| {
        let pixels = g.reshape(x, &Shape(vec![Dim::batch(1), Dim::fixed(48), Dim::fixed(4)]))?;
        g.gather(pixels, labels)
    }),
    // Position 5 is no row of the table.
    ("lookup", |g, x, _| {
        let (table, shape) = (table(g, &[5, 1])?, g.shape(x).clone());
        let place = g.iota(&shape, 1)?;
        let found = g.gather(table, place)?;
        let found = g.reshape(found, &shape)?;
        let missing = g.compare(crate::graph::Comparison::NotEqual, found, found)?;
        let (product, seven) = (g.multiply(x, found)?, g.constant(7.0));
        g.select(missing, seven, product)
    }),
    ("scatter", |g, x, labels| {
        let rows = g.slice(x, &[Along::new(1, 0, 3), Along::new(2, 0, 2)])?;
        let sums = g.scatter_add(rows, labels, Dim::fixed(5))?;
        let per_sample = g.gather(sums, labels)?;
        Ok(g.unary(Unary::Negate, per_sample))
    }),
];

impl Graph {
    /// x · 1: a value that lies in memory by itself.
    fn matmul_rows(&mut self, x: NodeId) -> Result<NodeId> {
        let shape = self.shape(x).clone();
        let rows = self.reshape(x, &Shape(vec![Dim::batch(48), Dim::fixed(4)]))?;
        let (row, column) = (self.iota(&Shape::fixed(&[4, 4]), 0)?, self.iota(&Shape::fixed(&[4, 4]), 1)?);
        let unit = self.compare(crate::graph::Comparison::Equal, row, column)?;
        let product = self.matmul(rows, unit, false, false)?;
        self.reshape(product, &shape)
    }
}

/// Nine slices along an axis, the first once, the second twice, and so on.
fn multiples(g: &mut Graph, x: NodeId, along: fn(usize) -> Along) -> Result<Vec<NodeId>> {
    let part = |t| {
        let slice = g.slice(x, &[along(t)])?;
        g.scale(slice, t as f32 + 1.0)
    };
    (0..9).map(part).collect()
}

/// The numbers 1, 2, 3 and so on as a table.
fn table(g: &mut Graph, sizes: &[usize]) -> Result<NodeId> {
    let shape = Shape::fixed(sizes);
    let count = g.iota(&Shape::fixed(&[sizes.iter().product()]), 0)?;
    let count = g.cast(count, Element::F32);
    let one = g.constant(1.0);
    let count = g.add(count, one)?;
    g.reshape(count, &shape)
}

fn case(build: Build) -> (Graph, Vec<Tensor>) {
    let mut graph = Graph::new();
    let x = graph.input("x", &[6, 8, 4], Element::F32);
    let labels = graph.input("labels", &[3], Element::U32);
    let y = build(&mut graph, x, labels).unwrap();
    graph.output("y", y).unwrap();
    let images = (0..5 * 192).map(|i| (i * 7 % 31) as f32 - 15.0).collect();
    // 6 is no row of a table of 5.
    let labels = vec![0, 4, 1, 1, 1, 2, 3, 6, 0, 0, 0, 0, 4, 4, 2];
    (graph, vec![Tensor::f32(&[5, 6, 8, 4], images).unwrap(), Tensor::u32(&[5, 3], labels).unwrap()])
}

/// Small whole numbers, so that every executor gives exactly the reference's.
#[test]
fn elements_go_where_they_belong() {
    let steps = steps(&[3, 2], &[]);
    for (name, build) in CASES {
        let (graph, data) = case(build);
        let expected = reference(&graph, &data, (&[], &steps), &[]);
        for (mode, options) in [("fused", FUSED), ("plain", PLAIN)] {
            let found = run_cpu(&graph, options, &data, (&[], &steps), &[]);
            assert_close(&format!("{name}, CPU, {mode}"), &found.outputs[0], &expected.outputs[0], 0.0, 0.0);
            if let Some(gpu) = shared() {
                let mut gpu = gpu.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let found = run(&mut gpu, &program(&graph, options, 3), &data, (&[], &steps), &[]);
                assert_close(
                    &format!("{name}, GPU, {mode}"),
                    &found.outputs[0],
                    &expected.outputs[0],
                    0.0,
                    0.0,
                );
            }
        }
    }
}

/// A concatenation of slices is the value itself: nothing is copied.
#[test]
fn what_is_sliced_and_joined_again_costs_nothing() {
    let mut graph = Graph::new();
    let x = graph.input("x", &[4, 3], Element::F32);
    let y = graph.unary(Unary::Exp, x);
    let parts: Vec<NodeId> = (0..4).map(|t| graph.slice(y, &[Along::new(1, t, 1)]).unwrap()).collect();
    let joined = graph.concat(&parts, 1).unwrap();
    graph.output("y", joined).unwrap();
    let program = schedule(&graph, Target::Cpu, FUSED, 2).unwrap();
    assert_eq!(program.kernels.len(), 1, "{}", program.graph);
    assert!(!program.graph.nodes.iter().any(|n| n.op.is_movement()), "{}", program.graph);
}

#[test]
fn derivatives() {
    check(&[shape(&[0, 3, 4])], |g, x| {
        g.slice(x[0], &[Along::new(1, 0, 2).every(2), Along::new(2, 3, 3).every(-1)])
    });
    check(&[shape(&[0, 3, 4])], |g, x| {
        g.pad(x[0], &[Along::new(1, 1, 7).every(2), Along::new(2, 4, 5).every(-1)])
    });
    check(&[shape(&[0, 3]), shape(&[0, 2])], |g, x| g.concat(&[x[0], x[1], x[0]], 1));
    check(&[shape(&[4, 3])], |g, x| {
        let numbers = numbers(g)?;
        g.gather(x[0], numbers)
    });
    check(&[shape(&[0, 4, 3])], |g, x| {
        // Each sample calls row 1 twice.
        let twice = g.iota(&shape(&[0, 2]), 1)?;
        let ones = g.full(1.0, &shape(&[0, 1]));
        let ones = g.cast(ones, Element::U32);
        let numbers = g.concat(&[twice, ones], 1)?;
        g.gather(x[0], numbers)
    });
    check(&[shape(&[0, 2, 3])], |g, x| {
        let numbers = numbers(g)?;
        g.scatter_add(x[0], numbers, Dim::fixed(4))
    });
}

/// Row numbers `[B, 2]`: 0 and 1 for every sample.
fn numbers(g: &mut Graph) -> Result<NodeId> {
    g.iota(&shape(&[0, 2]), 1)
}

/// Steps of a recurrence differ in where they read alone, which their bindings say: all but the first, whose state is
/// a constant, have one text, however many there are.
#[test]
fn steps_of_a_recurrence_share_their_text() {
    let texts = |steps: usize| {
        let mut graph = Graph::new();
        let variable = graph.variable("weights");
        let x = graph.input("x", &[steps, 64], Element::F32);
        let input = graph.reshape(x, &Shape(vec![Dim::batch(steps), Dim::fixed(64)])).unwrap();
        let [from_input, from_state] = [0, 1].map(|_| graph.parameter("weights", &[64, 64], variable));
        let product = graph.matmul(input, from_input, false, false).unwrap();
        let product = graph.reshape(product, &Shape::batched(&[steps, 64])).unwrap();
        let mut state = graph.full(0.1, &Shape::batched(&[64]));
        for t in 0..steps {
            let now = graph.slice(product, &[Along::new(1, t, 1)]).unwrap();
            let now = graph.reshape(now, &Shape::batched(&[64])).unwrap();
            let kept = graph.matmul(state, from_state, false, false).unwrap();
            let sum = graph.add(now, kept).unwrap();
            state = graph.unary(Unary::Tanh, sum);
        }
        graph.output("state", state).unwrap();
        let program = schedule(&graph, Target::Software { subgroups: false }, FUSED, 2).unwrap();
        let shaders = crate::gpu::lower(&program).unwrap();
        let texts: std::collections::BTreeSet<_> =
            shaders.iter().map(|s| crate::gpu::without_comments(&s.wgsl)).collect();
        (shaders.len(), texts.len())
    };
    let ((few, texts_of_few), (many, texts_of_many)) = (texts(4), texts(9));
    assert_eq!(many, few + 5);
    assert_eq!(texts_of_few, texts_of_many);
}

/// A recurrence: its slices' gradients come together as a concatenation, those of its weights as one product.
#[test]
fn a_recurrence_gathers_its_gradients() {
    let build = |g: &mut Graph, x: &[NodeId]| {
        let mut state = g.full(0.1, &shape(&[0, 3]));
        for t in 0..4 {
            let now = g.slice(x[0], &[Along::new(1, t, 1)])?;
            let now = g.reshape(now, &shape(&[0, 3]))?;
            let kept = g.matmul(state, x[1], false, false)?;
            let sum = g.add(now, kept)?;
            state = g.unary(Unary::Tanh, sum);
        }
        Ok(state)
    };
    check(&[shape(&[0, 4, 3]), shape(&[3, 3])], build);
    let mut g = Graph::new();
    let (x, w) = (g.random(&shape(&[0, 4, 3])), g.random(&shape(&[3, 3])));
    let y = build(&mut g, &[x, w]).unwrap();
    let loss = g.sum_all(y).unwrap();
    let gradients = g.gradients(loss, &[x, w]).unwrap();
    for (name, gradient) in ["dx", "dw"].into_iter().zip(gradients) {
        let rows =
            g.reshape(gradient, &Shape::fixed(&[9])).or_else(|_| g.reshape(gradient, &shape(&[0, 12])));
        let rows = rows.unwrap();
        let whole = if name == "dw" { g.sum_all(rows).unwrap() } else { rows };
        g.output(name, whole).unwrap();
    }
    let program = schedule(&g, Target::Cpu, FUSED, 5).unwrap();
    let products = program.graph.nodes.iter().filter(|n| n.op.name().starts_with("matmul(aᵀ")).count();
    let paddings = program.graph.nodes.iter().filter(|n| n.op.name().starts_with("pad")).count();
    assert_eq!((products, paddings), (1, 0), "{}", program.graph);
}

/// What many kernels compute, as the states of a recurrence, they write side by side: no kernel copies it, where one of few
/// parts reads them.
#[test]
fn many_parts_are_assembled_without_a_copy() {
    let program = |parts: usize| {
        let mut graph = Graph::new();
        let x = graph.input("x", &[4, 8], Element::F32);
        let variable = graph.variable("weights");
        let weights = graph.parameter("weights", &[8, 8], variable);
        let mut state = graph.slice(x, &[Along::new(1, 0, 1)]).unwrap();
        let mut states = Vec::new();
        for _ in 0..parts {
            let rows = graph.reshape(state, &Shape::batched(&[8])).unwrap();
            let product = graph.matmul(rows, weights, false, false).unwrap();
            state = graph.reshape(product, &Shape::batched(&[1, 8])).unwrap();
            states.push(state);
        }
        let whole = graph.concat(&states, 1).unwrap();
        let rows = graph.reshape(whole, &Shape(vec![Dim::batch(parts), Dim::fixed(8)])).unwrap();
        let product = graph.matmul(rows, weights, false, false).unwrap();
        let product = graph.reshape(product, &Shape::batched(&[parts, 8])).unwrap();
        graph.output("y", product).unwrap();
        schedule(&graph, Target::Gpu, FUSED, 2).unwrap()
    };
    let (few, many) = (program(6), program(9));
    assert_eq!(many.kernels.len(), few.kernels.len() + 3 - 1, "{}", many.graph);
    assert!(!many.graph.nodes.iter().any(|n| n.op.is_movement() && n.inputs.len() > 1), "{}", many.graph);
}

#[test]
fn errors() {
    let mut g = Graph::new();
    let x = g.random(&shape(&[0, 3]));
    let numbers = g.iota(&shape(&[0]), 0).unwrap();
    let text = |result: Result<NodeId>| result.unwrap_err().to_string();
    assert_eq!(
        text(g.slice(x, &[Along::new(1, 1, 3)])),
        "slice: axis 1 is 3 from 1 on by 1, expected positions of a fixed axis of 3"
    );
    for along in [
        Along::new(0, 0, 1),
        Along::new(1, 0, 0),
        Along::new(1, 0, 2).every(0),
        Along::new(1, 1, 3).every(-1),
    ] {
        assert!(text(g.slice(x, &[along])).contains("expected positions of a fixed axis"), "{along:?}");
    }
    assert!(
        text(g.pad(x, &[Along::new(1, 2, 4)]))
            .contains("3 from 2 on by 1, expected positions of a fixed axis of 4")
    );
    assert!(text(g.reverse(x, 2)).contains("axis is 2"));
    assert!(text(g.concat(&[], 0)).contains("at least 1"));
    assert!(text(g.concat(&[x, numbers], 1)).contains("element type"));
    assert!(text(g.concat(&[x, x], 0)).contains("expected [B, 3] but for axis 0"));
    let table = g.full(0.0, &Shape::fixed(&[4, 2]));
    let odd = g.random(&Shape(vec![Dim::batch(2), Dim::fixed(3)]));
    assert!(text(g.gather(odd, numbers)).contains("expected [rows, …] or [B, rows, …]"));
    let shared = g.iota(&Shape::fixed(&[2]), 0).unwrap();
    assert!(text(g.gather(x, shared)).contains("expected [rows, …] or [B, rows, …]"));
    assert!(text(g.gather(table, x)).contains("element type"));
    assert!(
        text(g.scatter_add(table, numbers, Dim::fixed(3))).contains("expected [B] and the axes of a row")
    );
}
