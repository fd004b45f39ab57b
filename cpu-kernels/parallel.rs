//! Running pieces of work on the threads of the current rayon pool.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

/// Multiply-adds (or a like measure) under which sharing costs more than it saves: about 3 µs of work. Tests always
/// use threads.
static WORTH_THREADS: AtomicUsize = AtomicUsize::new(if cfg!(test) { 1 } else { 1 << 18 });

/// Lets this process share all work of at least as many multiply-adds between threads: for tests, which are small.
pub fn use_threads_from(work: usize) {
    WORTH_THREADS.store(work, Ordering::Relaxed);
}

fn worth_threads(work: usize) -> bool {
    work >= WORTH_THREADS.load(Ordering::Relaxed)
}

/// Calls `body` with each of `tasks`, on threads where `work`, the multiply-adds of all tasks together, is worth it.
pub(super) fn for_each<T: Send>(tasks: Vec<T>, work: usize, body: impl Fn(T) + Sync) {
    if !worth_threads(work) || tasks.len() < 2 {
        tasks.into_iter().for_each(body);
    } else {
        on_threads(tasks, &body);
    }
}

/// Calls `body` with the number of each piece of `piece` elements of `data`, and the piece.
pub fn for_pieces(data: &mut [f32], piece: usize, work: usize, body: impl Fn(usize, &mut [f32]) + Sync) {
    if data.is_empty() {
        return;
    }
    if !worth_threads(work) || data.len() <= piece {
        data.chunks_mut(piece).enumerate().for_each(|(i, piece)| body(i, piece));
    } else {
        pieces_on_threads(data, piece, &body);
    }
}

// A loop of rayon is a hundred functions. With a body that is called through a pointer they are compiled once, not for
// each kernel; and a task is long enough to call it so.

fn on_threads<T: Send>(tasks: Vec<T>, body: &(dyn Fn(T) + Sync)) {
    tasks.into_par_iter().with_max_len(1).for_each(body);
}

fn pieces_on_threads(data: &mut [f32], piece: usize, body: &(dyn Fn(usize, &mut [f32]) + Sync)) {
    data.par_chunks_mut(piece).with_max_len(1).enumerate().for_each(|(i, piece)| body(i, piece));
}

/// Calls `body` with each number below `count`, at least two after another on the same thread.
pub fn numbers_on_threads(count: usize, body: &(dyn Fn(usize) + Sync)) {
    (0..count).into_par_iter().with_min_len(2).for_each(body);
}

/// Cuts `0..size` into the fewest nearly equal parts of at most `most`: the length of each part, larger ones first.
#[inline]
pub(super) fn even_parts(size: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let parts = size.div_ceil(most).max(1);
    let (length, longer) = (size / parts, size % parts);
    let start = move |part: usize| part * length + part.min(longer);
    (0..parts).map(move |part| (start(part), start(part + 1) - start(part))).filter(|&(_, length)| length > 0)
}
