use super::{Measure, Metric, best_class, one_hot, weight_of_rows};
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
        Ok(vec![confusion(graph, self.name(), target, prediction)?])
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
    name: &str,
    target: NodeId,
    prediction: &Prediction,
) -> Result<NodeId> {
    let classes = graph.shape(prediction.value).0.last().map_or(1, |d| d.factor);
    let classes = if classes == 1 { 2 } else { classes };
    let truth = match graph.node(target).element {
        Element::U32 => target,
        _ => class_number(graph, target)?,
    };
    let found = class_number(graph, prediction.value)?;
    let [truth, found] = [one_hot(graph, truth, classes)?, one_hot(graph, found, classes)?];
    table(graph, name, [truth, found], classes, prediction.weight)
}

/// How often each class of `truth` meets each of `found`, both `[…, classes]`, 1 at the class and 0 elsewhere: `[classes,
/// classes]`, each time as much as it weighs. Rows of zeros count nowhere.
pub(super) fn table(
    graph: &mut Graph,
    name: &str,
    [truth, found]: [NodeId; 2],
    classes: usize,
    weight: Option<NodeId>,
) -> Result<NodeId> {
    let rows = Dim { factor: graph.shape(truth).count().factor / classes, batch: true };
    let shape = Shape(vec![rows, Dim::fixed(classes)]);
    let (mut truth, found) = (graph.reshape(truth, &shape)?, graph.reshape(found, &shape)?);
    if let Some(weight) = weight {
        let weight = weight_of_rows(graph, name, weight, rows)?;
        truth = graph.multiply(truth, weight)?;
    }
    graph.matmul(truth, found, true, false)
}

/// The number of the best of several scores, or whether a lone one is above ½.
fn class_number(graph: &mut Graph, scores: NodeId) -> Result<NodeId> {
    if graph.shape(scores).0.last().is_some_and(|d| !d.is_one()) {
        return best_class(graph, scores);
    }
    let threshold = graph.constant(0.5);
    let yes = graph.compare(Comparison::Greater, scores, threshold)?;
    Ok(graph.cast(yes, Element::U32))
}
