// C[m, n] = epilogue(sum over k of A(m, k) · B(k, n)), one thread an element: the plain kernel that the fast ones
// are compared with, and the one for products too small to be worth a tile.
//
// Workgroup: 64 threads. Dispatch: x, y: ceil(M * N / 64) groups.
// Reads: A (binding 1), [M, K] or transposed [K, M]; B (2), [K, N] or transposed [N, K]. Writes: C (3), [M, N].
// A sum runs in blocks of at most 512 terms, whose sums are added in order.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> a: array<f32>;
@group(0) @binding(2) var<storage, read_write> b: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// bindings of the hooks

// Each size is FACTOR, or FACTOR times the batch.
const M_FACTOR: u32 = 64u;
const M_BATCH: bool = false;
const N_FACTOR: u32 = 64u;
const N_BATCH: bool = false;
const K_FACTOR: u32 = 64u;
const K_BATCH: bool = false;
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
const STORE_RESULT: bool = true;

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let index = (group.y * groups.x + group.x) * 64u + local;
    let size_m = M_FACTOR * select(1u, step.batch, M_BATCH);
    let size_n = N_FACTOR * select(1u, step.batch, N_BATCH);
    let size_k = K_FACTOR * select(1u, step.batch, K_BATCH);
    if (index >= size_m * size_n) { return; }
    let m = index / size_n;
    let n = index % size_n;
    var total = 0.0;
    for (var block = 0u; block < size_k; block += 512u) {
        var sum = 0.0;
        let end = min(size_k, block + 512u);
        for (var k = block; k < end; k++) {
            let at_a = select(m * size_k + k, k * size_m + m, TRANSPOSE_A);
            let at_b = select(k * size_n + n, n * size_k + k, TRANSPOSE_B);
            sum += load_a(at_a, a[at_a]) * load_b(at_b, b[at_b]);
        }
        total += sum;
    }
    let stored = epilogue(index, total);
    if (STORE_RESULT) { result[index] = stored; }
}
