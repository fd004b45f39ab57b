//! Reductions: of a row to one value, and of many rows side by side.

use super::TERMS;
use super::functions::{maximum, minimum};
use super::level::{Body, Level};

/// How values become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// Σ, at most 512 terms at a time.
    Sum,
    /// The largest; NaN if any is.
    Max,
    /// The smallest; NaN if any is.
    Min,
    /// The index of the first largest as the bits of a word; NaN is never the largest, and with nothing else it is 0.
    ArgMax,
}

impl Join {
    /// The values of a row as one word.
    pub fn apply(self, row: &[f32]) -> f32 {
        match self {
            Self::Sum => Level::current().run(Sum(row)),
            Self::Max => Level::current().run(Largest(row)),
            Self::Min => Level::current().run(Smallest(row)),
            Self::ArgMax => f32::from_bits(first_largest(row) as u32),
        }
    }
}

fn first_largest(row: &[f32]) -> usize {
    let (mut best, mut largest) = (0, f32::NEG_INFINITY);
    for (i, &value) in row.iter().enumerate() {
        if value > largest {
            (best, largest) = (i, value);
        }
    }
    best
}

/// Partial sums kept side by side.
const LANES: usize = 32;

/// Σ of a row, in a fixed order.
struct Sum<'a>(&'a [f32]);

impl Body for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        if self.0.len() <= TERMS {
            return lanes_sum(self.0);
        }
        // The blocks' sums are summed in blocks, too.
        let mut total = 0.0;
        let mut level = [0.0; TERMS];
        let mut filled = 0;
        for block in self.0.chunks(TERMS) {
            if filled == TERMS {
                total += lanes_sum(&level);
                filled = 0;
            }
            level[filled] = lanes_sum(block);
            filled += 1;
        }
        total + lanes_sum(&level[..filled])
    }
}

#[inline(always)]
fn lanes_sum(block: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = block.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane += x);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// The largest of a row; NaN if any is.
struct Largest<'a>(&'a [f32]);

impl Body for Largest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        lanes_fold(self.0, f32::NEG_INFINITY, maximum)
    }
}

/// The smallest of a row; NaN if any is.
struct Smallest<'a>(&'a [f32]);

impl Body for Smallest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        lanes_fold(self.0, f32::INFINITY, minimum)
    }
}

#[inline(always)]
fn lanes_fold(row: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = join(x, *lane));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = join(x, *lane));
    lanes.into_iter().fold(start, join)
}

/// Rows that are joined side by side.
const TOGETHER: usize = 256;

/// Joins of several rows under way, which take one element of each at a time.
pub struct Joins {
    join: Join,
    /// How many elements each has taken.
    taken: usize,
    /// The sum of the present block, or the extreme so far.
    values: [f32; TOGETHER],
    /// The sums of the blocks before, or the index of the largest as bits.
    totals: [f32; TOGETHER],
}

impl Joins {
    /// The most rows.
    pub const MOST: usize = TOGETHER;

    /// Joins that have taken nothing.
    pub fn new(join: Join) -> Self {
        let start = match join {
            Join::Sum => 0.0,
            Join::Max | Join::ArgMax => f32::NEG_INFINITY,
            Join::Min => f32::INFINITY,
        };
        Self { join, taken: 0, values: [start; TOGETHER], totals: [0.0; TOGETHER] }
    }

    /// Takes `from[j · stride]` for each row j < `rows`.
    pub fn take(&mut self, rows: usize, from: &[f32], stride: usize) {
        if stride == 1 {
            let from = &from[..rows];
            self.take_each(rows, |j| from[j]);
        } else {
            self.take_each(rows, |j| from[j * stride]);
        }
    }

    fn take_each(&mut self, rows: usize, of: impl Fn(usize) -> f32) {
        let all = self.values[..rows].iter_mut().zip(&mut self.totals[..rows]).enumerate();
        match self.join {
            Join::Sum if self.taken.is_multiple_of(TERMS) => all.for_each(|(j, (value, total))| {
                *total += *value;
                *value = of(j);
            }),
            Join::Sum => all.for_each(|(j, (value, _))| *value += of(j)),
            Join::Max => all.for_each(|(j, (value, _))| *value = maximum(of(j), *value)),
            Join::Min => all.for_each(|(j, (value, _))| *value = minimum(of(j), *value)),
            Join::ArgMax => all.for_each(|(j, (value, total))| {
                if of(j) > *value {
                    (*value, *total) = (of(j), f32::from_bits(self.taken as u32));
                }
            }),
        }
        self.taken += 1;
    }

    /// Writes the result of each row to `out`.
    pub fn finish(&self, out: &mut [f32]) {
        let all = out.iter_mut().zip(self.values.iter().zip(&self.totals));
        match self.join {
            Join::Sum => all.for_each(|(out, (value, total))| *out = total + value),
            Join::Max | Join::Min => all.for_each(|(out, (value, _))| *out = *value),
            Join::ArgMax => all.for_each(|(out, (_, total))| *out = *total),
        }
    }
}
