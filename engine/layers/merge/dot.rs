use serde_json::{Value, json};

use super::super::config::with_base;
use super::super::spatial::shown;
use super::super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::tensor::Shape;

/// The product of two values of each sample, summed along one axis of each: of `[None, n]` twice `[None, 1]`, of
/// `[None, m, k]` and `[None, k, n]` along axes 2 and 1 the product of matrices `[None, m, n]`. The axes of the first come
/// first in the result, then those of the second.
///
/// ```
/// use gradus::layers::Dot;
/// use gradus::{Input, Model, Symbol};
/// let (user, film) = (Input::new(&[16]), Input::new(&[16]));
/// let model = Model::new([&user, &film], [&Symbol::call(Dot::new().normalize(true), [&user, &film])])?;
/// let (queries, keys) = (Input::new(&[7, 16]), Input::new(&[9, 16]));
/// let scores = Symbol::call(Dot::new().axes(2, 2), [&queries, &keys]);
/// assert!(Model::new([&queries, &keys], [&scores])?.summary()?.contains("(None, 7, 9)"));
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Dot {
    base: Base,
    axes: [isize; 2],
    normalize: bool,
}

impl Default for Dot {
    fn default() -> Self {
        Self::new()
    }
}

impl Dot {
    /// The product along axis 1 of both.
    pub fn new() -> Self {
        Self { base: Base::default(), axes: [1, 1], normalize: false }
    }

    /// The axes that are summed, counted from 1 behind the batch, or negative from the last. Default 1 and 1.
    pub fn axes(mut self, first: isize, second: isize) -> Self {
        self.axes = [first, second];
        self
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
        let axes = match config.axes("axes")?[..] {
            [both] => [both; 2],
            [first, second] => [first, second],
            ref several => return Err(config.wrong("axes", &json!(several), "one axis, or two")),
        };
        Ok(Self { base, axes, normalize: config.flag("normalize", false)? })
    }

    /// The axes that are summed, among those of inputs with `ranks` axes, the batch included.
    fn places(&self, ranks: [usize; 2]) -> Result<[usize; 2]> {
        let place = |axis: isize, rank: usize| {
            let counted = if axis < 0 { axis + rank as isize } else { axis };
            usize::try_from(counted).ok().filter(|axis| (1..rank).contains(axis)).ok_or_else(|| {
                let expected = format!("from 1 to {}, or negative", rank - 1);
                Error::argument(self.place(), "axes", axis, expected)
            })
        };
        Ok([place(self.axes[0], ranks[0])?, place(self.axes[1], ranks[1])?])
    }
}

/// Length 1 along `axis`: x / √max(Σx², 1e-12), as Keras.
fn normalized(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let square = graph.multiply(x, x)?;
    let sum = graph.sum(square, &[axis])?;
    let least = graph.constant(1e-12);
    let sum = graph.binary(Binary::Maximum, sum, least)?;
    let length = graph.unary(Unary::Sqrt, sum);
    graph.divide(x, length)
}

/// `x` as matrices `[None, others, size]`: `axis` last.
fn rows(graph: &mut Graph, x: NodeId, axis: usize) -> Result<NodeId> {
    let rank = graph.shape(x).rank();
    let others = (0..rank).filter(|&other| other != axis);
    let order: Vec<usize> = others.chain([axis]).collect();
    let turned = if axis == rank - 1 { x } else { graph.transpose(x, &order)? };
    let size = graph.shape(x).0[axis].factor;
    let count = graph.shape(x).count().factor / size;
    graph.reshape(turned, &Shape::batched(&[count, size]))
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
        let [first, second] = self.axes;
        let axes = if first == second { json!(first) } else { json!(self.axes) };
        with_base(self, json!({ "axes": axes, "normalize": self.normalize }))
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let [a, b] = inputs else {
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), "2"));
        };
        if a.is_empty() || b.is_empty() {
            let remedy = "give at least one number a sample: Reshape";
            return Err(Error::shape(self.place(), "an input", "[None]", "[None, …]", remedy));
        }
        let [of_a, of_b] = self.places([a.len() + 1, b.len() + 1])?;
        if a[of_a - 1] != b[of_b - 1] {
            let (found, expected) = (shown(b), format!("{} along axis {of_b}, as {}", a[of_a - 1], shown(a)));
            let remedy = "sum along axes of one size";
            return Err(Error::shape(self.place(), "the second input", found, expected, remedy));
        }
        let rest = |sizes: &[usize], axis: usize| [&sizes[..axis - 1], &sizes[axis..]].concat();
        let shape = [rest(a, of_a), rest(b, of_b)].concat();
        Ok(if shape.is_empty() { vec![1] } else { shape })
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        let &[mut a, mut b] = inputs else {
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), "2"));
        };
        let samples = [a, b].map(|input| context.sample_shape(input));
        let shape = Shape::batched(&self.output_shape_many(&[&samples[0], &samples[1]])?);
        let [of_a, of_b] = self.places([samples[0].len() + 1, samples[1].len() + 1])?;
        let graph = &mut *context.graph;
        if self.normalize {
            (a, b) = (normalized(graph, a, of_a)?, normalized(graph, b, of_b)?);
        }
        let product = if samples.iter().all(|sample| sample.len() == 1) {
            let product = graph.multiply(a, b)?;
            graph.sum(product, &[1])?
        } else {
            let (a, b) = (rows(graph, a, of_a)?, rows(graph, b, of_b)?);
            graph.matmul(a, b, false, true)?
        };
        graph.reshape(product, &shape)
    }
}
