//! Max and average pooling and their gradients.
//!
//! Only pixels on the image count: the average divides by their number. The gradient of a maximum goes to its first place in
//! the window, row by row; where windows overlap the gradients add. NaN counts as the greatest number.
//!
//! 16 channels are taken at a time. A piece of work is a stretch of output rows of one image; for the gradients of windows that
//! overlap from row to row, a whole image.

use super::level::{Body, Level};
use super::parallel::for_each;
use super::{Epilogue, Images, TERMS, Window2d};
use std::ops::Range;

/// Channels taken at a time.
const LANES: usize = 16;
/// Numbers that a piece of work should read at least.
const PIECE: usize = 1 << 15;

/// Computes the maximum under each window.
pub fn max_pool(x: &[f32], input: Images, window: &Window2d, y: &mut [f32], epilogue: Option<Epilogue<'_>>) {
    forward(x, input, window, y, epilogue, true);
}

/// Computes the average under each window.
pub fn average_pool(
    x: &[f32],
    input: Images,
    window: &Window2d,
    y: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    forward(x, input, window, y, epilogue, false);
}

/// Computes the gradient of `max_pool`'s input `x` from that of its output.
pub fn max_pool_gradient(
    x: &[f32],
    input: Images,
    window: &Window2d,
    dy: &[f32],
    dx: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    assert_eq!(x.len(), input.len(), "{input:?}");
    backward(Some(x), input, window, dy, dx, epilogue);
}

/// Computes the gradient of `average_pool`'s input from that of its output.
pub fn average_pool_gradient(
    input: Images,
    window: &Window2d,
    dy: &[f32],
    dx: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    backward(None, input, window, dy, dx, epilogue);
}

fn forward(
    x: &[f32],
    input: Images,
    window: &Window2d,
    y: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
    maximum: bool,
) {
    let output = checked_output(window, input);
    assert_eq!([x.len(), y.len()], [input.len(), output.len()], "{window:?} on {input:?}");
    if y.is_empty() {
        return;
    }
    let rows = rows_in_piece(input, output);
    let mut tasks = Vec::new();
    for (image, y) in y.chunks_exact_mut(output.image()).enumerate() {
        for (piece, y) in y.chunks_mut(rows * output.row()).enumerate() {
            tasks.push((image, piece * rows, y));
        }
    }
    let level = Level::current();
    for_each(tasks, x.len(), |(image, first, y)| {
        let x = &x[image * input.image()..][..input.image()];
        let place = Place::new(window, input, first..first + y.len() / output.row());
        match maximum {
            true => level.run(Maxima { x, place, y: &mut *y }),
            false => level.run(Averages { x, place, y: &mut *y }),
        }
        if let Some(epilogue) = epilogue {
            epilogue(image * output.image() + first * output.row(), y);
        }
    });
}

fn backward(
    x: Option<&[f32]>,
    input: Images,
    window: &Window2d,
    dy: &[f32],
    dx: &mut [f32],
    epilogue: Option<Epilogue<'_>>,
) {
    let output = checked_output(window, input);
    assert_eq!([dy.len(), dx.len()], [output.len(), input.len()], "{window:?} on {input:?}");
    if dx.is_empty() {
        return;
    }
    let overlap = window.kernel[0] > window.stride[0];
    let rows = if overlap { output.height.max(1) } else { rows_in_piece(input, output) };
    let mut tasks = Vec::new();
    for (image, mut dx) in dx.chunks_exact_mut(input.image()).enumerate() {
        let mut start = 0;
        for (first, end) in pieces(output.height, rows) {
            let last = end == output.height;
            let stop = if last {
                input.height
            } else {
                end * window.stride[0] - window.pad_before[0].min(end * window.stride[0])
            };
            let (piece, rest) = dx.split_at_mut((stop - start) * input.row());
            tasks.push((image, first..end, start, piece));
            (dx, start) = (rest, stop);
        }
    }
    let level = Level::current();
    for_each(tasks, input.len(), |(image, rows, start, dx)| {
        let dy = &dy[image * output.image()..][..output.image()];
        let place = Place::new(window, input, rows);
        if !place.alone {
            dx.fill(0.0);
        }
        match x {
            Some(x) => {
                let x = &x[image * input.image()..][..input.image()];
                level.run(MaximumGradients { x, place, dy, start, dx: &mut *dx });
            }
            None => level.run(AverageGradients { place, dy, start, dx: &mut *dx }),
        }
        if let Some(epilogue) = epilogue {
            epilogue(image * input.image() + start * input.row(), dx);
        }
    });
}

