//! Transposing the part of a matrix that is being packed, eight rows by eight columns at a time.

use super::level::Level;

/// Sides of the squares.
const SIDE: usize = 8;

/// `to[t·to_row + j] = from[j·from_row + t]`, for all `j < rows` and `t < columns`.
#[inline(always)]
pub(super) fn transpose(
    level: Level,
    from: &[f32],
    from_row: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    to_row: usize,
) {
    let whole = |size: usize| if level == Level::Plain { 0 } else { size / SIDE * SIDE };
    let (rows_whole, columns_whole) = (whole(rows), whole(columns));
    #[cfg(target_arch = "x86_64")]
    for t in (0..columns_whole).step_by(SIDE) {
        for j in (0..rows_whole).step_by(SIDE) {
            // SAFETY: any level but the plain one has the instructions.
            unsafe { square(&from[j * from_row + t..], from_row, &mut to[t * to_row + j..], to_row) };
        }
    }
    let mut edge = |columns: std::ops::Range<usize>, rows: std::ops::Range<usize>| {
        for t in columns {
            for j in rows.clone() {
                to[t * to_row + j] = from[j * from_row + t];
            }
        }
    };
    edge(0..columns_whole, rows_whole..rows);
    edge(columns_whole..columns, 0..rows);
}

/// Transposes one square: pairs, then fours, then eights change places.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx")]
fn square(from: &[f32], from_row: usize, to: &mut [f32], to_row: usize) {
    use std::arch::x86_64::*;
    assert!((SIDE - 1) * from_row + SIDE <= from.len() && (SIDE - 1) * to_row + SIDE <= to.len());
    // SAFETY: the assert holds every row inside.
    let row = |i: usize| unsafe { _mm256_loadu_ps(from.as_ptr().add(i * from_row)) };
    let pairs = |i: usize| (_mm256_unpacklo_ps(row(i), row(i + 1)), _mm256_unpackhi_ps(row(i), row(i + 1)));
    let fours = |i: usize| {
        let ((low, high), (low_2, high_2)) = (pairs(i), pairs(i + 2));
        [
            _mm256_shuffle_ps::<0x44>(low, low_2),
            _mm256_shuffle_ps::<0xee>(low, low_2),
            _mm256_shuffle_ps::<0x44>(high, high_2),
            _mm256_shuffle_ps::<0xee>(high, high_2),
        ]
    };
    let (upper, lower) = (fours(0), fours(4));
    for i in 0..SIDE / 2 {
        let first = _mm256_permute2f128_ps::<0x20>(upper[i], lower[i]);
        let second = _mm256_permute2f128_ps::<0x31>(upper[i], lower[i]);
        // SAFETY: as above.
        unsafe {
            _mm256_storeu_ps(to.as_mut_ptr().add(i * to_row), first);
            _mm256_storeu_ps(to.as_mut_ptr().add((i + SIDE / 2) * to_row), second);
        }
    }
}
