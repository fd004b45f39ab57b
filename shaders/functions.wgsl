// Elementwise functions whose accuracy or handling of NaN the language leaves open.
//
// Generated kernels take those they call, with the three aliases as they are or in their vec4 form.
// Errors in units of the last place, if + - * round correctly and / is off by 2.5: exponential 2,
// exponential_minus_one 4, logarithm 3, logarithm_of_one_plus 5, hyperbolic_tangent 8, sigmoid 6, softplus 6,
// error_function 8, complementary_error_function 12. Subnormal results may be 0.

alias Real = f32;
alias Bits = u32;
alias Flags = bool;

// No front end may fold this, so that infinity and NaN can be written.
fn real_from(bits: u32) -> Real {
    return Real(bitcast<f32>(bits));
}

fn is_nan(x: Real) -> Flags {
    return (bitcast<Bits>(x) & Bits(0x7fffffffu)) > Bits(0x7f800000u);
}

fn relu(x: Real) -> Real {
    // From -0 down to -infinity, and no NaN.
    return select(x, Real(0.0), (bitcast<Bits>(x) - Bits(0x80000000u)) <= Bits(0x7f800000u));
}

fn maximum(a: Real, b: Real) -> Real {
    return select(select(select(b, a, a > b), b, is_nan(b)), a, is_nan(a));
}

fn minimum(a: Real, b: Real) -> Real {
    return select(select(select(b, a, a < b), b, is_nan(b)), a, is_nan(a));
}

fn sign_of(x: Real) -> Real {
    let signs = select(select(Real(0.0), Real(-1.0), x < Real(0.0)), Real(1.0), x > Real(0.0));
    return select(signs, x, is_nan(x));
}

// exp(r) - 1 where x = k ln(2) + r, |r| <= ln(2) / 2: eight terms of the series leave r^8 / 8! = 5e-9.
fn reduced_exponential(x: Real, k: Real) -> Real {
    // 0.693359375 has ten bits: its products with k are exact.
    let r = (x - k * 0.693359375) + k * 2.12194440e-4;
    let tail = 0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)))));
    return r + r * r * tail;
}

// exp(x) = 2^k exp(r)
fn exponential(x: Real) -> Real {
    let bounded = clamp(x, Real(-104.0), Real(89.0));
    let k = round(bounded * 1.44269504);
    let series = 1.0 + reduced_exponential(bounded, k);
    // In two factors: 2^k alone may be out of range where the product is not.
    let half = floor(k * 0.5);
    let low = bitcast<Real>(Bits(half + 127.0) << Bits(23u));
    let high = bitcast<Real>(Bits(k - half + 127.0) << Bits(23u));
    return select(series * low * high, x, is_nan(x));
}

// exp(x) - 1 = 2^k (exp(r) - 1) + (2^k - 1); from exp(20) on the 1 is less than a rounding.
fn exponential_minus_one(x: Real) -> Real {
    let bounded = clamp(x, Real(-25.0), Real(20.0));
    let k = round(bounded * 1.44269504);
    let scale = bitcast<Real>(Bits(k + 127.0) << Bits(23u));
    let near = scale * reduced_exponential(bounded, k) + (scale - 1.0);
    return select(select(near, exponential(x), x > Real(20.0)), x, is_nan(x));
}

// ln(1 + f) for f in [-0.3, 1]: with s = f / (2 + f), |s| <= 1/3, it is 2 artanh(s) = f - s (f - 2 s^2 / 3 - 2 s^4 / 5 - ...).
fn log_one_plus(f: Real) -> Real {
    let s = f / (2.0 + f);
    let q = s * s;
    let low = 2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0)));
    let high = 2.0 / 11.0 + q * (2.0 / 13.0 + q * (2.0 / 15.0 + q * (2.0 / 17.0)));
    return f - s * (f - q * (low + q * q * q * q * high));
}

