//! Layers that make one value of several.

mod concatenate;
mod dot;

pub use concatenate::Concatenate;
pub use dot::Dot;

use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId};

/// What [`Merge`] does with its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Add,
    Subtract,
    Multiply,
    Average,
    Maximum,
    Minimum,
}

impl Kind {
    fn class_name(self) -> &'static str {
        match self {
            Self::Add => "Add",
            Self::Subtract => "Subtract",
            Self::Multiply => "Multiply",
            Self::Average => "Average",
            Self::Maximum => "Maximum",
            Self::Minimum => "Minimum",
        }
    }

    fn join(self, graph: &mut Graph, a: NodeId, b: NodeId) -> Result<NodeId> {
        match self {
            Self::Add | Self::Average => graph.add(a, b),
            Self::Subtract => graph.subtract(a, b),
            Self::Multiply => graph.multiply(a, b),
            Self::Maximum => graph.binary(Binary::Maximum, a, b),
            Self::Minimum => graph.binary(Binary::Minimum, a, b),
        }
    }
}

/// Joins values element by element: [`Add`], [`Subtract`], [`Multiply`], [`Average`], [`Maximum`] or [`Minimum`]. All
/// have one number of axes; sizes of 1 are stretched.
#[derive(Clone, Debug)]
pub struct Merge {
    base: Base,
    kind: Kind,
}

/// The sum of two or more values of one shape, which stays; axes of size 1 are stretched.
///
/// ```
/// use gradus::layers::Add;
/// use gradus::{Input, Model, Symbol};
/// let (a, b) = (Input::new(&[3]), Input::new(&[3]));
/// let model = Model::new([&a, &b], [&Symbol::call(Add::new(), [&a, &b])])?;
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Add;

/// The first of two values minus the second; called as [`Add`] is.
#[derive(Clone, Copy, Debug)]
pub struct Subtract;

/// The product of two or more values; called as [`Add`] is.
#[derive(Clone, Copy, Debug)]
pub struct Multiply;

/// The mean of two or more values; called as [`Add`] is.
#[derive(Clone, Copy, Debug)]
pub struct Average;

/// The largest of two or more values, number by number; called as [`Add`] is.
#[derive(Clone, Copy, Debug)]
pub struct Maximum;

/// The smallest of two or more values, number by number; called as [`Add`] is.
#[derive(Clone, Copy, Debug)]
pub struct Minimum;

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Add {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Add)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Subtract {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Subtract)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Multiply {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Multiply)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Average {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Average)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Maximum {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Maximum)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has six names for what is one layer here")]
impl Minimum {
    /// The layer.
    pub fn new() -> Merge {
        Merge::new(Kind::Minimum)
    }
}

impl Merge {
    fn new(kind: Kind) -> Self {
        Self { base: Base::default(), kind }
    }

    /// The layer's name. Default `add`, `add_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(class_name: &str, config: &mut Config) -> Result<Self> {
        let kinds = [Kind::Add, Kind::Subtract, Kind::Multiply, Kind::Average, Kind::Maximum, Kind::Minimum];
        let kind = kinds.into_iter().find(|kind| kind.class_name() == class_name).unwrap_or(Kind::Add);
        Ok(Self { base: config.base()?, kind })
    }

    /// The shape of `a` and `b` joined, unless they do not fit.
    fn joined(&self, a: &[usize], b: &[usize]) -> Result<Vec<usize>> {
        let fit = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a == b || *a == 1 || *b == 1);
        if fit {
            return Ok(a.iter().zip(b).map(|(&a, &b)| if a == 1 { b } else { a }).collect());
        }
        let remedy = "bring all inputs to one shape first, such as by Dense or Reshape";
        Err(Error::shape(self.place(), "an input", shown(b), format!("{}, as before", shown(a)), remedy))
    }
}

/// Refuses less than two inputs.
fn check_several(layer: &dyn Layer, inputs: usize, expected: &str) -> Result<()> {
    if inputs >= 2 {
        return Ok(());
    }
    Err(Error::argument(layer.place(), "number of inputs", inputs, expected))
}

impl Layer for Merge {
    fn class_name(&self) -> &'static str {
        self.kind.class_name()
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({}))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        if self.kind == Kind::Subtract && inputs.len() != 2 {
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), "2"));
        }
        check_several(self, inputs.len(), "at least 2")?;
        let first = inputs[0].to_vec();
        inputs[1..].iter().try_fold(first, |shape, input| self.joined(&shape, input))
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        check_several(self, inputs.len(), "at least 2")?;
        let graph = &mut *context.graph;
        let joined = inputs[1..].iter().try_fold(inputs[0], |a, &b| self.kind.join(graph, a, b))?;
        if self.kind == Kind::Average { graph.scale(joined, 1.0 / inputs.len() as f32) } else { Ok(joined) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::from_config;
    use super::*;

    #[test]
    fn configs_come_back() -> Result<()> {
        let layers: [Box<dyn Layer>; 8] = [
            Add::new().into(),
            Subtract::new().into(),
            Multiply::new().into(),
            Average::new().into(),
            Maximum::new().into(),
            Minimum::new().into(),
            Concatenate::new().axis(1).into(),
            Dot::new().axes(1, -1).normalize(true).into(),
        ];
        for layer in layers {
            let mut config = layer.config();
            let again = from_config(layer.class_name(), &config)?;
            assert_eq!((again.class_name(), again.config()), (layer.class_name(), config.clone()));
            config["colour"] = json!("red");
            let message = from_config(layer.class_name(), &config).unwrap_err().to_string();
            assert!(message.contains("colour"), "{message}");
        }
        Ok(())
    }

    #[test]
    fn shapes_are_stretched_and_joined() -> Result<()> {
        assert_eq!(Add::new().output_shape_many(&[&[2, 1], &[1, 3], &[2, 3]])?, [2, 3]);
        let along = |axis| Concatenate::new().axis(axis).output_shape_many(&[&[2, 3], &[2, 3]]);
        assert_eq!((along(1)?, along(-1)?), (vec![4, 3], vec![2, 6]));
        let three = Subtract::new().output_shape_many(&[&[1], &[1], &[1]]);
        assert!(three.unwrap_err().to_string().contains("number of inputs is 3, expected 2"));
        assert!(along(0).unwrap_err().to_string().contains("axis is 0, expected from 1 to 2"));
        let dot = |first, second| Dot::new().axes(first, second).output_shape_many(&[&[2, 3], &[5, 3, 4]]);
        assert_eq!(dot(2, 2)?, [2, 5, 4]);
        assert!(dot(1, 1).unwrap_err().to_string().contains("[None, 2, 3]"), "{:?}", dot(1, 1));
        assert!(dot(0, 1).unwrap_err().to_string().contains("axes is 0, expected from 1 to 2"));
        Ok(())
    }
}
