//! What layers' outputs add to the loss.

use super::{Case, cases};
use crate::error::Result;
use crate::graph::{Element, Graph};
use crate::layers::{Context, Layer, ReLU, Variables};
use crate::model::Sequential;
use crate::train::regularizers::Regularizer;

/// Whether Keras lets nobody say what the layer's output adds to the loss.
fn is_not_regularized(layer: &dyn Layer) -> bool {
    layer.class_name().starts_with("SpatialDropout") || layer.class_name() == "ActivityRegularization"
}

/// Lets the output add something to the loss, if Keras lets it.
pub fn regularize(layer: &mut dyn Layer) {
    let regularizer = (!is_not_regularized(layer)).then(|| Regularizer::l2(0.25));
    layer.base_mut().set_activity_regularizer(regularizer);
}

/// What a layer's output adds to the loss is there, or refused by name.
#[test]
fn every_output_can_be_regularized() -> Result<()> {
    for Case { mut layer, input, .. } in cases() {
        let before = layer.activity_regularizer();
        layer.base_mut().set_activity_regularizer(Some(Regularizer::l1(0.5)));
        if is_not_regularized(layer.as_ref()) {
            let message = layer.output_shape(input).unwrap_err().to_string();
            assert!(message.contains("activity_regularizer"), "{message}");
            continue;
        }
        let mut graph = Graph::new();
        let [learning, frozen, states] = ["weights", "frozen", "states"].map(|name| graph.variable(name));
        let x = graph.input("x", input, Element::F32);
        let mut context = Context::new(&mut graph, true, Variables { learning, frozen, states });
        let weights = context.declare(layer.as_ref(), &[input])?;
        let of_weights = context.penalties().len();
        context.call(layer.as_ref(), weights, &[x])?;
        assert_eq!(context.penalties().len(), of_weights + 1, "{layer:?}, {before:?} before");
    }
    let mut model = Sequential::new().add(ReLU::new().with_activity_regularizer("l3"));
    let message = model.build(&[3]).unwrap_err().to_string();
    assert!(message.contains("ReLU") && message.contains("\"l3\""), "{message}");
    Ok(())
}
