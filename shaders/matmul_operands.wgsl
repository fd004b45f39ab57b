// The operands of matmul_tiled, which includes what lies between the marks: where A(m, k) and B(k, n) lie in memory,
// and which of their elements a thread loads into a tile, four at a time.

const TILE_M: u32 = 64u;
const TILE_N: u32 = 64u;
const DEPTH: u32 = 16u;
const PITCH_A: u32 = TILE_M + 4u;
const PITCH_B: u32 = TILE_N + 4u;

var<private> base_a: u32;
var<private> base_b: u32;

fn size_m() -> u32 { return 64u; }
fn size_n() -> u32 { return 64u; }
fn size_k() -> u32 { return 64u; }

// begin operands
alias ElementA = f32;
alias ElementB = f32;

@group(0) @binding(1) var<storage, read_write> a: array<ElementA>;
@group(0) @binding(2) var<storage, read_write> b: array<ElementB>;

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

const OUTSIDE: u32 = 0xffffffffu;

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

// What one of a thread's loads brings: four elements from (m, k) or (n, k) of a tile on, along the contiguous axis, and
// where in the tile they go. Those of one m (n) have one origin: found once, not for each slice of k.
struct Load { at: vec2<u32>, to: u32, origins: array<vec3<i32>, 4> }

// Beyond m and n comes the last row (column) again: nobody stores what becomes of it.
fn load_of_a(m0: u32, thread: u32) -> Load {
    let p = piece(thread, TILE_M, A_ALONG_K);
    let one = u32(!A_ALONG_K);
    let m = vec4(m0 + p.x) + vec4(0u, one, 2u * one, 3u * one);
    let l = min(m, vec4(size_m() - 1u));
    return Load(vec2(m.x, p.y), p.y * PITCH_A + p.x, array(origin_a(l.x), origin_a(l.y), origin_a(l.z), origin_a(l.w)));
}

fn load_of_b(n0: u32, thread: u32) -> Load {
    let p = piece(thread, TILE_N, B_ALONG_K);
    let one = u32(!B_ALONG_K);
    let n = vec4(n0 + p.x) + vec4(0u, one, 2u * one, 3u * one);
    let l = min(n, vec4(size_n() - 1u));
    return Load(vec2(n.x, p.y), p.y * PITCH_B + p.x, array(origin_b(l.x), origin_b(l.y), origin_b(l.z), origin_b(l.w)));
}

// Where in an operand's tile a load begins: across k, and along it.
fn piece(load: u32, width: u32, along_k: bool) -> vec2<u32> {
    let row = select(width, DEPTH, along_k) / 4u;
    let place = vec2(load % row * 4u, load / row);
    return select(place, place.yx, vec2(along_k));
}

// Beyond the end of k come zeros.
fn element_a(origin: vec3<i32>, m: u32, k: u32, end: u32) -> f32 {
    let address = address_a(origin, k);
    let ones = ONES_ROW && m >= size_m() - 1u;
    let outside = (K_RAGGED && k >= end) || (A_PADDED && address == OUTSIDE) || ones;
    let index = select(base_a + address, 0u, outside);
    return select(load_a(index, read_a(index)), select(0.0, 1.0, ones), outside);
}

fn element_b(origin: vec3<i32>, k: u32, end: u32) -> f32 {
    let outside = K_RAGGED && k >= end;
    let index = select(base_b + address_b(origin, k), 0u, outside);
    return select(load_b(index, read_b(index)), 0.0, outside);
}

fn gather_a(load: Load, k0: u32, end: u32) -> vec4<f32> {
    let m = load.at.x;
    let k = k0 + load.at.y;
    if (!A_VECTOR) {
        let one = vec2(u32(!A_ALONG_K), u32(A_ALONG_K));
        return vec4(element_a(load.origins[0], m, k, end),
            element_a(load.origins[1], m + one.x, k + one.y, end),
            element_a(load.origins[2], m + 2u * one.x, k + 2u * one.y, end),
            element_a(load.origins[3], m + 3u * one.x, k + 3u * one.y, end));
    }
    let address = address_a(load.origins[0], k);
    let ones = ONES_ROW && m >= size_m() - 1u;
    let outside = (K_RAGGED && k >= end) || (A_PADDED && address == OUTSIDE) || ones;
    let i = select(base_a + address, 0u, outside) & ~3u;
    let v = read4_a(i);
    let loaded = vec4(load_a(i, v.x), load_a(i + 1u, v.y), load_a(i + 2u, v.z), load_a(i + 3u, v.w));
    return select(loaded, vec4(select(0.0, 1.0, ones)), vec4(outside));
}

fn gather_b(load: Load, k0: u32, end: u32) -> vec4<f32> {
    let k = k0 + load.at.y;
    if (!B_VECTOR) {
        let one = u32(B_ALONG_K);
        return vec4(element_b(load.origins[0], k, end), element_b(load.origins[1], k + one, end),
            element_b(load.origins[2], k + 2u * one, end), element_b(load.origins[3], k + 3u * one, end));
    }
    let outside = K_RAGGED && k >= end;
    let i = select(base_b + address_b(load.origins[0], k), 0u, outside) & ~3u;
    let v = read4_b(i);
    let loaded = vec4(load_b(i, v.x), load_b(i + 1u, v.y), load_b(i + 2u, v.z), load_b(i + 3u, v.w));
    return select(loaded, vec4(0.0), vec4(outside));
}
// end operands
