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
}

const MODES: [(&str, MergeMode); 4] = [
    ("concat", MergeMode::Concat),
    ("sum", MergeMode::Sum),
    ("mul", MergeMode::Mul),
    ("ave", MergeMode::Ave),
];

impl TryFrom<&str> for MergeMode {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("Bidirectional", "merge_mode", name, &MODES)
    }
}

/// A recurrent layer that walks over time in both directions (Schuster and Paliwal 1997).
///
/// ```
/// use gradus::layers::{Bidirectional, LSTM};
/// let layer = Bidirectional::new(LSTM::new(32).return_sequences(true)).merge_mode("sum");
/// ```
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

    /// How the directions come together, as [`MergeMode`] or by name. Default `concat`.
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
        let merge_mode = match config.text("merge_mode")? {
            Some(name) => MergeMode::try_from(name.as_str())?,
            None => MergeMode::Concat,
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
        let mode = MODES.iter().find(|(_, mode)| *mode == self.merge_mode).map_or("concat", |(name, _)| name);
        let own = json!({
            "layer": layer(&self.forward),
            "backward_layer": layer(&self.backward),
            "merge_mode": mode,
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        let mut shape = self.forward.output_shape(input)?;
        let other = self.backward.output_shape(input)?;
        if shape != other {
            let remedy = "let both layers have the same units and return_sequences";
            return Err(Error::shape(
                place,
                "the backward layer's output",
                super::shown(&other),
                super::shown(&shape),
                remedy,
            ));
        }
        if let (Some(units), MergeMode::Concat) = (shape.last_mut(), self.merge_mode) {
            *units *= 2;
        }
        Ok(shape)
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
        let sample = context.sample_shape(input);
        let counts = self.directions().map(|(_, l)| [l.weights(&sample).len(), l.states(&sample).len()]);
        let weights: usize = counts.iter().map(|count| count[0]).sum();
        let mut next = [0, weights];
        let mut outputs = [input; 2];
        for ((output, (_, layer)), count) in outputs.iter_mut().zip(self.directions()).zip(counts) {
            let ranges = [0, 1].map(|kind| next[kind]..next[kind] + count[kind]);
            let numbers: Vec<usize> = ranges.into_iter().flatten().collect();
            *output = context.within(&numbers, |context| layer.call(context, input))?;
            next = [next[0] + count[0], next[1] + count[1]];
        }
        let [forward, mut backward] = outputs;
        let mask = context.mask(forward);
        let graph = &mut *context.graph;
        let rank = graph.shape(forward).rank();
        if self.forward.returns_sequences() {
            backward = graph.reverse(backward, 1)?;
        }
        let merged = match self.merge_mode {
            MergeMode::Concat => graph.concat(&[forward, backward], rank - 1)?,
            MergeMode::Mul => graph.multiply(forward, backward)?,
            MergeMode::Sum => graph.add(forward, backward)?,
            MergeMode::Ave => {
                let sum = graph.add(forward, backward)?;
                graph.scale(sum, 0.5)?
            }
        };
        if let Some(mask) = mask {
            context.set_mask(merged, mask);
        }
        Ok(merged)
    }
}
