use serde_json::{Value, json};

use super::super::config::with_base;
use super::super::spatial::shown;
use super::super::{Base, Config, Context, Layer};
use super::check_several;
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// Puts values one behind the other along one axis; the other sizes are equal.
///
/// ```
/// use gradus::layers::Concatenate;
/// use gradus::{Input, Model, Symbol};
/// let (a, b) = (Input::new(&[3]), Input::new(&[5]));
/// let both = Symbol::call(Concatenate::new(), [&a, &b]);
/// let model = Model::new([&a, &b], [&both])?;
/// assert!(model.summary()?.contains("(None, 8)"));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Concatenate {
    base: Base,
    axis: isize,
}

impl Default for Concatenate {
    fn default() -> Self {
        Self::new()
    }
}

impl Concatenate {
    /// Along the last axis.
    pub fn new() -> Self {
        Self { base: Base::default(), axis: -1 }
    }

    /// The axis; 0 is that of the samples, which cannot be joined, and negative ones are counted from the last.
    /// Default -1.
    pub fn axis(mut self, axis: isize) -> Self {
        self.axis = axis;
        self
    }

    /// The layer's name. Default `concatenate`, `concatenate_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let axis = config.axes("axis")?;
        let [axis] = axis[..] else {
            return Err(Error::argument("config of Concatenate", "axis", format!("{axis:?}"), "one axis"));
        };
        Ok(Self { base, axis })
    }

    /// The axis among those of a sample of `rank` axes.
    fn sample_axis(&self, rank: usize) -> Result<usize> {
        let axis = if self.axis < 0 { self.axis + rank as isize } else { self.axis - 1 };
        usize::try_from(axis).ok().filter(|&axis| axis < rank).ok_or_else(|| {
            let expected = format!("from 1 to {rank}, or negative and at least -{rank}");
            Error::argument(self.place(), "axis", self.axis, expected)
        })
    }
}

impl Layer for Concatenate {
    fn class_name(&self) -> &'static str {
        "Concatenate"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "axis": self.axis }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        check_several(self, inputs.len(), "at least 2")?;
        let mut shape = inputs[0].to_vec();
        let axis = self.sample_axis(shape.len())?;
        for input in &inputs[1..] {
            let fits =
                input.len() == shape.len() && (0..shape.len()).all(|i| i == axis || input[i] == shape[i]);
            if !fits {
                let expected = format!("{} but for axis {}", shown(inputs[0]), axis + 1);
                return Err(Error::shape(
                    self.place(),
                    "an input",
                    shown(input),
                    expected,
                    "reshape it first",
                ));
            }
            shape[axis] += input[axis];
        }
        Ok(shape)
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        check_several(self, inputs.len(), "at least 2")?;
        let axis = self.sample_axis(context.sample_shape(inputs[0]).len())?;
        context.graph.concat(inputs, axis + 1)
    }
}
