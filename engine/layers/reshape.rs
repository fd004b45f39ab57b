use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::tensor::Shape;

/// The same numbers in another shape of each sample: `[None, …]` to `[None, sizes…]`, where one size may be −1, which is as
/// large as it must be.
///
/// ```
/// use gradus::layers::Reshape;
/// let layer = Reshape::new(&[7, 7, -1]);
/// ```
#[derive(Clone, Debug)]
pub struct Reshape {
    base: Base,
    target_shape: Vec<isize>,
}

impl Reshape {
    /// To samples of `target_shape`, in which one size may be −1: whatever is left.
    pub fn new(target_shape: &[isize]) -> Self {
        Self { base: Base::default(), target_shape: target_shape.to_vec() }
    }

    /// The layer's name. Default `reshape`, `reshape_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let target_shape = config.sizes("target_shape")?;
        Ok(Self { base, target_shape })
    }
}

impl Layer for Reshape {
    fn class_name(&self) -> &'static str {
        "Reshape"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "target_shape": self.target_shape }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let count: usize = input.iter().product();
        let known: isize = self.target_shape.iter().filter(|&&n| n != -1).product();
        let open = self.target_shape.iter().filter(|&&n| n == -1).count();
        let known = usize::try_from(known).unwrap_or(0);
        let rest = if known > 0 && count.is_multiple_of(known) { count / known } else { 0 };
        let sizes: Vec<usize> =
            self.target_shape.iter().map(|&n| usize::try_from(n).unwrap_or(rest)).collect();
        if open <= 1 && rest > 0 && sizes.iter().product::<usize>() == count {
            return Ok(sizes);
        }
        let expected = format!("sizes whose product is {count}, as of input {}", shown(input));
        Err(Error::argument(self.place(), "target_shape", format!("{:?}", self.target_shape), expected))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let shape = self.output_shape(&context.sample_shape(input))?;
        context.graph.reshape(input, &Shape::batched(&shape))
    }
}
