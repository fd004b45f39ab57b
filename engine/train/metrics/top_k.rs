use super::accuracy::check_target;
use super::{Metric, best_class, one_hot, sum_of_means};
use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::train::losses::Prediction;

/// The share of samples whose class is among the k best predictions. Of equal predictions all count as the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopKCategoricalAccuracy {
    k: usize,
    sparse: bool,
}

impl TopKCategoricalAccuracy {
    /// For one-hot targets. Keras's default for k is 5.
    pub fn new(k: usize) -> Self {
        Self { k, sparse: false }
    }

    /// For targets that are class numbers: Keras's `SparseTopKCategoricalAccuracy`.
    pub fn sparse(k: usize) -> Self {
        Self { k, sparse: true }
    }
}

impl Metric for TopKCategoricalAccuracy {
    fn name(&self) -> &str {
        if self.sparse { "sparse_top_k_categorical_accuracy" } else { "top_k_categorical_accuracy" }
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let element = if self.sparse { Element::U32 } else { Element::F32 };
        check_target(graph, self.name(), target, element)?;
        let last = graph.shape(prediction.value).rank() - 1;
        let classes = graph.shape(prediction.value).0[last].factor;
        let label = if self.sparse { target } else { best_class(graph, target)? };
        let chosen = one_hot(graph, label, classes)?;
        let score = graph.multiply(chosen, prediction.value)?;
        let score = graph.sum(score, &[last])?;
        let better = graph.compare(Comparison::Greater, prediction.value, score)?;
        let better = graph.sum(better, &[last])?;
        let k = graph.constant(self.k as f32);
        let hits = graph.compare(Comparison::Less, better, k)?;
        Ok(vec![sum_of_means(graph, hits)?])
    }
}
