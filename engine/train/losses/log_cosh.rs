use super::{Loss, Prediction};
use crate::error::Result;
use crate::graph::{Graph, NodeId, Unary};

/// ln cosh(prediction − target): like half the square for small errors, like |error| − ln 2 for large ones. Computed
/// as e + ln(1 + e⁻²ᵉ) − ln 2, which does not overflow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogCosh;

impl Loss for LogCosh {
    fn name(&self) -> &'static str {
        "log_cosh"
    }

    fn averages_last(&self) -> bool {
        true
    }

    fn values(&self, graph: &mut Graph, target: NodeId, prediction: &Prediction) -> Result<NodeId> {
        let error = graph.subtract(prediction.value, target)?;
        let double = graph.scale(error, -2.0)?;
        let rest = graph.unary(Unary::Softplus, double);
        let sum = graph.add(error, rest)?;
        let constant = graph.constant(std::f32::consts::LN_2);
        graph.subtract(sum, constant)
    }
}
