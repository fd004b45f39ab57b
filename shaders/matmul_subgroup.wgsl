// C[m, n] = epilogue(sum over k of A(m, k) · B(k, n)) for adapters that run on a processor and have subgroups of 8.
//
// Tile: 8 * ROWS x COLUMNS outputs a subgroup, four k at a time: a thread has every eighth row. It loads its rows of A
// and an eighth of B, which the others have from it: a processor loads for each thread apart, but tells all at once.
// Workgroup: 16 threads, 2 subgroups. All loops over the tile must be unrolled: indexed registers are slow.
// Dispatch: x, y: ceil(ceil(M / (8 * ROWS)) * ceil(N / COLUMNS) / 2) groups, those of the same rows side by side; z: SPLITS.
// Reads: A (binding 1), B (2). Writes: C (3), or with SPLITS > 1 partial sums [SPLITS, stack, M, N] for sum_partials.
// A sum runs in blocks of at most 512 terms, whose sums are added in order.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

alias ElementA = f32;
alias ElementB = f32;

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> b: array<ElementB>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// bindings of the hooks

// Each size is FACTOR, or FACTOR times the batch.
const M_FACTOR: u32 = 64u;
const M_BATCH: bool = false;
const N_FACTOR: u32 = 64u;
const N_BATCH: bool = false;
const K_FACTOR: u32 = 64u;
const K_BATCH: bool = false;
const STACK_FACTOR: u32 = 1u;
const STACK_BATCH: bool = false;
const SPLITS: u32 = 1u;
const ROWS: u32 = 4u;
const COLUMNS: u32 = 16u;
// A is [M, K], or transposed [K, M]; B is [K, N], or transposed [N, K].
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// Whether four elements read together follow each other along k, or along m (of A) and n (of B).
const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;
// Whether those four lie in one aligned word of four.
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether four k may reach beyond the end.
const K_RAGGED: bool = true;
const STORE_RESULT: bool = true;

const LANES: u32 = 8u;
const THREADS: u32 = 16u;
const COLUMNS4: u32 = COLUMNS / 4u;
const SHARE: u32 = COLUMNS / LANES;

// The sums of all blocks but one; at the end, those that a loop stores.
var<workgroup> totals: array<vec4<f32>, ROWS * COLUMNS4 * THREADS>;

// What a thread holds: sums, four k of its rows of A, and its share of four k of B.
var<private> sums: array<array<vec4<f32>, COLUMNS4>, ROWS>;
var<private> x: array<vec4<f32>, ROWS>;
var<private> y: array<vec4<f32>, SHARE>;
var<private> place: u32;

// How elements are loaded and stored: as it stands, ones. matmul_register has what is put in its place.
// begin loads
var<private> base_a: u32;
var<private> base_b: u32;
var<private> base_result: u32;
fn size_m() -> u32 { return M_FACTOR; }
fn size_n() -> u32 { return N_FACTOR; }
fn size_k() -> u32 { return K_FACTOR; }
fn stack_size() -> u32 { return STACK_FACTOR; }
fn row_of_a(m: u32, k: u32, end: u32) -> vec4<f32> { return vec4(1.0); }
fn gather_b(n: u32, k: u32, end: u32) -> vec4<f32> { return vec4(1.0); }
fn store(m: u32, n: u32, values: vec4<f32>) { result[base_result + m * size_n() + n] = values.x; }
// end loads

// Part g of four rows of B: four columns of one row, or four rows of one column.
fn part_of_b(n0: u32, g: u32, k: u32, end: u32) -> vec4<f32> {
    if (B_ALONG_K) { return gather_b(n0 + g, k, end); }
    return gather_b(n0 + g % COLUMNS4 * 4u, k + g / COLUMNS4, end);
}

fn told(g: u32) -> vec4<f32> { return subgroupShuffle(y[g / LANES], g % LANES); }

// Columns 4c .. 4c + 3 of four rows of B.
fn columns_of_b(c: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        return transpose(mat4x4(told(c * 4u), told(c * 4u + 1u), told(c * 4u + 2u), told(c * 4u + 3u)));
    }
    return mat4x4(told(c), told(c + COLUMNS4), told(c + 2u * COLUMNS4), told(c + 3u * COLUMNS4));
}

fn multiply(c: u32) {
    let v = columns_of_b(c);
    for (var i = 0u; i < ROWS; i++) {
        sums[i][c] = sums[i][c] + x[i].x * v[0] + x[i].y * v[1] + x[i].z * v[2] + x[i].w * v[3];
    }
}

// The sums of a block to those before.
fn settle(c: u32, first: bool) {
    for (var i = 0u; i < ROWS; i++) {
        let at = (i * COLUMNS4 + c) * THREADS + place;
        if (!first) { sums[i][c] += totals[at]; }
        totals[at] = sums[i][c];
    }
}

// Compilers unroll no loop as long as these.
fn multiply_all() {
// begin multiply
    multiply(0u);
    multiply(1u);
    multiply(2u);
    multiply(3u);
// end multiply
}

fn settle_all(first: bool) {
// begin settle
    settle(0u, first);
    settle(1u, first);
    settle(2u, first);
    settle(3u, first);
// end settle
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    place = subgroup * LANES + lane;
    let tiles_n = (size_n() + COLUMNS - 1u) / COLUMNS;
    let tiles_m = (size_m() + LANES * ROWS - 1u) / (LANES * ROWS);
    let tile = (group.y * groups.x + group.x) * (THREADS / LANES) + subgroup;
    let stack = tile / (tiles_m * tiles_n);
    let m0 = tile / tiles_n % tiles_m * (LANES * ROWS) + lane;
    let n0 = tile % tiles_n * COLUMNS;
    if (stack >= stack_size()) { return; }
    base_a = select(0u, stack * size_m() * size_k(), STACK_BATCH || STACK_FACTOR > 1u);
    base_b = select(0u, stack * size_k() * size_n(), STACK_BATCH || STACK_FACTOR > 1u);
    base_result = (group.z * stack_size() + stack) * size_m() * size_n();
    let share = (size_k() + SPLITS * 4u - 1u) / (SPLITS * 4u) * 4u;
    let end = min(size_k(), (group.z + 1u) * share);

    let start = group.z * share;
    // At least once, for a part without terms is zero.
    for (var block = start; block == start || block < end; block += 512u) {
        sums = array<array<vec4<f32>, COLUMNS4>, ROWS>();
        let stop = min(end, block + 512u);
        for (var k = block; k < stop; k += 4u) {
            for (var j = 0u; j < SHARE; j++) { y[j] = part_of_b(n0, j * LANES + lane, k, end); }
            for (var i = 0u; i < ROWS; i++) { x[i] = row_of_a(m0 + i * LANES, k, end); }
            multiply_all();
        }
        settle_all(block == start);
    }
    for (var j = 0u; j < ROWS * COLUMNS4; j++) {
        store(m0 + j / COLUMNS4 * LANES, n0 + j % COLUMNS4 * 4u, totals[j * THREADS + place]);
    }
}
