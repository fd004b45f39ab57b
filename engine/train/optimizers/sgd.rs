use super::{Optimizer, Update, check_decay, check_rate};
use crate::error::Result;
use crate::graph::{Graph, NodeId};

/// Gradient descent: w ← w − learning_rate · g, or with momentum.
///
/// With momentum μ: v ← μ·v − learning_rate · g, then w ← w + v; in Nesterov's form w ← w + μ·v − learning_rate · g.
///
/// ```
/// use gradus::Sgd;
/// let optimizer = Sgd::new(0.01).momentum(0.9).nesterov(true);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sgd {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Self {
        Self::new(0.01)
    }
}

impl Sgd {
    /// Plain gradient descent. Keras's default rate is 0.01.
    pub fn new(learning_rate: f64) -> Self {
        Self { learning_rate, momentum: 0.0, nesterov: false }
    }

    /// The share of the last change that goes into the next, from 0 (the default) up to 1.
    pub fn momentum(mut self, momentum: f64) -> Self {
        self.momentum = momentum;
        self
    }

    /// Whether momentum looks one step ahead. Default false.
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.nesterov = nesterov;
        self
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &'static str {
        "sgd"
    }

    fn slots(&self) -> &'static [&'static str] {
        if self.momentum == 0.0 { &[] } else { &["momentum"] }
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = rate;
    }

    fn scalars(&self, _step: u64) -> Vec<(&'static str, f32)> {
        vec![("learning_rate", self.learning_rate as f32)]
    }

    fn update(
        &self,
        graph: &mut Graph,
        weights: NodeId,
        gradient: NodeId,
        slots: &[NodeId],
    ) -> Result<Update> {
        let rate = graph.scalar("learning_rate");
        let change = graph.multiply(gradient, rate)?;
        let &[velocity] = slots else {
            return Ok(Update { weights: graph.subtract(weights, change)?, slots: Vec::new() });
        };
        let kept = graph.scale(velocity, self.momentum as f32)?;
        let velocity = graph.subtract(kept, change)?;
        let weights = if self.nesterov {
            let ahead = graph.scale(velocity, self.momentum as f32)?;
            let ahead = graph.subtract(ahead, change)?;
            graph.add(weights, ahead)?
        } else {
            graph.add(weights, velocity)?
        };
        Ok(Update { weights, slots: vec![velocity] })
    }

    fn check(&self) -> Result<()> {
        check_rate("SGD", self.learning_rate)?;
        check_decay("SGD", "momentum", self.momentum)
    }
}
