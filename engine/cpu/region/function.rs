//! What the graph's operations are among the kernels' functions.

use crate::cpu::kernels::{self, Function, Join};
use crate::graph::{Binary, Comparison, Op, Reduction, Unary};

/// The function of an elementwise operation on floats or, with `integers`, on integers, that makes floats if `to_floats`;
/// `None` for reductions.
pub(super) fn function_of(op: &Op, integers: bool, to_floats: bool) -> Option<Function> {
    Some(match *op {
        Op::Broadcast => Function::Copy,
        Op::Unary(f) => unary(f),
        Op::Binary(f) => binary(f),
        Op::Compare(f) if integers => Function::CompareIntegers(comparison(f)),
        Op::Compare(f) => Function::Compare(comparison(f)),
        Op::Select => Function::Select,
        Op::Cast if !integers => Function::ToInteger,
        Op::Cast if to_floats => Function::ToFloat,
        Op::Cast => Function::Copy,
        Op::Reduce { .. } | Op::ArgMax { .. } => return None,
        ref other => panic!("{} in a region", other.name()),
    })
}

fn unary(f: Unary) -> Function {
    match f {
        Unary::Negate => Function::Negate,
        Unary::Abs => Function::Abs,
        Unary::Sign => Function::Sign,
        Unary::Exp => Function::Exp,
        Unary::Log => Function::Log,
        Unary::Expm1 => Function::Expm1,
        Unary::Log1p => Function::Log1p,
        Unary::Erf => Function::Erf,
        Unary::Erfc => Function::Erfc,
        Unary::Sqrt => Function::Sqrt,
        Unary::Tanh => Function::Tanh,
        Unary::Sigmoid => Function::Sigmoid,
        Unary::Softplus => Function::Softplus,
        Unary::Relu => Function::Relu,
        Unary::Detach => Function::Copy,
    }
}

fn binary(f: Binary) -> Function {
    match f {
        Binary::Add => Function::Add,
        Binary::Subtract => Function::Subtract,
        Binary::Multiply => Function::Multiply,
        Binary::Divide => Function::Divide,
        Binary::Maximum => Function::Maximum,
        Binary::Minimum => Function::Minimum,
    }
}

fn comparison(f: Comparison) -> kernels::Comparison {
    match f {
        Comparison::Equal => kernels::Comparison::Equal,
        Comparison::NotEqual => kernels::Comparison::NotEqual,
        Comparison::Less => kernels::Comparison::Less,
        Comparison::LessEqual => kernels::Comparison::LessEqual,
        Comparison::Greater => kernels::Comparison::Greater,
        Comparison::GreaterEqual => kernels::Comparison::GreaterEqual,
    }
}

/// What a reduction or argmax does with the elements that it joins.
pub(in crate::cpu) fn join_of(op: &Op) -> Join {
    match op {
        Op::Reduce { kind: Reduction::Sum, .. } => Join::Sum,
        Op::Reduce { kind: Reduction::Max, .. } => Join::Max,
        Op::Reduce { kind: Reduction::Min, .. } => Join::Min,
        Op::ArgMax { .. } => Join::ArgMax,
        other => unreachable!("{} joins nothing", other.name()),
    }
}
