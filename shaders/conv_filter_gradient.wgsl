// dw[kh, kw, c, f] = sum over (n, i, j) of x[n, i * stride - pad + kh * dilation, ..., c] · dy[n, i, j, f]
// as a product of matrices, for matmul_tiled, which includes what lies between the marks:
// A [KERNEL_H * KERNEL_W * CHANNELS, B * OUT_HEIGHT * OUT_WIDTH] is gathered from x, B is dy, C is dw. A last row of
// ones makes the last row of C the gradient of the bias.

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

// The address that the tap meets from the first output, its row and its column: those may lie in the padding.
fn origin_a(m: u32) -> vec3<i32> {
    let row = i32(m / (CHANNELS * KERNEL_W) * DILATION_H) - i32(PAD_TOP);
    let column = i32(m / CHANNELS % KERNEL_W * DILATION_W) - i32(PAD_LEFT);
    return vec3((row * i32(WIDTH) + column) * i32(CHANNELS) + i32(m % CHANNELS), row, column);
}

fn address_a(origin: vec3<i32>, k: u32) -> u32 {
    let row = k / OUT_WIDTH % OUT_HEIGHT * STRIDE_H;
    let column = k % OUT_WIDTH * STRIDE_W;
    let pixel = (k / (OUT_WIDTH * OUT_HEIGHT) * HEIGHT + row) * WIDTH + column;
    let inside = u32(origin.y) + row < HEIGHT && u32(origin.z) + column < WIDTH;
    return select(u32(origin.x) + pixel * CHANNELS, OUTSIDE, A_PADDED && !inside);
}

fn origin_b(n: u32) -> vec3<i32> { return vec3(i32(n), 0, 0); }
fn address_b(origin: vec3<i32>, k: u32) -> u32 { return u32(origin.x) + k * FILTERS; }
// end addresses
