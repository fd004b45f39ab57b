//! Where Keras 3's `.weights.h5` keeps the weights of a model.

use std::collections::HashMap;
use std::ops::Range;

use serde_json::Value;

use crate::layers::{Layer, Network};
use crate::model::build::BuiltLayer;
use crate::model::network::Model;
use crate::train::config::snake_case;

/// A group of arrays, and which of a layer's weights they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub path: String,
    /// The name of the layer.
    pub name: String,
    /// The number of the leaf whose weights they are.
    pub leaf: usize,
    pub weights: Range<usize>,
}

/// The places of all weights. Layers are counted per class, in the order of the model that they lie in; what stateful recurrent
/// layers keep from batch to batch is in none.
pub(super) fn places(model: &Model) -> Vec<Place> {
    let mut places = Vec::new();
    add(&model.network, "", &mut model.built.iter().enumerate(), &mut places);
    places
}

/// Adds the places in `network`, which lies below `parent`; `built` goes on with its first leaf.
fn add(
    network: &Network,
    parent: &str,
    built: &mut dyn Iterator<Item = (usize, &BuiltLayer)>,
    places: &mut Vec<Place>,
) {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for layer in &network.layers {
        let class = snake_case(layer.class_name());
        let count = counts.entry(class.clone()).or_default();
        let key = if *count == 0 { class } else { format!("{class}_{count}") };
        *count += 1;
        let (name, path) = (layer.name().to_string(), format!("{parent}layers/{key}/"));
        if let Some(inner) = layer.network() {
            let mut path = path;
            for _ in 0..layer.distributed_axes() {
                places.push(Place {
                    path: format!("{path}vars"),
                    name: name.clone(),
                    leaf: 0,
                    weights: 0..0,
                });
                path += "layer/";
            }
            places.push(Place { path: format!("{path}vars"), name, leaf: 0, weights: 0..0 });
            add(inner, &path, built, places);
        } else if let Some((leaf, built)) = built.next() {
            let kept = if layer.is_stateful() { built.learning } else { built.weights.len() };
            for (part, weights) in parts(layer.as_ref(), kept) {
                places.push(Place { path: format!("{path}{part}"), name: name.clone(), leaf, weights });
            }
        }
    }
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
