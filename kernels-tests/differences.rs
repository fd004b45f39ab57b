//! Central finite differences in f64 through the interpreter, against the gradients of the graph.

use std::collections::BTreeMap;

use crate::cpu::plain::{Feed, Plain};
use crate::error::Result;
use crate::graph::random::philox;
use crate::graph::{Graph, NodeId, Unary};
use crate::tensor::{Dim, Shape};

/// The step of the differences.
const STEP: f64 = 1.0 / 1024.0;

/// The batch of every check: other than the sizes in use.
pub const BATCH: usize = 5;

/// The sizes `sizes`, of which 0 stands for B.
pub fn shape(sizes: &[usize]) -> Shape {
    Shape(sizes.iter().map(|&n| if n == 0 { Dim::batch(1) } else { Dim::fixed(n) }).collect())
}

/// A graph whose loss depends on leaves of chosen values.
struct Check {
    graph: Graph,
    values: BTreeMap<NodeId, Vec<f64>>,
    leaves: Vec<NodeId>,
    loss: NodeId,
    /// The terms that the loss sums, whose sizes bound its rounding error.
    terms: NodeId,
}

/// Checks the derivative of `build`, an operation of leaves of the given shapes, in the middle of a graph: each
/// leaf goes through a function first, and the result meets a random cotangent that depends on itself.
#[track_caller]
pub fn check(shapes: &[Shape], build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>) {
    check_rounded(shapes, 0.0, build);
}

/// As [`check`], of a derivative with a constant that f32 rounds by the share `rounded`.
#[track_caller]
pub fn check_rounded(
    shapes: &[Shape],
    rounded: f64,
    build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>,
) {
    let mut check = Check::new(shapes, build).unwrap();
    for (leaf, gradient) in check.gradients().into_iter().enumerate() {
        check.compare(leaf, &gradient, rounded);
    }
}

/// The gradients that the graph gives, for leaves through which none should flow.
#[track_caller]
pub fn check_no_gradient(shapes: &[Shape], build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>) {
    let mut check = Check::new(shapes, build).unwrap();
    let gradients = check.gradients();
    assert!(gradients.iter().flatten().all(|&g| g == 0.0), "{gradients:?}");
}

impl Check {
    fn new(shapes: &[Shape], build: impl Fn(&mut Graph, &[NodeId]) -> Result<NodeId>) -> Result<Self> {
        let mut graph = Graph::new();
        let leaves: Vec<NodeId> = shapes.iter().map(|shape| graph.random(shape)).collect();
        let inputs: Vec<NodeId> =
            leaves.iter().map(|&leaf| before(&mut graph, leaf)).collect::<Result<_>>()?;
        let result = build(&mut graph, &inputs)?;
        let cotangent_shape = graph.shape(result).clone();
        let cotangent = graph.random(&cotangent_shape);
        let (terms, loss) = after(&mut graph, result, cotangent)?;
        let mut values: BTreeMap<_, _> = leaves
            .iter()
            .zip(shapes)
            .enumerate()
            .map(|(i, (&leaf, shape))| (leaf, spread(shape, i)))
            .collect();
        let signed = |x: &f64| 2.0 * x - 1.0;
        values.insert(cotangent, spread(&cotangent_shape, shapes.len()).iter().map(signed).collect());
        Ok(Self { graph, values, leaves, loss, terms })
    }

    fn evaluate(&self, graph: &Graph, values: &BTreeMap<NodeId, Vec<f64>>) -> Vec<Vec<f64>> {
        let feed = Feed { batch: BATCH, ..Feed::default() };
        let values = Plain::new(graph).evaluate_with(graph, &feed, values).unwrap();
        values.into_iter().map(|v| v.data).collect()
    }

    /// The gradient of each leaf. They go to a copy of the graph: the differences need the forward pass alone.
    fn gradients(&mut self) -> Vec<Vec<f64>> {
        let mut graph = self.graph.clone();
        let nodes = graph.gradients(self.loss, &self.leaves).unwrap();
        let values = self.evaluate(&graph, &self.values);
        nodes.iter().map(|n| values[n.0].clone()).collect()
    }

