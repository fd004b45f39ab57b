use super::{Measure, Metric, best_class, one_hot};
use crate::error::Result;
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::tensor::{Dim, Shape, Tensor};
use crate::train::losses::Prediction;

/// How many samples of each class (a row) are taken for each class (a column). One output makes two classes, parted at
/// ½. In the logs it is a table: [`Logs::table`](crate::Logs::table).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfusionMatrix;

impl Metric for ConfusionMatrix {
    fn name(&self) -> &str {
        "confusion_matrix"
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        Ok(vec![confusion(graph, target, prediction.value, 0.5)?])
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        let classes = sums.len().isqrt();
        let counts = sums.iter().map(|&count| count as f32).collect();
        Measure::Table(Tensor::f32(&[classes, classes], counts).expect("a square of counts"))
    }
}

/// How many samples of each true class are taken for each class: `[classes, classes]`.
pub(super) fn confusion(
    graph: &mut Graph,
    target: NodeId,
    prediction: NodeId,
    threshold: f32,
) -> Result<NodeId> {
    let classes = graph.shape(prediction).0.last().map_or(1, |d| d.factor);
    let classes = if classes == 1 { 2 } else { classes };
    let truth = match graph.node(target).element {
        Element::U32 => target,
        _ => class_number(graph, target, 0.5)?,
    };
    let found = class_number(graph, prediction, threshold)?;
    let [truth, found] = [one_hot(graph, truth, classes)?, one_hot(graph, found, classes)?];
    table(graph, truth, found, classes)
}

/// How often each class of `truth` meets each of `found`, both `[…, classes]`, 1 at the class and 0 elsewhere: `[classes,
/// classes]`. Rows of zeros count nowhere.
pub(super) fn table(graph: &mut Graph, truth: NodeId, found: NodeId, classes: usize) -> Result<NodeId> {
    let rows = Dim { factor: graph.shape(truth).count().factor / classes, batch: true };
    let shape = Shape(vec![rows, Dim::fixed(classes)]);
    let (truth, found) = (graph.reshape(truth, &shape)?, graph.reshape(found, &shape)?);
    graph.matmul(truth, found, true, false)
}

/// The number of the best of several scores, or whether a lone one is above `threshold`.
fn class_number(graph: &mut Graph, scores: NodeId, threshold: f32) -> Result<NodeId> {
    if graph.shape(scores).0.last().is_some_and(|d| !d.is_one()) {
        return best_class(graph, scores);
    }
    let threshold = graph.constant(threshold);
    let yes = graph.compare(Comparison::Greater, scores, threshold)?;
    Ok(graph.cast(yes, Element::U32))
}
