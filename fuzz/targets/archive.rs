//! `.keras` archives and `.npz` files: what lies in a zip.
#![no_main]

use gradus::formats::{keras_archive, npz};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = keras_archive::parse("fuzzed.keras", bytes);
    let _ = npz::parse("fuzzed.npz", bytes, "x");
});
