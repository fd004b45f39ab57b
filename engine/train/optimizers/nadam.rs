use serde_json::{Value, json};

use super::arithmetic::{approach, approach_square, root_raised};
use super::base::{check_from_0, check_share};
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::Result;
use crate::graph::Graph;
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// How fast the share of the momentum rises to β₁: the paper's constant.
const DECAY: f64 = 0.96;
/// Factors after so many differ from β₁ by less than rounding.
const FACTORS: u64 = 1000;

/// Adam with Nesterov's momentum (Dozat 2016): the mean is the one that the next step would have.
///
/// ```
/// use gradus::Nadam;
/// let optimizer = Nadam::new(0.001).beta_1(0.8);
/// ```
#[derive(Clone, Debug)]
pub struct Nadam {
    base: Base,
    beta_1: f64,
    beta_2: f64,
    epsilon: f64,
}

impl Default for Nadam {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Nadam {
    /// Nadam with Keras's defaults. Its default rate is 0.001.
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

    /// What keeps the division from dividing by 0. Default 1e-7.
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

impl Optimizer for Nadam {
    fn class_name(&self) -> &'static str {
        "Nadam"
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

    fn remembered(&self, update: u64) -> Vec<f32> {
        vec![self.product(update) as f32]
    }

    fn scalars(&self, update: u64, rate: f64) -> Vec<(&'static str, f32)> {
        let share = |t: u64| self.beta_1 * (1.0 - 0.5 * DECAY.powf(t as f64));
        let product = self.product(update);
        let (now, next) = (share(update), share(update + 1));
        vec![
            ("mean_rate", (rate * next / (1.0 - product * next)) as f32),
            ("gradient_rate", (rate * (1.0 - now) / (1.0 - product)) as f32),
            ("velocity_correction", (1.0 / (1.0 - self.beta_2.powf(update as f64))) as f32),
        ]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let mean = approach(graph, start.slots[0], start.gradient, 1.0 - self.beta_1)?;
        let square = approach_square(graph, start.slots[1], start.gradient, 1.0 - self.beta_2)?;
        let [rate, own_rate, correction] =
            ["mean_rate", "gradient_rate", "velocity_correction"].map(|name| graph.scalar(name));
        let ahead = graph.multiply(mean, rate)?;
        let now = graph.multiply(start.gradient, own_rate)?;
        let change = graph.add(ahead, now)?;
        let corrected = graph.multiply(square, correction)?;
        let divisor = root_raised(graph, corrected, self.epsilon)?;
        let change = graph.divide(change, divisor)?;
        Ok(Update { weights: graph.subtract(start.weights, change)?, slots: vec![mean, square] })
    }

    fn check(&self) -> Result<()> {
        check_share("Nadam", "beta_1", self.beta_1)?;
        check_share("Nadam", "beta_2", self.beta_2)?;
        check_from_0("Nadam", "epsilon", self.epsilon)
    }
}

impl Nadam {
    /// The product of the momentum's shares in all updates up to `update`.
    fn product(&self, update: u64) -> f64 {
        let mut decayed = 1.0;
        let mut factor = |_| {
            decayed *= DECAY;
            1.0 - 0.5 * decayed
        };
        let product: f64 = (0..update.min(FACTORS)).map(&mut factor).product();
        product * self.beta_1.powf(update as f64)
    }
}
