//! The functions that generated kernels call, taken from `shaders/` as they stand there.

use crate::gpu::kernels::philox;
use crate::gpu::shader::STEP;

const FUNCTIONS: &str = include_str!("../../../shaders/functions.wgsl");

/// Four random numbers, and four bytes of a word: only kernels of fours call them.
const FOURS: &str = "fn random_uniforms(index: u32, stream: u32) -> vec4<f32> {
    let words = philox(vec4(index / 4u, step.iteration, stream, 0u), vec2(step.seed_low, step.seed_high));
    return vec4<f32>(words >> vec4(8u)) * 0x1p-24;
}

fn unpack_bytes(word: u32) -> vec4<u32> {
    return (vec4(word) >> vec4(0u, 8u, 16u, 24u)) & vec4(0xffu);
}
";

/// The aliases of kernels that compute one element at a time, or four.
fn aliases(lanes: usize) -> &'static str {
    match lanes {
        4 => "alias Real = vec4<f32>;\nalias Bits = vec4<u32>;\nalias Flags = vec4<bool>;\n",
        _ => "alias Real = f32;\nalias Bits = u32;\nalias Flags = bool;\n",
    }
}

/// The aliases and the functions that `body` calls, with those that they call in turn.
pub fn library(body: &str, lanes: usize) -> String {
    let blocks: Vec<&str> =
        [FUNCTIONS, philox(), FOURS].into_iter().flat_map(|file| file.split("\n\n")).map(str::trim).collect();
    let functions: Vec<(&str, &str)> =
        blocks.into_iter().filter_map(|block| name(block).map(|name| (name, block))).collect();
    let mut used = vec![false; functions.len()];
    mark(body, &functions, &mut used);
    let chosen = functions.iter().zip(used).filter(|(_, used)| *used);
    chosen.fold(aliases(lanes).to_string(), |text, ((_, block), _)| format!("{text}\n{block}\n"))
}

/// The name of the function that a block defines.
fn name(block: &str) -> Option<&str> {
    let line = block.lines().find_map(|line| line.strip_prefix("fn "))?;
    line.split_once('(').map(|(name, _)| name)
}

fn mark(text: &str, functions: &[(&str, &str)], used: &mut [bool]) {
    for (i, (name, block)) in functions.iter().enumerate() {
        if !used[i] && calls(text, name) {
            used[i] = true;
            mark(block, functions, used);
        }
    }
}

fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        text[at + name.len()..].starts_with('(') && !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

/// Whether an expression is one name or number, which needs no parentheses.
pub fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The head of every generated kernel: what it is, and the record of the step.
pub fn head(comment: &str) -> String {
    format!("// {comment}\n\n{STEP}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_called_and_no_more() {
        let text = library("let y = softplus(x);", 1);
        for needed in ["fn softplus(", "fn maximum(", "fn is_nan(", "fn log_one_plus(", "fn exponential("] {
            assert!(text.contains(needed), "{needed} is missing");
        }
        assert!(!text.contains("fn sigmoid(") && !text.contains("fn philox("));
        assert_eq!(library("", 1).matches("fn ").count(), 0);
    }

    #[test]
    fn random_numbers_bring_their_generator() {
        let text = library("random_uniforms(i, 0u)", 4);
        assert!(
            text.contains("fn philox(") && text.contains("fn multiply_wide(") && text.contains("vec4<f32>")
        );
    }
}
