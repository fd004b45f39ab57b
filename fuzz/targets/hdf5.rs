//! HDF5 files, and the layouts of Keras's weights in them.
#![no_main]

use gradus::formats::hdf5::File;
use gradus::formats::{keras_variables, keras_weights};
use libfuzzer_sys::fuzz_target;

/// Looks at all that is in `group`, up to groups in groups in groups.
fn walk(file: &File, group: &str, depth: usize) {
    for attribute in ["name", "layer_names", "weight_names", "keras_version", "model_config"] {
        let _ = file.strings(group, attribute);
    }
    for name in file.names(group).unwrap_or_default().into_iter().take(16) {
        let path = if group.is_empty() { name } else { format!("{group}/{name}") };
        if !file.has_group(&path) {
            let _ = file.dataset(&path);
        } else if depth < 3 {
            walk(file, &path, depth + 1);
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = File::from_bytes("fuzzed.h5", bytes.to_vec()) else { return };
    walk(&file, "", 0);
    let _ = keras_weights::read_from(&file);
    let _ = keras_variables::read(&file, "layers/dense/vars");
});
