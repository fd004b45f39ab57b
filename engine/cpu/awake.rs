//! Threads that stay awake between the kernels of a step.
//!
//! A sleeping thread takes tens of microseconds to wake, longer than a small kernel takes to run. So while one thread walks
//! through the kernels, the others look for work without a pause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::ThreadPool;

/// How long a thread looks for work in vain before it goes to sleep.
const PATIENCE: Duration = Duration::from_millis(5);

/// Glances between two looks at the clock.
const GLANCES: usize = 64;

/// Runs `lead` on one thread of `pool`, while the others look for the work that it shares.
pub(super) fn lead<R: Send>(pool: &ThreadPool, lead: impl Fn() -> R + Sync) -> R {
    let (done, result) = (AtomicBool::new(false), Mutex::new(None));
    pool.broadcast(|thread| match thread.index() {
        0 => {
            let _done = SetOnDrop(&done);
            *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(lead());
        }
        _ => look_for_work(&done),
    });
    let result = result.into_inner().unwrap_or_else(PoisonError::into_inner);
    result.expect("thread 0 leads, or its panic went on from the broadcast")
}

/// Lets the other threads go when the work ends, even by a panic.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Does the work that the leading thread shares, until all is `done` or it has shared none for a while.
fn look_for_work(done: &AtomicBool) {
    let mut last = Instant::now();
    while !done.load(Ordering::Acquire) {
        let found = (0..GLANCES).any(|_| {
            std::hint::spin_loop();
            rayon::yield_now() == Some(rayon::Yield::Executed)
        });
        match found {
            true => last = Instant::now(),
            false if last.elapsed() > PATIENCE => return,
            false => std::thread::yield_now(),
        }
    }
}
