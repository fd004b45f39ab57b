//! Keras configs: JSON, and the models that it says.
#![no_main]

use gradus::Model;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Sizes that are legal and only take memory become small ones; absurd ones stay.
fn shrink(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(size) = number.as_u64().filter(|size| (33..1 << 32).contains(size)) {
                *value = (size % 33).into();
            }
        }
        Value::Array(list) => list.iter_mut().for_each(shrink),
        Value::Object(object) => object.values_mut().for_each(shrink),
        _ => {}
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut config) = serde_json::from_slice::<Value>(bytes) else { return };
    shrink(&mut config);
    if let Ok(model) = Model::from_config(&config) {
        model.config().expect("what was read can be written");
    }
});
