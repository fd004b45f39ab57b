//! Generated kernels: elementwise regions, rows, reductions and transpositions, fused and not.

use super::harness::random;
use super::programs::{
    FUSED, Left, PLAIN, assert_close, engine, program, reference, run, run_cpu, shared, steps,
};
use crate::cpu::plain::special;
use crate::gpu::Engine;
use crate::graph::{Binary, Comparison, Element, Graph, NodeId, Reduction, SEGMENT, Unary};
use crate::schedule::Step;
use crate::tensor::{Dim, Shape, Tensor};

/// The smallest normal float: subnormals may be flushed.
const TINY: f64 = 1.2e-38;

/// Runs `graph` on the GPU with the passes on and off, and gives the fused results to `check` beside the
/// reference.
fn compare(
    graph: &Graph,
    data: &[Tensor],
    (order, steps): (&[u32], &[Step]),
    start: &[Vec<f32>],
    check: impl Fn(&str, &Left<f32>, &Left<f64>),
) {
    let Some(engine) = shared() else { return };
    let mut engine = engine.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let expected = reference(graph, data, (order, steps), start);
    let max_batch = steps.iter().map(|s| s.batch).max().unwrap();
    for (what, options) in [("fused", FUSED), ("plain", PLAIN)] {
        let program = program(graph, options, max_batch);
        let found = run(&mut engine, &program, data, (order, steps), start);
        check(what, &found, &expected);
    }
}

/// Values where functions break: specials, the edges of ranges, and a sweep between.
fn probes() -> Vec<f32> {
    let special = [0.0, -0.0, 1.0, -1.0, f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -1e30];
    let edges = [1e-30, -1e-30, 0.625, 0.624_999_9, -0.625, 88.7, 89.5, -87.3, -103.0, 1.5e-38, 16.0, 1e-7];
    let more = [0.5, -0.499_999_97, -0.293, -0.999_999_9, 10.05, -0.346_6, 16.999_998, -25.0, 9.3, 26.0];
    let sweep = (0..480).map(|i| (i as f32 - 245.0) * 0.0371);
    special.into_iter().chain(edges).chain(more).chain(sweep).collect()
}

#[test]
fn functions_are_accurate_and_keep_nan() {
    // Units of the last place that the shader's own head promises, or that WGSL does.
    let functions = [
        (Unary::Negate, 0.0),
        (Unary::Abs, 0.0),
        (Unary::Sign, 0.0),
        (Unary::Exp, 4.0),
        (Unary::Log, 6.0),
        (Unary::Expm1, 8.0),
        (Unary::Log1p, 10.0),
        (Unary::Erf, 16.0),
        (Unary::Erfc, 24.0),
        (Unary::Sqrt, 6.0),
        (Unary::Tanh, 16.0),
        (Unary::Sigmoid, 12.0),
        (Unary::Softplus, 12.0),
        (Unary::Relu, 0.0),
        (Unary::Detach, 0.0),
    ];
    let values = probes();
    for columns in [1, 4] {
        let mut graph = Graph::new();
        let x = graph.input("x", &[columns], Element::F32);
        for (function, _) in functions {
            let y = graph.unary(function, x);
            graph.output(&format!("{function:?}"), y).unwrap();
        }
        let rows = values.len() / columns;
        let data = [Tensor::f32(&[rows, columns], values.clone()).unwrap()];
        compare(&graph, &data, (&[], &steps(&[rows], &[])), &[], |what, found, expected| {
            for (i, (function, ulps)) in functions.into_iter().enumerate() {
                let what = format!("{what} {function:?} by {columns}");
                // An ulp is at most 2⁻²³ of the value.
                assert_close(&what, &found.outputs[i], &expected.outputs[i], 2.0 * ulps, TINY);
            }
        });
    }
}

