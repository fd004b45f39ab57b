// y[i] = epilogue(partials[0, i] + partials[1, i] + ...): the second half of a split sum, in a fixed order.
//
// Workgroup: 64 threads, one an element. Dispatch: x, y: ceil(COUNT / 64) groups.
// Reads: partials (binding 1), [SPLITS, COUNT]. Writes: y (3), [COUNT].
// Blocks of at most 512 partials are summed by themselves, and their sums added in order.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> partials: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// bindings of the hooks

// The size is FACTOR, or FACTOR times the batch.
const COUNT_FACTOR: u32 = 64u;
const COUNT_BATCH: bool = false;
const SPLITS: u32 = 4u;
const STORE_RESULT: bool = true;

fn epilogue(index: u32, value: f32) -> f32 { return value; }

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let index = (group.y * groups.x + group.x) * 64u + local;
    let count = COUNT_FACTOR * select(1u, step.batch, COUNT_BATCH);
    if (index >= count) { return; }
    var total = 0.0;
    for (var block = 0u; block < SPLITS; block += 512u) {
        var sum = 0.0;
        let end = min(SPLITS, block + 512u);
        for (var split = block; split < end; split++) { sum += partials[split * count + index]; }
        total += sum;
    }
    let stored = epilogue(index, total);
    if (STORE_RESULT) { result[index] = stored; }
}
