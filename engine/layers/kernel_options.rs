//! What layers with a kernel and a bias share: the options of these, and the activation behind them.

use serde_json::{Value, json};

use super::config::merged;
use super::weight_options::{BIAS, Keys, WeightOptions};
use super::{ActivationFunction, Config, Context, Weight};
use crate::error::Result;
use crate::graph::NodeId;
use crate::train::initializers::Initializer;

/// The options of a layer with a kernel and a bias.
#[derive(Clone, Debug)]
pub(super) struct KernelOptions {
    pub activation: ActivationFunction,
    pub use_bias: bool,
    pub kernel: WeightOptions,
    pub bias: WeightOptions,
}

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            activation: ActivationFunction::Linear,
            use_bias: true,
            kernel: WeightOptions::new(Initializer::glorot_uniform()),
            bias: WeightOptions::new(Initializer::zeros()),
        }
    }
}

impl KernelOptions {
    /// What `config` says, of the kernel under `keys`.
    pub fn from_config(config: &mut Config, keys: &Keys) -> Result<Self> {
        Ok(Self {
            activation: config.activation()?,
            use_bias: config.flag("use_bias", true)?,
            kernel: WeightOptions::from_config(config, keys, Initializer::glorot_uniform())?,
            bias: WeightOptions::from_config(config, &BIAS, Initializer::zeros())?,
        })
    }

    pub fn config(&self, keys: &Keys) -> Value {
        let own = json!({
            "activation": self.activation.config(),
            "use_bias": self.use_bias,
        });
        merged(merged(own, self.kernel.config(keys)), self.bias.config(&BIAS))
    }

    /// A kernel of shape `kernel` and, if there is one, a bias of `outputs`.
    pub fn weights(&self, kernel: &[usize], outputs: usize) -> Vec<Weight> {
        let mut weights = vec![self.kernel.weight("kernel", kernel)];
        weights.extend(self.use_bias.then(|| self.bias.weight("bias", &[outputs])));
        weights
    }

    /// `sums` + bias
    pub fn biased(&self, context: &mut Context<'_>, sums: NodeId) -> Result<NodeId> {
        if !self.use_bias {
            return Ok(sums);
        }
        let bias = context.weight(1)?;
        context.graph.add(sums, bias)
    }

    /// activation(`sums` + bias)
    pub fn finish(&self, context: &mut Context<'_>, sums: NodeId) -> Result<NodeId> {
        let sums = self.biased(context, sums)?;
        context.activate(self.activation, sums)
    }
}
