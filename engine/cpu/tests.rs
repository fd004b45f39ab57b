//! Programs on host threads against the f64 reference.
//!
//! Where the data are small integers every f32 result is exact, so that it must be equal to the reference.

use std::sync::Arc;

use pollster::block_on;

use super::Engine;
use super::plain::{Feed, Plain};
use crate::graph::random::{Key, uniform};
use crate::graph::{Axis, Binary, Comparison, Element, Graph, NodeId, Reduction, Unary, VariableId, Window};
use crate::schedule::{Options, Step, Target, schedule};
use crate::tensor::{Dim, Shape, Tensor, Values};

/// A graph, its data set, and the batches it is run with.
struct Case {
    graph: Graph,
    data: Vec<Tensor>,
    variables: Vec<Vec<f32>>,
    scalars: Vec<f32>,
    batches: Vec<usize>,
    order: Option<Vec<u32>>,
}

/// What a case leaves: outputs, then variables.
type Left = Vec<Vec<f32>>;

const KEY: Key = Key { seed: 0x1234_5678_9abc_def0, step: 3 };

/// Small integers that repeat only after a while.
fn integers(count: usize, salt: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7 + salt * 5 + i / 11) % 9) as f32 - 4.0).collect()
}

impl Case {
    fn new(batches: &[usize]) -> Self {
        Self {
            graph: Graph::new(),
            data: Vec::new(),
            variables: Vec::new(),
            scalars: Vec::new(),
            batches: batches.to_vec(),
            order: None,
        }
    }

    fn samples(&self) -> usize {
        self.batches.iter().sum()
    }

    fn input(&mut self, row: &[usize], values: Vec<f32>) -> NodeId {
        let shape: Vec<usize> = std::iter::once(self.samples()).chain(row.iter().copied()).collect();
        self.data.push(Tensor::f32(&shape, values).unwrap());
        self.graph.input("x", row, Element::F32)
    }

    /// An input of small integers.
    fn integers(&mut self, row: &[usize]) -> NodeId {
        let count = self.samples() * row.iter().product::<usize>();
        let salt = self.data.len();
        self.input(row, integers(count, salt))
    }

    fn output(&mut self, node: NodeId) {
        let name = format!("output {}", self.graph.outputs.len());
        self.graph.output(&name, node).unwrap();
    }

    fn steps(&self) -> Vec<Step> {
        let mut offset = 0;
        let step = |(row, &batch): (usize, &usize)| {
            offset += batch;
            let key = Key { step: KEY.step + row as u32, ..KEY };
            Step { batch, offset: offset - batch, row, key, scalars: self.scalars.clone() }
        };
        self.batches.iter().enumerate().map(step).collect()
    }

    fn run(&self, options: Options, threads: usize) -> Left {
        let most = *self.batches.iter().max().unwrap();
        let program = schedule(&self.graph, Target::Cpu, options, most).unwrap();
        let mut engine = Engine::new(Some(threads)).unwrap();
        engine.set_variables(&self.graph.variables).unwrap();
        for (i, values) in self.variables.iter().enumerate() {
            engine.write_variable(VariableId(i), values).unwrap();
        }
        let program = engine.load(program).unwrap();
        let data: Vec<_> = self.data.iter().cloned().map(Arc::new).collect();
        let binding = engine.bind(program, &data, self.batches.len()).unwrap();
        if let Some(order) = &self.order {
            engine.set_order(binding, order).unwrap();
        }
        block_on(engine.run(binding, &self.steps())).unwrap();
        let mut left = block_on(engine.outputs(binding)).unwrap();
        for i in 0..self.variables.len() {
            left.push(block_on(engine.read_variable(VariableId(i))).unwrap());
        }
        left
    }

