use serde_json::{Value, json};

use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId};

/// 1 − 2·|A∩B| / (|A| + |B|) over the whole batch, for masks of pixels: Dice's coefficient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dice;

/// 1 − |A∩B| / (|A∩B| + α·|A∖B| + β·|B∖A|) over the whole batch, A the target and B the prediction
/// (Salehi et al. 2017), with α weighing what is missed and β what is found wrongly, as Keras has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tversky {
    alpha: f32,
    beta: f32,
}

impl Default for Tversky {
    fn default() -> Self {
        Self::new(0.5, 0.5)
    }
}

impl Tversky {
    /// With these weights; Keras's defaults are 0.5 and 0.5.
    pub fn new(alpha: f32, beta: f32) -> Self {
        Self { alpha, beta }
    }
}

impl Loss for Dice {
    fn name(&self) -> &'static str {
        "dice"
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let epsilon = graph.constant(super::EPSILON);
        let product = graph.multiply(target, prediction.value)?;
        let common = graph.sum_all(product)?;
        let (a, b) = (graph.sum_all(target)?, graph.sum_all(prediction.value)?);
        let sizes = graph.add(a, b)?;
        let sizes = graph.add(sizes, epsilon)?;
        let double = graph.scale(common, 2.0)?;
        one_less(graph, double, sizes)
    }
}

impl Loss for Tversky {
    fn name(&self) -> &'static str {
        "tversky"
    }

    fn options(&self) -> Value {
        json!({ "alpha": self.alpha, "beta": self.beta })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let epsilon = graph.constant(super::EPSILON);
        let product = graph.multiply(target, prediction.value)?;
        let missed = graph.subtract(target, product)?;
        let wrong = graph.subtract(prediction.value, product)?;
        let [common, missed, wrong] =
            [graph.sum_all(product)?, graph.sum_all(missed)?, graph.sum_all(wrong)?];
        let (missed, wrong) = (graph.scale(missed, self.alpha)?, graph.scale(wrong, self.beta)?);
        let others = graph.add(missed, wrong)?;
        let others = graph.add(others, epsilon)?;
        let all = graph.add(common, others)?;
        one_less(graph, common, all)
    }
}

/// 1 − part / whole
fn one_less(graph: &mut Graph, part: NodeId, whole: NodeId) -> Result<NodeId> {
    let (one, share) = (graph.constant(1.0), graph.divide(part, whole)?);
    graph.subtract(one, share)
}
