//! Regions of elementwise arithmetic, with or without reductions, as generated WGSL.

mod bindings;
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
