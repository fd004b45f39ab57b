// C[m, n] = epilogue(sum over k of A(m, k) · B(k, n)) for adapters that run on a processor: no workgroup memory.
//
// Tile: ROWS x COLUMNS outputs a thread, four k at a time. Workgroup: 32 threads.
// Dispatch: x, y: ceil(ceil(M / ROWS) * ceil(N / COLUMNS) / 32) groups, those of one row of C side by side; z: SPLITS.
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
const ROWS: u32 = 16u;
const COLUMNS: u32 = 8u;
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

const THREADS: u32 = 32u;
const COLUMNS4: u32 = COLUMNS / 4u;
// The sums of the blocks before lie in workgroup memory, if they fit: no second set fits into a GPU's registers.
const SHARED_TOTALS: bool = ROWS * COLUMNS <= 128u;
var<workgroup> totals: array<vec4<f32>, u32(SHARED_TOTALS) * ROWS * COLUMNS4 * THREADS + u32(!SHARED_TOTALS)>;

// begin loads
// Where this group's matrices start in a stack of them.
var<private> base_a: u32;
var<private> base_b: u32;
var<private> base_result: u32;

fn size_m() -> u32 { return M_FACTOR * select(1u, step.batch, M_BATCH); }
fn size_n() -> u32 { return N_FACTOR * select(1u, step.batch, N_BATCH); }
fn stack_size() -> u32 { return STACK_FACTOR * select(1u, step.batch, STACK_BATCH); }
fn size_k() -> u32 { return K_FACTOR * select(1u, step.batch, K_BATCH); }

fn read_a(index: u32) -> f32 { return a[index]; }
fn read_b(index: u32) -> f32 { return b[index]; }
fn read4_a(index: u32) -> vec4<f32> { return vec4(a[index], a[index + 1u], a[index + 2u], a[index + 3u]); }
fn read4_b(index: u32) -> vec4<f32> { return vec4(b[index], b[index + 1u], b[index + 2u], b[index + 3u]); }

// Addresses of the elements: first what depends on m (on n) alone, then the rest.
fn origin_a(m: u32) -> u32 { return select(m * size_k(), m, TRANSPOSE_A); }
fn origin_b(n: u32) -> u32 { return select(n, n * size_k(), TRANSPOSE_B); }
fn address_a(origin: u32, k: u32) -> u32 { return origin + k * select(1u, size_m(), TRANSPOSE_A); }
fn address_b(origin: u32, k: u32) -> u32 { return origin + k * select(size_n(), 1u, TRANSPOSE_B); }

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

fn element_a(m: u32, k: u32, end: u32) -> f32 {
    let outside = K_RAGGED && k >= end;
    let index = select(base_a + address_a(origin_a(min(m, size_m() - 1u)), k), 0u, outside);
    return select(load_a(index, read_a(index)), 0.0, outside);
}

fn element_b(n: u32, k: u32, end: u32) -> f32 {
    let outside = K_RAGGED && k >= end;
    let index = select(base_b + address_b(origin_b(min(n, size_n() - 1u)), k), 0u, outside);
    return select(load_b(index, read_b(index)), 0.0, outside);
}

// Elements k .. k + 3 of row m of A. Beyond the end of k come zeros, beyond m the last row again: nobody stores what
// becomes of it.
fn row_of_a(m: u32, k: u32, end: u32) -> vec4<f32> {
    if (!A_VECTOR || !A_ALONG_K) {
        return vec4(element_a(m, k, end), element_a(m, k + 1u, end),
            element_a(m, k + 2u, end), element_a(m, k + 3u, end));
    }
    let outside = K_RAGGED && k >= end;
    let i = select(base_a + address_a(origin_a(min(m, size_m() - 1u)), k), 0u, outside) & ~3u;
    let v = read4_a(i);
    let loaded = vec4(load_a(i, v.x), load_a(i + 1u, v.y), load_a(i + 2u, v.z), load_a(i + 3u, v.w));
    return select(loaded, vec4(0.0), outside);
}

