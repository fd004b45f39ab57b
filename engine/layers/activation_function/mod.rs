//! The functions between layers: Keras's whole list, each in graph operations.

mod forms;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Unary};
use crate::train::by_name;

pub(super) use forms::relu;
pub(crate) use forms::softmax;

/// A function between layers, of every number or, where it says so, of the numbers along the last axis.
///
/// Names, formulas and defaults are those of <https://keras.io/api/layers/activations>.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum ActivationFunction {
    /// x
    #[default]
    Linear,
    /// max(x, 0)
    Relu,
    /// min(max(x, 0), 6)
    Relu6,
    /// x above 0, else `negative_slope` · x. By name the slope is 0.2.
    LeakyRelu {
        /// The slope below 0.
        negative_slope: f32,
    },
    /// x above 0, else `alpha` · (eˣ − 1). By name alpha is 1. Clevert et al. 2016.
    Elu {
        /// What is approached far below 0, negated.
        alpha: f32,
    },
    /// 1.0507 · elu(x) with alpha 1.67326, which keep mean 0 and variance 1. Klambauer et al. 2017.
    Selu,
    /// x above 0, else `alpha` · (e^(x / alpha) − 1). By name alpha is 1. Barron 2017.
    Celu {
        /// What is approached far below 0, negated.
        alpha: f32,
    },
    /// x · Φ(x), Φ being the normal distribution's function. Hendrycks and Gimpel 2016.
    Gelu {
        /// Whether ½ · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) stands for Φ. By name it does not.
        approximate: bool,
    },
    /// x · sigmoid(x), also called swish. Ramachandran et al. 2017.
    Silu,
    /// x · tanh(softplus(x)). Misra 2019.
    Mish,
    /// ln(1 + eˣ)
    Softplus,
    /// x / (1 + |x|)
    Softsign,
    /// (x + √(x² + `b`)) / 2. By name b is 4. Barron 2021.
    Squareplus {
        /// How round the bend is.
        b: f32,
    },
    /// 0 up to −1, x from 1 on, (x + 1)² / 4 between.
    SparsePlus,
    /// eˣ
    Exponential,
    /// tanh x
    Tanh,
    /// x within ±1, else ±1
    HardTanh,
    /// x − tanh x
    TanhShrink,
    /// x brought nearer to 0 by `threshold`, as far as 0. By name the threshold is 0.5.
    SoftShrink {
        /// The largest size that becomes 0.
        threshold: f32,
    },
    /// x where it is larger than `threshold` in size, else 0. By name the threshold is 0.5.
    HardShrink {
        /// The largest size that becomes 0.
        threshold: f32,
    },
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// ln sigmoid(x)
    LogSigmoid,
    /// relu6(x + 3) / 6
    HardSigmoid,
    /// 0.2 · x + 0.5 between 0 and 1: what Keras 2 called `hard_sigmoid`. Files of Keras 2 are read so; `.h5` files keep it,
    /// `.keras` files, which are Keras 3's, cannot.
    Keras2HardSigmoid,
    /// (x + 1) / 2 between 0 and 1. Blondel et al. 2019.
    SparseSigmoid,
    /// x · hard_sigmoid(x), also called hard swish. Howard et al. 2019.
    HardSilu,
    /// eˣ / Σ eˣ over the last axis
    Softmax,
    /// x − ln Σ eˣ over the last axis
    LogSoftmax,
    /// The point of the simplex nearest to the numbers along the last axis: Martins and Astudillo 2016. (Keras 3.15 takes
    /// another threshold, so that its outputs do not sum to 1.)
    Sparsemax,
    /// a · sigmoid(b), a and b being the halves of the last axis, which becomes half as long. Dauphin et al. 2017.
    Glu,
}

use ActivationFunction as F;