    /// (loss(x + h) − loss(x − h)) / 2h, where x is one element of one leaf.
    fn difference(&mut self, leaf: usize, element: usize, h: f64) -> f64 {
        let leaf = self.leaves[leaf];
        let x = self.values[&leaf][element];
        let mut loss = |moved: f64| {
            self.values.get_mut(&leaf).unwrap()[element] = moved;
            self.evaluate(&self.graph, &self.values)[self.loss.0][0]
        };
        let difference = loss(x + h) - loss(x - h);
        self.values.get_mut(&leaf).unwrap()[element] = x;
        difference / (2.0 * h)
    }

    /// Richardson's extrapolation R(h) = (4 D(h) − D(2h)) / 3 of the differences, and a bound of its error. What
    /// truncation leaves falls with h⁴, so that |R(2h) − R(h)| is 15 times what is left of it in R(h). Rounding
    /// adds n·2⁻⁵³·S to a loss of terms S, n = 2¹⁰ being more operations than any value here goes through; the
    /// extrapolation makes at most 1.5/h of that.
    fn extrapolate(&mut self, leaf: usize, element: usize, size: f64) -> (f64, f64) {
        let [near, middle, far] = [1.0, 2.0, 4.0].map(|n| self.difference(leaf, element, n * STEP));
        let (fine, coarse) = ((4.0 * near - middle) / 3.0, (4.0 * middle - far) / 3.0);
        let truncation = (fine - coarse).abs();
        let rounding = 1.5 / STEP * 2f64.powi(10 - 53) * size;
        assert!(truncation <= 1e-5 * size, "leaf {leaf}, element {element}: {truncation:e}, a kink is near");
        (fine, truncation + rounding)
    }

    #[track_caller]
    fn compare(&mut self, leaf: usize, gradient: &[f64], rounded: f64) {
        let terms = &self.evaluate(&self.graph, &self.values)[self.terms.0];
        let size = 1.0 + terms.iter().map(|t| t.abs()).sum::<f64>();
        let mut largest = 0.0f64;
        for (element, &found) in gradient.iter().enumerate() {
            let (expected, bound) = self.extrapolate(leaf, element, size);
            let close = (found - expected).abs() <= bound + rounded * expected.abs();
            assert!(
                close,
                "leaf {leaf}, element {element}: gradient {found}, difference {expected} (± {bound:e})\n{}",
                self.graph
            );
            largest = largest.max(expected.abs());
        }
        assert!(
            largest > 1e-3,
            "leaf {leaf} has no influence: the check would prove nothing\n{}",
            self.graph
        );
    }
}

/// f(x) = 2.6 x − 1.1 + x²/4: from −1.1 to 1.75 for x in [0, 1).
fn before(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let (square, line) = (graph.multiply(x, x)?, graph.scale(x, 2.6)?);
    let (square, shift) = (graph.scale(square, 0.25)?, graph.constant(1.1));
    let sum = graph.add(line, square)?;
    graph.subtract(sum, shift)
}

/// c · (y + y²/4) and its sum: the cotangent of y is c · (1 + y/2).
fn after(graph: &mut Graph, y: NodeId, c: NodeId) -> Result<(NodeId, NodeId)> {
    let square = graph.multiply(y, y)?;
    let square = graph.scale(square, 0.25)?;
    let bent = graph.add(y, square)?;
    let terms = graph.multiply(c, bent)?;
    Ok((terms, graph.sum_all(terms)?))
}

/// Distinct values in [0, 1), evenly spaced in random order, those of up to three other leaves between them: so
/// no difference steps over a tie.
fn spread(shape: &Shape, leaf: usize) -> Vec<f64> {
    let count = shape.count().at(BATCH);
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&i| philox([i as u32, leaf as u32, 0, 0], [7, 0])[0]);
    let offset = [0.55, 0.25, 0.8, 0.4][leaf];
    order.iter().map(|&i| (i as f64 + offset) / count as f64).collect()
}

/// ln(1 + eˣ): a positive value for functions that want one.
pub fn positive(graph: &mut Graph, x: NodeId) -> NodeId {
    graph.unary(Unary::Softplus, x)
}
