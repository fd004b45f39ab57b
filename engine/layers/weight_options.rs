//! What a layer's user may say of one of its weights: how it starts, what it adds to the loss, what it is brought back to.

use serde_json::{Value, json};

use super::{Config, Weight};
use crate::error::Result;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Under which keys Keras has a weight's initializer, regularizer and constraint.
pub(super) type Keys = [&'static str; 3];

pub(super) const KERNEL: Keys = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"];
pub(super) const BIAS: Keys = ["bias_initializer", "bias_regularizer", "bias_constraint"];
pub(super) const DEPTHWISE: Keys = ["depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"];
pub(super) const POINTWISE: Keys = ["pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"];
pub(super) const RECURRENT: Keys = ["recurrent_initializer", "recurrent_regularizer", "recurrent_constraint"];
pub(super) const EMBEDDINGS: Keys =
    ["embeddings_initializer", "embeddings_regularizer", "embeddings_constraint"];
pub(super) const GAMMA: Keys = ["gamma_initializer", "gamma_regularizer", "gamma_constraint"];
pub(super) const BETA: Keys = ["beta_initializer", "beta_regularizer", "beta_constraint"];
pub(super) const ALPHA: Keys = ["alpha_initializer", "alpha_regularizer", "alpha_constraint"];

/// The options of one weight.
#[derive(Clone, Debug)]
pub(super) struct WeightOptions {
    pub initializer: Initializer,
    pub regularizer: Option<Regularizer>,
    pub constraint: Option<Constraint>,
}

impl WeightOptions {
    pub fn new(initializer: Initializer) -> Self {
        Self { initializer, regularizer: None, constraint: None }
    }

    /// What `config` says under `keys`, the initializer being `default` where it says none.
    pub fn from_config(config: &mut Config, keys: &Keys, default: Initializer) -> Result<Self> {
        Ok(Self {
            initializer: config.initializer(keys[0], default)?,
            regularizer: config.regularizer(keys[1])?,
            constraint: config.constraint(keys[2])?,
        })
    }

    pub fn config(&self, keys: &Keys) -> Value {
        json!({
            keys[0]: self.initializer.config(),
            keys[1]: self.regularizer.map(Regularizer::config),
            keys[2]: self.constraint.as_ref().map(Constraint::config),
        })
    }

    /// The weight `name` of `shape`.
    pub fn weight(&self, name: &'static str, shape: &[usize]) -> Weight {
        Weight {
            regularizer: self.regularizer,
            constraint: self.constraint.clone(),
            ..Weight::new(name, shape, self.initializer)
        }
    }
}
