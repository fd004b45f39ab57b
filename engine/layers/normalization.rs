//! What the normalization layers share: mean and variance, axes, scale and offset.

use serde_json::{Value, json};

use super::config::merged;
use super::spatial::shown;
use super::weight_options::{BETA, GAMMA, WeightOptions};
use super::{Config, Context, Weight};
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Unary};
use crate::tensor::Shape;
use crate::train::initializers::Initializer;

/// What normalized numbers are multiplied by and what is added to them, both learned.
#[derive(Clone, Debug)]
pub(super) struct Affine {
    pub scale: bool,
    pub center: bool,
    pub gamma: WeightOptions,
    pub beta: WeightOptions,
}

impl Default for Affine {
    fn default() -> Self {
        let [gamma, beta] = [Initializer::ones(), Initializer::zeros()].map(WeightOptions::new);
        Self { scale: true, center: true, gamma, beta }
    }
}

impl Affine {
    pub fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self {
            scale: config.flag("scale", true)?,
            center: config.flag("center", true)?,
            gamma: WeightOptions::from_config(config, &GAMMA, Initializer::ones())?,
            beta: WeightOptions::from_config(config, &BETA, Initializer::zeros())?,
        })
    }

    pub fn config(&self) -> Value {
        let own = json!({ "scale": self.scale, "center": self.center });
        merged(merged(own, self.gamma.config(&GAMMA)), self.beta.config(&BETA))
    }

    pub fn weights(&self, shape: &[usize]) -> Vec<Weight> {
        let gamma = self.scale.then(|| self.gamma.weight("gamma", shape));
        let beta = self.center.then(|| self.beta.weight("beta", shape));
        gamma.into_iter().chain(beta).collect()
    }

    /// (x − mean) / √(variance + epsilon) · gamma + beta, the weights lying along axes of shape `along`.
    pub fn normalize(
        &self,
        context: &mut Context<'_>,
        x: NodeId,
        moments: [NodeId; 2],
        epsilon: f64,
        along: &[usize],
    ) -> Result<NodeId> {
        let y = normalized(context.graph, x, moments, epsilon)?;
        self.scaled(context, y, along)
    }

    /// x · gamma + beta
    pub fn scaled(&self, context: &mut Context<'_>, x: NodeId, along: &[usize]) -> Result<NodeId> {
        let mut y = x;
        if self.scale {
            let gamma = context.weight(0)?;
            let gamma = context.graph.reshape(gamma, &Shape::fixed(along))?;
            y = context.graph.multiply(y, gamma)?;
        }
        if self.center {
            let beta = context.weight(usize::from(self.scale))?;
            let beta = context.graph.reshape(beta, &Shape::fixed(along))?;
            y = context.graph.add(y, beta)?;
        }
        Ok(y)
    }
}

/// (x − mean) / √(variance + epsilon)
pub(super) fn normalized(
    graph: &mut Graph,
    x: NodeId,
    [mean, variance]: [NodeId; 2],
    epsilon: f64,
) -> Result<NodeId> {
    let deviation = deviation(graph, variance, epsilon)?;
    let centred = graph.subtract(x, mean)?;
    graph.divide(centred, deviation)
}

/// Lets state number `index` follow `value`: state ← momentum · state + (1 − momentum) · value. Returns the new one.
pub(super) fn follow(
    context: &mut Context<'_>,
    index: usize,
    value: NodeId,
    momentum: f64,
) -> Result<NodeId> {
    let state = context.weight(index)?;
    let graph = &mut *context.graph;
    let shape = graph.shape(state).clone();
    let value = graph.reshape(value, &shape)?;
    let value = graph.detach(value);
    let kept = graph.scale(state, momentum as f32)?;
    let new = graph.scale(value, (1.0 - momentum) as f32)?;
    let average = graph.add(kept, new)?;
    context.update(index, average)?;
    Ok(average)
}

/// √(variance + epsilon)
pub(super) fn deviation(graph: &mut Graph, variance: NodeId, epsilon: f64) -> Result<NodeId> {
    let epsilon = graph.constant(epsilon as f32);
    let sum = graph.add(variance, epsilon)?;
    Ok(graph.unary(Unary::Sqrt, sum))
}

/// Mean and variance along `axes`, which stay with size 1.
pub(super) fn moments(graph: &mut Graph, x: NodeId, axes: &[usize]) -> Result<[NodeId; 2]> {
    let mean = graph.mean(x, axes)?;
    let centred = graph.subtract(x, mean)?;
    let square = graph.multiply(centred, centred)?;
    Ok([mean, graph.mean(square, axes)?])
}

/// The axes of a sample that `axes` name: −1 is the last, and 0 the batch, which none may be.
pub(super) fn sample_axes(place: &str, axes: &[isize], input: &[usize]) -> Result<Vec<usize>> {
    let rank = input.len() + 1;
    let axis = |&axis: &isize| {
        let from_start = if axis < 0 { axis + rank as isize } else { axis };
        usize::try_from(from_start).ok().filter(|axis| (1..rank).contains(axis)).map(|axis| axis - 1)
    };
    let found: Option<Vec<usize>> = axes.iter().map(axis).collect();
    let mut found = found.filter(|found| !found.is_empty()).ok_or_else(|| {
        let expected = format!("axes from 1 to {}, or negative ones, of input {}", rank - 1, shown(input));
        Error::argument(place, "axis", format!("{axes:?}"), expected)
    })?;
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The sizes of `input` along `axes`, 1 along the others.
pub(super) fn along(input: &[usize], axes: &[usize]) -> Vec<usize> {
    input.iter().enumerate().map(|(i, &size)| if axes.contains(&i) { size } else { 1 }).collect()
}

/// An epsilon keeps a division from dividing by 0.
pub(super) fn check_epsilon(place: &str, epsilon: f64) -> Result<()> {
    if epsilon > 0.0 && epsilon.is_finite() {
        return Ok(());
    }
    Err(Error::argument(place, "epsilon", epsilon, "a number above 0, such as 0.001"))
}
