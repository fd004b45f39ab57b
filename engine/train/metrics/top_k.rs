use serde_json::json;

use super::accuracy::check_target;
use super::{KerasClass, Metric, best_class, mean_sums, one_hot};
use crate::error::Result;
use crate::graph::{Along, Comparison, Element, Graph, NodeId, Reduction};
use crate::tensor::{Dim, Shape};
use crate::train::losses::Prediction;

/// The share of samples whose class is among the k best predictions. Of equal predictions all count as the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKCategoricalAccuracy {
    k: usize,
    sparse: bool,
    sorted: bool,
}

impl TopKCategoricalAccuracy {
    /// For one-hot targets. Keras's default for k is 5.
    pub fn new(k: usize) -> Self {
        Self { k, sparse: false, sorted: false }
    }

    /// For targets that are class numbers: Keras's `SparseTopKCategoricalAccuracy`.
    pub fn sparse(k: usize) -> Self {
        Self { k, sparse: true, sorted: false }
    }

    /// Whether outputs are class numbers, the best first, instead of scores: for targets that are class numbers. Default
    /// false.
    pub fn from_sorted_ids(mut self, sorted: bool) -> Self {
        self.sorted = sorted;
        self
    }

    fn hits(&self, graph: &mut Graph, label: NodeId, scores: NodeId) -> Result<NodeId> {
        let last = graph.shape(scores).rank() - 1;
        let classes = graph.shape(scores).0[last].factor;
        if self.sorted {
            let label = graph.cast(label, Element::F32);
            let best = graph.slice(scores, &[Along::new(last, 0, self.k.min(classes))])?;
            let same = graph.compare(Comparison::Equal, best, label)?;
            return graph.reduce(Reduction::Max, same, &[last]);
        }
        let chosen = one_hot(graph, label, classes)?;
        let score = graph.multiply(chosen, scores)?;
        let score = graph.sum(score, &[last])?;
        let better = graph.compare(Comparison::Greater, scores, score)?;
        let better = graph.sum(better, &[last])?;
        let k = graph.constant(self.k as f32);
        graph.compare(Comparison::Less, better, k)
    }
}

/// 1 at the `k` best of `scores` along the last axis, of equal ones the first; 0 elsewhere.
pub(super) fn among_best(graph: &mut Graph, scores: NodeId, k: usize) -> Result<NodeId> {
    let shape = graph.shape(scores).clone();
    let last = shape.rank() - 1;
    let (mut own, mut others) = (shape.clone(), shape.clone());
    own.0.push(Dim::fixed(1));
    others.0.insert(last, Dim::fixed(1));
    let (score, other) = (graph.reshape(scores, &own)?, graph.reshape(scores, &others)?);
    let classes = shape.0[last].factor;
    let place = graph.iota(&Shape::fixed(&[classes, 1]), 0)?;
    let other_place = graph.iota(&Shape::fixed(&[1, classes]), 1)?;
    let before = graph.compare(Comparison::Less, other_place, place)?;
    let same = graph.compare(Comparison::Equal, other, score)?;
    let earlier = graph.multiply(same, before)?;
    let better = graph.compare(Comparison::Greater, other, score)?;
    let ahead = graph.add(better, earlier)?;
    let ahead = graph.sum(ahead, &[last + 1])?;
    let ahead = graph.reshape(ahead, &shape)?;
    let k = graph.constant(k as f32);
    graph.compare(Comparison::Less, ahead, k)
}

impl Metric for TopKCategoricalAccuracy {
    fn name(&self) -> &str {
        if self.sparse { "sparse_top_k_categorical_accuracy" } else { "top_k_categorical_accuracy" }
    }

    fn keras(&self) -> Option<KerasClass> {
        let mut options = json!({ "k": self.k });
        if self.sorted {
            options["from_sorted_ids"] = json!(true);
        }
        let class = if self.sparse { "SparseTopKCategoricalAccuracy" } else { "TopKCategoricalAccuracy" };
        Some(KerasClass::new(class, options))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let element = if self.sparse { Element::U32 } else { Element::F32 };
        check_target(graph, self.name(), target, element)?;
        let label = if self.sparse { target } else { best_class(graph, target)? };
        let hits = self.hits(graph, label, prediction.value)?;
        mean_sums(graph, self.name(), hits, [prediction.mask, prediction.weight])
    }
}
