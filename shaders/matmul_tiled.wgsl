// C[m, n] = epilogue(sum over k of A(m, k) · B(k, n)), tiles of both operands in workgroup memory.
// Matrix products, and by other address functions the three passes of a convolution (implicit GEMM).
//
// Tile: TILE_M x TILE_N x DEPTH, PER_M x PER_N outputs a thread: 128x128x8 8x8, 128x64x16 8x4, 64x64x16 4x4, 32x32x16 4x4.
// Workgroup: TILE_N / PER_N by TILE_M / PER_M threads.
// Dispatch: x, y: ceil(M / TILE_M) * ceil(N / TILE_N) groups, those of one row of C side by side; z: SPLITS.
// Reads: A (binding 1), B (2). Writes: C (3), or with SPLITS > 1 partial sums [SPLITS, stack, M, N] for sum_partials.
// A sum runs in blocks of at most 512 terms, whose sums are added in order.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
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
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const DEPTH: u32 = 16u;
const PER_M: u32 = 4u;
const PER_N: u32 = 4u;
// Whether no share of k is longer than one block: then the sums need registers once, not twice.
const ONE_BLOCK: bool = false;
const STORE_RESULT: bool = true;

const THREADS_N: u32 = TILE_N / PER_N;
const THREADS_M: u32 = TILE_M / PER_M;
const THREADS: u32 = THREADS_M * THREADS_N;
const PITCH_A: u32 = TILE_M + 4u;
const PITCH_B: u32 = TILE_N + 4u;
const TILE_B: u32 = DEPTH * PITCH_A;
const LOADS_A: u32 = TILE_M * DEPTH / 4u / THREADS;
const LOADS_B: u32 = TILE_N * DEPTH / 4u / THREADS;

var<workgroup> tile: array<f32, DEPTH * (PITCH_A + PITCH_B)>;

// Where this group's matrices start in a stack of them.
var<private> base_a: u32;
var<private> base_b: u32;
var<private> base_result: u32;

fn size_m() -> u32 { return M_FACTOR * select(1u, step.batch, M_BATCH); }
fn size_n() -> u32 { return N_FACTOR * select(1u, step.batch, N_BATCH); }
fn stack_size() -> u32 { return STACK_FACTOR * select(1u, step.batch, STACK_BATCH); }
fn size_k() -> u32 { return K_FACTOR * select(1u, step.batch, K_BATCH); }

// The operands: as they stand, ones. matmul_operands puts its own in their place.
// begin operands
const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;
struct Load { to: u32 }
fn load_of_a(m0: u32, thread: u32) -> Load { return Load(thread * 4u % DEPTH * PITCH_A + thread * 4u / DEPTH); }
fn load_of_b(n0: u32, thread: u32) -> Load { return Load(thread * 4u / TILE_N * PITCH_B + thread * 4u % TILE_N); }
fn gather_a(load: Load, k0: u32, end: u32) -> vec4<f32> { return vec4(1.0); }
fn gather_b(load: Load, k0: u32, end: u32) -> vec4<f32> { return vec4(1.0); }
// end operands

fn epilogue(index: u32, value: f32) -> f32 { return value; }

fn store_element(m: u32, n: u32, value: f32) {
    if (n >= size_n()) { return; }
    let index = base_result + m * size_n() + n;
    let stored = epilogue(index, value);
    if (STORE_RESULT) { result[index] = stored; }
}

fn store_row(m: u32, n: u32, values: vec4<f32>) {
    if (m >= size_m()) { return; }
    store_element(m, n, values.x);
    store_element(m, n + 1u, values.y);
    store_element(m, n + 2u, values.z);
    store_element(m, n + 3u, values.w);
}

fn store(m: u32, n: u32, rows: mat4x4<f32>) {
    store_row(m, n, rows[0]);
    store_row(m + 1u, n, rows[1]);
    store_row(m + 2u, n, rows[2]);
    store_row(m + 3u, n, rows[3]);
}

// Four elements in a row of memory lie in a row of the tile, or one below the other.
fn put(at: u32, stride: u32, v: vec4<f32>) {
    tile[at] = v.x;
    tile[at + stride] = v.y;
    tile[at + 2u * stride] = v.z;
    tile[at + 3u * stride] = v.w;
}

// A thread's results: two by two quarters, a half tile apart, of four by four. Tiles with four rows (columns) a thread
// have the first alone.
struct Results { c00: mat4x4<f32>, c01: mat4x4<f32>, c10: mat4x4<f32>, c11: mat4x4<f32> }

