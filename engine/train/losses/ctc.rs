use super::{Loss, Prediction, Targets, negative_log_softmax};
use crate::error::{Error, Result};
use crate::graph::{Along, Binary, Comparison, Element, Graph, NodeId, Reduction, Unary};
use crate::tensor::{Dim, Shape};

/// Connectionist temporal classification (Graves et al. 2006): −log of the probability that logits `[B, time, classes]` spell
/// the labels, with any repetition and any blanks, class 0, between them. Targets are class numbers from 1 on, at most as
/// many as there are time steps, zeros behind the last.
///
/// The sum over all alignments is unrolled over time, in logarithms. Labels that no alignment spells, since there are too
/// few time steps, cost some 1e30.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ctc;

/// The logarithm of what is impossible: finite, so that no difference of two is NaN.
const NEVER: f32 = -1e30;

impl Loss for Ctc {
    fn name(&self) -> &'static str {
        "ctc"
    }

    fn targets(&self) -> Targets {
        Targets::Sequences
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let shape = graph.shape(prediction.value).clone();
        let &[batch, time, _] = shape.0.as_slice() else {
            let remedy = "let the last layers keep the time axis";
            return Err(Error::shape("loss \"ctc\"", "the output", shape, "[B, time, classes]", remedy));
        };
        let emissions = Emissions::new(graph, target, prediction.value)?;
        let labels = Dim::fixed(emissions.labels);
        let start = graph.full(NEVER, &Shape(vec![batch, Dim::fixed(labels.factor + 1)]));
        let (blank, label) = emissions.at(graph, 0)?;
        let mut blanks = first(graph, blank, start)?;
        let start = graph.full(NEVER, &Shape(vec![batch, labels]));
        let mut spelt = first(graph, label, start)?;
        for step in 1..time.factor {
            let (blank, label) = emissions.at(graph, step)?;
            // The last label, seen from the blank behind it and from the next label.
            let before = shifted(graph, spelt)?;
            let (own, last) =
                (leading(graph, blanks, labels.factor)?, leading(graph, before, labels.factor)?);
            let never = graph.constant(NEVER);
            let skipped = graph.select(emissions.differs, last, never)?;
            let to_blanks = log_sum(graph, &[blanks, before])?;
            let to_labels = log_sum(graph, &[spelt, own, skipped])?;
            blanks = graph.add(to_blanks, blank)?;
            spelt = graph.add(to_labels, label)?;
        }
        let ends = [(blanks, 0.0), (spelt, 1.0)];
        let ends = ends.map(|(states, offset)| emissions.end(graph, states, offset));
        let [blank, label] = ends;
        let total = log_sum(graph, &[blank?, label?])?;
        let total = graph.reshape(total, &Shape(vec![batch]))?;
        Ok(graph.unary(Unary::Negate, total))
    }
}

/// What the network says of the labels at each time step, in logarithms.
struct Emissions {
    /// How many labels there may be.
    labels: usize,
    /// `[B, time, 1]`
    blank: NodeId,
    /// `[B, time, labels]`
    label: NodeId,
    /// Whether a label may follow the one before without a blank between: `[B, labels]`.
    differs: NodeId,
    /// The number of labels of each sample: `[B, 1]`.
    lengths: NodeId,
}

impl Emissions {
    fn new(graph: &mut Graph, target: NodeId, logits: NodeId) -> Result<Self> {
        let [batch, _, classes] = [0, 1, 2].map(|axis| graph.shape(logits).0[axis]);
        let labels = graph.shape(target).0[1];
        let cost = negative_log_softmax(graph, logits, 2)?;
        let log = graph.unary(Unary::Negate, cost);
        let blank = graph.slice(log, &[Along::new(2, 0, 1)])?;
        let numbers = graph.iota(&Shape(vec![Dim::fixed(1), Dim::fixed(1), classes]), 2)?;
        let wanted = graph.reshape(target, &Shape(vec![batch, labels, Dim::fixed(1)]))?;
        let chosen = graph.compare(Comparison::Equal, wanted, numbers)?;
        let label = graph.matmul(log, chosen, false, true)?;
        let target = graph.cast(target, Element::F32);
        let zero = graph.constant(0.0);
        let counts = graph.compare(Comparison::NotEqual, target, zero)?;
        let lengths = graph.sum(counts, &[1])?;
        // 0 stands before the first label, which therefore differs; nothing leads there anyway.
        let before = graph.pad(target, &[Along::new(1, 1, labels.factor + 1)])?;
        let before = leading(graph, before, labels.factor)?;
        let differs = graph.compare(Comparison::NotEqual, target, before)?;
        Ok(Self { labels: labels.factor, blank, label, differs, lengths })
    }

    /// The blank `[B, 1]` and the labels `[B, labels]` at time `step`.
    fn at(&self, graph: &mut Graph, step: usize) -> Result<(NodeId, NodeId)> {
        let mut part = |node| -> Result<NodeId> {
            let slice = graph.slice(node, &[Along::new(1, step, 1)])?;
            let [batch, _, width] = [0, 1, 2].map(|axis| graph.shape(slice).0[axis]);
            graph.reshape(slice, &Shape(vec![batch, width]))
        };
        Ok((part(self.blank)?, part(self.label)?))
    }

    /// The state, `[B, 1]`, in which a sample's alignments end: as many as its labels, less `offset`.
    fn end(&self, graph: &mut Graph, states: NodeId, offset: f32) -> Result<NodeId> {
        let place = place(graph, states)?;
        let offset = graph.constant(offset);
        let wanted = graph.subtract(self.lengths, offset)?;
        let here = graph.compare(Comparison::Equal, place, wanted)?;
        let never = graph.constant(NEVER);
        let states = graph.select(here, states, never)?;
        graph.reduce(Reduction::Max, states, &[1])
    }
}

/// The index along the second axis, as a float.
fn place(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let width = graph.shape(x).0[1];
    let numbers = graph.iota(&Shape(vec![Dim::fixed(1), width]), 1)?;
    Ok(graph.cast(numbers, Element::F32))
}

/// The first column of `x` before others of `rest`.
fn first(graph: &mut Graph, x: NodeId, rest: NodeId) -> Result<NodeId> {
    let place = place(graph, rest)?;
    let zero = graph.constant(0.0);
    let here = graph.compare(Comparison::Equal, place, zero)?;
    graph.select(here, x, rest)
}

/// `x` one place further on, behind a column of what is impossible.
fn shifted(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let width = graph.shape(x).0[1].factor;
    let moved = graph.pad(x, &[Along::new(1, 1, width + 1)])?;
    let never = graph.full(NEVER, &graph.shape(moved).clone());
    first(graph, never, moved)
}

fn leading(graph: &mut Graph, x: NodeId, width: usize) -> Result<NodeId> {
    graph.slice(x, &[Along::new(1, 0, width)])
}

/// ln Σ eˣ of several values, the largest taken off first.
fn log_sum(graph: &mut Graph, values: &[NodeId]) -> Result<NodeId> {
    let mut largest = values[0];
    for &value in &values[1..] {
        largest = graph.binary(Binary::Maximum, largest, value)?;
    }
    let largest = graph.detach(largest);
    let mut sum = None;
    for &value in values {
        let less = graph.subtract(value, largest)?;
        let power = graph.unary(Unary::Exp, less);
        sum = Some(sum.map_or(Ok(power), |sum| graph.add(sum, power))?);
    }
    let log = graph.unary(Unary::Log, sum.unwrap_or(largest));
    graph.add(largest, log)
}
