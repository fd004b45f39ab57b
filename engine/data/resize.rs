//! Images of another size.

/// The two pixels of `from` that the centre of pixel `i` of `to` lies between, and how near it is to the second.
fn neighbours(i: usize, from: usize, to: usize) -> ([usize; 2], f32) {
    let centre = (i as f32 + 0.5) * (from as f32 / to as f32) - 0.5;
    let floor = centre.floor();
    let inside = |position: f32| position.clamp(0.0, (from - 1) as f32) as usize;
    ([inside(floor), inside(floor + 1.0)], centre - floor)
}

/// Bytes `[height, width, channels]` of the size `from`, mixed to the size `to` from the four pixels around each centre and
/// rounded, as TensorFlow's `resize` without antialiasing does.
pub(super) fn resize_bilinear(bytes: &[u8], from: [usize; 2], to: [usize; 2], channels: usize) -> Vec<u8> {
    let columns: Vec<_> = (0..to[1]).map(|x| neighbours(x, from[1], to[1])).collect();
    let mut resized = Vec::with_capacity(to[0] * to[1] * channels);
    for y in 0..to[0] {
        let (rows, down) = neighbours(y, from[0], to[0]);
        for (beside, right) in &columns {
            for channel in 0..channels {
                let at = |row: usize, column: usize| {
                    f32::from(bytes[(row * from[1] + column) * channels + channel])
                };
                let [top, bottom] = rows.map(|row| {
                    let [left, other] = beside.map(|column| at(row, column));
                    left + (other - left) * right
                });
                resized.push((top + (bottom - top) * down).round() as u8);
            }
        }
    }
    resized
}

#[cfg(test)]
mod tests {
    use super::resize_bilinear;

    #[test]
    fn pixels_are_those_of_tensorflow() {
        // np.round(tf.image.resize(np.arange(0, 240, 20).reshape(3, 4, 1), (2, 3)))
        let bytes: Vec<u8> = (0..12).map(|i| i * 20).collect();
        assert_eq!(resize_bilinear(&bytes, [3, 4], [2, 3], 1), RESIZED_DOWN);
        // tf.image.resize(np.array([[0, 100], [200, 40]]).reshape(2, 2, 1), (3, 4)) has 92.5 and 77.5 in the second row.
        assert_eq!(resize_bilinear(&[0, 100, 200, 40], [2, 2], [3, 4], 1), RESIZED_UP);
    }

    const RESIZED_DOWN: [u8; 6] = [23, 50, 77, 143, 170, 197];
    const RESIZED_UP: [u8; 12] = [0, 25, 75, 100, 100, 93, 78, 70, 200, 160, 80, 40];
}