fn four(at: u32) -> vec4<f32> { return vec4(tile[at], tile[at + 1u], tile[at + 2u], tile[at + 3u]); }
fn outer(x: vec4<f32>, y: vec4<f32>) -> mat4x4<f32> { return mat4x4(x.x * y, x.y * y, x.z * y, x.w * y); }

// Adds the products of one k. No loops and no arrays: some compilers keep those in memory.
fn multiply(sums: ptr<function, Results>, at_a: u32, at_b: u32) {
    let x = four(at_a);
    let y = four(at_b);
    (*sums).c00 += outer(x, y);
    if (PER_N > 4u) { (*sums).c01 += outer(x, four(at_b + TILE_N / 2u)); }
    if (PER_M > 4u) { (*sums).c10 += outer(four(at_a + TILE_M / 2u), y); }
    if (PER_M > 4u && PER_N > 4u) { (*sums).c11 += outer(four(at_a + TILE_M / 2u), four(at_b + TILE_N / 2u)); }
}

@compute @workgroup_size(THREADS_N, THREADS_M)
fn main(
    @builtin(local_invocation_index) thread: u32,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tiles_n = (size_n() + TILE_N - 1u) / TILE_N;
    let tiles_m = (size_m() + TILE_M - 1u) / TILE_M;
    let tile_number = group.y * groups.x + group.x;
    let stack = tile_number / (tiles_m * tiles_n);
    let m0 = tile_number / tiles_n % tiles_m * TILE_M;
    let n0 = tile_number % tiles_n * TILE_N;
    if (stack >= stack_size()) { return; }
    base_a = select(0u, stack * size_m() * size_k(), STACK_BATCH || STACK_FACTOR > 1u);
    base_b = select(0u, stack * size_k() * size_n(), STACK_BATCH || STACK_FACTOR > 1u);
    base_result = (group.z * stack_size() + stack) * size_m() * size_n();
    let share = (size_k() + SPLITS * DEPTH - 1u) / (SPLITS * DEPTH) * DEPTH;
    let end = min(size_k(), (group.z + 1u) * share);
    let m = local.y * 4u;
    let n = local.x * 4u;
    var loads_a: array<Load, LOADS_A>;
    for (var i = 0u; i < LOADS_A; i++) { loads_a[i] = load_of_a(m0, i * THREADS + thread); }
    var loads_b: array<Load, LOADS_B>;
    for (var i = 0u; i < LOADS_B; i++) { loads_b[i] = load_of_b(n0, i * THREADS + thread); }

    var total: Results;
    for (var block = group.z * share; block < end; block += 512u) {
        var sums: Results;
        let stop = min(end, block + 512u);
        for (var k0 = block; k0 < stop; k0 += DEPTH) {
            for (var i = 0u; i < LOADS_A; i++) {
                put(loads_a[i].to, select(1u, PITCH_A, A_ALONG_K), gather_a(loads_a[i], k0, end));
            }
            for (var i = 0u; i < LOADS_B; i++) {
                put(TILE_B + loads_b[i].to, select(1u, PITCH_B, B_ALONG_K), gather_b(loads_b[i], k0, end));
            }
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k += 4u) {
                let at_a = k * PITCH_A + m;
                let at_b = TILE_B + k * PITCH_B + n;
                multiply(&sums, at_a, at_b);
                multiply(&sums, at_a + PITCH_A, at_b + PITCH_B);
                multiply(&sums, at_a + 2u * PITCH_A, at_b + 2u * PITCH_B);
                multiply(&sums, at_a + 3u * PITCH_A, at_b + 3u * PITCH_B);
            }
            workgroupBarrier();
        }
        if (ONE_BLOCK) { total = sums; break; }
        total = Results(total.c00 + sums.c00, total.c01 + sums.c01, total.c10 + sums.c10, total.c11 + sums.c11);
    }
    store(m0 + m, n0 + n, total.c00);
    if (PER_N > 4u) { store(m0 + m, n0 + n + TILE_N / 2u, total.c01); }
    if (PER_M > 4u) { store(m0 + m + TILE_M / 2u, n0 + n, total.c10); }
    if (PER_M > 4u && PER_N > 4u) { store(m0 + m + TILE_M / 2u, n0 + n + TILE_N / 2u, total.c11); }
}