/// Normal numbers are the quantiles of the uniform ones of the same stream, and so have their moments.
#[test]
fn normal_numbers_are_quantiles() {
    let mut graph = Graph::new();
    graph.input("x", &[1], Element::F32);
    let data = [Tensor::f32(&[256, 1], vec![0.0; 256]).unwrap()];
    let rows = Shape::batched(&[256]);
    let z = graph.random_normal(&rows).unwrap();
    graph.output("normal", z).unwrap();
    let steps = steps(&[256], &[]);
    let n = 65_536;
    let check = |what: &str, found: &[f32]| {
        let mut moments = [0.0; 2];
        for (i, &z) in found.iter().enumerate() {
            let z = f64::from(z);
            let uniform = f64::from(crate::graph::random::uniform(steps[0].key, 0, i as u32));
            let half_interval = 2f64.powi(-25);
            let p = uniform + half_interval;
            // Φ(z) off by the density times the error of z: 2⁻²¹ of it from the fit, as much from rounding.
            let density = (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt();
            let lower = special::erfc(-z / std::f64::consts::SQRT_2) / 2.0;
            let bound = density * z.abs() * 2f64.powi(-20);
            assert!((lower - p).abs() <= bound, "{what}: {z} stands at {lower}, expected {p}");
            moments[0] += z / f64::from(n);
            moments[1] += z * z / f64::from(n);
        }
        // Five standard errors: 1/√n of the mean, √(2/n) of the variance.
        assert!(moments[0].abs() <= 5.0 / f64::from(n).sqrt(), "{what}: mean {}", moments[0]);
        assert!((moments[1] - 1.0).abs() <= 5.0 * (2.0 / f64::from(n)).sqrt(), "{what}: {moments:?}");
    };
    check("CPU", &run_cpu(&graph, FUSED, &data, (&[], &steps), &[]).outputs[0]);
    compare(&graph, &data, (&[], &steps), &[], |what, found, _| check(what, &found.outputs[0]));
}

#[test]
fn binary_functions_follow_the_rules_for_nan() {
    let values = [0.0, -0.0, 1.5, -2.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 3e38];
    let pairs: Vec<(f32, f32)> = values.iter().flat_map(|&a| values.iter().map(move |&b| (a, b))).collect();
    let mut graph = Graph::new();
    let a = graph.input("a", &[], Element::F32);
    let b = graph.input("b", &[], Element::F32);
    use Binary::{Add, Divide, Maximum, Minimum, Multiply, Subtract};
    for function in [Add, Subtract, Multiply, Maximum, Minimum] {
        let y = graph.binary(function, a, b).unwrap();
        graph.output(&format!("{function:?}"), y).unwrap();
    }
    use Comparison::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
    for comparison in [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual] {
        let y = graph.compare(comparison, a, b).unwrap();
        graph.output(&format!("{comparison:?}"), y).unwrap();
    }
    let chosen = graph.select(a, a, b).unwrap();
    graph.output("select", chosen).unwrap();
    let quotient = graph.binary(Divide, a, b).unwrap();
    graph.output("divide", quotient).unwrap();
    let data = [
        Tensor::f32(&[64], pairs.iter().map(|p| p.0).collect()).unwrap(),
        Tensor::f32(&[64], pairs.iter().map(|p| p.1).collect()).unwrap(),
    ];
    compare(&graph, &data, (&[], &steps(&[64], &[])), &[], |what, found, expected| {
        let last = graph.outputs.len() - 1;
        for (i, output) in graph.outputs.iter().enumerate().take(last) {
            let what = format!("{what} {}", output.name);
            assert_close(&what, &found.outputs[i], &expected.outputs[i], 1.0, 0.0);
        }
        // The language says nothing about division by 0 and of infinity: 0 and finite numbers are left.
        let plain = |x: f32| x.is_finite();
        for (j, &(a, b)) in pairs.iter().enumerate() {
            if plain(a) && plain(b) && b != 0.0 {
                let one = |v: &[f32]| vec![v[j]];
                let exact = [expected.outputs[last][j]];
                assert_close(what, &one(&found.outputs[last]), &exact, 5.0, TINY);
            }
        }
    });
}

/// (x + w) · max x in every pattern of broadcasting, with sizes that fit fours and that do not.
#[test]
fn operands_are_stretched() {
    for row in [vec![3, 7], vec![2, 6, 8], vec![4, 3], vec![1, 1], vec![257]] {
        for mask in 0..1 << row.len() {
            stretch(&row, mask);
        }
    }
}

/// Stretches a weight that has the axes of `row` in `mask`.
fn stretch(row: &[usize], mask: usize) {
    let mut graph = Graph::new();
    let x = graph.input("x", row, Element::F32);
    let weights = graph.variable("weights");
    let sizes: Vec<usize> = (0..row.len()).map(|k| if mask >> k & 1 == 1 { row[k] } else { 1 }).collect();
    let w = graph.parameter("w", &sizes, weights);
    let axes: Vec<usize> = (1..=row.len()).collect();
    let largest = graph.reduce(Reduction::Max, x, &axes).unwrap();
    let sum = graph.add(x, w).unwrap();
    let y = graph.multiply(sum, largest).unwrap();
    graph.output("y", y).unwrap();

    let count: usize = row.iter().product();
    let shape: Vec<usize> = std::iter::once(7).chain(row.iter().copied()).collect();
    let data = [Tensor::f32(&shape, random(7 * count, 1)).unwrap()];
    let start = [random(graph.variables[0].segments * SEGMENT, 2)];
    let order = [6, 0, 5, 1, 4, 2, 3];
    compare(&graph, &data, (&order, &steps(&[4, 3], &[])), &start, |what, found, expected| {
        // A sum of at most 2 is rounded, and a product.
        let what = format!("{what} {row:?} {mask:b}");
        assert_close(&what, &found.outputs[0], &expected.outputs[0], 2.0, 2.0 * 2f64.powi(-24));
    });
}

fn softmax_loss(graph: &mut Graph, logits: NodeId, labels: NodeId, classes: usize) -> [NodeId; 3] {
    let largest = graph.reduce(Reduction::Max, logits, &[1]).unwrap();
    let largest = graph.unary(Unary::Detach, largest);
    let shifted = graph.subtract(logits, largest).unwrap();
    let powers = graph.unary(Unary::Exp, shifted);
    let total = graph.sum(powers, &[1]).unwrap();
    let log = graph.unary(Unary::Log, total);
    let column = graph.iota(&Shape::batched(&[classes]), 1).unwrap();
    let labels = graph.cast(labels, Element::U32);
    let labels = graph.reshape(labels, &Shape::batched(&[1])).unwrap();
    let labels = graph.broadcast(labels, &Shape::batched(&[classes])).unwrap();
    let hot = graph.compare(Comparison::Equal, column, labels).unwrap();
    let picked = graph.multiply(hot, shifted).unwrap();
    let picked = graph.sum(picked, &[1]).unwrap();
    let losses = graph.subtract(log, picked).unwrap();
    let loss = graph.mean_all(losses).unwrap();
    let probabilities = graph.divide(powers, total).unwrap();
    let guess = graph.argmax(logits, 1).unwrap();
    let guess = graph.broadcast(guess, &Shape::batched(&[classes])).unwrap();
    let right = graph.compare(Comparison::Equal, guess, labels).unwrap();
    let right = graph.multiply(right, hot).unwrap();
    let right = graph.sum(right, &[0, 1]).unwrap();
    [loss, probabilities, right]
}

/// Softmax, cross-entropy and accuracy: rows of few columns, of many, and of so many that sums are blocked.
#[test]
fn rows_are_reduced() {
    for (classes, element) in [(6, Element::U8), (97, Element::U32), (1100, Element::U32)] {
        let mut graph = Graph::new();
        let x = graph.input("x", &[classes], Element::F32);
        let labels = graph.input("labels", &[1], element);
        let [loss, probabilities, right] = softmax_loss(&mut graph, x, labels, classes);
        graph.output("loss", loss).unwrap();
        graph.output("probabilities", probabilities).unwrap();
        graph.output("right", right).unwrap();
        let label = |i: usize| i * 7 % classes.min(256);
        let labels = match element {
            Element::U8 => Tensor::u8(&[9, 1], (0..9).map(|i| label(i) as u8).collect()),
            _ => Tensor::u32(&[9, 1], (0..9).map(|i| label(i) as u32).collect()),
        };
        let data = [Tensor::f32(&[9, classes], random(9 * classes, 3)).unwrap(), labels.unwrap()];
        compare(&graph, &data, (&[], &steps(&[5, 4], &[])), &[], |what, found, expected| {
            let what = format!("{what} {classes}");
            // Sums of positive numbers and a handful of functions of 4 units each.
            let sum = 8.0 * (classes as f64).sqrt();
            assert_close(&what, &found.outputs[0], &expected.outputs[0], sum + 40.0, 1e-6);
            assert_close(&what, &found.outputs[1], &expected.outputs[1], sum + 40.0, TINY);
            assert_close(&what, &found.outputs[2], &expected.outputs[2], 0.0, 0.0);
        });
    }
}

#[test]
fn any_axes_are_reduced_and_transposed() {
    let row = [3, 10, 7];
    let mut graph = Graph::new();
    let x = graph.input("x", &row, Element::F32);
    for axes in [vec![1], vec![2], vec![1, 3], vec![1, 2], vec![2, 3]] {
        for kind in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            let y = graph.reduce(kind, x, &axes).unwrap();
            graph.output(&format!("{kind:?} {axes:?}"), y).unwrap();
        }
    }
    for axis in [1, 2, 3] {
        let y = graph.argmax(x, axis).unwrap();
        let y = graph.cast(y, Element::F32);
        graph.output(&format!("argmax {axis}"), y).unwrap();
    }
    for order in [[0, 3, 1, 2], [0, 2, 1, 3], [0, 1, 3, 2]] {
        let y = graph.transpose(x, &order).unwrap();
        let y = graph.unary(Unary::Relu, y);
        graph.output(&format!("transpose {order:?}"), y).unwrap();
    }
    for axes in [vec![0], vec![0, 1, 2], vec![0, 2], vec![0, 1, 2, 3]] {
        let y = graph.sum(x, &axes).unwrap();
        let y = graph.sum_all(y).unwrap();
        graph.output(&format!("sum {axes:?} and the rest"), y).unwrap();
    }
    let mut values = random(5 * 210, 4);
    values[17] = f32::NAN;
    values[300] = f32::INFINITY;
    let data = [Tensor::f32(&[5, 3, 10, 7], values).unwrap()];
    compare(&graph, &data, (&[], &steps(&[2, 3], &[])), &[], |what, found, expected| {
        for (i, output) in graph.outputs.iter().enumerate() {
            // A sum of K terms of size 1: 8·sqrt(K)·2⁻²⁴·K.
            let terms: f64 = if output.name.contains("rest") { 630.0 } else { 21.0 };
            let bound = 8.0 * terms.sqrt() * 2f64.powi(-24) * terms;
            let what = format!("{what} {}", output.name);
            assert_close(&what, &found.outputs[i], &expected.outputs[i], 0.0, bound);
        }
    });
}

