// C[m, n] = epilogue(sum over k of A(m, k) · B(k, n)), tiles of both operands in workgroup memory.
// Matrix products, and by other address functions the three passes of a convolution (implicit GEMM).
//
// Tile: TILE_M x TILE_N x DEPTH, PER_M x PER_N outputs a thread: 64x64x16 4x4, 128x128x8 8x8, 32x32x16 4x4.
// Workgroup: TILE_M / PER_M * TILE_N / PER_N threads.
// Dispatch: x, y: ceil(M / TILE_M) * ceil(N / TILE_N) groups, those of one row of C side by side; z: SPLITS.
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
const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const DEPTH: u32 = 16u;
const PER_M: u32 = 4u;
const PER_N: u32 = 4u;
// A is [M, K], or transposed [K, M]; B is [K, N], or transposed [N, K].
const TRANSPOSE_A: bool = false;
const TRANSPOSE_B: bool = false;
// Whether four elements read together follow each other along k, or along m (of A) and n (of B).
const A_ALONG_K: bool = true;
const B_ALONG_K: bool = false;
// Whether those four lie in one aligned word of four.
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether an address of A may be OUTSIDE, and whether a slice of k may reach beyond the end.
const A_PADDED: bool = false;
const K_RAGGED: bool = true;
// Whether the last row of A is all ones, and not in memory: it yields the sums of the columns of B.
const ONES_ROW: bool = false;
const STORE_RESULT: bool = true;

const OUTSIDE: u32 = 0xffffffffu;
const THREADS_N: u32 = TILE_N / PER_N;
const THREADS: u32 = TILE_M / PER_M * THREADS_N;
const CHUNKS_M: u32 = PER_M / 4u;
const CHUNKS_N: u32 = PER_N / 4u;
const PITCH_A: u32 = TILE_M + 4u;
const PITCH_B: u32 = TILE_N + 4u;
const LOADS_A: u32 = TILE_M * DEPTH / 4u / THREADS;
const LOADS_B: u32 = TILE_N * DEPTH / 4u / THREADS;

var<workgroup> tile_a: array<f32, DEPTH * PITCH_A>;
var<workgroup> tile_b: array<f32, DEPTH * PITCH_B>;

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

// Addresses of the elements: first what depends on m (on n) alone, then the rest. The three passes of a
// convolution put their own in the place of these.
// begin addresses
fn origin_a(m: u32) -> vec3<i32> { return vec3(i32(select(m * size_k(), m, TRANSPOSE_A)), 0, 0); }
fn origin_b(n: u32) -> vec3<i32> { return vec3(i32(select(n, n * size_k(), TRANSPOSE_B)), 0, 0); }
fn address_a(origin: vec3<i32>, k: u32) -> u32 { return u32(origin.x) + k * select(1u, size_m(), TRANSPOSE_A); }
fn address_b(origin: vec3<i32>, k: u32) -> u32 { return u32(origin.x) + k * select(size_n(), 1u, TRANSPOSE_B); }
// end addresses

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

fn element_a(m: u32, k: u32, end: u32) -> f32 {
    let last = size_m() - 1u;
    if (ONES_ROW && m >= last) { return 1.0; }
    let address = address_a(origin_a(min(m, last)), select(k, min(k, end - 1u), K_RAGGED));
    let outside = (K_RAGGED && k >= end) || (A_PADDED && address == OUTSIDE);
    let index = select(base_a + address, 0u, outside);
    return select(load_a(index, read_a(index)), 0.0, outside);
}

fn element_b(n: u32, k: u32, end: u32) -> f32 {
    let outside = K_RAGGED && k >= end;
    let index = base_b + address_b(origin_b(min(n, size_n() - 1u)), select(k, min(k, end - 1u), K_RAGGED));
    return select(load_b(index, read_b(index)), 0.0, outside);
}

// Four elements along the contiguous axis. Beyond the end of k come zeros, beyond m the last row again: nobody
// stores what becomes of it.
fn gather_a(m: u32, k: u32, end: u32) -> vec4<f32> {
    if (!A_VECTOR) {
        let one = vec2(u32(!A_ALONG_K), u32(A_ALONG_K));
        return vec4(element_a(m, k, end), element_a(m + one.x, k + one.y, end),
            element_a(m + 2u * one.x, k + 2u * one.y, end), element_a(m + 3u * one.x, k + 3u * one.y, end));
    }
    let last = size_m() - 1u;
    if (ONES_ROW && m >= last) { return vec4(1.0); }
    let address = address_a(origin_a(min(m, last)), select(k, min(k, end - 1u), K_RAGGED));
    let outside = (K_RAGGED && k >= end) || (A_PADDED && address == OUTSIDE);
    let i = select(base_a + address, 0u, outside) & ~3u;
    let v = read4_a(i);
    let loaded = vec4(load_a(i, v.x), load_a(i + 1u, v.y), load_a(i + 2u, v.z), load_a(i + 3u, v.w));
    return select(loaded, vec4(0.0), outside);
}

