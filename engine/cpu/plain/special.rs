//! The error function in f64, which the standard library does not have.

use std::f64::consts::{FRAC_2_SQRT_PI, PI};

/// From here on the series would cancel against 1.
const EDGE: f64 = 2.0;

/// 2/√π · ∫₀ˣ e^−t² dt
pub fn erf(x: f64) -> f64 {
    if x.abs() < EDGE { series(x) } else { (1.0 - fraction(x.abs())).copysign(x) }
}

/// 1 − erf x
pub fn erfc(x: f64) -> f64 {
    match x {
        x if x < EDGE && x > 0.5 => fraction(x),
        x if x.abs() < EDGE => 1.0 - series(x),
        x if x < 0.0 => 2.0 - fraction(-x),
        x => fraction(x),
    }
}

/// 2/√π · e^−x² · Σ 2ⁿ·x²ⁿ⁺¹ / (1·3·…·(2n + 1)), whose terms have one sign.
fn series(x: f64) -> f64 {
    let (mut term, mut sum, mut n) = (x, x, 0.0);
    while term.abs() > sum.abs() * 1e-17 {
        n += 1.0;
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
    }
    FRAC_2_SQRT_PI * (-x * x).exp() * sum
}

/// erfc x for x > 0 by Laplace's continued fraction, e^−x² / √π / (x + ½/(x + 1/(x + 3/2/(x + …)))).
fn fraction(x: f64) -> f64 {
    if x > 28.0 {
        return if x.is_nan() { x } else { 0.0 };
    }
    let terms = (20.0 + 400.0 / (x * x)) as u32;
    let rest = (1..=terms).rev().fold(x, |rest, n| x + 0.5 * f64::from(n) / rest);
    (-x * x).exp() / PI.sqrt() / rest
}
