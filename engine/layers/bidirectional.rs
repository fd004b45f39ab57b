use serde_json::{Value, json};

use super::config::with_base;
use super::recurrent::Recurrent;
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::by_name;

/// How the two directions come together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeMode {
    /// Side by side: twice the units.
    Concat,
    /// Their sum.
    Sum,
    /// Their product.
    Mul,
    /// Their mean.
    Ave,
    /// Not at all: two values, for functional models.
    None,
}

const MODES: [(&str, MergeMode); 5] = [
    ("concat", MergeMode::Concat),
    ("sum", MergeMode::Sum),
    ("mul", MergeMode::Mul),
    ("ave", MergeMode::Ave),
    ("none", MergeMode::None),
];

impl TryFrom<&str> for MergeMode {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("Bidirectional", "merge_mode", name, &MODES)
    }
}

/// A recurrent layer that walks over time in both directions (Schuster and Paliwal 1997).
///
/// `[None, time, features]` to what the layer gives, side by side unless `merge_mode` says otherwise: `[None, 2 · units]`, or
/// `[None, time, 2 · units]` with `return_sequences`.
///
/// ```
/// use gradus::layers::{Bidirectional, LSTM};
/// let layer = Bidirectional::new(LSTM::new(32).return_sequences(true)).merge_mode("sum");
/// ```
///
/// What a direction's `activity_regularizer` says of its outputs is added to the loss for each of them.
///
/// Where the layer gives its last states, those of the forward direction come behind the output, then those of the
/// backward one; first states are taken in the same order.
#[derive(Clone, Debug)]
pub struct Bidirectional {
    base: Base,
    forward: Recurrent,
    backward: Recurrent,
    merge_mode: MergeMode,
}

impl Bidirectional {
    /// `layer` and its mirror image, side by side.
    pub fn new(layer: Recurrent) -> Self {
        Self::of_both_directions(Base::default(), layer.clone(), layer.turned(), MergeMode::Concat)
    }

    /// How the directions come together, as [`MergeMode`] or by name; `none`, Keras's `None`, leaves them apart. Default
    /// `concat`.
    pub fn merge_mode<M>(mut self, mode: M) -> Self
    where
        M: TryInto<MergeMode, Error: Into<Error>>,
    {
        self.merge_mode = self.base.option(self.merge_mode, mode);
        self
    }

    /// The layer's name. Default `bidirectional`, `bidirectional_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether the weights learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let forward = config.recurrent("layer")?.ok_or_else(|| {
            Error::argument("config of Bidirectional", "layer", "absent", "a SimpleRNN, LSTM or GRU")
        })?;
        let backward = config.recurrent("backward_layer")?.unwrap_or_else(|| forward.turned());
        let absent = if config.is_null("merge_mode") { MergeMode::None } else { MergeMode::Concat };
        let merge_mode = match config.text("merge_mode")? {
            Some(name) => MergeMode::try_from(name.as_str())?,
            None => absent,
        };
        Ok(Self::of_both_directions(base, forward, backward, merge_mode))
    }

    /// Sequences are zero at masked time steps, as in Keras: the directions would repeat different outputs there.
    fn of_both_directions(
        base: Base,
        forward: Recurrent,
        backward: Recurrent,
        merge_mode: MergeMode,
    ) -> Self {
        let (forward, backward) = (forward.zero_in_sequences(), backward.zero_in_sequences());
        Self { base, forward, backward, merge_mode }
    }

    fn directions(&self) -> [(&'static str, &Recurrent); 2] {
        [("forward", &self.forward), ("backward", &self.backward)]
    }

    fn of_both(&self, list: impl Fn(&Recurrent) -> Vec<Weight>) -> Vec<Weight> {
        let named = |(direction, layer): (&'static str, &Recurrent)| {
            list(layer)
                .into_iter()
                .map(move |weight| Weight { name: directed(direction, weight.name), ..weight })
        };
        self.directions().into_iter().flat_map(named).collect()
    }
}

/// The name of a weight of one direction.
fn directed(direction: &str, name: &str) -> &'static str {
    const NAMES: [(&str, &str, &str); 5] = [
        ("kernel", "forward_kernel", "backward_kernel"),
        ("recurrent_kernel", "forward_recurrent_kernel", "backward_recurrent_kernel"),
        ("bias", "forward_bias", "backward_bias"),
        ("state_h", "forward_state_h", "backward_state_h"),
        ("state_c", "forward_state_c", "backward_state_c"),
    ];
    let found = NAMES.iter().find(|(own, ..)| *own == name).expect("recurrent layers have no other weights");
    if direction == "forward" { found.1 } else { found.2 }
}