fn checked_output(window: &Window2d, input: Images) -> Images {
    assert_eq!(window.dilation, [1, 1], "pooling windows have no gaps");
    window.output(input, input.channels)
}

/// Output rows in a piece of work.
fn rows_in_piece(input: Images, output: Images) -> usize {
    let height = output.height.max(1);
    (PIECE * height / input.image().max(1)).clamp(1, height)
}

/// `first..end` of pieces of `length` of `0..size`; one empty piece where there is nothing.
fn pieces(size: usize, length: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..size.div_ceil(length).max(1)).map(move |piece| (piece * length, ((piece + 1) * length).min(size)))
}

/// Where windows stand: some output rows of an image.
#[derive(Clone)]
struct Place<'a> {
    window: &'a Window2d,
    input: Images,
    output: Images,
    rows: Range<usize>,
    /// Every input pixel is in exactly one window.
    alone: bool,
}

/// What to do with each window, `L` channels at a time.
trait Windows {
    /// `at` is the first of the channels in the output image, `channel` their number; `rows` and `columns` are where the window covers
    /// the input image.
    fn visit<const L: usize>(&mut self, at: usize, channel: usize, rows: Range<usize>, columns: Range<usize>);
}

impl<'a> Place<'a> {
    fn new(window: &'a Window2d, input: Images, rows: Range<usize>) -> Self {
        let output = window.output(input, input.channels);
        let [height, width] = window.kernel;
        let covered = [output.height * height, output.width * width] == [input.height, input.width];
        let alone = covered && window.kernel == window.stride && window.pad_before == [0, 0];
        Place { window, input, output, rows, alone }
    }

    #[inline(always)]
    fn for_each(&self, windows: &mut impl Windows) {
        let channels = self.input.channels;
        for oy in self.rows.clone() {
            let rows = self.on_image(0, oy, self.input.height);
            for ox in 0..self.output.width {
                let columns = self.on_image(1, ox, self.input.width);
                let at = (oy * self.output.width + ox) * channels;
                let full = channels / LANES * LANES;
                for channel in (0..full).step_by(LANES) {
                    windows.visit::<LANES>(at + channel, channel, rows.clone(), columns.clone());
                }
                for channel in full..channels {
                    windows.visit::<1>(at + channel, channel, rows.clone(), columns.clone());
                }
            }
        }
    }

    #[inline(always)]
    fn on_image(&self, axis: usize, at: usize, size: usize) -> Range<usize> {
        let (start, pad) = (at * self.window.stride[axis], self.window.pad_before[axis]);
        let end = (start + self.window.kernel[axis]).saturating_sub(pad).min(size);
        start.saturating_sub(pad).min(end)..end
    }

    /// The first of the channels at a pixel of the input image.
    #[inline(always)]
    fn input_at(&self, row: usize, column: usize, channel: usize) -> usize {
        (row * self.input.width + column) * self.input.channels + channel
    }
}

#[inline(always)]
fn lanes<const L: usize>(from: &[f32], start: usize) -> &[f32; L] {
    from[start..].first_chunk().expect("the pixel's channels")
}

#[inline(always)]
fn lanes_mut<const L: usize>(from: &mut [f32], start: usize) -> &mut [f32; L] {
    from[start..].first_chunk_mut().expect("the pixel's channels")
}

/// The maximum of `L` channels under a window; NaN, once met, stays.
#[inline(always)]
fn maxima<const L: usize>(
    x: &[f32],
    place: &Place<'_>,
    channel: usize,
    rows: Range<usize>,
    columns: Range<usize>,
) -> [f32; L] {
    let mut best = [f32::NEG_INFINITY; L];
    for row in rows {
        for column in columns.clone() {
            let values = lanes::<L>(x, place.input_at(row, column, channel));
            for lane in 0..L {
                let value = values[lane];
                best[lane] = if (value > best[lane]) | value.is_nan() { value } else { best[lane] };
            }
        }
    }
    best
}

