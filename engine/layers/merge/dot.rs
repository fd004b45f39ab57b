use serde_json::{Value, json};

use super::super::config::with_base;
use super::super::spatial::shown;
use super::super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::tensor::Shape;

/// The scalar product of two vectors of each sample: from `[None, n]` twice to `[None, 1]`. Keras's products of
/// matrices are not there.
///
/// ```
/// use gradus::layers::Dot;
/// use gradus::{Input, Model, Symbol};
/// let (user, film) = (Input::new(&[16]), Input::new(&[16]));
/// let model = Model::new([&user, &film], [&Symbol::call(Dot::new().normalize(true), [&user, &film])])?;
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dot {
    base: Base,
    normalize: bool,
}

impl Default for Dot {
    fn default() -> Self {
        Self::new()
    }
}

impl Dot {
    /// The product of the vectors as they are.
    pub fn new() -> Self {
        Self { base: Base::default(), normalize: false }
    }

    /// Whether the vectors are brought to length 1 first: the product is their cosine then. Default false.
    pub fn normalize(mut self, normalize: bool) -> Self {
        self.normalize = normalize;
        self
    }

    /// The layer's name. Default `dot`, `dot_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(in crate::layers) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        config.only("axes", &[json!(1), json!(-1), json!([1, 1]), json!([-1, -1])])?;
        Ok(Self { base, normalize: config.flag("normalize", false)? })
    }
}

/// Rows of length 1: x / √max(Σx², 1e-12), as Keras.
fn normalized(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let square = graph.multiply(x, x)?;
    let sum = graph.sum(square, &[1])?;
    let shape = Shape(vec![graph.shape(x).0[0], 1.into()]);
    let sum = graph.reshape(sum, &shape)?;
    let least = graph.constant(1e-12);
    let sum = graph.binary(Binary::Maximum, sum, least)?;
    let length = graph.unary(Unary::Sqrt, sum);
    graph.divide(x, length)
}

impl Layer for Dot {
    fn class_name(&self) -> &'static str {
        "Dot"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        with_base(self, json!({ "axes": 1, "normalize": self.normalize }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let [a, b] = inputs else {
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), "2"));
        };
        if a.len() == 1 && a == b {
            return Ok(vec![1]);
        }
        let remedy = "give two vectors of one length for each sample";
        Err(Error::shape(
            self.place(),
            "the second input",
            shown(b),
            format!("{}, [None, n]", shown(a)),
            remedy,
        ))
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        let &[mut a, mut b] = inputs else {
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), "2"));
        };
        let graph = &mut *context.graph;
        if self.normalize {
            (a, b) = (normalized(graph, a)?, normalized(graph, b)?);
        }
        let product = graph.multiply(a, b)?;
        let shape = Shape(vec![graph.shape(a).0[0], 1.into()]);
        let sum = graph.sum(product, &[1])?;
        graph.reshape(sum, &shape)
    }
}