impl Layer for Bidirectional {
    fn class_name(&self) -> &'static str {
        "Bidirectional"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("Bidirectional {}", self.forward.title())
    }

    fn config(&self) -> Value {
        let layer = |layer: &Recurrent| {
            json!({ "module": "keras.layers", "class_name": layer.class_name(), "config": layer.config(),
                "registered_name": null })
        };
        let mode = MODES.iter().find(|(_, mode)| *mode == self.merge_mode && *mode != MergeMode::None);
        let own = json!({
            "layer": layer(&self.forward),
            "backward_layer": layer(&self.backward),
            "merge_mode": mode.map(|(name, _)| name),
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.output_shape_many(&[input])
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        Ok(self.output_shapes(inputs)?.swap_remove(0))
    }

    fn output_count(&self) -> usize {
        let states = self.forward.output_count() - 1;
        1 + usize::from(self.merge_mode == MergeMode::None) + 2 * states
    }

    fn output_shapes(&self, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let place = self.place();
        self.base.check(&place)?;
        let [forward, backward] = self.inputs_of_both(inputs)?;
        let (mut shapes, other) =
            (self.forward.output_shapes(&forward)?, self.backward.output_shapes(&backward)?);
        if shapes != other {
            let list = |shapes: &[Vec<usize>]| {
                shapes.iter().map(|shape| super::shown(shape)).collect::<Vec<_>>().join(", ")
            };
            let remedy = "let both layers have the same units, return_sequences and return_state";
            let (found, expected) = (list(&other), list(&shapes));
            return Err(Error::shape(place, "the backward layer's output", found, expected, remedy));
        }
        shapes.extend_from_slice(&other[1..]);
        match self.merge_mode {
            MergeMode::Concat => *shapes[0].last_mut().expect("an output has units") *= 2,
            MergeMode::None => shapes.insert(1, other[0].clone()),
            _ => {}
        }
        Ok(shapes)
    }

    fn extra_inputs(&self) -> Option<&'static str> {
        self.forward.extra_inputs()
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        self.of_both(|layer| layer.weights(input))
    }

    fn states(&self, input: &[usize]) -> Vec<Weight> {
        self.of_both(|layer| layer.states(input))
    }

    fn is_stateful(&self) -> bool {
        self.forward.is_stateful() || self.backward.is_stateful()
    }

    fn adjust(&self, weight: &Weight, values: &mut [f32]) {
        if weight.name.ends_with("bias") {
            let layer = if weight.name.starts_with("forward") { &self.forward } else { &self.backward };
            layer.adjust(&Weight { name: "bias", ..weight.clone() }, values);
        }
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        Ok(self.call_each(context, inputs)?[0])
    }

    fn call_each(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<Vec<NodeId>> {
        let sample = context.sample_shape(inputs[0]);
        let counts = self.directions().map(|(_, l)| [l.weights(&sample).len(), l.states(&sample).len()]);
        let weights: usize = counts.iter().map(|count| count[0]).sum();
        let mut next = [0, weights];
        let mut outputs = Vec::new();
        for (((_, layer), own), count) in
            self.directions().into_iter().zip(self.inputs_of_both(inputs)?).zip(counts)
        {
            let ranges = [0, 1].map(|kind| next[kind]..next[kind] + count[kind]);
            let numbers: Vec<usize> = ranges.into_iter().flatten().collect();
            let given = context.within(&numbers, |context| layer.call_each(context, &own))?;
            context.penalize_outputs(layer, &given)?;
            outputs.push(given);
            next = [next[0] + count[0], next[1] + count[1]];
        }
        let mut merged = self.merge(context, outputs[0][0], outputs[1][0])?;
        merged.extend(outputs.iter().flat_map(|own| &own[1..]));
        Ok(merged)
    }
}

impl Bidirectional {
    /// What each direction is called on: the time steps, and its half of the first states.
    fn inputs_of_both<T: Copy>(&self, inputs: &[T]) -> Result<[Vec<T>; 2]> {
        let (sequence, states) = inputs.split_at(1.min(inputs.len()));
        let expected = 2 * self.forward.state_count();
        if !states.is_empty() && states.len() != expected {
            let expected = format!("1, or {} with first states of both directions", 1 + expected);
            return Err(Error::argument(self.place(), "number of inputs", inputs.len(), expected));
        }
        let (forward, backward) = states.split_at(states.len() / 2);
        Ok([forward, backward].map(|states| [sequence, states].concat()))
    }

    /// The outputs of both directions as one, or as two in the order of time.
    fn merge(&self, context: &mut Context<'_>, forward: NodeId, backward: NodeId) -> Result<Vec<NodeId>> {
        let mask = context.mask(forward);
        let graph = &mut *context.graph;
        let rank = graph.shape(forward).rank();
        let sequences = self.forward.returns_sequences();
        let backward = if sequences { graph.reverse(backward, 1)? } else { backward };
        let merged = match self.merge_mode {
            MergeMode::Concat => vec![graph.concat(&[forward, backward], rank - 1)?],
            MergeMode::Mul => vec![graph.multiply(forward, backward)?],
            MergeMode::Sum => vec![graph.add(forward, backward)?],
            MergeMode::Ave => {
                let sum = graph.add(forward, backward)?;
                vec![graph.scale(sum, 0.5)?]
            }
            MergeMode::None => vec![forward, backward],
        };
        if let Some(mask) = mask {
            merged.iter().for_each(|&value| context.set_mask(value, mask));
        }
        Ok(merged)
    }
}