/// Adds to gradients; sets them where the window is `alone`.
#[inline(always)]
fn give<const L: usize>(dx: &mut [f32; L], share: &[f32; L], alone: bool) {
    if alone {
        *dx = *share;
    } else {
        for lane in 0..L {
            dx[lane] += share[lane];
        }
    }
}

struct Maxima<'a> {
    x: &'a [f32],
    place: Place<'a>,
    y: &'a mut [f32],
}

impl Body for Maxima<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let place = self.place.clone();
        place.for_each(&mut self);
    }
}

impl Windows for Maxima<'_> {
    #[inline(always)]
    fn visit<const L: usize>(
        &mut self,
        at: usize,
        channel: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let best = maxima::<L>(self.x, &self.place, channel, rows, columns);
        *lanes_mut(self.y, at - self.place.rows.start * self.place.output.row()) = best;
    }
}

struct Averages<'a> {
    x: &'a [f32],
    place: Place<'a>,
    y: &'a mut [f32],
}

impl Body for Averages<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let place = self.place.clone();
        place.for_each(&mut self);
    }
}

impl Windows for Averages<'_> {
    #[inline(always)]
    fn visit<const L: usize>(
        &mut self,
        at: usize,
        channel: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let count = (rows.len() * columns.len()) as f32;
        let mut sums = [0.0; L];
        for row in rows {
            for first in columns.clone().step_by(TERMS) {
                let mut block = [0.0; L];
                for column in first..columns.end.min(first + TERMS) {
                    let values = lanes::<L>(self.x, self.place.input_at(row, column, channel));
                    block.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
                }
                sums.iter_mut().zip(block).for_each(|(sum, block)| *sum += block);
            }
        }
        *lanes_mut(self.y, at - self.place.rows.start * self.place.output.row()) =
            sums.map(|sum| sum / count);
    }
}

struct MaximumGradients<'a> {
    x: &'a [f32],
    place: Place<'a>,
    /// The gradient of the whole output image.
    dy: &'a [f32],
    /// The row of the input image at which `dx` starts.
    start: usize,
    dx: &'a mut [f32],
}

impl Body for MaximumGradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let place = self.place.clone();
        place.for_each(&mut self);
    }
}

impl Windows for MaximumGradients<'_> {
    #[inline(always)]
    fn visit<const L: usize>(
        &mut self,
        at: usize,
        channel: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let best = maxima::<L>(self.x, &self.place, channel, rows.clone(), columns.clone());
        // What is left to give: nothing after the first place of the maximum.
        let mut left = *lanes::<L>(self.dy, at);
        for row in rows {
            for column in columns.clone() {
                let values = lanes::<L>(self.x, self.place.input_at(row, column, channel));
                let dx = lanes_mut::<L>(self.dx, self.place.input_at(row - self.start, column, channel));
                let mut share = [0.0; L];
                for lane in 0..L {
                    let (value, best) = (values[lane], best[lane]);
                    let here = (value == best) | (value.is_nan() & best.is_nan());
                    share[lane] = if here { left[lane] } else { 0.0 };
                    left[lane] = if here { 0.0 } else { left[lane] };
                }
                give(dx, &share, self.place.alone);
            }
        }
    }
}

struct AverageGradients<'a> {
    place: Place<'a>,
    dy: &'a [f32],
    start: usize,
    dx: &'a mut [f32],
}

impl Body for AverageGradients<'_> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let place = self.place.clone();
        place.for_each(&mut self);
    }
}

impl Windows for AverageGradients<'_> {
    #[inline(always)]
    fn visit<const L: usize>(
        &mut self,
        at: usize,
        channel: usize,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let count = (rows.len() * columns.len()) as f32;
        let share = lanes::<L>(self.dy, at).map(|dy| dy / count);
        for row in rows {
            for column in columns.clone() {
                let dx = lanes_mut::<L>(self.dx, self.place.input_at(row - self.start, column, channel));
                give(dx, &share, self.place.alone);
            }
        }
    }
}
