//! From the kernels of a program to shaders.

use super::shader::Shader;
use super::{contract, region};
use crate::error::Result;
use crate::schedule::{Kernel, Program, Work};

/// The shaders of all kernels of `program`, in order.
///
/// # Errors
/// If a kernel needs more than adapters offer.
pub fn lower(program: &Program) -> Result<Vec<Shader>> {
    let shaders: Result<Vec<Vec<Shader>>> = program.kernels.iter().map(|k| shaders(program, k)).collect();
    Ok(shaders?.concat())
}

fn shaders(program: &Program, kernel: &Kernel) -> Result<Vec<Shader>> {
    Ok(match &kernel.work {
        Work::Elementwise { count } => vec![region::elementwise(program, kernel, *count)?],
        Work::Rows { rows, columns } => vec![region::rows(program, kernel, *rows, *columns)?],
        Work::Reduce { node }
        | Work::Transpose { node }
        | Work::Gather { node }
        | Work::ScatterAdd { node } => {
            vec![region::reduce(program, kernel, *node)?]
        }
        _ => contract::shaders(program, kernel)?,
    })
}