    fn reference(&self) -> Vec<Vec<f64>> {
        let mut plain = Plain::new(&self.graph);
        for (to, values) in plain.variables.iter_mut().zip(&self.variables) {
            *to = values.iter().copied().map(f64::from).collect();
        }
        let mut outputs = vec![Vec::new(); self.graph.outputs.len()];
        for step in self.steps() {
            let rows = step.offset..step.offset + step.batch;
            let inputs = self.data.iter().map(|data| self.batch(data, rows.clone())).collect();
            let scalars = step.scalars.iter().copied().map(f64::from).collect();
            let feed = Feed { batch: step.batch, inputs, scalars, key: step.key };
            let result = plain.step(&self.graph, &feed).unwrap();
            for (all, (_, value)) in outputs.iter_mut().zip(result.outputs) {
                all.extend(value.data);
            }
        }
        outputs.extend(plain.variables);
        outputs
    }

    /// The rows of a batch, by the order.
    fn batch(&self, data: &Tensor, rows: std::ops::Range<usize>) -> Tensor {
        let Some(order) = &self.order else { return data.slice_rows(rows).unwrap() };
        let pick: Vec<usize> = order[rows].iter().map(|&i| i as usize).collect();
        let mut shape = data.shape().to_vec();
        shape[0] = pick.len();
        let row = data.row_len();
        let places: Vec<usize> = pick.iter().flat_map(|&i| i * row..(i + 1) * row).collect();
        let values = match data.values() {
            Values::F32(v) => Values::F32(places.iter().map(|&i| v[i]).collect()),
            Values::U32(v) => Values::U32(places.iter().map(|&i| v[i]).collect()),
            Values::U8 { bytes, scale } => {
                Values::U8 { bytes: places.iter().map(|&i| bytes[i]).collect(), scale: *scale }
            }
        };
        Tensor::new(&shape, values).unwrap()
    }

    /// Runs the case with every pass on and off, with one thread and two, which must agree bit for bit; and against
    /// the reference, each number within `bound` of the exact one.
    #[track_caller]
    fn check_within(&self, bound: impl Fn(f64) -> f64) {
        let exact = self.reference();
        for bits in 0..8 {
            let options = Options { simplify: bits & 1 > 0, fuse: bits & 2 > 0, reuse: bits & 4 > 0 };
            let [left, on_two] = [1, 2].map(|threads| self.run(options, threads));
            let bits = |left: &Left| left.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert!(bits(&left) == bits(&on_two), "{options:?}: two threads find another result");
            for (i, (left, exact)) in left.iter().zip(&exact).enumerate() {
                assert_eq!(left.len(), exact.len(), "{options:?}: result {i}");
                for (j, (&found, &exact)) in left.iter().zip(exact).enumerate() {
                    let same = f64::from(found) == exact || (found.is_nan() && exact.is_nan());
                    let close = (f64::from(found) - exact).abs() <= bound(exact);
                    assert!(
                        same || close,
                        "{options:?}: result {i}, element {j}: {found:e}, exact {exact:e}"
                    );
                }
            }
        }
    }

    #[track_caller]
    fn check(&self) {
        self.check_within(|_| 0.0);
    }
}

fn window(size: [usize; 2], stride: [usize; 2], pad: [usize; 2]) -> Window {
    let axis =
        |i: usize, before| Axis { size: size[i], stride: stride[i], dilation: 1, before, after: pad[i] };
    Window { height: axis(0, 0), width: axis(1, pad[1]) }
}

const UNARY: [Unary; 15] = [
    Unary::Negate,
    Unary::Abs,
    Unary::Sign,
    Unary::Exp,
    Unary::Log,
    Unary::Expm1,
    Unary::Log1p,
    Unary::Erf,
    Unary::Erfc,
    Unary::Sqrt,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Relu,
    Unary::Detach,
];

const BINARY: [Binary; 6] =
    [Binary::Add, Binary::Subtract, Binary::Multiply, Binary::Divide, Binary::Maximum, Binary::Minimum];

const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessEqual,
    Comparison::Greater,
    Comparison::GreaterEqual,
];

/// Functions of one value are within three units of the last place, as `region::math` bounds them.
#[test]
fn functions_of_one_value() {
    let mut case = Case::new(&[700, 700, 3]);
    let mut values: Vec<f32> = (0..2806).map(|i| (i as f32 - 1400.0) / 64.0).collect();
    values[..6].copy_from_slice(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 1e-30]);
    let x = case.input(&[2], values);
    for f in UNARY {
        let y = case.graph.unary(f, x);
        case.output(y);
    }
    case.check_within(|exact| 3.0 * exact.abs().max(f64::from(f32::MIN_POSITIVE)) * 2f64.powi(-23));
}