// Four elements of B along the contiguous axis.
fn gather_b(n: u32, k: u32, end: u32) -> vec4<f32> {
    if (!B_VECTOR) {
        let one = vec2(u32(!B_ALONG_K), u32(B_ALONG_K));
        return vec4(element_b(n, k, end), element_b(n + one.x, k + one.y, end),
            element_b(n + 2u * one.x, k + 2u * one.y, end), element_b(n + 3u * one.x, k + 3u * one.y, end));
    }
    let outside = K_RAGGED && k >= end;
    let i = select(base_b + address_b(origin_b(min(n, size_n() - 1u)), k), 0u, outside) & ~3u;
    let v = read4_b(i);
    let loaded = vec4(load_b(i, v.x), load_b(i + 1u, v.y), load_b(i + 2u, v.z), load_b(i + 3u, v.w));
    return select(loaded, vec4(0.0), outside);
}

fn store_element(m: u32, n: u32, value: f32) {
    if (n >= size_n()) { return; }
    let index = base_result + m * size_n() + n;
    let stored = epilogue(index, value);
    if (STORE_RESULT) { result[index] = stored; }
}

fn store(m: u32, n: u32, values: vec4<f32>) {
    if (m >= size_m()) { return; }
    store_element(m, n, values.x);
    store_element(m, n + 1u, values.y);
    store_element(m, n + 2u, values.z);
    store_element(m, n + 3u, values.w);
}
// end loads

// Element n of rows k .. k + 3 of B in each column's place: four rows of four elements.
fn gather4_b(n: u32, k: u32, end: u32) -> mat4x4<f32> {
    if (B_ALONG_K) {
        return transpose(mat4x4(gather_b(n, k, end), gather_b(n + 1u, k, end),
            gather_b(n + 2u, k, end), gather_b(n + 3u, k, end)));
    }
    return mat4x4(gather_b(n, k, end), gather_b(n, k + 1u, end), gather_b(n, k + 2u, end), gather_b(n, k + 3u, end));
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tiles_n = (size_n() + COLUMNS - 1u) / COLUMNS;
    let tiles_m = (size_m() + ROWS - 1u) / ROWS;
    let tile = (group.y * groups.x + group.x) * THREADS + local;
    let stack = tile / (tiles_m * tiles_n);
    let m0 = tile / tiles_n % tiles_m * ROWS;
    let n0 = tile % tiles_n * COLUMNS;
    if (stack >= stack_size()) { return; }
    base_a = select(0u, stack * size_m() * size_k(), STACK_BATCH || STACK_FACTOR > 1u);
    base_b = select(0u, stack * size_k() * size_n(), STACK_BATCH || STACK_FACTOR > 1u);
    base_result = (group.z * stack_size() + stack) * size_m() * size_n();
    let share = (size_k() + SPLITS * 4u - 1u) / (SPLITS * 4u) * 4u;
    let end = min(size_k(), (group.z + 1u) * share);

    let start = group.z * share;
    var sums: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    var total: array<array<vec4<f32>, COLUMNS4>, ROWS>;
    for (var block = start; block < end; block += 512u) {
        sums = array<array<vec4<f32>, COLUMNS4>, ROWS>();
        let stop = min(end, block + 512u);
        for (var k = block; k < stop; k += 4u) {
            var y: array<array<vec4<f32>, COLUMNS4>, 4>;
            for (var c = 0u; c < COLUMNS4; c++) {
                let v = gather4_b(n0 + c * 4u, k, end);
                for (var j = 0u; j < 4u; j++) { y[j][c] = v[j]; }
            }
            // A loop too long for the compiler to unroll, with the sums in indexed memory: twice as fast on lavapipe.
            for (var i = 0u; i < ROWS; i++) {
                let x = row_of_a(m0 + i, k, end);
                for (var c = 0u; c < COLUMNS4; c++) {
                    sums[i][c] = sums[i][c] + x.x * y[0][c] + x.y * y[1][c] + x.z * y[2][c] + x.w * y[3][c];
                }
            }
        }
        for (var i = 0u; i < ROWS; i++) {
            for (var c = 0u; c < COLUMNS4; c++) {
                let at = (i * COLUMNS4 + c) * THREADS + local;
                if (SHARED_TOTALS) {
                    if (block > start) { sums[i][c] += totals[at]; }
                    if (stop < end) { totals[at] = sums[i][c]; }
                } else {
                    total[i][c] += sums[i][c];
                    sums[i][c] = total[i][c];
                }
            }
        }
    }
    for (var i = 0u; i < ROWS; i++) {
        for (var c = 0u; c < COLUMNS4; c++) { store(m0 + i, n0 + c * 4u, sums[i][c]); }
    }
}
