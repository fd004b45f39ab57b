//! Where the time goes, kernel by kernel, if `GRADUS_PROFILE` is set.

use std::time::{Duration, Instant};

/// Time and number of runs of each kernel of a program; printed to standard error when the program is unloaded.
pub(super) struct Profile {
    kernels: Vec<(String, Duration, u32)>,
}

impl Profile {
    /// A profile of kernels of these names, if the environment asks for one.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Option<Self> {
        std::env::var_os("GRADUS_PROFILE")?;
        Some(Self { kernels: names.map(|name| (name.to_string(), Duration::ZERO, 0)).collect() })
    }

    /// Runs kernel number `kernel`.
    pub(super) fn time(&mut self, kernel: usize, run: impl FnOnce()) {
        let start = Instant::now();
        run();
        let (_, time, runs) = &mut self.kernels[kernel];
        *time += start.elapsed();
        *runs += 1;
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let total: Duration = self.kernels.iter().map(|(_, time, _)| *time).sum();
        for (name, time, runs) in self.kernels.iter().filter(|(_, _, runs)| *runs > 0) {
            let (each, share) = (*time / *runs, time.as_secs_f64() / total.as_secs_f64() * 100.0);
            eprintln!("{name:<40} {each:>12.1?} {share:>5.1} %");
        }
        eprintln!("{:<40} {total:>12.1?} in all", "");
    }
}
