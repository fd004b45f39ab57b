use super::confusion_matrix::confusion;
use super::{Measure, Metric, ratio};
use crate::error::Result;
use crate::graph::{Graph, NodeId};
use crate::train::losses::Prediction;

/// |A∩B| / |A∪B| of the samples of a class and those taken for it, the mean over classes that occur: Keras's `MeanIoU`
/// and `OneHotMeanIoU`, and `IoU` and `OneHotIoU` with chosen classes. Predictions are scores of all classes, targets
/// one-hot or class numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IoU {
    classes: Option<Vec<usize>>,
}

/// The same for one output: the classes no and yes, parted at a threshold.
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

    fn mean(&self, sums: &[f64]) -> Measure {
        let count = sums.len().isqrt();
        let union = |class: usize| {
            let row: f64 = sums[class * count..][..count].iter().sum();
            let column: f64 = sums.iter().skip(class).step_by(count).sum();
            row + column - sums[class * count + class]
        };
        let chosen = self.classes.clone().unwrap_or_else(|| (0..count).collect());
        let known = chosen.iter().copied().filter(|&class| class < count && union(class) > 0.0);
        let shares: Vec<f64> = known.map(|class| sums[class * count + class] / union(class)).collect();
        Measure::Number(ratio(shares.iter().sum(), shares.len() as f64))
    }
}

impl Metric for IoU {
    fn name(&self) -> &str {
        if self.classes.is_some() { "io_u" } else { "mean_io_u" }
    }

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        Ok(vec![confusion(graph, target, prediction.value, 0.5)?])
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
        Self { of: IoU::new(), threshold: 0.5 }
    }

    /// What a prediction must be above to be a yes. Default 0.5.
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

    fn sums(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<Vec<NodeId>> {
        Ok(vec![confusion(graph, target, prediction.value, self.threshold)?])
    }

    fn result(&self, sums: &[f64], _: f64) -> Measure {
        self.of.mean(sums)
    }
}
