//! Rows called by their numbers, and words from other numbers and other places.

use super::TERMS;

/// The rows of `table` called by `numbers`, which are the bits of integers; NaN where there is none.
pub fn gather(table: &[f32], numbers: &[f32], row: usize, out: &mut [f32]) {
    for (out, number) in out.chunks_exact_mut(row).zip(numbers) {
        let start = number.to_bits() as usize * row;
        match table.get(start..start + row) {
            Some(found) => out.copy_from_slice(found),
            None => out.fill(f32::NAN),
        }
    }
}

/// Rows of `values` added to the rows of `out` that `numbers` call, in order; a row that more than 512 call adds
/// up blocks of as many.
pub fn scatter_add(values: &[f32], numbers: &[f32], row: usize, out: &mut [f32]) {
    let mut calls: Vec<Vec<usize>> = vec![Vec::new(); out.len() / row];
    for (i, number) in numbers.iter().enumerate() {
        if let Some(calls) = calls.get_mut(number.to_bits() as usize) {
            calls.push(i);
        }
    }
    let mut block = vec![0.0; row];
    for (out, calls) in out.chunks_exact_mut(row).zip(&calls) {
        out.fill(0.0);
        for some in calls.chunks(TERMS) {
            block.fill(0.0);
            for &i in some {
                block.iter_mut().zip(&values[i * row..]).for_each(|(sum, value)| *sum += value);
            }
            out.iter_mut().zip(&block).for_each(|(out, sum)| *out += sum);
        }
    }
}

/// `out[i] = from[i · stride]`.
pub fn strided(from: &[f32], stride: usize, out: &mut [f32]) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = from[i * stride];
    }
}

/// Integers as the bits of words.
pub fn words_of_integers(from: &[u32], out: &mut [f32]) {
    out.iter_mut().zip(from).for_each(|(out, &x)| *out = f32::from_bits(x));
}

/// Bytes as the bits of words.
pub fn words_of_bytes(from: &[u8], out: &mut [f32]) {
    out.iter_mut().zip(from).for_each(|(out, &x)| *out = f32::from_bits(x.into()));
}
