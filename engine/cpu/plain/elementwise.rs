//! Functions of the elements, under NumPy's broadcasting.

use super::{Value, offsets, special, strides};
use crate::graph::{Binary, Comparison, Element, Unary};

/// `function` of the elements of `inputs` that stand at each place of `shape`.
pub fn zip<const N: usize>(
    shape: &[usize],
    inputs: [&Value; N],
    function: impl Fn([f64; N]) -> f64,
) -> Vec<f64> {
    let count: usize = shape.iter().product();
    let sources = inputs.map(|input| sources(&input.shape, shape));
    (0..count).map(|i| function(std::array::from_fn(|n| inputs[n].data[sources[n][i]]))).collect()
}

/// For each element of `to`, the element of `from` that broadcasting puts there.
pub fn sources(from: &[usize], to: &[usize]) -> Vec<usize> {
    let mut steps = vec![0; to.len() - from.len()];
    steps.extend(strides(from).iter().zip(from).map(|(&step, &size)| if size == 1 { 0 } else { step }));
    offsets(to, &steps)
}

pub fn unary(function: Unary, x: f64) -> f64 {
    match function {
        Unary::Negate => -x,
        Unary::Abs => x.abs(),
        // `signum` gives zero a sign.
        Unary::Sign => {
            if x == 0.0 {
                0.0
            } else {
                x.signum()
            }
        }
        Unary::Exp => x.exp(),
        Unary::Log => x.ln(),
        Unary::Expm1 => x.exp_m1(),
        Unary::Log1p => x.ln_1p(),
        Unary::Erf => special::erf(x),
        Unary::Erfc => special::erfc(x),
        Unary::Sqrt => x.sqrt(),
        Unary::Tanh => x.tanh(),
        Unary::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Unary::Softplus => maximum(x, 0.0) + (-x.abs()).exp().ln_1p(),
        Unary::Relu => maximum(x, 0.0),
        Unary::Detach => x,
    }
}

pub fn binary(function: Binary, a: f64, b: f64) -> f64 {
    match function {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Maximum => maximum(a, b),
        Binary::Minimum => minimum(a, b),
    }
}

pub fn compare(comparison: Comparison, a: f64, b: f64) -> f64 {
    let holds = match comparison {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Less => a < b,
        Comparison::LessEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterEqual => a >= b,
    };
    f64::from(u8::from(holds))
}

/// Floats become integers by truncation towards zero, within the type's range.
pub fn cast(x: &Value, element: Element) -> Vec<f64> {
    let convert = |&x: &f64| match element {
        Element::F32 => x,
        Element::U32 => f64::from(x as u32),
        Element::U8 => f64::from(x as u8),
    };
    x.data.iter().map(convert).collect()
}

/// The larger; NaN if either is (`f64::max` would drop it).
pub fn maximum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

/// The smaller; NaN if either is.
pub fn minimum(a: f64, b: f64) -> f64 {
    if a.is_nan() || a < b { a } else { b }
}