/// Sums of 115,200 equal numbers: blocks keep the error down.
#[test]
fn long_sums_keep_their_bound() {
    for (row, axes) in [(vec![28_800], vec![0, 1]), (vec![28_800], vec![1]), (vec![100, 288], vec![0, 1])] {
        let mut graph = Graph::new();
        let x = graph.input("x", &row, Element::F32);
        let y = graph.sum(x, &axes).unwrap();
        let rest: Vec<usize> = (0..graph.shape(y).rank()).filter(|&a| !graph.shape(y).0[a].batch).collect();
        let y = if axes[0] == 0 { graph.reduce(Reduction::Max, y, &rest).unwrap() } else { y };
        graph.output("y", y).unwrap();
        let shape: Vec<usize> = std::iter::once(4).chain(row.iter().copied()).collect();
        let data = [Tensor::f32(&shape, vec![0.1; 115_200]).unwrap()];
        compare(&graph, &data, (&[], &steps(&[4], &[])), &[], |what, found, expected| {
            let terms = if axes == [1] {
                28_800f64
            } else if row.len() == 2 {
                400.0
            } else {
                115_200.0
            };
            let relative = 8.0 * terms.sqrt();
            assert_close(&format!("{what} {axes:?}"), &found.outputs[0], &expected.outputs[0], relative, 0.0);
        });
    }
}