/// Every shape that broadcasts to `[B, 3, 5]`, on either side.
#[test]
fn functions_of_two_values() {
    let mut case = Case::new(&[300, 300, 7]);
    let full = case.integers(&[3, 5]);
    let row = case.integers(&[1, 1]);
    let vector = case.integers(&[]);
    let vector =
        case.graph.reshape(vector, &Shape(vec![Dim::batch(1), Dim::fixed(1), Dim::fixed(1)])).unwrap();
    let (weights, mut others) = (case.graph.variable("weights"), vec![full, row, vector]);
    for shape in [&[5][..], &[3, 1], &[1, 3, 5], &[1], &[3, 5]] {
        others.push(case.graph.parameter("parameter", shape, weights));
    }
    case.variables.push(integers(5 * 256, 8));
    for other in others {
        for (a, b) in [(full, other), (other, full)] {
            for f in BINARY.into_iter().filter(|f| *f != Binary::Divide) {
                let y = case.graph.binary(f, a, b).unwrap();
                case.output(y);
            }
            for f in COMPARISONS {
                let y = case.graph.compare(f, a, b).unwrap();
                case.output(y);
            }
            let y = case.graph.select(a, b, full).unwrap();
            case.output(y);
        }
    }
    case.check();
}

#[test]
fn nan_and_infinity_go_through() {
    let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0, 2.0];
    let mut case = Case::new(&[36]);
    let a = case.input(&[], (0..36).map(|i| special[i / 6]).collect());
    let b = case.input(&[], (0..36).map(|i| special[i % 6]).collect());
    for f in BINARY {
        let y = case.graph.binary(f, a, b).unwrap();
        case.output(y);
    }
    for f in COMPARISONS {
        let y = case.graph.compare(f, a, b).unwrap();
        case.output(y);
    }
    let y = case.graph.select(a, a, b).unwrap();
    case.output(y);
    case.check();
}

#[test]
fn integers_bytes_and_casts() {
    let mut case = Case::new(&[5, 2]);
    case.order = Some(vec![6, 0, 3, 1, 2, 5, 4]);
    case.data.push(Tensor::u8(&[7, 300], (0..2100).map(|i| (i % 251) as u8).collect()).unwrap());
    case.data.push(Tensor::u32(&[7], vec![2, 1, 0, 299, 7, 5, 100]).unwrap());
    let g = &mut case.graph;
    let (bytes, labels) = (g.input("bytes", &[300], Element::U8), g.input("labels", &[], Element::U32));
    let floats = g.cast(bytes, Element::F32);
    let labels = g.reshape(labels, &Shape(vec![Dim::batch(1), Dim::fixed(1)])).unwrap();
    let classes = g.iota(&Shape::fixed(&[1, 300]), 1).unwrap();
    let one_hot = g.compare(Comparison::Equal, labels, classes).unwrap();
    let chosen = g.multiply(one_hot, floats).unwrap();
    let found = g.argmax(chosen, 1).unwrap();
    let same = g.compare(Comparison::Equal, found, labels).unwrap();
    let again = g.cast(floats, Element::U32);
    let again = g.cast(again, Element::F32);
    let count = g.sum_all(same).unwrap();
    for node in [floats, one_hot, chosen, same, again, count] {
        case.output(node);
    }
    case.check();
}

/// Sums, extremes and argmax over every set of axes, with rows shorter and longer than a block.
#[test]
fn reductions() {
    for row in [[3, 4, 5], [2, 1, 3000], [1, 1500, 2], [40, 7, 1], [1, 1, 1]] {
        let mut case = Case::new(&[6, 1]);
        let x = case.integers(&row);
        for axes in
            [&[1][..], &[2], &[3], &[1, 2], &[2, 3], &[1, 3], &[1, 2, 3], &[0], &[0, 2], &[0, 1, 2, 3]]
        {
            for kind in [Reduction::Sum, Reduction::Max, Reduction::Min] {
                let y = case.graph.reduce(kind, x, axes).unwrap();
                let back = case.graph.subtract(x, y).unwrap();
                let back = case.graph.unary(Unary::Abs, back);
                case.output(back);
            }
        }
        for axis in 0..4 {
            let y = case.graph.argmax(x, axis).unwrap();
            let y = case.graph.cast(y, Element::F32);
            let y = case.graph.add(y, x).unwrap();
            case.output(y);
        }
        case.check();
    }
}

