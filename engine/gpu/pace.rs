//! How many steps go into one submission, and how many submissions are under way.

use std::collections::VecDeque;

use futures_intrusive::channel::shared::{OneshotReceiver, oneshot_channel};

use super::device::Device;
use crate::error::Result;

/// Steps in one submission at most.
const MAX_STEPS: usize = 256;

/// What one submission should take: short enough for progress bars and driver time-outs, long enough that
/// submitting costs nothing.
const TARGET_SECONDS: f64 = 0.05;

/// Submissions under way at most: one that runs and one that waits.
const DEPTH: usize = 2;

/// A submission under way.
struct Flight {
    index: wgpu::SubmissionIndex,
    done: OneshotReceiver<()>,
    steps: usize,
    /// When it was submitted; `None` where the time it takes says nothing.
    started: Option<f64>,
}

/// The rhythm of one binding's submissions.
#[derive(Default)]
pub struct Pace {
    fixed: Option<usize>,
    steps: usize,
    flights: VecDeque<Flight>,
    last_done: Option<f64>,
}

impl Pace {
    /// Always `steps` steps a submission, or again as many as the time allows.
    pub fn fix(&mut self, steps: Option<usize>) {
        self.fixed = steps.map(|n| n.clamp(1, MAX_STEPS));
    }

    /// How many of `left` steps to submit next.
    pub fn next(&self, left: usize) -> usize {
        self.fixed.unwrap_or(self.steps).clamp(1, MAX_STEPS).min(left)
    }

    /// Forgets when submissions started: between two runs the host does other things.
    pub fn pause(&mut self) {
        self.flights.iter_mut().for_each(|flight| flight.started = None);
        self.last_done = None;
    }

    /// Waits until there is room for another submission.
    pub async fn make_room(&mut self, device: &Device) -> Result<()> {
        while self.flights.len() >= DEPTH {
            let Some(flight) = self.flights.pop_front() else { break };
            device.poll(Some(flight.index))?;
            flight.done.receive().await;
            if let (Some(started), Some(now)) = (flight.started, seconds()) {
                let begun = self.last_done.map_or(started, |last| last.max(started));
                self.steps = adapted(flight.steps, now - begun);
                self.last_done = Some(now);
            }
        }
        device.check()
    }

    /// Submits `steps` steps.
    pub fn submit(&mut self, device: &Device, commands: wgpu::CommandBuffer, steps: usize) {
        let (sender, done) = oneshot_channel();
        let index = device.queue.submit([commands]);
        device.count(|c| c.submissions += 1);
        tracing::trace!(steps, "steps submitted");
        device.queue.on_submitted_work_done(move || {
            // The receiver is gone only if the binding was released.
            let _ = sender.send(());
        });
        self.flights.push_back(Flight { index, done, steps, started: seconds() });
    }
}

/// The number of steps that take the target time, if `steps` took `seconds`; four times as many at most.
fn adapted(steps: usize, seconds: f64) -> usize {
    let wanted = TARGET_SECONDS / (seconds / steps as f64).max(1e-9);
    (wanted as usize).clamp(1, (steps * 4).min(MAX_STEPS))
}

/// A clock, where there is one.
#[cfg(not(target_arch = "wasm32"))]
fn seconds() -> Option<f64> {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    Some(START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64())
}

/// The browser's clock is out of reach: submissions stay at one step unless fixed.
#[cfg(target_arch = "wasm32")]
fn seconds() -> Option<f64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_follows_the_time_a_step_takes() {
        assert_eq!(adapted(1, 0.001), 4, "growth is bounded");
        assert_eq!(adapted(40, 0.04), 50);
        assert_eq!(adapted(40, 4.0), 1);
        assert_eq!(adapted(256, 0.0), MAX_STEPS);
    }

    #[test]
    fn a_fixed_pace_ends_with_the_rest() {
        let mut pace = Pace::default();
        assert_eq!(pace.next(10), 1);
        pace.fix(Some(8));
        assert_eq!((pace.next(10), pace.next(2)), (8, 2));
    }
}
