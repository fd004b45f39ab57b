//! One function of one to three values, element by element: tight loops, compiled for each level of vector instructions.

use super::functions;
use super::level::{Body, Level};

/// What is computed from the operands, element by element. Integers and their results are the bits of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// The operand itself.
    Copy,
    /// −x
    Negate,
    /// |x|
    Abs,
    /// −1, 0 or 1
    Sign,
    /// eˣ
    Exp,
    /// ln x
    Log,
    /// eˣ − 1
    Expm1,
    /// ln(1 + x)
    Log1p,
    /// The error function.
    Erf,
    /// 1 − erf x
    Erfc,
    /// √x
    Sqrt,
    /// tanh x
    Tanh,
    /// 1 / (1 + e⁻ˣ)
    Sigmoid,
    /// ln(1 + eˣ)
    Softplus,
    /// max(x, 0)
    Relu,
    /// a + b
    Add,
    /// a − b
    Subtract,
    /// a · b
    Multiply,
    /// a / b
    Divide,
    /// The larger; NaN if either is.
    Maximum,
    /// The smaller; NaN if either is.
    Minimum,
    /// A comparison of floats.
    Compare(Comparison),
    /// A comparison of integers.
    CompareIntegers(Comparison),
    /// `if condition { a } else { b }`; the condition is not one number for all.
    Select,
    /// The float of an integer.
    ToFloat,
    /// The integer part of a float.
    ToInteger,
}

/// A comparison: 1.0 where it holds, 0.0 elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// a = b
    Equal,
    /// a ≠ b
    NotEqual,
    /// a < b
    Less,
    /// a ≤ b
    LessEqual,
    /// a > b
    Greater,
    /// a ≥ b
    GreaterEqual,
}

impl Function {
    /// Number of operands.
    pub fn arity(self) -> usize {
        use Function::*;
        match self {
            Add | Subtract | Multiply | Divide | Maximum | Minimum | Compare(_) | CompareIntegers(_) => 2,
            Select => 3,
            _ => 1,
        }
    }
}

/// As many elements as the result has, or one that stands for all.
pub type Operand<'a> = &'a [f32];

/// Computes `out[i] = function(operands[0][i], …)`; operands that the function does not take are not read.
pub fn apply(level: Level, function: Function, operands: [Operand<'_>; 3], out: &mut [f32]) {
    level.run(Operation { function, operands, out });
}

struct Operation<'a> {
    function: Function,
    operands: [Operand<'a>; 3],
    out: &'a mut [f32],
}

impl Body for Operation<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { function, operands: [a, b, c], out } = self;
        match function {
            Function::Copy => map(a, out, |x| x),
            Function::Negate => map(a, out, |x| -x),
            Function::Abs => map(a, out, f32::abs),
            Function::Sign => map(a, out, functions::sign),
            Function::Exp => map(a, out, functions::exp),
            Function::Log => map(a, out, functions::log),
            Function::Expm1 => map(a, out, functions::expm1),
            Function::Log1p => map(a, out, functions::log1p),
            Function::Erf => map(a, out, functions::erf),
            Function::Erfc => map(a, out, functions::erfc),
            Function::Sqrt => map(a, out, f32::sqrt),
            Function::Tanh => map(a, out, functions::tanh),
            Function::Sigmoid => map(a, out, functions::sigmoid),
            Function::Softplus => map(a, out, functions::softplus),
            Function::Relu => map(a, out, functions::relu),
            Function::Add => zip(a, b, out, |a, b| a + b),
            Function::Subtract => zip(a, b, out, |a, b| a - b),
            Function::Multiply => zip(a, b, out, |a, b| a * b),
            Function::Divide => zip(a, b, out, |a, b| a / b),
            Function::Maximum => zip(a, b, out, functions::maximum),
            Function::Minimum => zip(a, b, out, functions::minimum),
            Function::Compare(f) => compare(f, a, b, out, |x| x),
            Function::CompareIntegers(f) => compare(f, a, b, out, f32::to_bits),
            Function::Select => select(a, b, c, out),
            Function::ToFloat => map(a, out, |x| x.to_bits() as f32),
            Function::ToInteger => map(a, out, |x| f32::from_bits(x as u32)),
        }
    }
}

// Bare loops: a `for_each` with a long body, or a `zip`, may become a function of its own, which is not compiled for the level.
#[inline(always)]
fn map(a: Operand<'_>, out: &mut [f32], f: impl Fn(f32) -> f32) {
    match *a {
        [a] => out.fill(f(a)),
        _ => {
            let a = &a[..out.len()];
            for i in 0..out.len() {
                out[i] = f(a[i]);
            }
        }
    }
}

#[inline(always)]
fn zip(a: Operand<'_>, b: Operand<'_>, out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    match (a, b) {
        (_, &[b]) => map(a, out, |a| f(a, b)),
        (&[a], _) => map(b, out, |b| f(a, b)),
        _ => {
            let (a, b) = (&a[..out.len()], &b[..out.len()]);
            for i in 0..out.len() {
                out[i] = f(a[i], b[i]);
            }
        }
    }
}

/// `of` tells what the words stand for.
#[inline(always)]
fn compare<T: PartialOrd>(
    f: Comparison,
    a: Operand<'_>,
    b: Operand<'_>,
    out: &mut [f32],
    of: impl Fn(f32) -> T + Copy,
) {
    let mark = |holds: bool| if holds { 1.0 } else { 0.0 };
    match f {
        Comparison::Equal => zip(a, b, out, |a, b| mark(of(a) == of(b))),
        Comparison::NotEqual => zip(a, b, out, |a, b| mark(of(a) != of(b))),
        Comparison::Less => zip(a, b, out, |a, b| mark(of(a) < of(b))),
        Comparison::LessEqual => zip(a, b, out, |a, b| mark(of(a) <= of(b))),
        Comparison::Greater => zip(a, b, out, |a, b| mark(of(a) > of(b))),
        Comparison::GreaterEqual => zip(a, b, out, |a, b| mark(of(a) >= of(b))),
    }
}

#[inline(always)]
fn select(condition: Operand<'_>, a: Operand<'_>, b: Operand<'_>, out: &mut [f32]) {
    let pick = |c: f32, a: f32, b: f32| if c != 0.0 { a } else { b };
    if let &[c] = condition {
        return map(if c != 0.0 { a } else { b }, out, |x| x);
    }
    let with = out.iter_mut().zip(condition);
    match (a, b) {
        (&[a], &[b]) => with.for_each(|(out, &c)| *out = pick(c, a, b)),
        (&[a], _) => with.zip(b).for_each(|((out, &c), &b)| *out = pick(c, a, b)),
        (_, &[b]) => with.zip(a).for_each(|((out, &c), &a)| *out = pick(c, a, b)),
        _ => with.zip(a.iter().zip(b)).for_each(|((out, &c), (&a, &b))| *out = pick(c, a, b)),
    }
}
