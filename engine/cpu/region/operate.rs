//! One instruction over one block: tight loops, compiled for each level of vector instructions.

use super::{Join, math};
use crate::cpu::kernels::{Body, Level};
use crate::graph::{Binary, Comparison, Op, Reduction, Unary};

/// What an instruction computes from its operands, element by element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Function {
    /// The operand itself.
    Copy,
    /// A function of one float.
    Unary(Unary),
    /// A function of two floats.
    Binary(Binary),
    /// A comparison of floats.
    Compare(Comparison),
    /// A comparison of integers.
    CompareIntegers(Comparison),
    /// `select(condition, a, b)`; the condition is a slice.
    Select,
    /// The float of an integer.
    ToFloat,
    /// The integer part of a float.
    ToInteger,
}

impl Function {
    /// Number of operands.
    pub(super) fn arity(self) -> usize {
        match self {
            Self::Copy | Self::Unary(_) | Self::ToFloat | Self::ToInteger => 1,
            Self::Binary(_) | Self::Compare(_) | Self::CompareIntegers(_) => 2,
            Self::Select => 3,
        }
    }
}

/// As many elements as the result has, or one that stands for all.
pub(super) type Operand<'a> = &'a [f32];

/// An instruction with its operands at hand; those it does not use are empty.
pub(super) struct Operation<'a> {
    pub(super) function: Function,
    pub(super) operands: [Operand<'a>; 3],
    pub(super) out: &'a mut [f32],
}

impl Body for Operation<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { function, operands: [a, b, c], out } = self;
        match function {
            Function::Copy => map(a, out, |x| x),
            Function::Unary(f) => unary(f, a, out),
            Function::Binary(f) => binary(f, a, b, out),
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

#[inline(always)]
fn unary(f: Unary, a: Operand<'_>, out: &mut [f32]) {
    match f {
        Unary::Negate => map(a, out, |x| -x),
        Unary::Abs => map(a, out, f32::abs),
        Unary::Sign => map(a, out, math::sign),
        Unary::Exp => map(a, out, math::exp),
        Unary::Log => map(a, out, math::log),
        Unary::Expm1 => map(a, out, math::expm1),
        Unary::Log1p => map(a, out, math::log1p),
        Unary::Erf => map(a, out, math::erf),
        Unary::Erfc => map(a, out, math::erfc),
        Unary::Sqrt => map(a, out, f32::sqrt),
        Unary::Tanh => map(a, out, math::tanh),
        Unary::Sigmoid => map(a, out, math::sigmoid),
        Unary::Softplus => map(a, out, math::softplus),
        Unary::Relu => map(a, out, math::relu),
        Unary::Detach => map(a, out, |x| x),
    }
}

#[inline(always)]
fn binary(f: Binary, a: Operand<'_>, b: Operand<'_>, out: &mut [f32]) {
    match f {
        Binary::Add => zip(a, b, out, |a, b| a + b),
        Binary::Subtract => zip(a, b, out, |a, b| a - b),
        Binary::Multiply => zip(a, b, out, |a, b| a * b),
        Binary::Divide => zip(a, b, out, |a, b| a / b),
        Binary::Maximum => zip(a, b, out, math::maximum),
        Binary::Minimum => zip(a, b, out, math::minimum),
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

impl Join {
    /// What a reduction or argmax does with the elements that it joins.
    pub(in crate::cpu) fn of(op: &Op) -> Self {
        match op {
            Op::Reduce { kind, .. } => Self::Reduce(*kind),
            Op::ArgMax { .. } => Self::ArgMax,
            other => unreachable!("{} joins nothing", other.name()),
        }
    }

    /// The values of a row as one word.
    pub(in crate::cpu) fn apply(self, row: &[f32]) -> f32 {
        match self {
            Self::Reduce(Reduction::Sum) => Level::current().run(Sum(row)),
            Self::Reduce(Reduction::Max) => Level::current().run(Largest(row)),
            Self::Reduce(Reduction::Min) => Level::current().run(Smallest(row)),
            Self::ArgMax => f32::from_bits(first_largest(row) as u32),
        }
    }
}

/// The index of the first largest value; NaN is never the largest, and with nothing else it is 0.
fn first_largest(row: &[f32]) -> usize {
    let (mut best, mut largest) = (0, f32::NEG_INFINITY);
    for (i, &value) in row.iter().enumerate() {
        if value > largest {
            (best, largest) = (i, value);
        }
    }
    best
}

/// Terms of a sum that are added up one after the other, in `LANES` lanes; longer sums go in blocks.
const BLOCK: usize = 512;
/// Partial sums kept side by side.
const LANES: usize = 32;

/// Σ of a row, in a fixed order.
struct Sum<'a>(&'a [f32]);

impl Body for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        if self.0.len() <= BLOCK {
            return lanes_sum(self.0);
        }
        // The blocks' sums are summed in blocks, too.
        let mut total = 0.0;
        let mut level = [0.0; BLOCK];
        let mut filled = 0;
        for block in self.0.chunks(BLOCK) {
            if filled == BLOCK {
                total += lanes_sum(&level);
                filled = 0;
            }
            level[filled] = lanes_sum(block);
            filled += 1;
        }
        total + lanes_sum(&level[..filled])
    }
}

#[inline(always)]
fn lanes_sum(block: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (whole, rest) = block.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, x)| *lane += x);
    let mut width = LANES;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// The largest of a row; NaN if any is.
struct Largest<'a>(&'a [f32]);

impl Body for Largest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        lanes_fold(self.0, f32::NEG_INFINITY, math::maximum)
    }
}

/// The smallest of a row; NaN if any is.
struct Smallest<'a>(&'a [f32]);

impl Body for Smallest<'_> {
    type Output = f32;

    #[inline(always)]
    fn run(self) -> f32 {
        lanes_fold(self.0, f32::INFINITY, math::minimum)
    }
}

#[inline(always)]
fn lanes_fold(row: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (whole, rest) = row.as_chunks::<LANES>();
    for chunk in whole {
        lanes.iter_mut().zip(chunk).for_each(|(lane, &x)| *lane = join(x, *lane));
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, &x)| *lane = join(x, *lane));
    lanes.into_iter().fold(start, join)
}
