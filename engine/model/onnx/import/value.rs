//! Values of an ONNX graph, and where their axes lie.

use serde_json::json;

use super::{Import, Outcome, Weights};
use crate::formats::onnx::{Array, Node, Numbers};
use crate::model::Symbol;

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Value {
    /// An array of the file, or made of such.
    Known(Array),
    /// The same number everywhere, in a shape that depends on the number of samples.
    Filled(f32),
    /// What layers give.
    Tensor(Tracked),
    /// A comparison, which is read by the node that chooses by it.
    Condition,
}

/// What a layer gives: its symbol, and the shape of a sample.
#[derive(Clone)]
pub(super) struct Ready {
    pub symbol: Symbol,
    pub sample: Vec<usize>,
}

/// What layers give, under the axes that the file knows.
#[derive(Clone)]
pub(super) struct Tracked {
    pub ready: Ready,
    /// For each of the file's axes which one of the symbol's it is, the samples' being 0; `None` for one of size 1 that the
    /// symbol has not.
    pub axes: Vec<Option<usize>>,
    /// Whether no element is negative.
    pub positive: bool,
}

impl Tracked {
    /// A value whose axes are the symbol's.
    pub fn new(ready: Ready) -> Self {
        let axes = (0..=ready.sample.len()).map(Some).collect();
        Self { ready, axes, positive: false }
    }

    /// A value of which axis `order[i]` is the symbol's axis i.
    pub fn ordered(ready: Ready, order: &[usize]) -> Self {
        let mut axes = vec![None; order.len()];
        order.iter().enumerate().for_each(|(place, &axis)| axes[axis] = Some(place));
        Self { ready, axes, positive: false }
    }

    /// Another symbol of the same axes.
    pub fn with(&self, ready: Ready) -> Self {
        Self { ready, axes: self.axes.clone(), positive: false }
    }

    /// The size along each axis; `None` for the samples'.
    pub fn sizes(&self) -> Vec<Option<usize>> {
        let size = |axis: &Option<usize>| match axis {
            None => Some(1),
            Some(0) => None,
            Some(axis) => Some(self.ready.sample[axis - 1]),
        };
        self.axes.iter().map(size).collect()
    }

    /// Which axis is that of the samples.
    pub fn batch_axis(&self) -> usize {
        self.axes.iter().position(|axis| *axis == Some(0)).unwrap_or(0)
    }

    /// The file's axes, that of the samples first.
    pub fn batch_first(&self) -> Vec<usize> {
        let batch = self.batch_axis();
        std::iter::once(batch).chain((0..self.axes.len()).filter(|&axis| axis != batch)).collect()
    }

    /// An axis counted from the start or, if negative, from the end.
    pub fn axis(&self, axis: i64) -> Outcome<usize> {
        let rank = self.axes.len() as i64;
        let counted = if axis < 0 { axis + rank } else { axis };
        let within = usize::try_from(counted).ok().filter(|&axis| axis < self.axes.len());
        within.ok_or_else(|| format!("has axis {axis} of a value of {rank} axes"))
    }
}

impl Import<'_> {
    /// The value called `name`, which layers give.
    pub fn named(&self, name: &str) -> Outcome<Tracked> {
        match self.values.get(name) {
            Some(Value::Tensor(tracked)) => Ok(tracked.clone()),
            Some(_) => Err(format!("takes the constant {name:?} where gradus has a value of layers")),
            None => Err(format!("takes {name:?}, which nothing before it gives")),
        }
    }

    /// Input `number` of a node, which layers give.
    pub fn tensor(&self, node: &Node, number: usize) -> Outcome<Tracked> {
        self.named(node.inputs.get(number).map_or("", String::as_str))
    }

    /// Input `number` of a node, if it is given and an array.
    pub fn known(&self, node: &Node, number: usize) -> Option<&Array> {
        match self.values.get(node.inputs.get(number)?) {
            Some(Value::Known(array)) => Some(array),
            _ => None,
        }
    }

    /// Whether input `number` of a node is given.
    pub fn has(&self, node: &Node, number: usize) -> bool {
        node.inputs.get(number).is_some_and(|name| !name.is_empty())
    }

    /// Input `number` of a node, which must be an array of floats.
    pub fn floats(&self, node: &Node, number: usize) -> Outcome<Array> {
        match self.known(node, number) {
            Some(array) if matches!(array.values, Numbers::Floats(_)) => Ok(array.clone()),
            _ => {
                Err(format!("takes no array of floats as input {number}: gradus's layers have weights there"))
            }
        }
    }

    /// Input `number` of a node as integers, if it is given.
    pub fn ints(&self, node: &Node, number: usize) -> Outcome<Option<Vec<i64>>> {
        match self.known(node, number).map(|array| &array.values) {
            Some(Numbers::Ints(values)) => Ok(Some(values.clone())),
            None if !self.has(node, number) => Ok(None),
            _ => Err(format!("takes no known integers as input {number}")),
        }
    }

    /// `value` with the file's axes in the order `order`, which starts with that of the samples. `units`: axes of size 1 that
    /// the symbol has not are added.
    pub fn arranged(&mut self, value: &Tracked, order: &[usize], units: bool) -> Outcome<Ready> {
        let places: Vec<usize> = order.iter().filter_map(|&axis| value.axes[axis]).collect();
        if places.first() != Some(&0) || order.first().is_none_or(|&axis| value.axes[axis].is_none()) {
            return Err("has the samples along another axis than the first".into());
        }
        let mut ready = value.ready.clone();
        let size = |place: usize| value.ready.sample[place - 1];
        let wide: Vec<usize> = places[1..].iter().copied().filter(|&place| size(place) != 1).collect();
        if !wide.is_sorted() {
            ready = self.layer("Permute", json!({ "dims": places[1..] }), &[&ready], Weights::default())?;
        }
        let sizes = order[1..].iter().filter_map(|&axis| match value.axes[axis] {
            Some(place) => Some(size(place)),
            None => units.then_some(1),
        });
        self.reshaped(ready, sizes.collect())
    }

    /// The same elements as samples of shape `sample`.
    pub fn reshaped(&mut self, ready: Ready, sample: Vec<usize>) -> Outcome<Ready> {
        if ready.sample == sample {
            return Ok(ready);
        }
        self.layer("Reshape", json!({ "target_shape": sample }), &[&ready], Weights::default())
    }

    /// The name of input `number`, for layers that share weights.
    pub fn names(&self, node: &Node, numbers: &[usize]) -> Vec<String> {
        numbers.iter().filter_map(|&number| node.inputs.get(number).cloned()).collect()
    }
}
