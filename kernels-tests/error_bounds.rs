//! How far f32 may lie from f64 in each element of each node of a forward graph: what the errors of a node's inputs become,
//! and its own rounding. Sums of K terms have the bound that the design asks of every kernel,
//! 8·√K·2⁻²⁴·Σ|terms| + K·2⁻¹²⁶.

use std::cell::RefCell;

use super::activations::{TINY, UNIT, own_error};
use crate::cpu::plain::{Feed, Plain, Value};
use crate::graph::{Binary, Graph, NodeId, Op, Reduction};

/// Errors of all nodes of `graph`, whose values are `values`.
pub fn error_bounds(graph: &Graph, plain: &Plain, feed: &Feed, values: &[Value]) -> Vec<Value> {
    let (mut errors, moved) = (Vec::<Value>::new(), RefCell::new(values.to_vec()));
    for id in graph.ids() {
        let data = Bounds { graph, plain, feed, values, errors: &errors, moved: &moved, id }.node();
        // What is no number bounds nothing.
        let data = data.into_iter().map(|e| if e.is_nan() { f64::INFINITY } else { e }).collect();
        errors.push(Value { shape: values[id.0].shape.clone(), data });
    }
    errors
}

/// One node, and all before it.
struct Bounds<'a> {
    graph: &'a Graph,
    plain: &'a Plain,
    feed: &'a Feed,
    values: &'a [Value],
    errors: &'a [Value],
    /// The values, of which a few are others for a while.
    moved: &'a RefCell<Vec<Value>>,
    id: NodeId,
}

impl Bounds<'_> {
    fn node(&self) -> Vec<f64> {
        let node = self.graph.node(self.id);
        let count = self.values[self.id.0].data.len();
        match &node.op {
            Op::Unary(f) => self.corners(own_error(*f)),
            Op::Binary(Binary::Maximum | Binary::Minimum) => self.corners(0.0),
            Op::Binary(Binary::Divide) => self.corners(5.0),
            Op::Binary(_) => self.corners(1.0),
            // A condition that may be either way: the corners hold both.
            Op::Compare(_) | Op::Select => self.corners(0.0),
            Op::Reduce { kind: Reduction::Sum, axes } => {
                let x = &self.values[node.inputs[0].0];
                self.sums(axes.iter().map(|&axis| x.shape[axis]).product())
            }
            Op::MatMul { transpose_a, .. } => {
                let a = &self.values[node.inputs[0].0].shape;
                self.sums(a[a.len() - if *transpose_a { 2 } else { 1 }])
            }
            Op::Conv(window) => {
                let channels = self.values[node.inputs[1].0].shape[2];
                self.sums(window.height.size * window.width.size * channels)
            }
            Op::ConvInputGradient(window) => {
                let filters = self.values[node.inputs[1].0].shape[3];
                self.sums(window.height.size * window.width.size * filters)
            }
            Op::AveragePool(window) => self.sums(window.height.size * window.width.size),
            // What is moved takes its error along, and no largest of several moves further than any of them.
            Op::Reduce { .. } | Op::MaxPool(_) => self.with(self.errors),
            Op::Cast
            | Op::Broadcast
            | Op::Reshape
            | Op::Transpose { .. }
            | Op::Slice { .. }
            | Op::Pad { .. } => self.with(self.errors),
            Op::Concat { .. } => self.with(self.errors),
            Op::Gather => self.linear_in_first(),
            Op::Input(_) | Op::Parameter(_) | Op::Variable(_) | Op::Scalar(_) | Op::BatchSize => {
                vec![0.0; count]
            }
            Op::Constant(_) | Op::Iota { .. } | Op::Random { .. } => vec![0.0; count],
            other => panic!("{} stands in no forward graph", other.name()),
        }
    }

    /// The node of other inputs.
    fn with(&self, inputs: &[Value]) -> Vec<f64> {
        self.plain.compute(self.graph, self.feed, self.id, &self.values[self.id.0].shape, inputs)
    }

    /// The node, of whose inputs some have other elements: pairs of number and elements.
    fn with_inputs(&self, others: Vec<(usize, Vec<f64>)>) -> Vec<f64> {
        let inputs = &self.graph.node(self.id).inputs;
        let mut moved = self.moved.borrow_mut();
        others.into_iter().for_each(|(n, data)| moved[inputs[n].0].data = data);
        let found = self.with(&moved);
        inputs.iter().for_each(|input| moved[input.0].data.clone_from(&self.values[input.0].data));
        found
    }

    /// The largest deviation at the ends of all inputs' intervals, where functions monotone in each input have it, and `own`
    /// half units in the last place.
    fn corners(&self, own: f64) -> Vec<f64> {
        let inputs = &self.graph.node(self.id).inputs;
        let values = &self.values[self.id.0].data;
        let mut bounds = vec![0.0_f64; values.len()];
        for corner in 0..1 << inputs.len() {
            let end = |(bit, input): (usize, &NodeId)| {
                let sign = if corner >> bit & 1 == 0 { -1.0 } else { 1.0 };
                let (base, errors) = (&self.values[input.0].data, &self.errors[input.0].data);
                (bit, base.iter().zip(errors).map(|(x, e)| x + sign * e).collect())
            };
            let found = self.with_inputs(inputs.iter().enumerate().map(end).collect());
            for (bound, (found, value)) in bounds.iter_mut().zip(found.iter().zip(values)) {
                *bound = bound.max(if found.is_nan() { f64::INFINITY } else { (found - value).abs() });
            }
        }
        bounds.iter().zip(values).map(|(bound, y)| bound + own * UNIT * (y.abs() + bound) + TINY).collect()
    }

    /// A sum of `terms` terms, each a value or a product of two.
    fn sums(&self, terms: usize) -> Vec<f64> {
        let inputs = &self.graph.node(self.id).inputs;
        let magnitude = |n: usize| self.values[inputs[n].0].data.iter().map(|x| x.abs()).collect::<Vec<_>>();
        let error = |n: usize| self.errors[inputs[n].0].data.clone();
        let together = |n: usize| magnitude(n).iter().zip(error(n)).map(|(x, e)| x + e).collect::<Vec<_>>();
        let of = |parts: Vec<Vec<f64>>| self.with_inputs(parts.into_iter().enumerate().collect());
        let (carried, whole) = match inputs.len() {
            1 => (of(vec![error(0)]), of(vec![together(0)])),
            _ => {
                // (a + e)·(b + d) − a·b, in magnitudes.
                let (whole, exact) =
                    (of(vec![together(0), together(1)]), of(vec![magnitude(0), magnitude(1)]));
                (whole.iter().zip(exact).map(|(whole, exact)| whole - exact).collect(), whole)
            }
        };
        let terms = terms as f64;
        let own = |whole: f64| 8.0 * terms.sqrt() * UNIT * whole + terms * 2f64.powi(-126);
        carried.iter().zip(whole).map(|(carried, whole)| carried + own(whole)).collect()
    }

    fn linear_in_first(&self) -> Vec<f64> {
        let first = self.graph.node(self.id).inputs[0].0;
        self.with_inputs(vec![(0, self.errors[first].data.clone())])
    }
}
