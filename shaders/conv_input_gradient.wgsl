// dx[n, h, w, c] = sum over (kh, kw, f) of dy[n, i, j, f] · w[kh, kw, c, f] where i * stride - pad + kh * dilation = h,
// as a product of matrices, for matmul_tiled, which includes what lies between the marks:
// A [B * HEIGHT * WIDTH, KERNEL_H * KERNEL_W * FILTERS] is gathered from dy, B from w, C is dx.

const OUTSIDE: u32 = 0xffffffffu;

// begin addresses
const HEIGHT: u32 = 8u;
const WIDTH: u32 = 8u;
const CHANNELS: u32 = 4u;
const OUT_HEIGHT: u32 = 6u;
const OUT_WIDTH: u32 = 6u;
const FILTERS: u32 = 4u;
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
const PAD_TOP: u32 = 0u;
const PAD_LEFT: u32 = 0u;

fn origin_a(m: u32) -> vec3<i32> {
    let row = m / WIDTH % HEIGHT + PAD_TOP;
    let column = m % WIDTH + PAD_LEFT;
    return vec3(i32(m / (WIDTH * HEIGHT) * OUT_HEIGHT), i32(row), i32(column));
}

fn address_a(origin: vec3<i32>, k: u32) -> u32 {
    // Below zero wraps around to what is too large.
    let row = u32(origin.y) - k / (FILTERS * KERNEL_W) * DILATION_H;
    let column = u32(origin.z) - k / FILTERS % KERNEL_W * DILATION_W;
    let i = row / STRIDE_H;
    let j = column / STRIDE_W;
    let hit = row % STRIDE_H == 0u && column % STRIDE_W == 0u && i < OUT_HEIGHT && j < OUT_WIDTH;
    let index = ((u32(origin.x) + i) * OUT_WIDTH + j) * FILTERS + k % FILTERS;
    return select(OUTSIDE, index, hit);
}

fn origin_b(n: u32) -> vec3<i32> { return vec3(i32(n * FILTERS), 0, 0); }

fn address_b(origin: vec3<i32>, k: u32) -> u32 {
    return u32(origin.x) + k / FILTERS * (CHANNELS * FILTERS) + k % FILTERS;
}
// end addresses
