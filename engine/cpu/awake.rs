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

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Barrier;

    use rayon::ThreadPoolBuilder;

    use super::*;

    fn pool() -> ThreadPool {
        ThreadPoolBuilder::new().num_threads(3).build().unwrap()
    }

    /// Work that ends only if each of three threads takes a part.
    fn meet() -> usize {
        let barrier = Barrier::new(3);
        let meet = || barrier.wait().is_leader() as usize;
        let (a, (b, c)) = rayon::join(meet, || rayon::join(meet, meet));
        a + b + c
    }

    #[test]
    fn all_threads_take_part_in_shared_work() {
        assert_eq!(lead(&pool(), || (0..100).map(|_| meet()).sum::<usize>()), 100);
    }

    #[test]
    fn threads_that_went_to_sleep_take_part_again() {
        let late = || {
            std::thread::sleep(4 * PATIENCE);
            meet()
        };
        assert_eq!(lead(&pool(), late), 1);
    }

    #[test]
    fn a_panic_lets_the_others_go_and_reaches_the_caller() {
        let pool = pool();
        let panicked = catch_unwind(AssertUnwindSafe(|| lead(&pool, || -> () { panic!("in the lead") })));
        assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"in the lead"));
        assert_eq!(lead(&pool, meet), 1, "the pool goes on");
    }
}
