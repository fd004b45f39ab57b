use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Binary, Comparison, Graph, NodeId, Reduction, Unary};
use crate::train::by_name;

/// The slope that `"leaky_relu"` has below 0.
const NEGATIVE_SLOPE: f32 = 0.2;

/// A function between layers, of every number or, with softmax, of the numbers along the last axis.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ActivationFunction {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// x above 0, else `negative_slope` · x. By name the slope is 0.2.
    LeakyRelu {
        /// The slope below 0.
        negative_slope: f32,
    },
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// tanh x
    Tanh,
    /// eˣ / Σ eˣ over the last axis
    Softmax,
}

const NAMES: [(&str, ActivationFunction); 6] = [
    ("linear", ActivationFunction::Linear),
    ("relu", ActivationFunction::Relu),
    ("leaky_relu", ActivationFunction::LeakyRelu { negative_slope: NEGATIVE_SLOPE }),
    ("sigmoid", ActivationFunction::Sigmoid),
    ("tanh", ActivationFunction::Tanh),
    ("softmax", ActivationFunction::Softmax),
];

impl TryFrom<&str> for ActivationFunction {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("activation", "activation", name, &NAMES)
    }
}

impl ActivationFunction {
    /// Keras's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::LeakyRelu { .. } => "leaky_relu",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::Softmax => "softmax",
        }
    }

    /// The function as Keras's configs hold it: its name, or a layer where a name cannot say the slope.
    pub fn config(self) -> Value {
        match self {
            Self::LeakyRelu { negative_slope } if negative_slope != NEGATIVE_SLOPE => {
                json!({
                    "module": "keras.layers",
                    "class_name": "LeakyReLU",
                    "config": { "negative_slope": negative_slope },
                    "registered_name": null,
                })
            }
            named => json!(named.name()),
        }
    }

    /// Adds the function of `x` to the graph.
    ///
    /// # Errors
    /// If `x` has no last axis that softmax could go along.
    pub fn apply(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        match self {
            Self::Linear => Ok(x),
            Self::Relu => Ok(graph.unary(Unary::Relu, x)),
            Self::Sigmoid => Ok(graph.unary(Unary::Sigmoid, x)),
            Self::Tanh => Ok(graph.unary(Unary::Tanh, x)),
            Self::LeakyRelu { negative_slope } => {
                let zero = graph.constant(0.0);
                let positive = graph.compare(Comparison::Greater, x, zero)?;
                let below = graph.scale(x, negative_slope)?;
                graph.select(positive, x, below)
            }
            Self::Softmax => softmax(graph, x),
        }
    }
}

/// The largest value is taken off first, so that nothing overflows.
fn softmax(graph: &mut Graph, x: NodeId) -> Result<NodeId> {
    let rank = graph.shape(x).rank();
    if rank < 2 {
        let found = graph.shape(x).to_string();
        return Err(Error::shape("softmax", "input", found, "[None, …, classes]", "give it a last axis"));
    }
    let largest = graph.reduce(Reduction::Max, x, &[rank - 1])?;
    let largest = graph.detach(largest);
    let shifted = graph.binary(Binary::Subtract, x, largest)?;
    let powers = graph.unary(Unary::Exp, shifted);
    let sum = graph.sum(powers, &[rank - 1])?;
    graph.divide(powers, sum)
}
