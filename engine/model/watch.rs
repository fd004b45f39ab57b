//! Where numbers that are none come from: the largest magnitude of what each layer gives and of each weight's gradient, as
//! outputs of a training step.

use super::lower::Forward;
use super::network::Model;
use crate::error::Result;
use crate::graph::{Graph, NodeId, Op, Reduction, Unary};

/// How the names of these outputs begin; what follows names the value.
const MARK: &str = "largest of ";

/// Adds an output for each call of a layer, in order, and for each of `gradients`, which are pairs of weight and gradient.
pub(super) fn watch(
    graph: &mut Graph,
    model: &Model,
    forward: &Forward,
    gradients: &[(NodeId, NodeId)],
) -> Result<()> {
    for (at, call) in model.network.calls.iter().enumerate() {
        // Of a layer that gives several values, the first.
        let value = forward.values[call.first - model.network.inputs.len()];
        let earlier = model.network.calls[..at].iter().filter(|other| other.layer == call.layer).count();
        let again = if earlier == 0 { String::new() } else { format!(", call {}", earlier + 1) };
        add(graph, &format!("the output of {}{again}", model.network.layers[call.layer].place()), value)?;
    }
    for &(weight, gradient) in gradients {
        let Op::Parameter(id) = graph.node(weight).op else { continue };
        let name = graph.parameters[id.0].name.clone();
        add(graph, &format!("the gradient of {name}"), gradient)?;
    }
    Ok(())
}

fn add(graph: &mut Graph, what: &str, value: NodeId) -> Result<()> {
    let magnitude = graph.unary(Unary::Abs, value);
    let axes: Vec<usize> = (0..graph.shape(value).0.len()).collect();
    let largest = graph.reduce(Reduction::Max, magnitude, &axes)?;
    graph.output(&format!("{MARK}{what}"), largest)
}

/// What output `name` watches, if it watches anything.
pub(super) fn watched(name: &str) -> Option<&str> {
    name.strip_prefix(MARK)
}

/// A number that a training cannot go on from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    /// The step of its epoch, counted from 0.
    pub step: usize,
    /// Which number: of a layer or a weight if they are watched, else the loss.
    pub what: String,
    pub value: f32,
}

/// The first step with a loss that is not finite, or a value of `watched` that is not at most `limit`. Values are in the order
/// in which a step makes them, gradients in that of their weights: the first layer from the input is named, else the last
/// weight, for gradients come from the loss.
pub(super) fn trouble(losses: &[f32], watched: &[(String, Vec<f32>)], limit: f32) -> Option<Trouble> {
    let is_wrong = |value: f32| !(value <= limit);
    (0..losses.len()).find_map(|step| {
        let mut outputs = watched.iter().filter(|(what, _)| what.starts_with("the output"));
        let mut gradients = watched.iter().rev().filter(|(what, _)| what.starts_with("the gradient"));
        let wrong = |(_, values): &&(String, Vec<f32>)| is_wrong(values[step]);
        let found = outputs.find(wrong).or_else(|| gradients.find(wrong));
        let found = found.map(|(what, values)| (what.clone(), values[step]));
        let loss = (!losses[step].is_finite()).then(|| ("the loss".to_string(), losses[step]));
        found.or(loss).map(|(what, value)| Trouble { step, what, value })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_layer_from_the_input_is_named_else_the_last_gradient() {
        let value = |what: &str, values: &[f32]| (what.to_string(), values.to_vec());
        let (inf, nan) = (f32::INFINITY, f32::NAN);
        let watched = [
            value("the output of a", &[1.0, 1.0, 1.0, nan]),
            value("the output of b", &[1.0, 1.0, inf, nan]),
            value("the gradient of a", &[1.0, nan, nan, nan]),
            value("the gradient of b", &[1.0, 1e9, nan, nan]),
        ];
        let found = |losses: &[f32], from: usize, limit| {
            let watched: Vec<_> = watched.iter().map(|(w, v)| (w.clone(), v[from..].to_vec())).collect();
            trouble(losses, &watched, limit).map(|t| (t.step, t.what))
        };
        assert_eq!(found(&[1.0], 0, f32::MAX), None);
        assert_eq!(found(&[1.0; 4], 0, f32::MAX), Some((1, "the gradient of a".to_string())));
        assert_eq!(found(&[1.0; 4], 0, 1e6), Some((1, "the gradient of b".to_string())));
        assert_eq!(found(&[1.0; 2], 2, f32::MAX), Some((0, "the output of b".to_string())));
        assert_eq!(found(&[nan], 3, f32::MAX), Some((0, "the output of a".to_string())));
        let loss = trouble(&[1.0, nan], &[], f32::MAX).map(|t| (t.step, t.what));
        assert_eq!(loss, Some((1, "the loss".to_string())));
    }
}
