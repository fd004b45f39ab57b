//! NumPy's arrays. What is read, written and read again stays what it is.
#![no_main]

use gradus::formats::npy;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(tensor) = npy::parse("fuzzed.npy", bytes) else { return };
    let again = npy::parse("again.npy", &npy::to_bytes(&tensor)).expect("what was written can be read");
    assert_eq!(tensor.shape(), again.shape());
});
