//! Functions of one value that the compiler can vectorise: no calls, no branches, no fused multiply-add, so that every
//! level of vector instructions gives the same bits.
//!
//! Bounds against the exact value, in units of the last place, measured over all of f32 by the tests and derived from
//! the number of roundings: exp, tanh, sigmoid and softplus 3, log 2. NaN gives NaN.

/// Adding and subtracting 1.5·2²³ rounds to an integer, which then lies in the low bits of the sum.
const ROUNDER: f32 = 12_582_912.0;
/// ln 2 in two parts: the first has nine bits, so that its product with an exponent is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// 2ⁿ for −126 <= n <= 127.
#[inline(always)]
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((n + 127) << 23) as u32)
}

/// `c[0] + c[1]·x + …`
#[inline(always)]
fn polynomial<const N: usize>(c: [f32; N], x: f32) -> f32 {
    c.iter().rev().fold(0.0, |sum, &c| sum * x + c)
}

/// eˣ = 2ⁿ·eʳ with |r| <= ln 2 / 2: Taylor to r⁷, whose remainder is under 2⁻²⁸. Subnormal results are rounded once.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    const COEFFICIENTS: [f32; 6] = [0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -105.0 { -105.0 } else { x };
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let value = 1.0 + (r + r * r * polynomial(COEFFICIENTS, r));
    let n = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32;
    // NaN leaves any n: it is held in range, and the product is NaN all the same.
    let half = (n >> 1).clamp(-76, 64);
    let rest = n.wrapping_sub(half).clamp(-76, 65);
    value * power_of_two(half) * power_of_two(rest)
}

/// ln(1 + f) − f for √½ − 1 <= f <= √2 − 1, from 2·artanh(s), s = f / (2 + f): Taylor to s¹¹, remainder under 2⁻³⁰.
#[inline(always)]
fn log_rest(f: f32) -> f32 {
    const COEFFICIENTS: [f32; 5] = [2.0 / 3.0, 2.0 / 5.0, 2.0 / 7.0, 2.0 / 9.0, 2.0 / 11.0];
    let s = f / (2.0 + f);
    let square = s * s;
    let half = 0.5 * f * f;
    s * (half + square * polynomial(COEFFICIENTS, square)) - half
}

/// ln x: the mantissa is brought between √½ and √2. Zero gives −∞, what is below gives NaN.
#[inline(always)]
pub(super) fn log(x: f32) -> f32 {
    const SQRT_HALF_BITS: u32 = 0x3F35_04F3;
    let tiny = x < f32::MIN_POSITIVE;
    let scaled = if tiny { x * 8_388_608.0 } else { x };
    let above = scaled.to_bits().wrapping_sub(SQRT_HALF_BITS);
    let exponent = (above as i32 >> 23) as f32 - if tiny { 23.0 } else { 0.0 };
    let mantissa = f32::from_bits((above & 0x007F_FFFF).wrapping_add(SQRT_HALF_BITS));
    let f = mantissa - 1.0;
    let value = exponent * LN_2_HIGH + (f + (log_rest(f) + exponent * LN_2_LOW));
    let value = if x == f32::INFINITY { x } else { value };
    let value = if x == 0.0 { f32::NEG_INFINITY } else { value };
    if x >= 0.0 { value } else { f32::NAN }
}

/// ln(1 + e) for 0 <= e <= 1, from 2·artanh(s), s = e / (2 + e) <= 1/3: Taylor to s¹⁷, remainder under 2⁻³³.
#[inline(always)]
fn log_one_plus(e: f32) -> f32 {
    const COEFFICIENTS: [f32; 8] =
        [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0];
    let s = e / (2.0 + e);
    let square = s * s;
    let twice = 2.0 * s;
    twice + twice * (square * polynomial(COEFFICIENTS, square))
}

/// tanh x: near zero Lambert's continued fraction to its sixth term, elsewhere 1 − 2 / (e²ˣ + 1).
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let square = x * x;
    let above = x * square * polynomial([-45_045.0, -2_772.0, -27.0], square);
    let below = polynomial([135_135.0, 62_370.0, 3_150.0, 28.0], square);
    let near = x + above / below;
    let far = 1.0 - 2.0 / (exp(2.0 * x.abs()) + 1.0);
    if x.abs() < 0.625 { near } else { far.copysign(x) }
}

/// 1 / (1 + e⁻ˣ), from e^−|x|, which cannot overflow.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    let e = exp(-x.abs());
    let above = if x >= 0.0 { 1.0 } else { e };
    above / (1.0 + e)
}

/// ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|).
#[inline(always)]
pub(super) fn softplus(x: f32) -> f32 {
    relu(x) + log_one_plus(exp(-x.abs()))
}

/// −1, 0 or 1.
#[inline(always)]
pub(super) fn sign(x: f32) -> f32 {
    let x = if x > 0.0 { 1.0 } else { x };
    if x < 0.0 { -1.0 } else { x }
}

/// max(x, 0)
#[inline(always)]
pub(super) fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// The larger; NaN if either is.
#[inline(always)]
pub(super) fn maximum(a: f32, b: f32) -> f32 {
    if a > b || a.is_nan() { a } else { b }
}

/// The smaller; NaN if either is.
#[inline(always)]
pub(super) fn minimum(a: f32, b: f32) -> f32 {
    if a < b || a.is_nan() { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
