//! Where Keras 3's `.weights.h5` keeps the weights of a model.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use crate::layers::Layer;
use crate::model::network::Model;
use crate::train::config::snake_case;

/// A group of arrays, and which of a layer's weights they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    /// The layer's number in the model.
    pub layer: usize,
    pub weights: Range<usize>,
}

/// The places of all weights. Layers are counted per class, in the model's order; what stateful recurrent layers keep from
/// batch to batch is in none.
pub(super) fn places(model: &Model) -> Vec<Place> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut places = Vec::new();
    for (layer, built) in model.layers.iter().zip(&model.built) {
        let class = snake_case(layer.class_name());
        let count = counts.entry(class.clone()).or_default();
        let key = if *count == 0 { class } else { format!("{class}_{count}") };
        *count += 1;
        let kept = if layer.is_stateful() { built.learning } else { built.weights.len() };
        let number = places_of_layers(&places);
        for (path, weights) in parts(layer.as_ref(), kept) {
            places.push(Place { path: format!("layers/{key}/{path}"), layer: number, weights });
        }
    }
    places
}

fn places_of_layers(places: &[Place]) -> usize {
    places.last().map_or(0, |place| place.layer + 1)
}

/// The groups of a layer with `count` weights.
fn parts(layer: &dyn Layer, count: usize) -> Vec<(&'static str, Range<usize>)> {
    const RECURRENT: [&str; 3] = ["SimpleRNN", "LSTM", "GRU"];
    match layer.class_name() {
        class if RECURRENT.contains(&class) => vec![("cell/vars", 0..count), ("vars", count..count)],
        "Bidirectional" => vec![
            ("forward_layer/cell/vars", 0..count / 2),
            ("backward_layer/cell/vars", count / 2..count),
            ("vars", count..count),
        ],
        "TimeDistributed" => {
            let config = layer.config();
            let inner = config.pointer("/layer/class_name").and_then(Value::as_str).unwrap_or_default();
            let path = if RECURRENT.contains(&inner) { "layer/cell/vars" } else { "layer/vars" };
            vec![(path, 0..count), ("vars", count..count)]
        }
        _ => vec![("vars", 0..count)],
    }
}