fn gather_b(n: u32, k: u32, end: u32) -> vec4<f32> {
    if (!B_VECTOR) {
        let one = vec2(u32(!B_ALONG_K), u32(B_ALONG_K));
        return vec4(element_b(n, k, end), element_b(n + one.x, k + one.y, end),
            element_b(n + 2u * one.x, k + 2u * one.y, end), element_b(n + 3u * one.x, k + 3u * one.y, end));
    }
    let outside = K_RAGGED && k >= end;
    let i = (base_b + address_b(origin_b(min(n, size_n() - 1u)), select(k, min(k, end - 1u), K_RAGGED))) & ~3u;
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

// Four elements in a row of memory lie in a row of the tile, or one below the other.
fn fill_a(m0: u32, k0: u32, end: u32, thread: u32) {
    let row = select(TILE_M / 4u, DEPTH / 4u, A_ALONG_K);
    let stride = select(1u, PITCH_A, A_ALONG_K);
    for (var i = 0u; i < LOADS_A; i++) {
        let at = i * THREADS + thread;
        let four = vec2(at % row * 4u, at / row);
        let m = select(four.x, four.y, A_ALONG_K);
        let k = select(four.y, four.x, A_ALONG_K);
        let v = gather_a(m0 + m, k0 + k, end);
        let to = k * PITCH_A + m;
        tile_a[to] = v.x;
        tile_a[to + stride] = v.y;
        tile_a[to + 2u * stride] = v.z;
        tile_a[to + 3u * stride] = v.w;
    }
}

fn fill_b(n0: u32, k0: u32, end: u32, thread: u32) {
    let row = select(TILE_N / 4u, DEPTH / 4u, B_ALONG_K);
    let stride = select(1u, PITCH_B, B_ALONG_K);
    for (var i = 0u; i < LOADS_B; i++) {
        let at = i * THREADS + thread;
        let four = vec2(at % row * 4u, at / row);
        let n = select(four.x, four.y, B_ALONG_K);
        let k = select(four.y, four.x, B_ALONG_K);
        let v = gather_b(n0 + n, k0 + k, end);
        let to = k * PITCH_B + n;
        tile_b[to] = v.x;
        tile_b[to + stride] = v.y;
        tile_b[to + 2u * stride] = v.z;
        tile_b[to + 3u * stride] = v.w;
    }
}

// The m (the n) of chunk c of a thread: its four outputs follow each other, its chunks lie a half tile apart.
fn chunk_m(thread: u32, c: u32) -> u32 { return c * (TILE_M / CHUNKS_M) + thread / THREADS_N * 4u; }
fn chunk_n(thread: u32, c: u32) -> u32 { return c * (TILE_N / CHUNKS_N) + thread % THREADS_N * 4u; }

@compute @workgroup_size(THREADS)
fn main(
    @builtin(local_invocation_index) thread: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let tiles_n = (size_n() + TILE_N - 1u) / TILE_N;
    let tiles_m = (size_m() + TILE_M - 1u) / TILE_M;
    let tile = group.y * groups.x + group.x;
    let stack = tile / (tiles_m * tiles_n);
    let m0 = tile / tiles_n % tiles_m * TILE_M;
    let n0 = tile % tiles_n * TILE_N;
    if (stack >= stack_size()) { return; }
    base_a = select(0u, stack * size_m() * size_k(), STACK_BATCH || STACK_FACTOR > 1u);
    base_b = select(0u, stack * size_k() * size_n(), STACK_BATCH || STACK_FACTOR > 1u);
    base_result = (group.z * stack_size() + stack) * size_m() * size_n();
    let share = (size_k() + SPLITS * DEPTH - 1u) / (SPLITS * DEPTH) * DEPTH;
    let end = min(size_k(), (group.z + 1u) * share);

    var total: array<array<vec4<f32>, CHUNKS_N>, PER_M>;
    for (var block = group.z * share; block < end; block += 512u) {
        var sums: array<array<vec4<f32>, CHUNKS_N>, PER_M>;
        let stop = min(end, block + 512u);
        for (var k0 = block; k0 < stop; k0 += DEPTH) {
            fill_a(m0, k0, end, thread);
            fill_b(n0, k0, end, thread);
            workgroupBarrier();
            for (var k = 0u; k < DEPTH; k++) {
                var fragment_b: array<vec4<f32>, CHUNKS_N>;
                for (var d = 0u; d < CHUNKS_N; d++) {
                    let at = k * PITCH_B + chunk_n(thread, d);
                    fragment_b[d] = vec4(tile_b[at], tile_b[at + 1u], tile_b[at + 2u], tile_b[at + 3u]);
                }
                for (var i = 0u; i < PER_M; i++) {
                    let x = tile_a[k * PITCH_A + chunk_m(thread, i / 4u) + i % 4u];
                    for (var d = 0u; d < CHUNKS_N; d++) { sums[i][d] += x * fragment_b[d]; }
                }
            }
            workgroupBarrier();
        }
        for (var i = 0u; i < PER_M; i++) {
            for (var d = 0u; d < CHUNKS_N; d++) { total[i][d] += sums[i][d]; }
        }
    }
    for (var i = 0u; i < PER_M; i++) {
        let m = m0 + chunk_m(thread, i / 4u) + i % 4u;
        for (var d = 0u; d < CHUNKS_N; d++) { store(m, n0 + chunk_n(thread, d), total[i][d]); }
    }
}
