//! IDX files, plain and gzipped.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = gradus::data::parse_idx("fuzzed.idx", bytes);
});
