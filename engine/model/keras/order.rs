//! In which order `model.h5` has the weights of a layer.

use crate::layers::Layer;
use crate::model::network::Model;

/// The weights that learn, and the others, by their numbers in the model.
type Halves = [Vec<usize>; 2];

/// The numbers of each layer's weights: those that learn, then the others. Models alone have them mixed. Keras 2 and 3 differ
/// where a model is frozen and a layer in it is not.
pub(super) fn order(model: &Model, keras3: bool) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut leaves = model.built.iter().map(|built| {
        let first = next;
        next += built.weights.len();
        [first..first + built.learning, first + built.learning..next].map(Vec::from_iter)
    });
    let layers = model.network.layers.iter();
    layers.map(|layer| halves(layer.as_ref(), keras3, &mut leaves).concat()).collect()
}

/// The weights of `layer`; those of its leaves come from `leaves`.
fn halves(layer: &dyn Layer, keras3: bool, leaves: &mut dyn Iterator<Item = Halves>) -> Halves {
    let [mut learning, mut others] = match layer.network() {
        None => leaves.next().unwrap_or_default(),
        Some(network) => {
            let each = network.layers.iter().map(|layer| halves(layer.as_ref(), keras3, leaves));
            let each: Vec<Halves> = each.collect();
            [0, 1].map(|half| each.iter().flat_map(|halves| halves[half].clone()).collect())
        }
    };
    if layer.trainable() && layer.network().is_none_or(|network| network.trainable()) {
        return [learning, others];
    }
    learning.append(&mut others);
    if keras3 {
        learning.sort_unstable();
    }
    [Vec::new(), learning]
}