/// Each function by its name, then those with a second one.
const NAMES: [(&str, F); 32] = [
    ("linear", F::Linear),
    ("relu", F::Relu),
    ("relu6", F::Relu6),
    ("leaky_relu", F::LeakyRelu { negative_slope: 0.2 }),
    ("elu", F::Elu { alpha: 1.0 }),
    ("selu", F::Selu),
    ("celu", F::Celu { alpha: 1.0 }),
    ("gelu", F::Gelu { approximate: false }),
    ("silu", F::Silu),
    ("mish", F::Mish),
    ("softplus", F::Softplus),
    ("softsign", F::Softsign),
    ("squareplus", F::Squareplus { b: 4.0 }),
    ("sparse_plus", F::SparsePlus),
    ("exponential", F::Exponential),
    ("tanh", F::Tanh),
    ("hard_tanh", F::HardTanh),
    ("tanh_shrink", F::TanhShrink),
    ("soft_shrink", F::SoftShrink { threshold: 0.5 }),
    ("hard_shrink", F::HardShrink { threshold: 0.5 }),
    ("sigmoid", F::Sigmoid),
    ("log_sigmoid", F::LogSigmoid),
    ("hard_sigmoid", F::HardSigmoid),
    ("keras2_hard_sigmoid", F::Keras2HardSigmoid),
    ("sparse_sigmoid", F::SparseSigmoid),
    ("hard_silu", F::HardSilu),
    ("softmax", F::Softmax),
    ("log_softmax", F::LogSoftmax),
    ("sparsemax", F::Sparsemax),
    ("glu", F::Glu),
    ("swish", F::Silu),
    ("hard_swish", F::HardSilu),
];

impl TryFrom<&str> for ActivationFunction {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("activation", "activation", name, &NAMES)
    }
}

