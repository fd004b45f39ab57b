//! Functions of one value that the compiler can vectorise: no calls, no branches, no fused multiply-add, so that every
//! level of vector instructions gives the same bits.
//!
//! Bounds against the exact value, in units of the last place, measured over all of f32 by `kernels-tests/cpu/functions.rs`
//! and derived from the number of roundings: erf 4, erfc 8, log 2, the others 3. NaN gives NaN.

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
    c[..N - 1].iter().rev().fold(c[N - 1], |sum, &c| sum * x + c)
}

/// eʳ − 1 and n, where x = n·ln 2 + r and |r| <= ln 2 / 2: Taylor to r⁷, whose remainder is under 2⁻²⁸. NaN leaves any n.
#[inline(always)]
fn reduced_exp(x: f32) -> (f32, i32) {
    const COEFFICIENTS: [f32; 6] = [0.5, 1.0 / 6.0, 1.0 / 24.0, 1.0 / 120.0, 1.0 / 720.0, 1.0 / 5040.0];
    let shifted = x * std::f32::consts::LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let r = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let n = shifted.to_bits().wrapping_sub(ROUNDER.to_bits()) as i32;
    (r + r * r * polynomial(COEFFICIENTS, r), n)
}

/// eˣ = 2ⁿ·eʳ. Subnormal results are rounded once.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -105.0 { -105.0 } else { x };
    let (power, n) = reduced_exp(x);
    scaled_exp(power, n)
}

/// 2ⁿ·(1 + power), in two factors, since 2ⁿ alone may be out of range. n is held in it: with NaN the product is NaN all the same.
#[inline(always)]
fn scaled_exp(power: f32, n: i32) -> f32 {
    let half = (n >> 1).clamp(-76, 64);
    let rest = n.wrapping_sub(half).clamp(-76, 65);
    (1.0 + power) * power_of_two(half) * power_of_two(rest)
}

/// eˣ − 1 = 2ⁿ·(eʳ − 1) + (2ⁿ − 1); from 2²⁶ on the 1 is less than a rounding.
#[inline(always)]
pub(super) fn expm1(x: f32) -> f32 {
    let x = if x > 89.0 { 89.0 } else { x };
    let x = if x < -25.0 { -25.0 } else { x };
    let (power, n) = reduced_exp(x);
    let scale = power_of_two(n.clamp(-40, 40));
    let near = scale * power + (scale - 1.0);
    if x < 20.0 { near } else { scaled_exp(power, n) }
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

/// ln(1 + e) for −0.3 <= e <= 1, from 2·artanh(s), s = e / (2 + e), |s| <= 1/3: Taylor to s¹⁷, remainder under 2⁻³³.
#[inline(always)]
fn log_one_plus(e: f32) -> f32 {
    const COEFFICIENTS: [f32; 8] =
        [1.0 / 3.0, 1.0 / 5.0, 1.0 / 7.0, 1.0 / 9.0, 1.0 / 11.0, 1.0 / 13.0, 1.0 / 15.0, 1.0 / 17.0];
    let s = e / (2.0 + e);
    let square = s * s;
    let twice = 2.0 * s;
    twice + twice * (square * polynomial(COEFFICIENTS, square))
}

/// ln(1 + x); outside of the series' range the rounding of 1 + x is small beside the result.
#[inline(always)]
pub(super) fn log1p(x: f32) -> f32 {
    if (x - 0.35).abs() > 0.65 { log(1.0 + x) } else { log_one_plus(x) }
}

/// Below it erf comes from its series, from here on erfc from its own form.
const ERF_EDGE: f32 = 0.5;

/// erf x for |x| < 0.5: Taylor to x¹³, remainder under 2⁻³⁰.
#[inline(always)]
fn erf_near(x: f32) -> f32 {
    // 2/√π · (−1)ⁿ / (n!·(2n + 1))
    const COEFFICIENTS: [f32; 7] = [
        std::f32::consts::FRAC_2_SQRT_PI,
        -0.376_126_4,
        0.112_837_92,
        -0.026_866_17,
        0.005_223_977_6,
        -0.000_854_832_7,
        0.000_120_552_56,
    ];
    x * polynomial(COEFFICIENTS, x * x)
}

/// erfc x for x >= 0.5, which is e^−x² · t · p(t) with t = 1 / (1 + 0.4·x): p is fitted for the least largest relative
/// error up to 10.3, 2⁻²⁶. The square of x is taken in two parts, of which the first is exact.
#[inline(always)]
fn erfc_far(x: f32) -> f32 {
    const COEFFICIENTS: [f32; 9] = [
        0.225_679_19,
        0.225_567_5,
        0.209_049_72,
        0.161_239_98,
        0.166_521_52,
        -0.056_427_74,
        0.229_042_07,
        -0.220_947_49,
        0.060_287_32,
    ];
    let x = if x > 10.3 { 10.3 } else { x };
    let high = f32::from_bits(x.to_bits() & 0xFFFF_F000);
    let low = (x - high) * (x + high);
    let t = 1.0 / (1.0 + 0.4 * x);
    let correction = polynomial([1.0, -1.0, 0.5, -1.0 / 6.0, 1.0 / 24.0], low);
    exp(-high * high) * (correction * (t * polynomial(COEFFICIENTS, t)))
}

/// The error function.
#[inline(always)]
pub(super) fn erf(x: f32) -> f32 {
    let far = (1.0 - erfc_far(x.abs())).copysign(x);
    if x.abs() < ERF_EDGE { erf_near(x) } else { far }
}

/// 1 − erf x
#[inline(always)]
pub(super) fn erfc(x: f32) -> f32 {
    let above = erfc_far(x.abs());
    let far = if x < 0.0 { 2.0 - above } else { above };
    if x.abs() < ERF_EDGE { 1.0 - erf_near(x) } else { far }
}

/// tanh x from e = e^−2|x|: near zero (1 − e) / (1 + e), whose difference keeps its digits; 1 − 2e / (1 + e) where that ratio
/// is under ½. From 20 on, it is 1.
#[inline(always)]
pub(super) fn tanh(x: f32) -> f32 {
    let twice = -2.0 * x.abs();
    let twice = if twice < -40.0 { -40.0 } else { twice };
    let (power, n) = reduced_exp(twice);
    let scale = power_of_two(n);
    let e = scale * power + scale;
    let near = twice > -1.1;
    let above = if near { (1.0 - scale) - scale * power } else { 2.0 * e };
    let ratio = above / (1.0 + e);
    let value = if near { ratio } else { 1.0 - ratio };
    value.copysign(x)
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
