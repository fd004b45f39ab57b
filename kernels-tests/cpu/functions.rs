//! Functions of one value against those of the standard library in f64.

use crate::functions::*;

#[path = "../../engine/cpu/plain/special.rs"]
mod special;

/// |found − exact| in units of the last place of the exact value; below the normal numbers, of the least one.
fn ulps(found: f32, exact: f64) -> f64 {
    let unit = (exact.abs().log2().floor().max(-126.0) - 23.0).exp2();
    (f64::from(found) - exact).abs() / unit
}

/// Every 1,009th float, of both signs.
fn sweep() -> impl Iterator<Item = f32> {
    (0..u32::MAX / 1009).map(|i| f32::from_bits(i * 1009)).filter(|x| x.is_finite())
}

fn worst(f: impl Fn(f32) -> f32, exact: impl Fn(f64) -> f64, admit: impl Fn(f64) -> bool) -> (f64, f32) {
    let mut worst = (0.0, 0.0);
    for x in sweep() {
        let value = exact(f64::from(x));
        if !admit(value) {
            continue;
        }
        let error = ulps(f(x), value);
        if !(error <= worst.0) {
            worst = (error, x);
        }
    }
    worst
}

fn finite(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}

#[test]
fn accurate_everywhere() {
    let sigmoid_exact = |x: f64| 1.0 / (1.0 + (-x).exp());
    let softplus_exact = |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p();
    for (name, (error, x), bound) in [
        ("exp", worst(exp, f64::exp, finite), 3.0),
        ("log", worst(log, f64::ln, f64::is_finite), 2.0),
        ("expm1", worst(expm1, f64::exp_m1, finite), 3.0),
        ("log1p", worst(log1p, f64::ln_1p, f64::is_finite), 3.0),
        ("erf", worst(erf, special::erf, finite), 4.0),
        ("erfc", worst(erfc, special::erfc, finite), 8.0),
        ("tanh", worst(tanh, f64::tanh, finite), 3.0),
        ("sigmoid", worst(sigmoid, sigmoid_exact, finite), 3.0),
        ("softplus", worst(softplus, softplus_exact, finite), 3.0),
    ] {
        println!("{name}: {error:.3} at {x:e}");
        assert!(error <= bound, "{name}({x:e}) is {error} units of the last place off");
    }
}

#[test]
fn limits() {
    assert_eq!(exp(f32::INFINITY), f32::INFINITY);
    assert_eq!(exp(f32::NEG_INFINITY), 0.0);
    assert_eq!(exp(0.0), 1.0);
    assert_eq!(log(0.0), f32::NEG_INFINITY);
    assert_eq!(log(1.0), 0.0);
    assert_eq!(log(f32::INFINITY), f32::INFINITY);
    assert!(log(-1.0).is_nan() && log(f32::NEG_INFINITY).is_nan());
    assert_eq!([expm1(f32::INFINITY), expm1(f32::NEG_INFINITY), expm1(0.0)], [f32::INFINITY, -1.0, 0.0]);
    assert_eq!([log1p(f32::INFINITY), log1p(-1.0)], [f32::INFINITY, f32::NEG_INFINITY]);
    assert!(log1p(-1.1).is_nan() && log1p(f32::NEG_INFINITY).is_nan());
    assert_eq!([erf(f32::INFINITY), erf(f32::NEG_INFINITY)], [1.0, -1.0]);
    assert_eq!([erfc(f32::INFINITY), erfc(f32::NEG_INFINITY)], [0.0, 2.0]);
    assert_eq!([tanh(f32::INFINITY), tanh(f32::NEG_INFINITY)], [1.0, -1.0]);
    assert_eq!([sigmoid(f32::INFINITY), sigmoid(f32::NEG_INFINITY)], [1.0, 0.0]);
    assert_eq!([softplus(f32::INFINITY), softplus(f32::NEG_INFINITY)], [f32::INFINITY, 0.0]);
    assert_eq!([sign(-3.0), sign(0.0), sign(2.0)], [-1.0, 0.0, 1.0]);
}

#[test]
fn nan_stays() {
    for (name, f) in [
        ("exp", exp as fn(f32) -> f32),
        ("log", log),
        ("expm1", expm1),
        ("log1p", log1p),
        ("erf", erf),
        ("erfc", erfc),
        ("tanh", tanh),
        ("sigmoid", sigmoid),
        ("softplus", softplus),
        ("sign", sign),
        ("relu", relu),
    ] {
        for nan in [f32::NAN, -f32::NAN, f32::from_bits(0x7F80_0001)] {
            assert!(f(nan).is_nan(), "{name}(NaN) is {}", f(nan));
        }
    }
    for (a, b) in [(f32::NAN, 1.0), (1.0, f32::NAN), (f32::NAN, f32::NAN)] {
        assert!(maximum(a, b).is_nan() && minimum(a, b).is_nan());
    }
}
