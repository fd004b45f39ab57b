// y[split, c] = sum of x[r, c] over the rows r of one split: bias gradients and other sums over all but the last axis.
//
// Workgroup: 64 threads, one an output; neighbours take neighbouring columns. Dispatch: x, y: ceil(SPLITS * C / 64).
// Reads: x (binding 1), [R, C]. Writes: partial sums (3), [SPLITS, C], for sum_partials; with one split y itself.
// Blocks of at most 512 rows are summed by themselves, and their sums added in order.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// bindings of the hooks

// Each size is FACTOR, or FACTOR times the batch.
const ROWS_FACTOR: u32 = 64u;
const ROWS_BATCH: bool = false;
const COLUMNS_FACTOR: u32 = 64u;
const COLUMNS_BATCH: bool = false;
const SPLITS: u32 = 1u;
const STORE_RESULT: bool = true;

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let index = (group.y * groups.x + group.x) * 64u + local;
    let rows = ROWS_FACTOR * select(1u, step.batch, ROWS_BATCH);
    let columns = COLUMNS_FACTOR * select(1u, step.batch, COLUMNS_BATCH);
    if (index >= SPLITS * columns) { return; }
    let column = index % columns;
    let share = (rows + SPLITS - 1u) / SPLITS;
    let begin = index / columns * share;
    let end = min(rows, begin + share);
    var total = 0.0;
    for (var block = begin; block < end; block += 512u) {
        var sum = 0.0;
        let stop = min(end, block + 512u);
        for (var row = block; row < stop; row++) {
            let at = row * columns + column;
            sum += load_a(at, x[at]);
        }
        total += sum;
    }
    let stored = epilogue(index, total);
    if (STORE_RESULT) { result[index] = stored; }
}
