//! The loops of gradus's CPU path: pure functions on slices of f32 that know nothing of graphs.
//!
//! They are a crate of their own since they are what must be compiled for speed: gradus around them takes two thirds of the
//! time to build when it is compiled for size, and trains 2 to 5 % slower. Nothing here is made for other callers: a version
//! of gradus goes with one version of its kernels.
//!
//! Images are `[batch, height, width, channels]`, filters `[height, width, channels in, channels out]`, matrices row-major.
//! Every kernel picks its vector instructions at run time and its threads from the current rayon pool. Work is divided by
//! the problem's sizes alone, never by the number of threads, and no sum has more than 512 terms in a row: longer ones
//! are sums of blocks, added in a fixed order. So results are bitwise the same on any number of threads, and
//! `|error| <= 8·sqrt(K)·2^-24·Σ|a·b| + K·2^-126`.
//!
//! Slices of the wrong length are a mistake of the caller and panic.

mod convolution;
mod elements;
mod filter_gradient;
mod functions;
mod join;
mod lanes;
mod level;
mod matmul;
mod pack;
mod parallel;
mod pooling;
mod rows;
mod scratch;
mod sums;
mod tile;
mod transpose;

pub use convolution::{conv2d, conv2d_input_gradient};
pub use elements::{Comparison, Function, Operand, apply};
pub use filter_gradient::conv2d_filter_gradient;
pub use join::{Join, Joins};
pub use level::Level;
pub use matmul::{Factor, Matmul, matmul, matmul_packed, pack};
pub use parallel::{for_pieces, numbers_on_threads, use_threads_from};
pub use pooling::{average_pool, average_pool_gradient, max_pool, max_pool_gradient};
pub use rows::{gather, scatter_add, strided, words_of_bytes, words_of_integers};
pub use sums::column_sums;

/// Terms that are added one after the other; longer sums go in blocks.
const TERMS: usize = 512;

/// What is to be done with each finished stretch of an output while it is in the cache: it gets the index of the stretch's
/// first element and the elements. Every element is passed exactly once, in stretches that differ from kernel to kernel.
pub type Epilogue<'a> = &'a (dyn Fn(usize, &mut [f32]) + Sync);

/// The size of a batch of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Images {
    /// Images.
    pub batch: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Pixels in a row.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
}

impl Images {
    /// Numbers in a row of one image.
    pub fn row(&self) -> usize {
        self.width * self.channels
    }

    /// Numbers in one image.
    pub fn image(&self) -> usize {
        self.height * self.row()
    }

    /// Numbers in the batch.
    pub fn len(&self) -> usize {
        self.batch * self.image()
    }

    /// Whether there is no number.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a window moves over an image; each pair is height, width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window2d {
    /// Pixels of the window.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Distance between the window's pixels; 1 where they are neighbours.
    pub dilation: [usize; 2],
    /// Zeros before the image.
    pub pad_before: [usize; 2],
    /// Zeros behind the image.
    pub pad_after: [usize; 2],
}

impl Window2d {
    /// A window without padding that moves a pixel at a time.
    pub fn valid(kernel: [usize; 2]) -> Self {
        Window2d { kernel, stride: [1; 2], dilation: [1; 2], pad_before: [0; 2], pad_after: [0; 2] }
    }

    /// The size of the output: one image of `channels` for each of `input`. Zero where the window does not fit.
    pub fn output(&self, input: Images, channels: usize) -> Images {
        let along = |axis: usize, size: usize| {
            let room = size + self.pad_before[axis] + self.pad_after[axis];
            let reach = (self.kernel[axis] - 1) * self.dilation[axis] + 1;
            if room < reach { 0 } else { (room - reach) / self.stride[axis] + 1 }
        };
        Images { batch: input.batch, height: along(0, input.height), width: along(1, input.width), channels }
    }

    /// The window's pixels along `axis` that fall on the image, for output position `at`: `first..end`.
    fn valid_taps(&self, axis: usize, at: usize, size: usize) -> std::ops::Range<usize> {
        let (start, pad, step) = (at * self.stride[axis], self.pad_before[axis], self.dilation[axis]);
        let first = pad.saturating_sub(start).div_ceil(step);
        let end = (size + pad).saturating_sub(start).div_ceil(step).min(self.kernel[axis]);
        first..end.max(first)
    }
}

#[cfg(test)]
#[path = "../kernels-tests/cpu/mod.rs"]
mod tests;
