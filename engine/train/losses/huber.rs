use serde_json::{Value, json};

use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Comparison, Graph, NodeId, Unary};

/// Half the square of the error up to `delta`, and delta · |error| − delta²/2 beyond (Huber 1964).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    delta: f32,
}

impl Default for Huber {
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Huber {
    /// With the bend at `delta`; Keras's default is 1.
    pub fn new(delta: f32) -> Self {
        Self { delta }
    }
}

impl Loss for Huber {
    fn name(&self) -> &'static str {
        "huber"
    }

    fn options(&self) -> Value {
        json!({ "delta": self.delta })
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let error = graph.subtract(prediction.value, target)?;
        let size = graph.unary(Unary::Abs, error);
        let delta = graph.constant(self.delta);
        let near = graph.compare(Comparison::LessEqual, size, delta)?;
        let square = graph.multiply(error, error)?;
        let half = graph.scale(square, 0.5)?;
        let line = graph.scale(size, self.delta)?;
        let offset = graph.constant(0.5 * self.delta * self.delta);
        let line = graph.subtract(line, offset)?;
        graph.select(near, half, line)
    }
}
