//! Pooling and its gradients.

use super::Value;
use crate::graph::{Axis, Window};

/// The taps of window `index` along one axis that lie within `length` pixels: (tap, pixel).
pub fn taps(axis: &Axis, index: usize, length: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
    let Axis { size, stride, dilation, before, .. } = *axis;
    (0..size).filter_map(move |tap| {
        let pixel = (index * stride + tap * dilation).checked_sub(before)?;
        (pixel < length).then_some((tap, pixel))
    })
}

/// Calls `visit` for each window of each channel with the index of its result and those of its valid pixels,
/// row by row.
fn windows(images: &[usize], result: &[usize], window: &Window, mut visit: impl FnMut(usize, &[usize])) {
    let (height, width, channels) = (images[1], images[2], images[3]);
    let count: usize = result.iter().product();
    for y in 0..count {
        let (c, column) = (y % channels, y / channels % result[2]);
        let (row, n) = (y / channels / result[2] % result[1], y / channels / result[2] / result[1]);
        let mut pixels = Vec::new();
        for (_, i) in taps(&window.height, row, height) {
            for (_, j) in taps(&window.width, column, width) {
                pixels.push(((n * height + i) * width + j) * channels + c);
            }
        }
        visit(y, &pixels);
    }
}

/// The first largest of `pixels`, or the first NaN.
fn winner(x: &Value, pixels: &[usize]) -> usize {
    let mut best = pixels[0];
    for &pixel in &pixels[1..] {
        let (value, largest) = (x.data[pixel], x.data[best]);
        if value > largest || (value.is_nan() && !largest.is_nan()) {
            best = pixel;
        }
    }
    best
}

pub fn max_pool(x: &Value, window: &Window, shape: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    windows(&x.shape, shape, window, |y, pixels| result[y] = x.data[winner(x, pixels)]);
    result
}

/// The first largest pixel of each window takes the window's gradient; overlapping windows add.
pub fn max_pool_gradient(x: &Value, gradient: &Value, window: &Window) -> Vec<f64> {
    let mut result = Value::filled(x.shape.clone(), 0.0).data;
    windows(&x.shape, &gradient.shape, window, |y, pixels| result[winner(x, pixels)] += gradient.data[y]);
    result
}

/// The mean of the valid pixels of each window.
pub fn average_pool(x: &Value, window: &Window, shape: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    windows(&x.shape, shape, window, |y, pixels| {
        result[y] = pixels.iter().map(|&p| x.data[p]).sum::<f64>() / pixels.len() as f64;
    });
    result
}

/// The valid pixels of each window share its gradient; overlapping windows add.
pub fn average_pool_gradient(gradient: &Value, window: &Window, images: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(images.to_vec(), 0.0).data;
    windows(images, &gradient.shape, window, |y, pixels| {
        for &pixel in pixels {
            result[pixel] += gradient.data[y] / pixels.len() as f64;
        }
    });
    result
}
