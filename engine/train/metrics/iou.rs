use serde_json::{Value, json};

use super::confusion_matrix::{confusion, table};
use super::{KerasClass, Measure, Metric, best_class, one_hot, ratio};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Element, Graph, NodeId};
use crate::tensor::{Dim, Shape};
use crate::train::losses::Prediction;

/// |A∩B| / |A∪B| of the samples of a class and those taken for it, the mean over classes that occur: Keras's `MeanIoU`
/// and `OneHotMeanIoU`, and `IoU` and `OneHotIoU` with chosen classes. Predictions are scores of all classes or class
/// numbers, targets one-hot or class numbers.
///
/// As a weighted metric it takes weights as they are, where Keras cuts their fractions off, with a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IoU {
    classes: Option<Vec<usize>>,
    num_classes: Option<usize>,
    ignore_class: Option<isize>,
    sparse_y_true: Option<bool>,
    sparse_y_pred: bool,
}

/// The same for the classes no and yes, parted at a threshold; outputs of several numbers are taken together.
#[derive(Clone, Debug, PartialEq)]
pub struct BinaryIoU {
    of: IoU,
    threshold: f32,
}

impl IoU {
    /// The mean over all classes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The classes that the mean is over. Default all.
    pub fn target_class_ids(mut self, classes: &[usize]) -> Self {
        self.classes = Some(classes.to_vec());
        self
    }

    /// How many classes there are; numbers beyond do not count. Default as many as the output has scores, or two, parted at
    /// ½, if it has one.
    pub fn num_classes(mut self, classes: usize) -> Self {
        self.num_classes = Some(classes);
        self
    }

    /// The class of samples that do not count. Default none.
    pub fn ignore_class(mut self, class: isize) -> Self {
        self.ignore_class = Some(class);
        self
    }

    /// Whether targets are class numbers, not one-hot. Default what the loss compares with.
    pub fn sparse_y_true(mut self, sparse: bool) -> Self {
        self.sparse_y_true = Some(sparse);
        self
    }

    /// Whether outputs are class numbers themselves, not scores of all classes; [`IoU::num_classes`] says how many. Default
    /// false.
    pub fn sparse_y_pred(mut self, sparse: bool) -> Self {
        self.sparse_y_pred = sparse;
        self
    }

    fn mean(&self, sums: &[f64]) -> Measure {
        let count = sums.len().isqrt();
        let ignored = |row: usize| self.ignore_class.is_some_and(|class| class == row as isize);
        let at = |row: usize, column: usize| if ignored(row) { 0.0 } else { sums[row * count + column] };
        let union = |class: usize| {
            let all: f64 = (0..count).map(|other| at(class, other) + at(other, class)).sum();
            all - at(class, class)
        };
        let chosen = self.classes.clone().unwrap_or_else(|| (0..count).collect());
        let known = chosen.iter().copied().filter(|&class| class < count && union(class) > 0.0);
        let shares: Vec<f64> = known.map(|class| at(class, class) / union(class)).collect();
        Measure::Number(ratio(shares.iter().sum(), shares.len() as f64))
    }

    /// The counts among `classes` classes.
    fn counts(
        &self,
        graph: &mut Graph,
        target: NodeId,
        prediction: &Prediction,
        classes: usize,
    ) -> Result<NodeId> {
        let sparse = self.sparse_y_true.unwrap_or(graph.node(target).element == Element::U32);
        if !sparse && graph.node(target).element == Element::U32 {
            let expected = "true, or left out: the targets are class numbers";
            return Err(Error::argument(self.place(), "sparse_y_true", false, expected));
        }
        let truth =
            if sparse { by_number(graph, target, classes)? } else { by_score(graph, target, classes)? };
        let found = match self.sparse_y_pred {
            true => by_number(graph, prediction.value, classes)?,
            false => by_score(graph, prediction.value, classes)?,
        };
        let (own, other) = (graph.shape(truth).count(), graph.shape(found).count());
        if own != other {
            let (found, expected) = (graph.shape(target), "a class for each of the output");
            let remedy = "see sparse_y_true and sparse_y_pred: which of them are class numbers";
            return Err(Error::shape(self.place(), "the target", found, expected, remedy));
        }
        table(graph, self.name(), [truth, found], classes, prediction.weight)
    }

    fn place(&self) -> String {
        format!("metric {:?}", self.name())
    }
}

impl Metric for IoU {
    fn name(&self) -> &str {
        match (self.sparse_y_true, &self.classes) {
            (Some(false), Some(_)) => "one_hot_io_u",
            (Some(false), None) => "one_hot_mean_io_u",
            (_, Some(_)) => "io_u",
            (_, None) => "mean_io_u",
        }
    }

