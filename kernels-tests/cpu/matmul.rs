//! Products against a plain triple loop.

use super::super::{Factor, Matmul, matmul, matmul_packed, pack};
use super::{Random, Sum, assert_epilogue, assert_within, at_every_level};

fn reference(a: &[f32], b: &[f32], shape: Matmul) -> Vec<Sum> {
    let Matmul { m, n, k, .. } = shape;
    let mut sums = vec![Sum::default(); m * n];
    for i in 0..m {
        for j in 0..n {
            for t in 0..k {
                let a = if shape.transpose_a { a[t * m + i] } else { a[i * k + t] };
                let b = if shape.transpose_b { b[j * k + t] } else { b[t * n + j] };
                sums[i * n + j].add(a, b);
            }
        }
    }
    sums
}

fn product(a: &[f32], b: &[f32], shape: Matmul) -> Vec<f32> {
    let mut c = vec![f32::NAN; shape.m * shape.n];
    matmul(a, b, &mut c, shape, None);
    c
}

fn check(a: &[f32], b: &[f32], shape: Matmul) {
    let expected = reference(a, b, shape);
    for c in at_every_level(&format!("{shape:?}"), || product(a, b, shape)) {
        assert_within(&c, &expected, &format!("{shape:?}"));
    }
}

/// The four transpositions of a product.
fn turned(m: usize, n: usize, k: usize) -> [Matmul; 4] {
    [(false, false), (false, true), (true, false), (true, true)].map(|(transpose_a, transpose_b)| Matmul {
        m,
        n,
        k,
        transpose_a,
        transpose_b,
    })
}

/// Shapes that go each of the ways in which the work is divided.
const SHAPES: [[usize; 3]; 14] = [
    [1, 1, 0],
    [1, 1, 1],
    [3, 5, 4097],
    [1, 1, 5000],
    [32, 6, 2900],
    [64, 65, 8193],
    [2900, 6, 32],
    [6, 2900, 32],
    [32, 2900, 6],
    [1, 1025, 257],
    [1025, 1, 257],
    [129, 128, 257],
    [128, 127, 1023],
    [255, 97, 256],
];

#[test]
fn products_of_every_shape_are_within_the_bound() {
    let mut random = Random(1);
    for [m, n, k] in SHAPES {
        let (a, b) = (random.numbers(m * k), random.numbers(k * n));
        turned(m, n, k).into_iter().for_each(|shape| check(&a, &b, shape));
    }
    for i in 0..150 {
        let [m, n, k] = [0; 3].map(|_| random.size());
        let (a, b) = (random.numbers(m * k), random.numbers(k * n));
        check(&a, &b, turned(m, n, k)[i % 4]);
    }
}

#[test]
fn long_sums_of_like_terms_are_within_the_bound() {
    for [m, n, k] in [[1, 1, 115_200], [15, 33, 511], [15, 33, 512], [5, 7, 20_000]] {
        let a: Vec<f32> = (0..m * k).map(|i| 0.1 + (i % 3) as f32 * 1e-3).collect();
        check(&a, &vec![0.7; k * n], turned(m, n, k)[0]);
        check(&vec![0.1; m * k], &vec![0.1; k * n], turned(m, n, k)[3]);
    }
}

#[test]
fn each_element_goes_through_the_epilogue_once() {
    let mut random = Random(2);
    for [m, n, k] in SHAPES {
        let (a, b) = (random.numbers(m * k), random.numbers(k * n));
        let shape = turned(m, n, k)[1];
        assert_epilogue(&format!("{shape:?}"), |epilogue| {
            let mut c = vec![f32::NAN; m * n];
            matmul(&a, &b, &mut c, shape, epilogue);
            c
        });
    }
}

#[test]
fn a_row_with_nan_or_infinity_and_no_other_row_shows_it() {
    let mut random = Random(3);
    for [m, n, k] in [[3, 2, 4], [33, 31, 17], [32, 6, 2900], [290, 6, 32], [32, 2900, 6]] {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let (mut a, b) = (random.numbers(m * k), random.numbers(k * n));
            a[k + k / 2] = bad;
            for c in at_every_level("a bad row", || product(&a, &b, turned(m, n, k)[0])) {
                for (i, row) in c.chunks(n).enumerate() {
                    let shows = |c: &f32| if bad.is_nan() { c.is_nan() } else { c.is_infinite() };
                    let holds =
                        if i == 1 { row.iter().all(shows) } else { row.iter().all(|c| c.is_finite()) };
                    assert!(holds, "{bad} in row 1 of {m}x{n}x{k}: row {i} is {row:?}");
                }
            }
        }
    }
}

fn packed_product(a: &[f32], b: &[f32], shape: Matmul) -> Vec<f32> {
    let factor = Factor { terms: shape.k, columns: shape.n, transposed: shape.transpose_b };
    let mut panels = vec![f32::NAN; factor.packed_length()];
    pack(b, factor, &mut panels);
    let mut c = vec![f32::NAN; shape.m * shape.n];
    matmul_packed(a, &panels, &mut c, shape, None);
    c
}

#[test]
fn products_with_a_packed_factor() {
    let mut random = Random(9);
    for [m, n, k] in [[1, 33, 63], [7, 16, 128], [32, 512, 128], [33, 127, 513], [129, 31, 257]] {
        for shape in turned(m, n, k) {
            let (a, b) = (random.numbers(m * k), random.numbers(k * n));
            let expected = reference(&a, &b, shape);
            for c in at_every_level(&format!("packed {shape:?}"), || packed_product(&a, &b, shape)) {
                assert_within(&c, &expected, &format!("packed {shape:?}"));
            }
        }
    }
}
