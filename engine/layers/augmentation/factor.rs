use serde_json::{Value, json};

use super::super::Config;
use super::super::draw::Draw;
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};

/// From where to where a random number lies: one number for −it to it, or both ends.
///
/// ```
/// use gradus::layers::RandomRotation;
/// let up_to_a_tenth_of_a_turn = RandomRotation::new(0.1);
/// let clockwise_alone = RandomRotation::new((-0.1, 0.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    pub(super) lower: f64,
    pub(super) upper: f64,
    /// Whether one number stands for both ends.
    is_single: bool,
}

impl From<f64> for Factor {
    fn from(factor: f64) -> Self {
        Self { lower: -factor.abs(), upper: factor.abs(), is_single: true }
    }
}

impl From<(f64, f64)> for Factor {
    fn from((a, b): (f64, f64)) -> Self {
        Self { lower: a.min(b), upper: a.max(b), is_single: false }
    }
}

impl Factor {
    /// The same, no lower than `least`: what one number means where there are no lower ones.
    pub(super) fn at_least(self, least: f64) -> Self {
        if self.is_single { Self { lower: self.lower.max(least), ..self } } else { self }
    }

    /// The factor of `config`, unless none is given.
    pub(super) fn read(config: &mut Config, key: &'static str) -> Result<Option<Self>> {
        let Some(value) = config.take(key) else { return Ok(None) };
        let pair = value.as_array().and_then(|list| match list.as_slice() {
            [a, b] => Some((a.as_f64()?, b.as_f64()?)),
            _ => None,
        });
        let factor = pair.map(Self::from).or(value.as_f64().map(Self::from));
        factor.map(Some).ok_or_else(|| config.wrong(key, &value, "a number, or a list of two"))
    }

    /// As Keras keeps it where it keeps what was given.
    pub(super) fn config(self) -> Value {
        if self.is_single { json!(self.upper) } else { self.ends() }
    }

    /// As Keras keeps it where it keeps both ends.
    pub(super) fn ends(self) -> Value {
        json!([self.lower, self.upper])
    }

    pub(super) fn check(self, place: &str, argument: &str, [least, most]: [f64; 2]) -> Result<()> {
        if least <= self.lower && self.upper <= most {
            return Ok(());
        }
        let expected = format!("numbers from {least} to {most}");
        Err(Error::argument(place, argument, self.config(), expected))
    }

    /// A number from `base` + lower to `base` + upper for each sample, `[B, 1, 1, 1]`: draw number `number` of the layer.
    pub(super) fn draw(self, graph: &mut Graph, draw: &Draw, number: u32, base: f64) -> Result<NodeId> {
        let uniform = draw.uniform(graph, &crate::tensor::Shape::batched(&[1, 1, 1]), number);
        let scaled = graph.scale(uniform, (self.upper - self.lower) as f32)?;
        let lower = graph.constant((base + self.lower) as f32);
        graph.add(scaled, lower)
    }
}
