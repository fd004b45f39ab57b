//! Sums of columns against plain loops.

use super::super::column_sums;
use super::{Random, SIZES, Sum, assert_within, at_every_level};

fn check(x: &[f32], rows: usize, columns: usize) {
    let mut down = vec![Sum::default(); columns];
    for (i, &x) in x.iter().enumerate() {
        down[i % columns].add(x, 1.0);
    }
    let what = format!("{rows}x{columns}");
    let columns_summed = at_every_level(&what, || {
        let mut sums = vec![f32::NAN; columns];
        column_sums(x, &mut sums);
        sums
    });
    columns_summed.iter().for_each(|sums| assert_within(sums, &down, &format!("columns of {what}")));
}

#[test]
fn sums_of_every_shape_are_within_the_bound() {
    let mut random = Random(1);
    for rows in SIZES {
        for columns in SIZES {
            check(&random.numbers(rows * columns), rows, columns);
        }
    }
    for [rows, columns] in
        [[5000, 6], [100_003, 1], [1, 100_003], [3, 20_000], [1025, 129], [115_200, 32], [2, 500_000]]
    {
        check(&random.numbers(rows * columns), rows, columns);
        check(&vec![0.1; rows * columns], rows, columns);
    }
}

#[test]
fn nan_stays_in_its_column() {
    let mut x = vec![1.0; 33 * 17];
    x[5 * 17 + 3] = f32::NAN;
    let mut down = vec![0.0; 17];
    column_sums(&x, &mut down);
    let nans: Vec<usize> = (0..17).filter(|&i| down[i].is_nan()).collect();
    assert_eq!(nans, [3]);
}
