use serde_json::{Value, json};

use super::arithmetic::{approach, approach_square, root_raised};
use super::base::{check_positive, check_share};
use super::segments::{for_segments, lengths};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::{Comparison, Graph, NodeId};
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Adam whose steps are as long, weight by weight, as the weight itself (You et al. 2020): for large batches.
///
/// u = m̂ / (√v̂ + ε) as in Adam, w ← w − learning_rate · ‖w‖ / ‖u‖ · u; where a length is 0, its ratio is 1.
///
/// ```
/// use gradus::{Lamb, Optimizer};
/// let optimizer = Lamb::new(0.001).weight_decay(0.01);
/// ```
#[derive(Clone, Debug)]
pub struct Lamb {
    base: Base,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Lamb {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Lamb {
    /// Lamb with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self { base: Base::new(learning_rate), beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
    }

    /// How slowly the mean of the gradients forgets. Default 0.9.
    pub fn beta_1(mut self, beta_1: f64) -> Self {
        self.beta_1 = beta_1;
        self
    }

    /// How slowly the mean of the squared gradients forgets. Default 0.999.
    pub fn beta_2(mut self, beta_2: f64) -> Self {
        self.beta_2 = beta_2;
        self
    }

    /// What keeps the division from dividing by 0, above 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            beta_1: config.number_or("beta_1", default.beta_1)?,
            beta_2: config.number_or("beta_2", default.beta_2)?,
            epsilon: config.number_or("epsilon", default.epsilon)?,
        })
    }
}

impl Optimizer for Lamb {
    fn class_name(&self) -> &'static str {
        "Lamb"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        vec![Slot::new("momentum"), Slot::new("velocity")]
    }

    fn scalars(&self, update: u64, _rate: f64) -> Vec<(&'static str, f32)> {
        let correction = |beta: f64| (1.0 / (1.0 - beta.powf(update as f64))) as f32;
        vec![
            ("momentum_correction", correction(self.beta_1)),
            ("velocity_correction", correction(self.beta_2)),
        ]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let mean = approach(graph, start.slots[0], start.gradient, 1.0 - self.beta_1)?;
        let square = approach_square(graph, start.slots[1], start.gradient, 1.0 - self.beta_2)?;
        let corrections = ["momentum_correction", "velocity_correction"].map(|name| graph.scalar(name));
        let corrected = graph.multiply(square, corrections[1])?;
        let divisor = root_raised(graph, corrected, self.epsilon)?;
        let change = graph.multiply(mean, corrections[0])?;
        let change = graph.divide(change, divisor)?;
        let ratio = self.ratio(graph, start, change)?;
        let rate = graph.scalar("learning_rate");
        let size = graph.multiply(ratio, rate)?;
        let size = for_segments(graph, start.variable, size)?;
        let change = graph.multiply(change, size)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![mean, square] })
    }

    fn check(&self) -> Result<()> {
        check_share("Lamb", "beta_1", self.beta_1)?;
        check_share("Lamb", "beta_2", self.beta_2)?;
        check_positive("Lamb", "epsilon", self.epsilon)
    }
}

impl Lamb {
    /// The length of each weight over that of its change: `[parameters, 1]`.
    fn ratio(&self, graph: &mut Graph, start: &Start<'_>, change: NodeId) -> Result<NodeId> {
        let weights = lengths(graph, start.variable, start.weights)?;
        let changes = lengths(graph, start.variable, change)?;
        let (zero, one) = (graph.constant(0.0), graph.constant(1.0));
        let mut ratio = graph.divide(weights, changes)?;
        for length in [changes, weights] {
            let positive = graph.compare(Comparison::Greater, length, zero)?;
            ratio = graph.select(positive, ratio, one)?;
        }
        Ok(ratio)
    }
}
