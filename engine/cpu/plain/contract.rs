//! Matrix products and convolutions.

use super::Value;
use super::window::taps;
use crate::graph::Window;

/// The product of two matrices, or of two stacks of matrices.
pub fn matmul(a: &Value, b: &Value, transpose_a: bool, transpose_b: bool, shape: &[usize]) -> Vec<f64> {
    let rank = shape.len();
    let (rows, columns) = (shape[rank - 2], shape[rank - 1]);
    let stack: usize = shape[..rank - 2].iter().product();
    let inner = a.shape[if transpose_a { rank - 2 } else { rank - 1 }];
    let mut result = Vec::with_capacity(stack * rows * columns);
    for s in 0..stack {
        let at_a = |i, k| if transpose_a { (s * inner + k) * rows + i } else { (s * rows + i) * inner + k };
        let at_b =
            |k, j| if transpose_b { (s * columns + j) * inner + k } else { (s * inner + k) * columns + j };
        for i in 0..rows {
            for j in 0..columns {
                result.push((0..inner).map(|k| a.data[at_a(i, k)] * b.data[at_b(k, j)]).sum());
            }
        }
    }
    result
}

pub fn conv(images: &Value, filters: &Value, window: &Window, shape: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(shape.to_vec(), 0.0).data;
    products(&images.shape, &filters.shape, shape, window, |x, f, y| {
        result[y] += images.data[x] * filters.data[f];
    });
    result
}

pub fn conv_input_gradient(gradient: &Value, filters: &Value, window: &Window, images: &[usize]) -> Vec<f64> {
    let mut result = Value::filled(images.to_vec(), 0.0).data;
    products(images, &filters.shape, &gradient.shape, window, |x, f, y| {
        result[x] += gradient.data[y] * filters.data[f];
    });
    result
}

pub fn conv_filter_gradient(
    images: &Value,
    gradient: &Value,
    window: &Window,
    filters: &[usize],
) -> Vec<f64> {
    let mut result = Value::filled(filters.to_vec(), 0.0).data;
    products(&images.shape, filters, &gradient.shape, window, |x, f, y| {
        result[f] += images.data[x] * gradient.data[y];
    });
    result
}

/// Calls `visit` with the indices of the image, filter and result elements of every product of the convolution.
/// The three passes are one trilinear form: they differ in which of the three they add to.
fn products(
    images: &[usize],
    filters: &[usize],
    result: &[usize],
    window: &Window,
    mut visit: impl FnMut(usize, usize, usize),
) {
    let (height, width, channels) = (images[1], images[2], images[3]);
    let (rows, columns, features) = (result[1], result[2], result[3]);
    debug_assert_eq!(filters, [window.height.size, window.width.size, channels, features]);
    for n in 0..images[0] {
        for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
            let y = ((n * rows + row) * columns + column) * features;
            for (tap_row, pixel_row) in taps(&window.height, row, height) {
                for (tap_column, pixel_column) in taps(&window.width, column, width) {
                    let x = ((n * height + pixel_row) * width + pixel_column) * channels;
                    let tap = (tap_row * window.width.size + tap_column) * channels;
                    for c in 0..channels {
                        for f in 0..features {
                            visit(x + c, (tap + c) * features + f, y + f);
                        }
                    }
                }
            }
        }
    }
}