/// A row that is reduced, compared with the result, and reduced again: in one block, and in passes.
#[test]
fn reductions_of_reductions() {
    for columns in [6, 1024, 1025, 5000] {
        let mut case = Case::new(&[4, 3]);
        let x = case.integers(&[columns]);
        let g = &mut case.graph;
        let largest = g.reduce(Reduction::Max, x, &[1]).unwrap();
        let distance = g.subtract(x, largest).unwrap();
        let sum = g.sum(distance, &[1]).unwrap();
        let above = g.compare(Comparison::Greater, distance, sum).unwrap();
        let first = g.argmax(distance, 1).unwrap();
        let first = g.cast(first, Element::F32);
        let mixed = g.multiply(above, first).unwrap();
        let count = g.sum(mixed, &[1]).unwrap();
        let all = g.sum_all(count).unwrap();
        for node in [distance, count, all, mixed] {
            case.output(node);
        }
        case.check();
    }
}

#[test]
fn nan_in_rows() {
    for columns in [7, 3000] {
        let mut case = Case::new(&[3]);
        let mut values = integers(3 * columns, 1);
        values[columns + 3] = f32::NAN;
        values[2 * columns..].fill(f32::NAN);
        let x = case.input(&[columns], values);
        for kind in [Reduction::Sum, Reduction::Max, Reduction::Min] {
            let y = case.graph.reduce(kind, x, &[1]).unwrap();
            case.output(y);
        }
        let y = case.graph.argmax(x, 1).unwrap();
        let y = case.graph.cast(y, Element::F32);
        case.output(y);
        case.check();
    }
}

#[test]
fn transpositions() {
    let mut case = Case::new(&[9, 2]);
    let x = case.integers(&[3, 40, 5]);
    for order in [[0, 1, 3, 2], [0, 3, 2, 1], [0, 2, 3, 1], [0, 2, 1, 3]] {
        let y = case.graph.transpose(x, &order).unwrap();
        let z = case.graph.unary(Unary::Relu, y);
        case.output(y);
        case.output(z);
    }
    let there = case.graph.transpose(x, &[3, 1, 0, 2]).unwrap();
    let back = case.graph.transpose(there, &[2, 1, 3, 0]).unwrap();
    case.output(back);
    case.check();
}

#[test]
fn products_with_bias_and_relu() {
    for [k, n] in [[1, 1], [7, 33], [600, 6]] {
        let mut case = Case::new(&[37, 5]);
        let x = case.integers(&[k]);
        let g = &mut case.graph;
        let weights = g.variable("weights");
        let w = g.parameter("kernel", &[k, n], weights);
        let b = g.parameter("bias", &[n], weights);
        let y = g.matmul(x, w, false, false).unwrap();
        let y = g.add(y, b).unwrap();
        let y = g.unary(Unary::Relu, y);
        let loss = g.sum_all(y).unwrap();
        let gradients = g.gradients(loss, &[w, b, x]).unwrap();
        let packed = g.pack(weights, &gradients[..2]).unwrap();
        let old = g.read(weights);
        let new = g.subtract(old, packed).unwrap();
        // The weights stay small, so that every result stays exact.
        let small = g.scalar("bound");
        let new = g.binary(Binary::Minimum, new, small).unwrap();
        let negative = g.unary(Unary::Negate, small);
        let new = g.binary(Binary::Maximum, new, negative).unwrap();
        g.assign(weights, new).unwrap();
        case.scalars.push(3.0);
        case.variables.push(integers(case.graph.variables[0].segments * 256, 2));
        for node in [y, loss, gradients[2]] {
            case.output(node);
        }
        case.check();
    }
}

