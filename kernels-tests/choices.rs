//! Random choices that a seed repeats.

use crate::graph::random::philox;

/// A generator of its own, so that what failed can be made again from its seed.
pub struct Choices {
    seed: u32,
    stream: u32,
    drawn: u32,
}

impl Choices {
    /// `stream` keeps the choices of one test apart from those of another.
    pub fn new(seed: u32, stream: u32) -> Self {
        Self { seed, stream, drawn: 0 }
    }

    /// 0 to `n` − 1.
    pub fn below(&mut self, n: usize) -> usize {
        self.drawn += 1;
        philox([self.drawn, 0, 0, 0], [self.seed, self.stream])[0] as usize % n
    }

    /// `low` to `high`.
    pub fn from(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// One of `choices`.
    pub fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Whether the number of choices made so far is odd.
    pub fn is_odd(&self) -> bool {
        self.drawn % 2 == 1
    }
}
