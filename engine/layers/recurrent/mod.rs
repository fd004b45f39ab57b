//! Recurrent layers: one layer over three kinds of cell, unrolled over the time steps of its input.

mod cells;
mod options;
mod sequence;

use serde_json::Value;

use self::cells::Cell;
use super::config::with_activity;
use super::draw::Draw;
use super::spatial::shown;
use super::weight_options::WeightOptions;
use super::{ActivationFunction, Base, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::train::initializers::Initializer;

/// A simple recurrent network (Elman 1990): h ← tanh(x·kernel + h·recurrent_kernel + bias).
///
/// `[None, time, features]` to the last output, `[None, units]`, or with `return_sequences` to that of every time step,
/// `[None, time, units]`.
///
/// ```
/// use gradus::layers::SimpleRNN;
/// let layer = SimpleRNN::new(32).return_sequences(true);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SimpleRNN;

/// Long short-term memory (Hochreiter and Schmidhuber 1997; Gers et al. 2000), gates in Keras's order i f c o:
/// c ← f·c + i·tanh(…), h ← o·tanh(c).
///
/// `[None, time, features]` to the last output, `[None, units]`, or with `return_sequences` to that of every time step,
/// `[None, time, units]`.
///
/// ```
/// use gradus::layers::LSTM;
/// let layer = LSTM::new(128).dropout(0.2).recurrent_dropout(0.2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LSTM;

/// A gated recurrent unit (Cho et al. 2014), gates in Keras's order z r h: h ← z·h + (1 − z)·tanh(…).
///
/// `[None, time, features]` to the last output, `[None, units]`, or with `return_sequences` to that of every time step,
/// `[None, time, units]`.
///
/// ```
/// use gradus::layers::GRU;
/// let layer = GRU::new(64).reset_after(false);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GRU;

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl SimpleRNN {
    /// A layer of `units` cells.
    pub fn new(units: usize) -> Recurrent {
        Recurrent::new(Cell::Simple, units)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl LSTM {
    /// A layer of `units` cells.
    pub fn new(units: usize) -> Recurrent {
        Recurrent::new(Cell::Lstm { unit_forget_bias: true }, units)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl GRU {
    /// A layer of `units` cells.
    pub fn new(units: usize) -> Recurrent {
        Recurrent::new(Cell::Gru { reset_after: true }, units)
    }
}

/// A layer that walks over the time steps of `[None, time, features]`: [`SimpleRNN`], [`LSTM`] or [`GRU`]. Gives
/// its last output `[None, units]`, or all of them `[None, time, units]`, and behind it, if wanted, its last states.
///
/// In a functional model it may be called on its first states too, behind the time steps: an encoder hands on to a decoder.
/// As in Keras 3, masked time steps count then.
///
/// ```
/// use gradus::layers::{Dense, LSTM};
/// use gradus::{Input, Model, Symbol};
/// let (question, answer) = (Input::new(&[7, 12]), Input::new(&[4, 12]));
/// let encoded = Symbol::call_each(LSTM::new(32).return_state(true), [&question]);
/// let decoded = Symbol::call(LSTM::new(32).return_sequences(true), [&answer, &encoded[1], &encoded[2]]);
/// let model = Model::new([&question, &answer], [&decoded.apply(Dense::new(12).activation("softmax"))])?;
/// # Ok::<(), gradus::Error>(())
/// ```
///
/// The network is unrolled: the input's product is one matmul over all time steps, and so is the gradient of each
/// kernel.
#[derive(Clone, Debug)]
pub struct Recurrent {
    base: Base,
    cell: Cell,
    units: usize,
    activation: ActivationFunction,
    recurrent_activation: ActivationFunction,
    use_bias: bool,
    kernel: WeightOptions,
    recurrent: WeightOptions,
    bias: WeightOptions,
    dropout: f64,
    recurrent_dropout: f64,
    draw: Draw,
    return_sequences: bool,
    return_state: bool,
    go_backwards: bool,
    /// The number of samples whose states are kept from batch to batch.
    stateful: Option<usize>,
    zero_output_for_mask: bool,
}

impl Recurrent {
    /// Whether all outputs are given, not the last alone.
    pub(super) fn returns_sequences(&self) -> bool {
        self.return_sequences
    }

    /// How many states a time step hands on to the next.
    pub(super) fn state_count(&self) -> usize {
        self.cell.state_names().len()
    }

    /// Whether there is one input, or besides it a first state of each kind.
    fn check_states(&self, states: &[&[usize]]) -> Result<()> {
        if !states.is_empty() && states.len() != self.state_count() {
            let expected = format!("1, or {} with first states", 1 + self.state_count());
            return Err(Error::argument(self.place(), "number of inputs", 1 + states.len(), expected));
        }
        match states.iter().find(|state| **state != [self.units]) {
            None => Ok(()),
            Some(state) => {
                let (expected, remedy) =
                    (shown(&[self.units]), "give states of as many units as the layer has");
                Err(Error::shape(self.place(), "a first state", shown(state), expected, remedy))
            }
        }
    }

    /// The layer, with zeros at masked time steps if it gives all outputs.
    pub(super) fn zero_in_sequences(self) -> Self {
        Self { zero_output_for_mask: self.return_sequences, ..self }
    }

    /// The layer that walks the other way.
    pub(super) fn turned(&self) -> Self {
        Self { go_backwards: !self.go_backwards, ..self.clone() }
    }

    fn check_shares(&self, place: &str) -> Result<()> {
        for (name, share) in [("dropout", self.dropout), ("recurrent_dropout", self.recurrent_dropout)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::argument(place, name, share, "a share from 0 to 1"));
            }
        }
        Ok(())
    }
}

impl Layer for Recurrent {
    fn class_name(&self) -> &'static str {
        self.cell.class_name()
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("{} {}", self.cell.class_name(), self.units)
    }

    fn config(&self) -> Value {
        with_activity(self, self.options())
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        self.check_shares(&place)?;
        if self.units == 0 {
            return Err(Error::argument(place, "units", 0, "at least 1"));
        }
        for function in [self.activation, self.recurrent_activation] {
            if function == ActivationFunction::Glu {
                return Err(Error::argument(place, "activation", "glu", "a function that keeps the shape"));
            }
        }
        match *input {
            [time, features] if time > 0 && features > 0 && self.return_sequences => {
                Ok(vec![time, self.units])
            }
            [time, features] if time > 0 && features > 0 => Ok(vec![self.units]),
            _ => {
                let remedy =
                    "give time steps of features: let a recurrent layer before it return its sequences";
                Err(Error::shape(place, "input", shown(input), "[None, time, features]", remedy))
            }
        }
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let features = input.last().copied().unwrap_or(1);
        let width = self.cell.gates() * self.units;
        let mut weights = vec![
            self.kernel.weight("kernel", &[features, width]),
            self.recurrent.weight("recurrent_kernel", &[self.units, width]),
        ];
        if self.use_bias {
            weights.push(self.bias.weight("bias", &self.cell.bias_shape(width)));
        }
        weights
    }

    fn adjust(&self, weight: &Weight, values: &mut [f32]) {
        if weight.name == "bias" && matches!(self.cell, Cell::Lstm { unit_forget_bias: true }) {
            values[self.units..2 * self.units].fill(1.0);
        }
    }

    fn states(&self, _input: &[usize]) -> Vec<Weight> {
        let Some(samples) = self.stateful else { return Vec::new() };
        let shape = vec![samples, self.units];
        let state = |name: &&'static str| Weight::new(name, &shape, Initializer::zeros());
        self.cell.state_names().iter().map(state).collect()
    }

    fn is_stateful(&self) -> bool {
        self.stateful.is_some()
    }

    fn output_count(&self) -> usize {
        if self.return_state { 1 + self.state_count() } else { 1 }
    }

    fn output_shape_many(&self, inputs: &[&[usize]]) -> Result<Vec<usize>> {
        let (sequence, states) = inputs.split_at(1.min(inputs.len()));
        let shape = self.output_shape(sequence.first().unwrap_or(&&[][..]))?;
        self.check_states(states)?;
        Ok(shape)
    }

    fn output_shapes(&self, inputs: &[&[usize]]) -> Result<Vec<Vec<usize>>> {
        let mut shapes = vec![self.output_shape_many(inputs)?];
        shapes.resize(self.output_count(), vec![self.units]);
        Ok(shapes)
    }

    fn extra_inputs(&self) -> Option<&'static str> {
        Some("initial_state")
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        self.call_many(context, &[input])
    }

    fn call_many(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<NodeId> {
        Ok(self.call_each(context, inputs)?[0])
    }

    fn call_each(&self, context: &mut Context<'_>, inputs: &[NodeId]) -> Result<Vec<NodeId>> {
        let mut outputs = self.unroll(context, inputs[0], &inputs[1..])?;
        outputs.truncate(self.output_count());
        Ok(outputs)
    }
}