/// The random numbers of the CPU, bit for bit, one at a time and by fours.
#[test]
fn random_numbers_are_the_hosts() {
    for columns in [8, 3] {
        let mut graph = Graph::new();
        let x = graph.input("x", &[columns], Element::F32);
        for _ in 0..2 {
            let uniform = graph.random(&Shape::batched(&[columns]));
            let y = graph.add(uniform, x).unwrap();
            graph.output("uniform", y).unwrap();
        }
        let data = [Tensor::f32(&[600, columns], vec![0.0; 600 * columns]).unwrap()];
        compare(&graph, &data, (&[], &steps(&[300, 300], &[])), &[], |what, found, expected| {
            for i in 0..2 {
                assert_close(what, &found.outputs[i], &expected.outputs[i], 0.0, 0.0);
            }
            assert_ne!(found.outputs[0], found.outputs[1], "each node has numbers of its own");
        });
    }
}

/// Gradients packed, clipped by their norm, applied with momentum: variables over several steps.
#[test]
fn variables_change_from_step_to_step() {
    let mut graph = Graph::new();
    let x = graph.input("x", &[5], Element::U8);
    let x = graph.cast(x, Element::F32);
    let x = graph.scale(x, 1.0 / 255.0).unwrap();
    let weights = graph.variable("weights");
    let w = graph.parameter("w", &[5], weights);
    let b = graph.parameter("b", &[1], weights);
    let momentum = graph.variable_like("momentum", weights);
    let rate = graph.scalar("rate");
    let product = graph.multiply(x, w).unwrap();
    let sum = graph.add(product, b).unwrap();
    let y = graph.unary(Unary::Tanh, sum);
    let square = graph.multiply(y, y).unwrap();
    let loss = graph.mean_all(square).unwrap();
    graph.output("loss", loss).unwrap();
    let gradients = graph.gradients(loss, &[w, b]).unwrap();
    let packed = graph.pack(weights, &gradients).unwrap();
    let before = graph.read(momentum);
    let kept = graph.scale(before, 0.9).unwrap();
    let velocity = graph.add(kept, packed).unwrap();
    let change = graph.multiply(velocity, rate).unwrap();
    let old = graph.read(weights);
    let new = graph.subtract(old, change).unwrap();
    graph.assign(momentum, velocity).unwrap();
    graph.assign(weights, new).unwrap();

    let bytes = (0..55).map(|i| (i * 41 % 256) as u8).collect();
    let data = [Tensor::u8(&[11, 5], bytes).unwrap()];
    let mut start = vec![vec![0.0; 2 * SEGMENT], vec![0.0; 2 * SEGMENT]];
    start[0][..5].copy_from_slice(&[0.5, -0.25, 1.0, 0.75, -1.5]);
    start[0][SEGMENT] = 0.1;
    let order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7, 10];
    compare(&graph, &data, (&order, &steps(&[4, 4, 3], &[0.5])), &start, |what, found, expected| {
        assert_close(what, &found.outputs[0], &expected.outputs[0], 100.0, 0.0);
        for (variable, expected) in found.variables.iter().zip(&expected.variables) {
            // Three steps of sums of 20 terms of size 1, each with a few functions.
            assert_close(what, variable, expected, 0.0, 3.0 * 100.0 * 2f64.powi(-24));
        }
    });
}