/// Convolutions and pools, forwards and backwards, behind each other.
#[test]
fn images() {
    for (size, stride, pad) in [([3, 3], [1, 1], [0, 0]), ([3, 2], [2, 1], [1, 1]), ([2, 2], [2, 2], [0, 1])]
    {
        let mut case = Case::new(&[3, 2]);
        let x = case.integers(&[9, 8, 3]);
        let g = &mut case.graph;
        let weights = g.variable("weights");
        let w = g.parameter("kernel", &[size[0], size[1], 3, 5], weights);
        let b = g.parameter("bias", &[5], weights);
        let y = g.conv(x, w, window(size, stride, pad)).unwrap();
        let y = g.add(y, b).unwrap();
        let y = g.unary(Unary::Relu, y);
        let pooled = g.max_pool(y, window([2, 2], [1, 2], [1, 0])).unwrap();
        let average = g.average_pool(pooled, window([2, 1], [2, 1], [0, 0])).unwrap();
        let loss = g.sum_all(average).unwrap();
        let gradients = g.gradients(loss, &[w, b, x]).unwrap();
        let packed = g.pack(weights, &gradients[..2]).unwrap();
        g.assign(weights, packed).unwrap();
        case.variables.push(integers(case.graph.variables[0].segments * 256, 3));
        case.batches.truncate(1);
        case.data[0] = case.data[0].slice_rows(0..3).unwrap();
        for node in [y, pooled, average, loss, gradients[2]] {
            case.output(node);
        }
        case.check();
    }
}

/// Random numbers are those of the graph's generator, wherever a block starts.
#[test]
fn random_numbers() {
    let mut case = Case::new(&[900, 17]);
    let x = case.integers(&[3]);
    let noise = case.graph.random(&Shape::batched(&[3]));
    let other = case.graph.random(&Shape::batched(&[3]));
    let both = case.graph.add(noise, other).unwrap();
    let masked = case.graph.compare(Comparison::Less, noise, other).unwrap();
    let masked = case.graph.multiply(masked, x).unwrap();
    for node in [noise, masked] {
        case.output(node);
    }
    case.check();
    let left = case.run(Options::default(), 2);
    for (i, &found) in left[0].iter().enumerate() {
        let (row, index) = if i < 2700 { (0, i) } else { (1, i - 2700) };
        assert_eq!(found, uniform(Key { step: KEY.step + row, ..KEY }, 0, index as u32), "element {i}");
    }
    case.output(both);
    case.check_within(|exact| exact * 2f64.powi(-24));
}

/// The gradient of a softmax cross-entropy: with every pass on or off the same bits on one thread and two.
#[test]
fn softmax_step() {
    let mut case = Case::new(&[32, 32, 5]);
    let x = case.integers(&[20]);
    let y = case.integers(&[6]);
    let g = &mut case.graph;
    let weights = g.variable("weights");
    let w = g.parameter("kernel", &[20, 6], weights);
    let logits = g.matmul(x, w, false, false).unwrap();
    let largest = g.reduce(Reduction::Max, logits, &[1]).unwrap();
    let largest = g.detach(largest);
    let z = g.subtract(logits, largest).unwrap();
    let e = g.unary(Unary::Exp, z);
    let sum = g.sum(e, &[1]).unwrap();
    let probability = g.divide(e, sum).unwrap();
    let log = g.unary(Unary::Log, sum);
    let log = g.subtract(z, log).unwrap();
    let product = g.multiply(y, log).unwrap();
    let loss = g.mean_all(product).unwrap();
    let gradients = g.gradients(loss, &[w]).unwrap();
    let packed = g.pack(weights, &gradients).unwrap();
    g.assign(weights, packed).unwrap();
    case.variables.push(integers(256, 3));
    for node in [probability, loss] {
        case.output(node);
    }
    // Logits of the later steps are as exact as the weights: the sums of 32·20 terms below 4·|y| <= 16, and the
    // functions after them, each within a few units of the last place of numbers below 2^10.
    case.check_within(|_| 2f64.powi(10 - 24) * 8.0 * 640f64.sqrt());
}