    /// None without the number of classes, which Keras asks for.
    fn keras(&self) -> Option<KerasClass> {
        let classes = self.num_classes?;
        let one_hot = self.sparse_y_true == Some(false);
        let class = match (one_hot, &self.classes) {
            (true, Some(_)) => "OneHotIoU",
            (true, None) => "OneHotMeanIoU",
            (false, Some(_)) => "IoU",
            (false, None) => "MeanIoU",
        };
        let mut options = json!({ "num_classes": classes, "ignore_class": self.ignore_class,
            "sparse_y_pred": self.sparse_y_pred, "axis": -1 });
        if !one_hot {
            options["sparse_y_true"] = Value::Bool(true);
        }
        if let Some(chosen) = &self.classes {
            options["target_class_ids"] = json!(chosen);
        }
        Some(KerasClass::new(class, options))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        let scores = graph.shape(prediction.value).0.last().map_or(1, |dim| dim.factor);
        let classes = match self.num_classes {
            Some(classes) => classes,
            None if self.sparse_y_pred => {
                let expected = "given: the outputs are class numbers";
                return Err(Error::argument(self.place(), "num_classes", "missing", expected));
            }
            None => scores.max(2),
        };
        if let Some(class) = self.classes.iter().flatten().find(|&&class| class >= classes) {
            let expected = format!("below {classes}, the number of classes");
            return Err(Error::argument(self.place(), "target_class_ids", class, expected));
        }
        if self.num_classes.is_none() && scores == 1 {
            return Ok(vec![confusion(graph, self.name(), target, prediction)?]);
        }
        Ok(vec![self.counts(graph, target, prediction, classes)?])
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        self.mean(sums)
    }
}

impl Default for BinaryIoU {
    fn default() -> Self {
        Self::new()
    }
}

impl BinaryIoU {
    /// The mean over no and yes, parted at ½.
    pub fn new() -> Self {
        Self { of: IoU::new().target_class_ids(&[0, 1]), threshold: 0.5 }
    }

    /// From what on a prediction is a yes. Default 0.5.
    pub fn threshold(mut self, threshold: f32) -> Self {
        self.threshold = threshold;
        self
    }

    /// The classes that the mean is over: 0, 1 or both. Default both.
    pub fn target_class_ids(mut self, classes: &[usize]) -> Self {
        self.of = self.of.target_class_ids(classes);
        self
    }
}

impl Metric for BinaryIoU {
    fn name(&self) -> &str {
        "binary_io_u"
    }

    fn keras(&self) -> Option<KerasClass> {
        let options = json!({ "target_class_ids": self.of.classes, "threshold": self.threshold });
        Some(KerasClass::new("BinaryIoU", options))
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        if let Some(class) = self.of.classes.iter().flatten().find(|&&class| class > 1) {
            let place = format!("metric {:?}", self.name());
            return Err(Error::argument(place, "target_class_ids", class, "0 or 1"));
        }
        let threshold = graph.constant(self.threshold);
        let yes = graph.compare(Comparison::GreaterEqual, prediction.value, threshold)?;
        let of = IoU { sparse_y_true: Some(true), sparse_y_pred: true, ..self.of.clone() };
        Ok(vec![of.counts(graph, target, &Prediction { value: yes, ..*prediction }, 2)?])
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        self.of.mean(sums)
    }
}

/// 1 at the best of the scores along the last axis of `x`, `[…, classes]`.
fn by_score(graph: &mut Graph, x: NodeId, classes: usize) -> Result<NodeId> {
    let best = best_class(graph, x)?;
    one_hot(graph, best, classes)
}

/// 1 at each number of `x`, what follows the point cut off: `[numbers, classes]`. Numbers of no class have zeros.
fn by_number(graph: &mut Graph, x: NodeId, classes: usize) -> Result<NodeId> {
    let rows = Shape(vec![graph.shape(x).count(), Dim::fixed(1)]);
    let x = graph.reshape(x, &rows)?;
    if graph.node(x).element == Element::U32 {
        return one_hot(graph, x, classes);
    }
    let numbers = graph.iota(&Shape::fixed(&[1, classes]), 1)?;
    let numbers = graph.cast(numbers, Element::F32);
    let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
    let minus = graph.constant(-1.0);
    let first = graph.compare(Comparison::Equal, numbers, zero)?;
    // −0.5 is cut to 0 too.
    let (inside, reached) =
        (graph.compare(Comparison::Greater, x, minus)?, graph.compare(Comparison::GreaterEqual, x, numbers)?);
    let reached = graph.select(first, inside, reached)?;
    let next = graph.add(numbers, one)?;
    let below = graph.compare(Comparison::Less, x, next)?;
    graph.multiply(reached, below)
}
