//! Working memory that each thread keeps between calls, so that a kernel does not pay for fresh pages.

use std::cell::RefCell;

/// Buffers longer than this (16 MiB) are given back at once.
const KEPT: usize = 4 << 20;
/// Numbers in a cache line.
const LINE: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Calls `body` with `length` numbers of unknown content that start at a cache line. Calls may nest.
pub(super) fn with_scratch<R>(length: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(|free| {
        let fits = free.iter().enumerate().filter(|(_, buffer)| buffer.len() >= length + LINE);
        let least = fits.min_by_key(|(_, buffer)| buffer.len()).map(|(i, _)| i);
        // Where none is long enough, a longer one takes the place of another.
        least.map(|i| free.swap_remove(i)).or_else(|| free.pop()).unwrap_or_default()
    });
    if buffer.len() < length + LINE {
        buffer = vec![0.0; length + LINE];
    }
    let skip = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = body(&mut buffer[skip..skip + length]);
    if buffer.len() <= KEPT {
        FREE.with_borrow_mut(|free| free.push(buffer));
    }
    result
}
