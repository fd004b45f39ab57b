//! Orthogonal matrices: the Q of a QR decomposition of normal numbers, its signs such that R's diagonal is positive.

/// Values of a weight of `shape`, seen as a matrix of all axes but the last by the last: its shorter sides are
/// orthogonal to each other and of length `gain`.
pub(super) fn values(shape: &[usize], gain: f64, normal: impl Fn(usize) -> f64) -> Vec<f32> {
    let columns = shape.last().copied().unwrap_or(1);
    let rows = shape.iter().product::<usize>() / columns.max(1);
    let (count, length) = (rows.min(columns), rows.max(columns));
    let mut vectors: Vec<Vec<f64>> =
        (0..count).map(|i| (0..length).map(|j| normal(j * count + i)).collect()).collect();
    for i in 0..count {
        let (before, rest) = vectors.split_at_mut(i);
        orthogonalise(&mut rest[0], before);
    }
    let element = |row: usize, column: usize| match rows < columns {
        true => vectors[row][column],
        false => vectors[column][row],
    };
    (0..rows)
        .flat_map(|i| (0..columns).map(move |j| (i, j)))
        .map(|(i, j)| (element(i, j) * gain) as f32)
        .collect()
}

/// Gram and Schmidt's step, twice, since once leaves rounding errors that grow.
fn orthogonalise(vector: &mut [f64], before: &[Vec<f64>]) {
    for other in before.iter().chain(before) {
        let product: f64 = vector.iter().zip(other).map(|(a, b)| a * b).sum();
        vector.iter_mut().zip(other).for_each(|(a, b)| *a -= product * b);
    }
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.iter_mut().for_each(|x| *x /= length);
}

#[cfg(test)]
mod tests {
    use super::super::Initializer;

    #[test]
    fn the_shorter_sides_are_orthonormal() {
        for shape in [[3, 5], [5, 3], [4, 4], [32, 128]] {
            let values = Initializer::orthogonal(1.0).values(&shape, 7, 3).unwrap();
            let [rows, columns] = shape;
            let at = |i: usize, j: usize| f64::from(values[i * columns + j]);
            for a in 0..rows.min(columns) {
                for b in 0..rows.min(columns) {
                    let product: f64 = match rows <= columns {
                        true => (0..columns).map(|k| at(a, k) * at(b, k)).sum(),
                        false => (0..rows).map(|k| at(k, a) * at(k, b)).sum(),
                    };
                    let expected = f64::from(u8::from(a == b));
                    // Rounded to 24 bits, each factor errs by at most 2⁻²⁵; lengths are 1.
                    assert!((product - expected).abs() <= 2f64.powi(-23), "{shape:?}: {a}·{b} = {product}");
                }
            }
        }
    }
}
