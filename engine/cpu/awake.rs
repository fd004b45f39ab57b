//! Threads that stay awake between the kernels of a step.
//!
//! A sleeping thread takes tens of microseconds to wake, longer than a small kernel takes to run. So while one thread walks
//! through the kernels, the others look for work without a pause.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long a thread looks for work in vain before it goes to sleep.
const PATIENCE: Duration = Duration::from_millis(5);

/// Glances between two looks at the clock.
const GLANCES: usize = 64;

/// What the thread that leads tells those that follow.
#[derive(Debug, Default)]
pub(super) struct Awake {
    done: AtomicBool,
}

impl Awake {
    /// Runs `lead`; the threads that wait for its work go when it ends, even by a panic.
    pub(super) fn during(&self, lead: impl FnOnce()) {
        struct Done<'a>(&'a AtomicBool);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Release);
            }
        }
        let _done = Done(&self.done);
        lead();
    }

    /// Does the work that the leading thread shares, until it is done or has shared none for a while.
    pub(super) fn wait_for_work(&self) {
        let mut last = Instant::now();
        while !self.done.load(Ordering::Acquire) {
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
}
