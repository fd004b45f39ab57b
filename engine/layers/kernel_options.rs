//! What layers with a kernel and a bias share: how these start, what they add to the loss, what they are brought back
//! to, and the activation behind them.

use serde_json::{Value, json};

use super::{ActivationFunction, Config, Context, Weight};
use crate::error::Result;
use crate::graph::NodeId;
use crate::train::constraints::Constraint;
use crate::train::initializers::Initializer;
use crate::train::regularizers::Regularizer;

/// Under which keys Keras has the kernel's initializer, regularizer and constraint.
pub(super) type KernelKeys = [&'static str; 3];

pub(super) const KERNEL_KEYS: KernelKeys = ["kernel_initializer", "kernel_regularizer", "kernel_constraint"];
pub(super) const DEPTHWISE_KEYS: KernelKeys =
    ["depthwise_initializer", "depthwise_regularizer", "depthwise_constraint"];
pub(super) const POINTWISE_KEYS: KernelKeys =
    ["pointwise_initializer", "pointwise_regularizer", "pointwise_constraint"];

/// The options of a layer with a kernel and a bias.
#[derive(Clone, Debug)]
pub(super) struct KernelOptions {
    pub activation: ActivationFunction,
    pub use_bias: bool,
    pub kernel_initializer: Initializer,
    pub bias_initializer: Initializer,
    pub kernel_regularizer: Option<Regularizer>,
    pub bias_regularizer: Option<Regularizer>,
    pub activity_regularizer: Option<Regularizer>,
    pub kernel_constraint: Option<Constraint>,
    pub bias_constraint: Option<Constraint>,
}

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            activation: ActivationFunction::Linear,
            use_bias: true,
            kernel_initializer: Initializer::glorot_uniform(),
            bias_initializer: Initializer::zeros(),
            kernel_regularizer: None,
            bias_regularizer: None,
            activity_regularizer: None,
            kernel_constraint: None,
            bias_constraint: None,
        }
    }
}

impl KernelOptions {
    pub fn from_config(config: &mut Config, keys: &'static KernelKeys) -> Result<Self> {
        Ok(Self {
            activation: config.activation()?,
            use_bias: config.flag("use_bias", true)?,
            kernel_initializer: config.initializer(keys[0], Initializer::glorot_uniform())?,
            bias_initializer: config.initializer("bias_initializer", Initializer::zeros())?,
            kernel_regularizer: config.regularizer(keys[1])?,
            bias_regularizer: config.regularizer("bias_regularizer")?,
            activity_regularizer: config.regularizer("activity_regularizer")?,
            kernel_constraint: config.constraint(keys[2])?,
            bias_constraint: config.constraint("bias_constraint")?,
        })
    }

    pub fn config(&self, keys: &KernelKeys) -> Value {
        json!({
            "activation": self.activation.config(),
            "use_bias": self.use_bias,
            keys[0]: self.kernel_initializer.config(),
            "bias_initializer": self.bias_initializer.config(),
            keys[1]: self.kernel_regularizer.map(Regularizer::config),
            "bias_regularizer": self.bias_regularizer.map(Regularizer::config),
            "activity_regularizer": self.activity_regularizer.map(Regularizer::config),
            keys[2]: self.kernel_constraint.as_ref().map(Constraint::config),
            "bias_constraint": self.bias_constraint.as_ref().map(Constraint::config),
        })
    }

    /// A kernel of shape `kernel` and, if there is one, a bias of `outputs`.
    pub fn weights(&self, kernel: &[usize], outputs: usize) -> Vec<Weight> {
        let mut weights = vec![Weight {
            regularizer: self.kernel_regularizer,
            constraint: self.kernel_constraint.clone(),
            ..Weight::new("kernel", kernel, self.kernel_initializer)
        }];
        if self.use_bias {
            weights.push(Weight {
                regularizer: self.bias_regularizer,
                constraint: self.bias_constraint.clone(),
                ..Weight::new("bias", &[outputs], self.bias_initializer)
            });
        }
        weights
    }

    /// activation(`sums` + bias)
    pub fn finish(&self, context: &mut Context<'_>, mut sums: NodeId) -> Result<NodeId> {
        if self.use_bias {
            let bias = context.weight(1)?;
            sums = context.graph.add(sums, bias)?;
        }
        context.activate(self.activation, sums)
    }
}