impl ActivationFunction {
    /// Every function once, with the options that it has by name.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().filter(|(name, function)| function.name() == *name).map(|(_, function)| *function)
    }

    /// Keras's name.
    pub fn name(self) -> &'static str {
        let same = |other: &F| std::mem::discriminant(other) == std::mem::discriminant(&self);
        NAMES.iter().find(|(_, function)| same(function)).map_or("", |(name, _)| name)
    }

    /// The options that a function has, under Keras's keys.
    fn options(self) -> Value {
        match self {
            Self::LeakyRelu { negative_slope } => json!({ "negative_slope": negative_slope }),
            Self::Elu { alpha } | Self::Celu { alpha } => json!({ "alpha": alpha }),
            Self::Gelu { approximate } => json!({ "approximate": approximate }),
            Self::Squareplus { b } => json!({ "b": b }),
            Self::SoftShrink { threshold } | Self::HardShrink { threshold } => {
                json!({ "threshold": threshold })
            }
            _ => json!({}),
        }
    }

    /// The function as Keras's configs hold it: its name, or a layer where a name cannot say the options. Of functions
    /// that no layer of Keras stands for, the object has this crate's name for its module.
    pub fn config(self) -> Value {
        if Self::try_from(self.name()).is_ok_and(|named| named == self) {
            return json!(self.name());
        }
        let (module, class_name) = match self {
            Self::LeakyRelu { .. } => ("keras.layers", "LeakyReLU"),
            Self::Elu { .. } => ("keras.layers", "ELU"),
            _ => ("gradus", self.name()),
        };
        json!({
            "module": module, "class_name": class_name, "config": self.options(), "registered_name": null,
        })
    }

    /// The function of a config: a name, or an object as [`ActivationFunction::config`] and Keras's layers give it.
    ///
    /// # Errors
    /// If there is no such function, or it has no such option.
    pub fn from_config(config: &Value) -> Result<Self> {
        let class = config.get("class_name").unwrap_or(config).as_str().unwrap_or_default();
        let name = match class {
            "LeakyReLU" => "leaky_relu",
            "ELU" => "elu",
            name => name,
        };
        let mut function = Self::try_from(name)?;
        for (key, value) in config.get("config").and_then(Value::as_object).into_iter().flatten() {
            // What every layer has says nothing about the function.
            if !["name", "trainable", "dtype"].contains(&key.as_str()) && !function.set(key, value) {
                let expected = format!("one of the options of {name}: {}", function.options());
                return Err(Error::argument("activation", "activation", format!("{key}: {value}"), expected));
            }
        }
        Ok(function)
    }

    /// Sets an option; false if there is none of that name and kind.
    fn set(&mut self, key: &str, value: &Value) -> bool {
        let number = value.as_f64().map(|n| n as f32);
        match (self, key, number, value.as_bool()) {
            (Self::LeakyRelu { negative_slope: option }, "negative_slope", Some(n), _)
            | (Self::Elu { alpha: option } | Self::Celu { alpha: option }, "alpha", Some(n), _)
            | (Self::Squareplus { b: option }, "b", Some(n), _)
            | (
                Self::SoftShrink { threshold: option } | Self::HardShrink { threshold: option },
                "threshold",
                Some(n),
                _,
            ) => *option = n,
            (Self::Gelu { approximate }, "approximate", _, Some(flag)) => *approximate = flag,
            _ => return false,
        }
        true
    }

    /// The shape of one sample behind the function, told at `place` where there is none.
    ///
    /// # Errors
    /// If the function goes along the last axis, and there is none, or it has no halves.
    pub fn output_shape(self, place: &str, input: &[usize]) -> Result<Vec<usize>> {
        let along_last = matches!(self, Self::Softmax | Self::LogSoftmax | Self::Sparsemax | Self::Glu);
        match *input {
            [] if along_last => {
                let remedy = format!("{} needs several values to compare", self.name());
                Err(Error::shape(place, "input", "[None]", "[None, …, classes]", remedy))
            }
            [ref rest @ .., last] if self == Self::Glu => {
                if !last.is_multiple_of(2) {
                    let remedy = "glu multiplies one half of the last axis by the other";
                    return Err(Error::shape(place, "input", format!("{input:?}"), "[…, 2n]", remedy));
                }
                Ok([rest, &[last / 2]].concat())
            }
            _ => Ok(input.to_vec()),
        }
    }

    /// Adds the function of `x` to the graph.
    ///
    /// # Errors
    /// If `x` has no last axis that the function could go along.
    pub fn apply(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        let last = graph.shape(x).rank().saturating_sub(1);
        match self {
            Self::Linear => Ok(x),
            Self::Relu => Ok(graph.unary(Unary::Relu, x)),
            Self::Relu6 => relu(graph, x, 0.0, Some(6.0), 0.0),
            Self::LeakyRelu { negative_slope } => relu(graph, x, negative_slope, None, 0.0),
            Self::Elu { alpha } => forms::elu(graph, x, alpha),
            Self::Selu => forms::selu(graph, x),
            Self::Celu { alpha } => forms::celu(graph, x, alpha),
            Self::Gelu { approximate: false } => forms::gelu(graph, x),
            Self::Gelu { approximate: true } => forms::gelu_approximate(graph, x),
            Self::Silu => forms::gated(graph, x, Unary::Sigmoid),
            Self::Mish => forms::mish(graph, x),
            Self::Softplus => Ok(graph.unary(Unary::Softplus, x)),
            Self::Softsign => forms::softsign(graph, x),
            Self::Squareplus { b } => forms::squareplus(graph, x, b),
            Self::SparsePlus => forms::sparse_plus(graph, x),
            Self::Exponential => Ok(graph.unary(Unary::Exp, x)),
            Self::Tanh => Ok(graph.unary(Unary::Tanh, x)),
            Self::HardTanh => forms::clip(graph, x, -1.0, 1.0),
            Self::TanhShrink => forms::tanh_shrink(graph, x),
            Self::SoftShrink { threshold } => forms::soft_shrink(graph, x, threshold),
            Self::HardShrink { threshold } => forms::hard_shrink(graph, x, threshold),
            Self::Sigmoid => Ok(graph.unary(Unary::Sigmoid, x)),
            Self::LogSigmoid => forms::log_sigmoid(graph, x),
            Self::HardSigmoid => forms::hard_sigmoid(graph, x),
            Self::Keras2HardSigmoid => forms::keras2_hard_sigmoid(graph, x),
            Self::SparseSigmoid => forms::sparse_sigmoid(graph, x),
            Self::HardSilu => forms::hard_silu(graph, x),
            Self::Softmax => softmax(graph, x, &[last]),
            Self::LogSoftmax => forms::log_softmax(graph, x, last),
            Self::Sparsemax => forms::sparsemax(graph, x, last),
            Self::Glu => forms::glu(graph, x, last),
        }
    }
}