// ln(x) = k ln(2) + ln(1 + f), 1 + f in [sqrt(1/2), sqrt(2)).
fn logarithm(x: Real) -> Real {
    let small = x < Real(1.17549435e-38);
    let bits = bitcast<Bits>(select(x, x * 8388608.0, small));
    // The bits of sqrt(1/2) are 0x3f3504f3.
    let shifted = bits - Bits(0x3f3504f3u) + Bits(0x3f800000u);
    let k = Real(shifted >> Bits(23u)) - 127.0 - select(Real(0.0), Real(23.0), small);
    let f = bitcast<Real>((shifted & Bits(0x007fffffu)) + Bits(0x3f3504f3u)) - 1.0;
    let value = k * 0.693359375 + (log_one_plus(f) - k * 2.12194440e-4);
    let limited = select(value, x, is_nan(x) | (x == real_from(0x7f800000u)));
    let zero = select(limited, real_from(0xff800000u), x == Real(0.0));
    return select(zero, real_from(0x7fc00000u), x < Real(0.0));
}

// Outside of the series' range the rounding of 1 + x is small beside the result.
fn logarithm_of_one_plus(x: Real) -> Real {
    let far = logarithm(1.0 + x);
    let value = select(log_one_plus(x), far, (x < Real(-0.3)) | (x > Real(1.0)));
    return select(value, x, is_nan(x));
}

// erf(x), |x| < 0.5: seven terms of the series leave 1e-9.
fn error_function_near(x: Real) -> Real {
    let q = x * x;
    let tail = -0.026866171 + q * (0.0052239776 + q * (-8.5483270e-4 + q * 1.2055256e-4));
    return x * (1.1283792 + q * (-0.37612639 + q * (0.11283792 + q * tail)));
}

// erfc(x), x >= 0.5: exp(-x^2) t p(t), t = 1 / (1 + 0.4 x); p is fitted for the least largest relative error, 1.3e-8.
// The square of x is taken in two parts, of which the first is exact.
fn error_function_rest(size: Real) -> Real {
    let x = min(size, Real(10.3));
    let high = bitcast<Real>(bitcast<Bits>(x) & Bits(0xfffff000u));
    let low = (x - high) * (x + high);
    let t = 1.0 / (1.0 + 0.4 * x);
    let end = 0.16652152 + t * (-0.056427740 + t * (0.22904207 + t * (-0.22094749 + t * 0.060287319)));
    let p = 0.22567919 + t * (0.22556750 + t * (0.20904972 + t * (0.16123998 + t * end)));
    let correction = 1.0 - low * (1.0 - low * (0.5 - low * (1.0 / 6.0 - low * (1.0 / 24.0))));
    return exponential(-high * high) * (correction * (t * p));
}

fn error_function(x: Real) -> Real {
    let far = 1.0 - error_function_rest(abs(x));
    let value = select(select(far, -far, x < Real(0.0)), error_function_near(x), abs(x) < Real(0.5));
    return select(value, x, is_nan(x));
}

fn complementary_error_function(x: Real) -> Real {
    let rest = error_function_rest(abs(x));
    let far = select(rest, 2.0 - rest, x < Real(0.0));
    return select(select(far, 1.0 - error_function_near(x), abs(x) < Real(0.5)), x, is_nan(x));
}

// Near 0 the fifth convergent of the continued fraction x / (1 + x^2 / (3 + x^2 / (5 + ...))), off by 1e-9 at most.
fn hyperbolic_tangent(x: Real) -> Real {
    let q = x * x;
    let near = x * (945.0 + q * (105.0 + q)) / (945.0 + q * (420.0 + q * 15.0));
    let size = abs(x);
    let far = 1.0 - 2.0 / (exponential(2.0 * min(size, Real(10.0))) + 1.0);
    let value = select(select(far, -far, x < Real(0.0)), near, size < Real(0.625));
    return select(value, x, is_nan(x));
}

fn sigmoid(x: Real) -> Real {
    let z = exponential(-abs(x));
    return select(Real(1.0), z, x < Real(0.0)) / (1.0 + z);
}

fn softplus(x: Real) -> Real {
    return maximum(x, Real(0.0)) + log_one_plus(exponential(-abs(x)));
}
