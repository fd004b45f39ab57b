use serde_json::{Value, json};

use super::config::with_base;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// The axes of each sample in another order, counted from 1: `[None, height, width]` to `[None, width, height]` below.
///
/// ```
/// use gradus::layers::Permute;
/// let layer = Permute::new(&[2, 1]);
/// ```
#[derive(Clone, Debug)]
pub struct Permute {
    base: Base,
    dims: Vec<usize>,
}

impl Permute {
    /// Axis i of the output is axis `dims[i]` of the input, both counted from 1.
    pub fn new(dims: &[usize]) -> Self {
        Self { base: Base::default(), dims: dims.to_vec() }
    }

    /// The layer's name. Default `permute`, `permute_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let dims = config.sizes("dims")?.into_iter().map(|n| usize::try_from(n).unwrap_or(0)).collect();
        Ok(Self { base, dims })
    }
}

impl Layer for Permute {
    fn class_name(&self) -> &'static str {
        "Permute"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "dims": self.dims }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let mut sorted = self.dims.clone();
        sorted.sort_unstable();
        if sorted.into_iter().eq(1..=input.len()) {
            return Ok(self.dims.iter().map(|&axis| input[axis - 1]).collect());
        }
        let expected = format!("each axis from 1 to {} once", input.len());
        Err(Error::argument(self.place(), "dims", format!("{:?}", self.dims), expected))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let order = [&[0], self.dims.as_slice()].concat();
        context.graph.transpose(input, &order)
    }
}
