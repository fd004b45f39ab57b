//! Regularizers: what large weights or outputs add to the loss.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Binary, Comparison, Graph, NodeId, Unary};
use crate::tensor::Shape;
use crate::train::by_name;

/// What is added to the loss for a weight, or for a layer's output.
///
/// ```
/// use gradus::{Dense, train::regularizers::Regularizer};
/// let layer = Dense::new(64).kernel_regularizer(Regularizer::elastic_net(0.01, 0.5));
/// let layer = Dense::new(64).kernel_regularizer("l2");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Regularizer {
    /// l1 · Σ|w| + l2 · Σw². With l2 = 0 that is LASSO, with l1 = 0 ridge regression.
    L1L2 {
        /// The weight of Σ|w|.
        l1: f64,
        /// The weight of Σw².
        l2: f64,
    },
    /// factor · half the mean |cosine| of the angles between different rows, or columns: Brock et al. 2017.
    Orthogonal {
        /// The weight.
        factor: f64,
        /// Whether rows are compared, not columns.
        rows: bool,
    },
}

impl Regularizer {
    /// LASSO: l1 · Σ|w|. Keras's default for l1 is 0.01.
    pub fn l1(l1: f64) -> Self {
        Self::L1L2 { l1, l2: 0.0 }
    }

    /// Ridge: l2 · Σw². Keras's default for l2 is 0.01.
    pub fn l2(l2: f64) -> Self {
        Self::L1L2 { l1: 0.0, l2 }
    }

    /// Elastic net: lambda · ((1 − alpha) · Σ|w| + alpha · Σw²) (Zou and Hastie 2005).
    pub fn elastic_net(lambda: f64, alpha: f64) -> Self {
        Self::L1L2 { l1: lambda * (1.0 - alpha), l2: lambda * alpha }
    }

    /// The penalty for `x`, as a scalar.
    ///
    /// # Errors
    /// If an orthogonal regularizer is asked about anything but a matrix.
    pub fn penalty(self, graph: &mut Graph, x: NodeId) -> Result<NodeId> {
        match self {
            Self::L1L2 { l1, l2 } => {
                let mut penalty = graph.constant(0.0);
                if l1 != 0.0 {
                    let size = graph.unary(Unary::Abs, x);
                    let sum = graph.sum_all(size)?;
                    let sum = graph.scale(sum, l1 as f32)?;
                    penalty = graph.add(penalty, sum)?;
                }
                if l2 != 0.0 {
                    let square = graph.multiply(x, x)?;
                    let sum = graph.sum_all(square)?;
                    let sum = graph.scale(sum, l2 as f32)?;
                    penalty = graph.add(penalty, sum)?;
                }
                Ok(penalty)
            }
            Self::Orthogonal { factor, rows } => orthogonal(graph, x, factor, rows),
        }
    }

    /// As Keras's configs hold it.
    pub fn config(self) -> Value {
        let (class, config) = match self {
            Self::L1L2 { l1, l2: 0.0 } => ("L1", json!({ "l1": l1 })),
            Self::L1L2 { l1: 0.0, l2 } => ("L2", json!({ "l2": l2 })),
            Self::L1L2 { l1, l2 } => ("L1L2", json!({ "l1": l1, "l2": l2 })),
            Self::Orthogonal { factor, rows } => {
                let mode = if rows { "rows" } else { "columns" };
                ("OrthogonalRegularizer", json!({ "factor": factor, "mode": mode }))
            }
        };
        json!({ "module": "keras.regularizers", "class_name": class, "config": config, "registered_name": null })
    }

    /// From a name or from what [`Regularizer::config`] gives; numbers that are not there have Keras's defaults.
    ///
    /// # Errors
    /// If there is no such regularizer.
    pub fn from_config(value: &Value) -> Result<Self> {
        let found = value.get("class_name").unwrap_or(value).as_str().unwrap_or_default();
        let number = |key: &str, default: f64| match value.pointer(&format!("/config/{key}")) {
            None => Ok(default),
            Some(given) => {
                given.as_f64().ok_or_else(|| Error::argument("regularizer", key, given, "a number"))
            }
        };
        Ok(match Self::try_from(found)? {
            Self::L1L2 { l1, l2 } => {
                let absent = |own: f64| if found == "L1L2" || found == "l1_l2" { 0.0 } else { own };
                Self::L1L2 { l1: number("l1", absent(l1))?, l2: number("l2", absent(l2))? }
            }
            Self::Orthogonal { factor, .. } => {
                let rows = value.pointer("/config/mode").is_none_or(|mode| mode == "rows");
                Self::Orthogonal { factor: number("factor", factor)?, rows }
            }
        })
    }
}