fn dense_like() -> (Graph, [Tensor; 1]) {
    let mut graph = Graph::new();
    let x = graph.input("x", &[6], Element::U8);
    let x = graph.cast(x, Element::F32);
    let y = graph.unary(Unary::Sqrt, x);
    graph.output("y", y).unwrap();
    let total = graph.sum_all(y).unwrap();
    graph.output("total", total).unwrap();
    (graph, [Tensor::u8(&[40, 6], (0..240).map(|i| i as u8).collect()).unwrap()])
}

/// Streamed data sets give the bits of resident ones, whatever fits one submission.
#[test]
fn streaming_changes_nothing() {
    let Some(mut engine) = engine() else { return };
    let (graph, data) = dense_like();
    let program = program(&graph, FUSED, 8);
    let order: Vec<u32> = (0..40).map(|i| i * 7 % 40).collect();
    let steps = steps(&[8, 8, 8, 8, 5, 3], &[]);
    let mut runs = Vec::new();
    for (limit, chunk) in [(u64::MAX, None), (100, Some(4)), (48, Some(1)), (10, None)] {
        engine.set_resident_limit(limit);
        engine.set_steps_per_submission(chunk);
        runs.push(run(&mut engine, &program, &data, (&order, &steps), &[]));
    }
    assert!(runs[0].outputs[1].iter().all(|&x| x > 0.0));
    for other in &runs[1..] {
        assert_eq!(&runs[0], other);
    }
}

