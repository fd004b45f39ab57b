use serde_json::{Value, json};

use super::{Loss, Prediction, axis_of, without_axes};
use crate::error::Result;
use crate::graph::{Graph, NodeId};

/// 1 − 2·|A∩B| / (|A| + |B|) over the whole batch, or over axes, for masks of pixels: Dice's coefficient.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dice {
    axis: Option<Vec<isize>>,
}

/// 1 − |A∩B| / (|A∩B| + α·|A∖B| + β·|B∖A|) over the whole batch, or over axes, A the target and B the prediction
/// (Salehi et al. 2017), with α weighing what is missed and β what is found wrongly, as Keras has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tversky {
    alpha: f32,
    beta: f32,
    axis: Option<Vec<isize>>,
}

impl Default for Tversky {
    fn default() -> Self {
        Self::new(0.5, 0.5)
    }
}

impl Dice {
    /// Over the whole batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// The axes that are counted together, 0 being the batch: `[1, 2, 3]` makes a loss for each image. Default all.
    pub fn axis(mut self, axes: &[isize]) -> Self {
        self.axis = Some(axes.to_vec());
        self
    }
}

impl Tversky {
    /// With these weights, over the whole batch; Keras's defaults are 0.5 and 0.5.
    pub fn new(alpha: f32, beta: f32) -> Self {
        Self { alpha, beta, axis: None }
    }

    /// The axes that are counted together, 0 being the batch: `[1, 2, 3]` makes a loss for each image. Default all.
    pub fn axis(mut self, axes: &[isize]) -> Self {
        self.axis = Some(axes.to_vec());
        self
    }
}

impl Loss for Dice {
    fn name(&self) -> &'static str {
        "dice"
    }

    fn options(&self) -> Value {
        if self.axis.is_some() { json!({ "axis": self.axis }) } else { json!({}) }
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let axes = axes_of(graph, self, self.axis.as_deref(), prediction.value)?;
        let epsilon = graph.constant(super::EPSILON);
        let product = graph.multiply(target, prediction.value)?;
        let [common, a, b] = sums(graph, [product, target, prediction.value], axes.as_deref())?;
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
        json!({ "alpha": self.alpha, "beta": self.beta, "axis": self.axis })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let axes = axes_of(graph, self, self.axis.as_deref(), prediction.value)?;
        let epsilon = graph.constant(super::EPSILON);
        let product = graph.multiply(target, prediction.value)?;
        let missed = graph.subtract(target, product)?;
        let wrong = graph.subtract(prediction.value, product)?;
        let [common, missed, wrong] = sums(graph, [product, missed, wrong], axes.as_deref())?;
        let (missed, wrong) = (graph.scale(missed, self.alpha)?, graph.scale(wrong, self.beta)?);
        let others = graph.add(missed, wrong)?;
        let others = graph.add(others, epsilon)?;
        let all = graph.add(common, others)?;
        one_less(graph, common, all)
    }
}

fn axes_of(graph: &Graph, loss: &dyn Loss, axes: Option<&[isize]>, x: NodeId) -> Result<Option<Vec<usize>>> {
    axes.map(|axes| axes.iter().map(|&axis| axis_of(graph, loss, axis, x)).collect()).transpose()
}

/// The sums of each of `cases` along `axes`, or of all.
fn sums(graph: &mut Graph, cases: [NodeId; 3], axes: Option<&[usize]>) -> Result<[NodeId; 3]> {
    let mut sum = |case: NodeId| match axes {
        None => graph.sum_all(case),
        Some(axes) => {
            let sum = graph.sum(case, axes)?;
            without_axes(graph, sum, axes)
        }
    };
    let [a, b, c] = cases;
    Ok([sum(a)?, sum(b)?, sum(c)?])
}

/// 1 − part / whole
fn one_less(graph: &mut Graph, part: NodeId, whole: NodeId) -> Result<NodeId> {
    let (one, share) = (graph.constant(1.0), graph.divide(part, whole)?);
    graph.subtract(one, share)
}
