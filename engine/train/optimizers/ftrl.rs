use serde_json::{Value, json};

use super::base::check_from_0;
use super::{Base, Optimizer, Slot, Start, Update};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::train::config::Config;
use crate::train::schedules::LearningRate;

/// Follow the regularized leader (McMahan et al. 2013): weights that the l1 penalty sets to exactly 0.
///
/// With p = −learning_rate_power: a' = a + g², z ← z + g + 2·shrinkage·w − (a'ᵖ − aᵖ) / learning_rate · w,
/// w ← (clip(z, ±l1) − z) / (a'ᵖ / learning_rate + 2·l2 + β / learning_rate), a ← a'.
///
/// ```
/// use gradus::Ftrl;
/// let optimizer = Ftrl::new(0.05).l1_regularization_strength(0.01);
/// ```
#[derive(Clone, Debug)]
pub struct Ftrl {
    base: Base,
    learning_rate_power: f64,
    initial_accumulator_value: f64,
    l1_regularization_strength: f64,
    l2_regularization_strength: f64,
    l2_shrinkage_regularization_strength: f64,
    beta: f64,
}

impl Default for Ftrl {
    fn default() -> Self {
        Self::new(0.001)
    }
}

impl Ftrl {
    /// Ftrl with Keras's defaults. Its default rate is 0.001.
    pub fn new(learning_rate: impl Into<LearningRate>) -> Self {
        Self {
            base: Base::new(learning_rate),
            learning_rate_power: -0.5,
            initial_accumulator_value: 0.1,
            l1_regularization_strength: 0.0,
            l2_regularization_strength: 0.0,
            l2_shrinkage_regularization_strength: 0.0,
            beta: 0.0,
        }
    }

    /// The power of the sum of squares that divides a step, at most 0. Default −0.5.
    pub fn learning_rate_power(mut self, learning_rate_power: f64) -> Self {
        self.learning_rate_power = learning_rate_power;
        self
    }

    /// The sum of squares before the first step. Default 0.1.
    pub fn initial_accumulator_value(mut self, initial_accumulator_value: f64) -> Self {
        self.initial_accumulator_value = initial_accumulator_value;
        self
    }

    /// The weight of Σ|w|. Default 0.
    pub fn l1_regularization_strength(mut self, l1_regularization_strength: f64) -> Self {
        self.l1_regularization_strength = l1_regularization_strength;
        self
    }

    /// The weight of Σw². Default 0.
    pub fn l2_regularization_strength(mut self, l2_regularization_strength: f64) -> Self {
        self.l2_regularization_strength = l2_regularization_strength;
        self
    }

    /// The weight of Σw² as a part of the loss. Default 0.
    pub fn l2_shrinkage_regularization_strength(mut self, l2_shrinkage_regularization_strength: f64) -> Self {
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength;
        self
    }

    /// The paper's β, which shortens the first steps. Default 0.
    pub fn beta(mut self, beta: f64) -> Self {
        self.beta = beta;
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let default = Self::default();
        Ok(Self {
            base: default.base.configured(config)?,
            learning_rate_power: config.number_or("learning_rate_power", default.learning_rate_power)?,
            initial_accumulator_value: config
                .number_or("initial_accumulator_value", default.initial_accumulator_value)?,
            l1_regularization_strength: config
                .number_or("l1_regularization_strength", default.l1_regularization_strength)?,
            l2_regularization_strength: config
                .number_or("l2_regularization_strength", default.l2_regularization_strength)?,
            l2_shrinkage_regularization_strength: config.number_or(
                "l2_shrinkage_regularization_strength",
                default.l2_shrinkage_regularization_strength,
            )?,
            beta: config.number_or("beta", default.beta)?,
        })
    }
}

impl Optimizer for Ftrl {
    fn class_name(&self) -> &'static str {
        "Ftrl"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn options(&self) -> Value {
        json!({
            "learning_rate_power": self.learning_rate_power,
            "initial_accumulator_value": self.initial_accumulator_value,
            "l1_regularization_strength": self.l1_regularization_strength,
            "l2_regularization_strength": self.l2_regularization_strength,
            "l2_shrinkage_regularization_strength": self.l2_shrinkage_regularization_strength,
            "beta": self.beta,
        })
    }

    fn slots(&self) -> Vec<Slot> {
        let start = self.initial_accumulator_value as f32;
        vec![Slot { name: "accumulator", start }, Slot::new("linear")]
    }

    fn scalars(&self, _update: u64, rate: f64) -> Vec<(&'static str, f32)> {
        vec![("l2", (2.0 * self.l2_regularization_strength + self.beta / rate) as f32)]
    }

    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
        let &Start { weights, gradient, slots, .. } = start;
        let rate = graph.scalar("learning_rate");
        let square = graph.multiply(gradient, gradient)?;
        let sum = graph.add(slots[0], square)?;
        let (new, old) = (self.power(graph, sum)?, self.power(graph, slots[0])?);
        let growth = graph.subtract(new, old)?;
        let growth = graph.divide(growth, rate)?;
        let pull = graph.multiply(growth, weights)?;
        let shrinkage = graph.scale(weights, 2.0 * self.l2_shrinkage_regularization_strength as f32)?;
        let push = graph.add(gradient, shrinkage)?;
        let change = graph.subtract(push, pull)?;
        let linear = graph.add(slots[1], change)?;
        let l1 = self.l1_regularization_strength as f32;
        let (low, high) = (graph.constant(-l1), graph.constant(l1));
        let clipped = graph.binary(Binary::Maximum, linear, low)?;
        let clipped = graph.binary(Binary::Minimum, clipped, high)?;
        let beyond = graph.subtract(clipped, linear)?;
        let (divisor, l2) = (graph.divide(new, rate)?, graph.scalar("l2"));
        let divisor = graph.add(divisor, l2)?;
        Ok(Update { weights: graph.divide(beyond, divisor)?, slots: vec![sum, linear] })
    }

    fn check(&self) -> Result<()> {
        for (name, number) in [
            ("initial_accumulator_value", self.initial_accumulator_value),
            ("l1_regularization_strength", self.l1_regularization_strength),
            ("l2_regularization_strength", self.l2_regularization_strength),
            ("l2_shrinkage_regularization_strength", self.l2_shrinkage_regularization_strength),
            ("beta", self.beta),
        ] {
            check_from_0("Ftrl", name, number)?;
        }
        if self.learning_rate_power <= 0.0 && self.learning_rate_power.is_finite() {
            return Ok(());
        }
        let found = self.learning_rate_power;
        Err(Error::argument("Ftrl", "learning_rate_power", found, "at most 0, such as -0.5"))
    }
}

impl Ftrl {
    /// x to the power of −learning_rate_power.
    fn power(&self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        if self.learning_rate_power == -0.5 {
            return Ok(graph.unary(Unary::Sqrt, x));
        }
        let log = graph.unary(Unary::Log, x);
        let log = graph.scale(log, -self.learning_rate_power as f32)?;
        Ok(graph.unary(Unary::Exp, log))
    }
}
