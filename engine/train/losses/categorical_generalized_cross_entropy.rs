use serde_json::{Value, json};

use super::sparse_categorical_crossentropy::one_hot;
use super::{Loss, Prediction, Targets};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};

/// (1 − pᑫ) / q, p being the prediction for the target's class, for targets that are class numbers: between cross-entropy,
/// which q near 0 comes to, and absolute error, which 1 does; wrong labels harm it less (Zhang and Sabuncu 2018).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CategoricalGeneralizedCrossEntropy {
    q: f32,
}

impl Default for CategoricalGeneralizedCrossEntropy {
    fn default() -> Self {
        Self::new(0.5)
    }
}

impl CategoricalGeneralizedCrossEntropy {
    /// With q between 0 and 1; Keras's default is 0.5.
    pub fn new(q: f32) -> Self {
        Self { q }
    }
}

/// Below this a probability is taken for it, so that its power has a derivative.
const LEAST: f32 = 1e-30;

impl Loss for CategoricalGeneralizedCrossEntropy {
    fn name(&self) -> &'static str {
        "categorical_generalized_cross_entropy"
    }

    fn targets(&self) -> Targets {
        Targets::Labels
    }

    fn options(&self) -> Value {
        json!({ "q": self.q })
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        if !(self.q > 0.0 && self.q < 1.0) {
            return Err(Error::argument(format!("loss {:?}", self.name()), "q", self.q, "between 0 and 1"));
        }
        let shape = graph.shape(prediction.value).clone();
        let chosen = one_hot(graph, target, &shape)?;
        let product = graph.multiply(chosen, prediction.value)?;
        let probability = graph.sum(product, &[shape.rank() - 1])?;
        let least = graph.constant(LEAST);
        let probability = graph.binary(Binary::Maximum, probability, least)?;
        let log = graph.unary(Unary::Log, probability);
        let scaled = graph.scale(log, self.q)?;
        // (1 − pᑫ) / q = −(e^(q · ln p) − 1) / q
        let less = graph.unary(Unary::Expm1, scaled);
        graph.scale(less, -1.0 / self.q)
    }
}
