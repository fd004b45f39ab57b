//! What is known of a layer once the shape of its input is.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::layers::network::{Leaf, MOST_CALLS, Network};
use crate::layers::{Layer, Weight};
use crate::train::config::snake_case;

/// A built layer: its shapes and the values of its weights on the host.
#[derive(Clone, Debug)]
pub(super) struct BuiltLayer {
    /// The shapes of its inputs, in the first call.
    pub inputs: Vec<Vec<usize>>,
    /// The weights, and behind them the states.
    pub weights: Vec<Weight>,
    /// How many of them are no states.
    pub learning: usize,
    pub values: Vec<Vec<f32>>,
    pub source: Source,
}

/// Where the values of a layer's weights are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The initializers.
    Drawn,
    /// A training or a file.
    Set,
    /// The same of a model that has become a layer of this one.
    Brought,
}

/// The most numbers of which anything in a model may consist: a size beyond is a damaged file or a mistake. In a browser, what
/// its whole memory holds.
pub(super) const MOST_ELEMENTS: usize = 1 << if usize::BITS > 32 { 40 } else { 30 };

/// How many numbers have `shape`, if it is not absurdly many.
pub(super) fn elements(shape: &[usize]) -> Option<usize> {
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    count.filter(|&count| count <= MOST_ELEMENTS)
}

impl BuiltLayer {
    /// Builds a layer over samples of shapes `inputs`; `first` is the number of weights before it, and `most` how many numbers
    /// its own may be. It takes the values that it has `brought`, or draws them.
    pub fn new(
        leaf: &Leaf<'_>,
        inputs: &[&[usize]],
        (seed, first): (u64, usize),
        most: usize,
        brought: Option<Vec<Vec<f32>>>,
    ) -> Result<Self> {
        let layer = leaf.layer;
        layer.base().check(&layer.place())?;
        let outputs = layer.output_shapes(inputs)?;
        let mut weights = layer.weights_many(inputs);
        let learning = weights.len();
        weights.extend(inputs.first().map_or(Vec::new(), |input| layer.states(input)));
        let add = |sum: usize, weight: &Weight| Some(elements(&weight.shape)?.saturating_add(sum));
        let count = weights.iter().try_fold(0, add);
        if count.is_none_or(|count| count > most) || outputs.iter().any(|output| elements(output).is_none()) {
            let shapes: Vec<&[usize]> = weights.iter().map(|weight| weight.shape.as_slice()).collect();
            let found = format!("weights of shapes {shapes:?}, outputs of shapes {outputs:?}");
            let expected = format!("at most {most} numbers, as many as the file or a machine can hold");
            return Err(Error::argument(layer.place(), "size", found, expected));
        }
        let inputs = inputs.iter().map(|input| input.to_vec()).collect();
        let value = |(i, weight): (usize, &Weight)| {
            let mut values = weight
                .initializer
                .values(&weight.shape, seed, (first + i) as u32)
                .map_err(|error| error.at(&format!("{}, weight {:?}", layer.place(), weight.name)))?;
            layer.adjust(weight, &mut values);
            Ok(values)
        };
        let fits = |values: &Vec<Vec<f32>>| {
            values
                .iter()
                .map(Vec::len)
                .eq(weights.iter().map(|weight| weight.shape.iter().product::<usize>()))
        };
        let (source, values) = match brought.filter(fits) {
            Some(values) => (Source::Brought, values),
            None => (Source::Drawn, weights.iter().enumerate().map(value).collect::<Result<_>>()?),
        };
        Ok(Self { inputs, weights, learning, values, source })
    }

    /// The values are no longer those that were drawn.
    pub fn mark_set(&mut self) {
        if self.source == Source::Drawn {
            self.source = Source::Set;
        }
    }

    /// Elements of the weights that could learn.
    pub fn learning_count(&self) -> usize {
        self.values[..self.learning].iter().map(Vec::len).sum()
    }

    pub fn count(&self) -> usize {
        self.values.iter().map(Vec::len).sum()
    }
}

/// The first of `dense`, `dense_1`, … that no layer has.
pub(super) fn free_name(class_name: &str, layers: &[Box<dyn Layer>]) -> String {
    let stem = snake_case(class_name);
    let taken: BTreeSet<&str> = layers.iter().map(|layer| layer.name()).collect();
    let numbered = (1..).map(|n| format!("{stem}_{n}"));
    let mut names = std::iter::once(stem.clone()).chain(numbered);
    names.find(|name| !taken.contains(name.as_str())).unwrap_or(stem)
}

/// Models within models must not come to more calls of layers than any real one.
pub(super) fn check_calls(place: &str, network: &Network) -> Result<()> {
    let count = network.call_count();
    if network.depth() == 0 || count <= MOST_CALLS {
        return Ok(());
    }
    let expected =
        format!("at most {MOST_CALLS}, those of the models within counted for each of their calls");
    Err(Error::argument(place, "calls of layers", count, expected))
}

/// Layers are told apart by their names, in files and messages.
pub(super) fn check_names(place: &str, layers: &[Box<dyn Layer>]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for layer in layers {
        if !seen.insert(layer.name()) {
            let found = format!("{:?}, used twice", layer.name());
            let expected = "a name of its own for each layer";
            return Err(Error::argument(place, "layer name", found, expected));
        }
        if layer.name().contains('/') {
            let found = format!("{:?}", layer.name());
            return Err(Error::argument(place, "layer name", found, "a name without a slash"));
        }
    }
    Ok(())
}
