//! Constraints: what a weight is brought back to after each step.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Binary, Graph, NodeId, Unary};
use crate::train::by_name;

/// Keeps a division from dividing by 0: Keras's epsilon.
const EPSILON: f32 = 1e-7;

/// What a weight is brought back to after each step. Lengths are taken along axis 0: for a Dense kernel, of the
/// weights that lead to one unit; for another weight say which axes with [`Constraint::along`].
///
/// ```
/// use gradus::{Dense, train::constraints::Constraint};
/// let layer = Dense::new(64).kernel_constraint(Constraint::max_norm(3.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Constraint {
    rule: Rule,
    axes: Vec<isize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    MaxNorm { max_value: f64 },
    UnitNorm,
    NonNegative,
    MinMaxNorm { min_value: f64, max_value: f64, rate: f64 },
}

impl Constraint {
    fn new(rule: Rule) -> Self {
        Self { rule, axes: vec![0] }
    }

    /// Lengths of at most `max_value` (Srebro et al. 2005). Keras's default is 2.
    pub fn max_norm(max_value: f64) -> Self {
        Self::new(Rule::MaxNorm { max_value })
    }

    /// Lengths of 1.
    pub fn unit_norm() -> Self {
        Self::new(Rule::UnitNorm)
    }

    /// No number below 0.
    pub fn non_neg() -> Self {
        Self::new(Rule::NonNegative)
    }

    /// Lengths from `min_value` to `max_value`, brought there by the share `rate` a step. Keras's defaults are 0, 1, 1.
    pub fn min_max_norm(min_value: f64, max_value: f64, rate: f64) -> Self {
        Self::new(Rule::MinMaxNorm { min_value, max_value, rate })
    }

    /// The axes along which lengths are taken, negative ones counted from the last: `[0, 1, 2]` for a filter of a Conv2D.
    /// Default 0.
    pub fn along(mut self, axes: &[isize]) -> Self {
        self.axes = axes.to_vec();
        self
    }

    /// The weight `w`, brought back.
    ///
    /// # Errors
    /// If the weight has no such axis.
    pub fn apply(&self, graph: &mut Graph, w: NodeId) -> Result<NodeId> {
        let epsilon = graph.constant(EPSILON);
        let square = graph.multiply(w, w)?;
        let rank = graph.shape(w).rank();
        // An axis that there is not stays outside, for the sum to refuse.
        let place =
            |&axis: &isize| if axis < 0 { rank.wrapping_add_signed(axis) } else { axis.unsigned_abs() };
        let sum = graph.sum(square, &self.axes.iter().map(place).collect::<Vec<_>>())?;
        let length = graph.unary(Unary::Sqrt, sum);
        let above = graph.add(length, epsilon)?;
        let bounded = |graph: &mut Graph, low: f64, high: f64| {
            let (low, high) = (graph.constant(low as f32), graph.constant(high as f32));
            let raised = graph.binary(Binary::Maximum, length, low)?;
            graph.binary(Binary::Minimum, raised, high)
        };
        let factor = match self.rule {
            Rule::MaxNorm { max_value } => {
                let wanted = bounded(graph, 0.0, max_value)?;
                graph.divide(wanted, above)?
            }
            Rule::UnitNorm => {
                let one = graph.constant(1.0);
                graph.divide(one, above)?
            }
            Rule::MinMaxNorm { min_value, max_value, rate } => {
                let clipped = bounded(graph, min_value, max_value)?;
                let (new, old) =
                    (graph.scale(clipped, rate as f32)?, graph.scale(length, (1.0 - rate) as f32)?);
                let wanted = graph.add(new, old)?;
                graph.divide(wanted, above)?
            }
            Rule::NonNegative => return Ok(graph.unary(Unary::Relu, w)),
        };
        graph.multiply(w, factor)
    }

