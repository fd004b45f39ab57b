// y[n, i, j, f] = sum over (kh, kw, c) of x[n, i * stride - pad + kh * dilation, ..., c] · w[kh, kw, c, f]
// as a product of matrices, for matmul_tiled, which includes what lies between the marks:
// A [B * OUT_HEIGHT * OUT_WIDTH, KERNEL_H * KERNEL_W * CHANNELS] is gathered from x, B is w, C is y.

const OUTSIDE: u32 = 0xffffffffu;
const A_PADDED: bool = true;

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

// The address of the first tap's first channel, its row and its column: those may lie in the padding.
fn origin_a(m: u32) -> vec3<i32> {
    let row = i32(m / OUT_WIDTH % OUT_HEIGHT * STRIDE_H) - i32(PAD_TOP);
    let column = i32(m % OUT_WIDTH * STRIDE_W) - i32(PAD_LEFT);
    let image = i32(m / (OUT_WIDTH * OUT_HEIGHT) * HEIGHT);
    return vec3(((image + row) * i32(WIDTH) + column) * i32(CHANNELS), row, column);
}

fn address_a(origin: vec3<i32>, k: u32) -> u32 {
    let row = k / (CHANNELS * KERNEL_W) * DILATION_H;
    let column = k / CHANNELS % KERNEL_W * DILATION_W;
    let index = u32(origin.x) + (row * WIDTH + column) * CHANNELS + k % CHANNELS;
    let inside = u32(origin.y) + row < HEIGHT && u32(origin.z) + column < WIDTH;
    return select(index, OUTSIDE, A_PADDED && !inside);
}

fn origin_b(n: u32) -> vec3<i32> { return vec3(i32(n), 0, 0); }
fn address_b(origin: vec3<i32>, k: u32) -> u32 { return u32(origin.x) + k * FILTERS; }
// end addresses