/// Keras's defaults: 0.01 each.
const NAMES: [(&str, Regularizer); 8] = [
    ("l1", Regularizer::L1L2 { l1: 0.01, l2: 0.0 }),
    ("L1", Regularizer::L1L2 { l1: 0.01, l2: 0.0 }),
    ("l2", Regularizer::L1L2 { l1: 0.0, l2: 0.01 }),
    ("L2", Regularizer::L1L2 { l1: 0.0, l2: 0.01 }),
    ("l1_l2", Regularizer::L1L2 { l1: 0.01, l2: 0.01 }),
    ("L1L2", Regularizer::L1L2 { l1: 0.01, l2: 0.01 }),
    ("orthogonal_regularizer", Regularizer::Orthogonal { factor: 0.01, rows: true }),
    ("OrthogonalRegularizer", Regularizer::Orthogonal { factor: 0.01, rows: true }),
];

impl TryFrom<&str> for Regularizer {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("regularizer", "name", name, &NAMES)
    }
}

fn orthogonal(graph: &mut Graph, x: NodeId, factor: f64, rows: bool) -> Result<NodeId> {
    let shape = graph.shape(x).clone();
    if shape.rank() != 2 || shape.has_batch() {
        let remedy = "use it on the kernel of a Dense layer";
        return Err(Error::shape("orthogonal regularizer", "the weight", shape, "[rows, columns]", remedy));
    }
    let (along, count) = if rows { (1, shape.0[0].factor) } else { (0, shape.0[1].factor) };
    let square = graph.multiply(x, x)?;
    let sum = graph.sum(square, &[along])?;
    // Keras's normalization: lengths below 1e-7 are taken for 1e-7.
    let least = graph.constant(1e-14);
    let sum = graph.binary(Binary::Maximum, sum, least)?;
    let length = graph.unary(Unary::Sqrt, sum);
    let direction = graph.divide(x, length)?;
    let cosines = graph.matmul(direction, direction, !rows, rows)?;
    let square = Shape::fixed(&[count, count]);
    let (row, column) = (graph.iota(&square, 0)?, graph.iota(&square, 1)?);
    let different = graph.compare(Comparison::NotEqual, row, column)?;
    let size = graph.unary(Unary::Abs, cosines);
    let size = graph.multiply(size, different)?;
    let sum = graph.sum_all(size)?;
    let pairs = (count * count.saturating_sub(1) / 2).max(1) as f64;
    graph.scale(sum, (factor * 0.5 / pairs) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::plain::{Feed, Plain};

    fn penalty(regularizer: Regularizer) -> f64 {
        let mut graph = Graph::new();
        let weight = graph.variable("weights");
        let kernel = graph.parameter("kernel", &[2, 2], weight);
        let penalty = regularizer.penalty(&mut graph, kernel).unwrap();
        graph.output("penalty", penalty).unwrap();
        let mut plain = Plain::new(&graph);
        plain.set_parameter(&graph.parameters[0].clone(), &[3.0, 4.0, -1.0, 0.0]).unwrap();
        let feed = Feed { batch: 1, ..Feed::default() };
        plain.step(&graph, &feed).unwrap().output("penalty").unwrap().data[0]
    }

    #[test]
    fn penalties_are_those_of_the_formulas() {
        let close =
            |found: f64, expected: f64| assert!((found - expected).abs() <= 1e-6, "{found}, {expected}");
        close(penalty(Regularizer::l1(0.1)), 0.8);
        close(penalty(Regularizer::l2(0.1)), 2.6);
        close(penalty(Regularizer::elastic_net(0.5, 0.25)), 0.5 * (0.75 * 8.0 + 0.25 * 26.0));
        // The rows' cosine is −3/5; the columns' (3·4 + 0)/(√10·4) = 3/√10.
        close(penalty(Regularizer::Orthogonal { factor: 2.0, rows: true }), 2.0 * 0.5 * 1.2);
        close(
            penalty(Regularizer::Orthogonal { factor: 2.0, rows: false }),
            2.0 * 0.5 * 2.0 * 3.0 / 10f64.sqrt(),
        );
    }

    #[test]
    fn configs_come_back() {
        let all = [Regularizer::l1(0.3), Regularizer::l2(0.2), Regularizer::elastic_net(0.1, 0.4)];
        for regularizer in all.into_iter().chain([Regularizer::Orthogonal { factor: 0.1, rows: false }]) {
            assert_eq!(Regularizer::from_config(&regularizer.config()).unwrap(), regularizer);
        }
        let keras = json!({ "class_name": "L1L2", "config": { "l2": 0.5 } });
        assert_eq!(Regularizer::from_config(&keras).unwrap(), Regularizer::l2(0.5));
    }
}
