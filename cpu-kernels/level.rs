//! Which vector instructions this machine has, found once at run time, and running code compiled for them.

use std::sync::OnceLock;

/// A set of vector instructions, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// 512-bit vectors and 32 registers.
    Avx512,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// What every processor of the target has: SSE2 on x86-64, NEON on AArch64.
    Plain,
}

impl Level {
    /// The best level of this machine (of this thread, where a test has forced one).
    pub fn current() -> Self {
        #[cfg(test)]
        if let Some(level) = forced::LEVEL.get() {
            return level;
        }
        static FOUND: OnceLock<Level> = OnceLock::new();
        *FOUND.get_or_init(Level::detect)
    }

    /// Every level that this machine can run.
    #[cfg(test)]
    pub fn all() -> Vec<Level> {
        let best = Level::detect();
        let from = |level| match level {
            Level::Avx512 => 0,
            Level::Avx2 => 1,
            Level::Plain => 2,
        };
        [Level::Avx512, Level::Avx2, Level::Plain][from(best)..].to_vec()
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        use std::is_x86_feature_detected as has;
        let avx2 = has!("avx2") && has!("fma");
        match avx2 {
            true if has!("avx512f") && has!("avx512vl") && has!("avx512dq") && has!("avx512bw") => {
                Level::Avx512
            }
            true => Level::Avx2,
            false => Level::Plain,
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Level::Plain
    }

    /// Runs `body` in a function compiled for this level. Its `run` must be `#[inline(always)]`.
    #[inline]
    pub fn run<B: Body>(self, body: B) -> B::Output {
        match self {
            // SAFETY: `current` and `all` only give levels that `detect` found on this machine.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { run_avx512(body) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { run_avx2(body) },
            _ => body.run(),
        }
    }
}

/// Plain loops that the compiler is to vectorise for the level found at run time.
pub trait Body {
    /// What the loops give back.
    type Output;
    /// The loops; `#[inline(always)]` in every implementation, or they are compiled for the plain level.
    fn run(self) -> Self::Output;
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
fn run_avx512<B: Body>(body: B) -> B::Output {
    body.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn run_avx2<B: Body>(body: B) -> B::Output {
    body.run()
}

/// The switch by which tests run every level of a machine.
#[cfg(test)]
pub mod forced {
    use super::Level;
    use std::cell::Cell;

    thread_local! {
        pub(super) static LEVEL: Cell<Option<Level>> = const { Cell::new(None) };
    }

    /// Calls `body` with the kernels that it starts from this thread held to `level`.
    pub fn with_level<R>(level: Level, body: impl FnOnce() -> R) -> R {
        let before = LEVEL.replace(Some(level));
        let result = body();
        LEVEL.set(before);
        result
    }
}
