//! Regions of elementwise arithmetic, with or without reductions, as generated WGSL.

mod elementwise;
mod emit;
mod epilogue;
mod functions;
mod index;
mod reduce;
mod rows;

pub use elementwise::elementwise;
pub use epilogue::{Epilogue, epilogue, filters_and_bias};
pub use reduce::reduce;
pub use rows::rows;

use crate::graph::Element;
use emit::Binding;

use super::shader::Resource;

/// The declarations of the storage bindings, the first of them number 1.
fn declarations(bindings: &[Binding]) -> String {
    let declare = |(n, b): (usize, &Binding)| declaration(n as u32 + 1, b);
    bindings.iter().enumerate().map(declare).collect()
}

fn declaration(number: u32, binding: &Binding) -> String {
    let access = if binding.resource.is_read_only() { "read" } else { "read_write" };
    let scalar = if binding.element == Element::F32 { "f32" } else { "u32" };
    let element = if binding.fours { format!("vec4<{scalar}>") } else { scalar.to_string() };
    let Binding { name, note, .. } = binding;
    format!("@group(0) @binding({number}) var<storage, {access}> {name}: array<{element}>; // {note}\n")
}

fn numbered(bindings: &[Binding]) -> Vec<(u32, Resource)> {
    bindings.iter().enumerate().map(|(n, b)| (n as u32 + 1, b.resource)).collect()
}

/// Lines, each indented by `depth` steps.
fn indented(lines: &[String], depth: usize) -> String {
    lines.iter().map(|line| format!("{}{line}\n", "    ".repeat(depth))).collect()
}

/// The entry point of a kernel that numbers its workgroups by `group_index` and its threads by `lane`.
fn entry(workgroup: usize, body: &str) -> String {
    format!(
        "
@compute @workgroup_size({workgroup})
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {{
    let group_index = group.y * groups.x + group.x;
{body}}}
"
    )
}
