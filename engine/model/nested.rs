//! Models as layers of other models.

use super::build::Source;
use super::functional::SharedLayer;
use super::network::Model;
use super::sequential::Sequential;
use crate::error::Error;
use crate::layers::Layer;
use crate::layers::network::{MOST_CALLS, MOST_DEPTH, brought, leaf_count};

/// Names that models have unless they are given one: as layers they are numbered.
const DEFAULT_NAMES: [&str; 2] = ["sequential", "functional"];

impl Model {
    /// The model as a layer of another one.
    pub(super) fn into_layer(mut self) -> Box<dyn Layer> {
        if self.session.is_some()
            && let Err(error) = self.get_weights()
        {
            self.network.base.refuse(error);
        }
        let (depth, calls) = (1 + self.network.depth(), self.network.call_count());
        if depth > MOST_DEPTH || calls > MOST_CALLS {
            let found = format!("{depth} deep, {calls} calls of layers");
            let expected = format!("models at most {MOST_DEPTH} deep in models, and {MOST_CALLS} calls");
            self.network.base.refuse(Error::argument("", "layers", found, expected));
            // Nothing so deep may be left to be walked over, or dropped.
            (self.network.layers, self.network.calls) = (Vec::new(), Vec::new());
            return Box::new(self.network);
        }
        self.network.brought = self.brought();
        Box::new(self.network)
    }

    /// Values that were set, trained or brought, leaf by leaf; those drawn are drawn anew in the other model.
    fn brought(&self) -> Vec<Option<Vec<Vec<f32>>>> {
        let mut all = Vec::new();
        for layer in &self.network.layers {
            let range = all.len()..all.len() + leaf_count(layer.as_ref());
            match self.built.get(range) {
                Some(built) => all.extend(
                    built.iter().map(|built| (built.source != Source::Drawn).then(|| built.values.clone())),
                ),
                None => all.extend(brought(layer.as_ref())),
            }
        }
        all
    }
}

/// A model becomes a layer, with its weights if they were set or trained. What it was compiled for is left behind.
impl From<Model> for Box<dyn Layer> {
    fn from(mut model: Model) -> Self {
        if DEFAULT_NAMES.contains(&model.network.name()) {
            model = model.name("");
        }
        model.into_layer()
    }
}

impl From<Sequential> for Box<dyn Layer> {
    fn from(model: Sequential) -> Self {
        Model::from(model).into()
    }
}

impl From<Model> for SharedLayer {
    fn from(model: Model) -> Self {
        Self::new(model)
    }
}

impl From<Sequential> for SharedLayer {
    fn from(model: Sequential) -> Self {
        Self::new(model)
    }
}