/// A run submits what it must and creates nothing.
#[test]
fn a_run_allocates_nothing() {
    let Some(mut engine) = engine() else { return };
    let (graph, [data]) = dense_like();
    let program = program(&graph, FUSED, 8);
    let dispatches = program.dispatches() as u64;
    engine.set_steps_per_submission(Some(2));
    pollster::block_on(async {
        let id = engine.load(program).unwrap();
        let binding = engine.bind(id, &[data.into()], 5).unwrap();
        let before = engine.counters();
        let steps = steps(&[8, 8, 8, 8, 8], &[]);
        for _ in 0..4 {
            engine.run(binding, &steps).await.unwrap();
        }
        let after = engine.counters();
        assert_eq!(after.submissions - before.submissions, 4 * 3);
        assert_eq!(after.dispatches - before.dispatches, 4 * 5 * dispatches);
        let made = |c: crate::gpu::Counters| (c.buffers, c.bind_groups, c.pipelines, c.bytes_read);
        assert_eq!(made(before), made(after));
        let rows: u64 = 40 * 6 + 5;
        engine.outputs(binding).await.unwrap();
        assert_eq!(engine.counters().bytes_read - after.bytes_read, rows * 4);
    });
}

fn refused(engine: &mut Engine, what: impl FnOnce(&mut Engine) -> crate::Result<()>, part: &str) {
    let message = what(engine).unwrap_err().to_string();
    assert!(message.contains(part), "{message}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(mut engine) = engine() else { return };
    let (graph, [data]) = dense_like();
    let id = engine.load(program(&graph, FUSED, 8)).unwrap();
    let floats = Tensor::f32(&[2, 6], vec![0.0; 12]).unwrap();
    let narrow = Tensor::u8(&[2, 5], vec![0; 10]).unwrap();
    refused(&mut engine, |e| e.bind(id, &[floats.into()], 1).map(drop), "element type");
    refused(&mut engine, |e| e.bind(id, &[narrow.into()], 1).map(drop), "[2, 6]");
    refused(&mut engine, |e| e.bind(id, &[], 1).map(drop), "number of data sets");
    let binding = engine.bind(id, &[data.into()], 1).unwrap();
    refused(&mut engine, |e| e.set_order(binding, &[0, 40]), "below 40");
    let run = |batch, offset, row| {
        move |e: &mut Engine| {
            let step = Step { batch, offset, row, key: Default::default(), scalars: vec![] };
            pollster::block_on(e.run(binding, &[step]))
        }
    };
    refused(&mut engine, run(9, 0, 0), "batch is 9");
    refused(&mut engine, run(8, 33, 0), "end of the batch");
    refused(&mut engine, run(8, 0, 1), "row of the outputs");
    engine.unload(id);
    refused(&mut engine, run(8, 0, 0), "freed");
}

#[test]
fn scalars_and_single_values_are_written_once() {
    let mut graph = Graph::new();
    let x = graph.input("x", &[8], Element::F32);
    let rate = graph.scalar("rate");
    let batch = graph.batch_size();
    let product = graph.multiply(rate, batch).unwrap();
    graph.output("product", product).unwrap();
    let y = graph.multiply(x, product).unwrap();
    graph.output("y", y).unwrap();
    let infinity = graph.full(f32::INFINITY, &Shape(vec![Dim::batch(1), Dim::fixed(8)]));
    let low = graph.binary(Binary::Minimum, infinity, x).unwrap();
    graph.output("low", low).unwrap();
    let data = [Tensor::f32(&[3, 8], random(24, 5)).unwrap()];
    compare(&graph, &data, (&[], &steps(&[2, 1], &[0.125])), &[], |what, found, expected| {
        for i in 0..3 {
            assert_close(what, &found.outputs[i], &expected.outputs[i], 1.0, 0.0);
        }
    });
}
