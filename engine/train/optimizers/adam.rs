use super::{Optimizer, Update, check_decay, check_rate};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Unary};

/// Adam (Kingma and Ba 2015), in Keras's form, where ε stands beside √v after the correction of the bias.
///
/// m ← m + (1 − β₁)(g − m), v ← v + (1 − β₂)(g² − v), w ← w − α·m / (√v + ε)
/// with α = learning_rate · √(1 − β₂ᵗ) / (1 − β₁ᵗ) in step t.
///
/// ```
/// use gradus::Adam;
/// let optimizer = Adam::new(0.001).beta_1(0.9).beta_2(0.999).epsilon(1e-7);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    learning_rate: f64,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Adam {
    /// Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-7. Keras's default rate is 0.001.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, beta_1: 0.9, beta_2: 0.999, epsilon: 1e-7 }
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

    /// What keeps the division from dividing by 0. Default 1e-7.
    pub fn epsilon(mut self, epsilon: f64) -> Self {
        self.epsilon = epsilon;
        self
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn slots(&self) -> &'static [&'static str] {
        &["momentum", "velocity"]
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }

    fn scalars(&self, step: u64) -> Vec<(&'static str, f32)> {
        let step = step as f64;
        let correction = (1.0 - self.beta_2.powf(step)).sqrt() / (1.0 - self.beta_1.powf(step));
        vec![("step_size", (self.learning_rate * correction) as f32)]
    }

    fn update(
        &self,
        graph: &mut Graph,
        weights: NodeId,
        gradient: NodeId,
        slots: &[NodeId],
    ) -> Result<Update> {
        let &[mean, square] = slots else {
            return Err(Error::argument("Adam::update", "number of slots", slots.len(), "2"));
        };
        let mean = approach(graph, mean, gradient, 1.0 - self.beta_1)?;
        let squared = graph.multiply(gradient, gradient)?;
        let square = approach(graph, square, squared, 1.0 - self.beta_2)?;
        let size = graph.scalar("step_size");
        let change = graph.multiply(mean, size)?;
        let root = graph.unary(Unary::Sqrt, square);
        let epsilon = graph.constant(self.epsilon as f32);
        let divisor = graph.add(root, epsilon)?;
        let change = graph.divide(change, divisor)?;
        Ok(Update { weights: graph.subtract(weights, change)?, slots: vec![mean, square] })
    }

    fn check(&self) -> Result<()> {
        check_rate("Adam", self.learning_rate)?;
        check_decay("Adam", "beta_1", self.beta_1)?;
        check_decay("Adam", "beta_2", self.beta_2)?;
        if self.epsilon >= 0.0 {
            return Ok(());
        }
        Err(Error::argument("Adam", "epsilon", self.epsilon, "a number of at least 0, such as 1e-7"))
    }
}

/// `from` moved by the share `rate` of the way to `to`.
fn approach(graph: &mut Graph, from: NodeId, to: NodeId, rate: f64) -> Result<NodeId> {
    let way = graph.subtract(to, from)?;
    let part = graph.scale(way, rate as f32)?;
    graph.add(from, part)
}