    /// As Keras's configs hold it.
    pub fn config(&self) -> Value {
        let axis = if let [axis] = self.axes[..] { json!(axis) } else { json!(self.axes) };
        let (class, config) = match self.rule {
            Rule::MaxNorm { max_value } => ("MaxNorm", json!({ "max_value": max_value, "axis": axis })),
            Rule::UnitNorm => ("UnitNorm", json!({ "axis": axis })),
            Rule::NonNegative => ("NonNeg", json!({})),
            Rule::MinMaxNorm { min_value, max_value, rate } => (
                "MinMaxNorm",
                json!({ "min_value": min_value, "max_value": max_value, "rate": rate, "axis": axis }),
            ),
        };
        json!({ "module": "keras.constraints", "class_name": class, "config": config, "registered_name": null })
    }

    /// From a name or from what [`Constraint::config`] gives; numbers that are not there have Keras's defaults.
    ///
    /// # Errors
    /// If there is no such constraint, or its axes are none.
    pub fn from_config(value: &Value) -> Result<Self> {
        let name = value.get("class_name").unwrap_or(value).as_str().unwrap_or_default();
        let given = |key: &str| value.pointer(&format!("/config/{key}"));
        let number = |key: &str, default: f64| match given(key) {
            None => Ok(default),
            Some(given) => {
                given.as_f64().ok_or_else(|| Error::argument("constraint", key, given, "a number"))
            }
        };
        let rule = match Self::try_from(name)?.rule {
            Rule::MaxNorm { max_value } => Rule::MaxNorm { max_value: number("max_value", max_value)? },
            Rule::MinMaxNorm { min_value, max_value, rate } => Rule::MinMaxNorm {
                min_value: number("min_value", min_value)?,
                max_value: number("max_value", max_value)?,
                rate: number("rate", rate)?,
            },
            other => other,
        };
        let Some(axis) = given("axis") else { return Ok(Self::new(rule)) };
        let whole = |v: &Value| v.as_i64().and_then(|n| isize::try_from(n).ok());
        let axes =
            axis.as_array().map_or_else(|| whole(axis).map(|a| vec![a]), |a| a.iter().map(whole).collect());
        let axes =
            axes.ok_or_else(|| Error::argument("constraint", "axis", axis, "an axis, or a list of axes"))?;
        Ok(Self { rule, axes })
    }
}

type Make = fn() -> Constraint;

const NAMES: [(&str, Make); 8] = [
    ("max_norm", || Constraint::max_norm(2.0)),
    ("MaxNorm", || Constraint::max_norm(2.0)),
    ("unit_norm", Constraint::unit_norm),
    ("UnitNorm", Constraint::unit_norm),
    ("non_neg", Constraint::non_neg),
    ("NonNeg", Constraint::non_neg),
    ("min_max_norm", || Constraint::min_max_norm(0.0, 1.0, 1.0)),
    ("MinMaxNorm", || Constraint::min_max_norm(0.0, 1.0, 1.0)),
];

impl TryFrom<&str> for Constraint {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("constraint", "name", name, &NAMES).map(|make| make())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::plain::{Feed, Plain};

    /// Rows `[3, 4]` and `[6, 8]` of lengths 5 and 10.
    fn lengths(axes: &[isize]) -> Vec<f64> {
        let mut graph = Graph::new();
        let x = graph.input("x", &[2], crate::graph::Element::F32);
        let y = Constraint::unit_norm().along(axes).apply(&mut graph, x).unwrap();
        graph.output("y", y).unwrap();
        let x = crate::tensor::Tensor::f32(&[2, 2], vec![3.0, 4.0, 6.0, 8.0]).unwrap();
        let feed = Feed { batch: 2, inputs: vec![x], ..Feed::default() };
        Plain::new(&graph).step(&graph, &feed).unwrap().output("y").unwrap().data.clone()
    }

    #[test]
    fn negative_axes_count_from_the_last() {
        let (last, rows) = (lengths(&[-1]), [0.6, 0.8, 0.6, 0.8]);
        assert!(last.iter().zip(rows).all(|(found, wanted)| (found - wanted).abs() < 1e-6), "{last:?}");
        assert_eq!(last, lengths(&[1]));
        let config = Constraint::max_norm(3.0).along(&[-1, 0]).config();
        assert_eq!(Constraint::from_config(&config).unwrap().config(), config);
        let mut graph = Graph::new();
        let w = graph.full(1.0, &crate::tensor::Shape::fixed(&[2, 2]));
        assert!(Constraint::unit_norm().along(&[-3]).apply(&mut graph, w).is_err());
    }
}
