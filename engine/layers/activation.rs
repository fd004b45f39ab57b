use serde_json::{Value, json};

use super::config::with_base;
use super::{ActivationFunction, Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// An activation function as a layer of its own. The shape stays.
///
/// ```
/// use gradus::layers::{Activation, ActivationFunction};
/// let by_name = Activation::new("relu");
/// let leaky = Activation::new(ActivationFunction::LeakyRelu { negative_slope: 0.1 });
/// ```
#[derive(Clone, Debug)]
pub struct Activation {
    base: Base,
    function: ActivationFunction,
}

impl Activation {
    /// The layer of `function`, given as [`ActivationFunction`] or by name.
    pub fn new<A>(function: A) -> Self
    where
        A: TryInto<ActivationFunction, Error: Into<Error>>,
    {
        let mut base = Base::default();
        let function = base.option(ActivationFunction::Linear, function);
        Self { base, function }
    }

    /// The layer's name. Default `activation`, `activation_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        Ok(Self { base: config.base()?, function: config.activation()? })
    }
}

impl Layer for Activation {
    fn class_name(&self) -> &'static str {
        "Activation"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Activation {}", self.function.name())
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "activation": self.function.config() }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check(&self.place())?;
        self.function.output_shape(&self.place(), input)
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        context.activate(self.function, input)
    }
}
