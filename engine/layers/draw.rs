//! What layers draw at random while training: Keras's `seed` and `noise_shape`.

use serde_json::{Value, json};

use super::Config;
use super::spatial::shown;
use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::tensor::{Dim, Shape};

/// Where a layer's random numbers come from, and which elements share one.
#[derive(Clone, Debug, Default)]
pub(super) struct Draw {
    pub seed: Option<u64>,
    /// The size of each axis, the batch included: that of the input, or 1 for one number along all of it.
    pub noise_shape: Option<Vec<Option<usize>>>,
}

impl Draw {
    /// The seed of `config`.
    pub fn seeded(config: &mut Config) -> Result<Self> {
        let seed = config.count_or_none("seed")?.map(|seed| seed as u64);
        Ok(Self { seed, noise_shape: None })
    }

    /// The seed and the shape of the noise of `config`.
    pub fn shaped(config: &mut Config) -> Result<Self> {
        let drawn = Self::seeded(config)?;
        let Some(value) = config.take("noise_shape") else { return Ok(drawn) };
        let size = |v: &Value| match v.as_u64().and_then(|n| usize::try_from(n).ok()) {
            None if v.is_null() => Some(None),
            found => found.map(Some),
        };
        let sizes = value.as_array().and_then(|list| list.iter().map(size).collect::<Option<Vec<_>>>());
        let expected = "a list with a size, 1 or null for each axis, the batch first";
        let noise_shape = Some(sizes.ok_or_else(|| config.wrong("noise_shape", &value, expected))?);
        Ok(Self { noise_shape, ..drawn })
    }

    /// Adds what is set to `config`.
    pub fn write(&self, config: &mut Value) {
        if let Some(seed) = self.seed {
            config["seed"] = json!(seed);
        }
        if let Some(sizes) = &self.noise_shape {
            config["noise_shape"] = json!(sizes);
        }
    }

    /// Whether the shape of the noise fits samples of shape `input`.
    pub fn check(&self, place: &str, input: &[usize]) -> Result<()> {
        let Some(sizes) = &self.noise_shape else { return Ok(()) };
        let own = std::iter::once(None).chain(input.iter().map(|&size| Some(size)));
        let fits =
            |(noise, own): (&Option<usize>, Option<usize>)| matches!(noise, None | Some(1)) || *noise == own;
        if sizes.len() == input.len() + 1 && sizes.iter().zip(own).all(fits) {
            return Ok(());
        }
        let expected = format!("the input's sizes {}, or 1 or null in their place", shown(input));
        Err(Error::argument(place, "noise_shape", format!("{sizes:?}"), expected))
    }

    /// The shape of the noise for an input of shape `input`.
    pub fn shape(&self, input: &Shape) -> Shape {
        let mut shape = input.clone();
        for (size, noise) in shape.0.iter_mut().zip(self.noise_shape.iter().flatten()) {
            if *noise == Some(1) {
                *size = Dim::fixed(1);
            }
        }
        shape
    }

    /// Uniform numbers in [0, 1). A layer that draws several times gives each draw a `number` of its own.
    pub fn uniform(&self, graph: &mut Graph, shape: &Shape, number: u32) -> NodeId {
        match self.seed {
            Some(seed) => graph.random_seeded(shape, seed, number),
            None => graph.random(shape),
        }
    }
}
