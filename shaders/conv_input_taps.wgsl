// dx[n, h, w, c] = sum over (kh, kw, f) of dy[n, i, j, f] · w[kh, kw, c, f] where i * stride - pad + kh * dilation = h,
// for conv_register, which includes what lies between the marks: its source is dy, its result dx.

// begin taps
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const SOURCE_HEIGHT: u32 = 6u;
const SOURCE_WIDTH: u32 = 6u;
const SOURCE_CHANNELS: u32 = 4u;
const RESULT_HEIGHT: u32 = 8u;
const RESULT_WIDTH: u32 = 8u;
const RESULT_CHANNELS: u32 = 4u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
const PAD_TOP: u32 = 0u;
const PAD_LEFT: u32 = 0u;

// Of each STRIDE_W neighbours every one meets other taps: a thread's pixels lie that far apart, and share theirs.
const PHASES: u32 = STRIDE_W;
const B_ALONG_SOURCE: bool = true;

fn source_row(row: u32, tap: u32) -> u32 {
    let at = row + PAD_TOP - tap * DILATION_H;
    return select(SOURCE_HEIGHT, at / STRIDE_H, at % STRIDE_H == 0u);
}

// Below zero wraps around to what is too large; divided, it must stay so.
fn source_column(at: u32, phase: u32, tap: u32) -> u32 {
    let column = at * STRIDE_W + phase + PAD_LEFT - tap * DILATION_W;
    return select(SOURCE_WIDTH, column / STRIDE_W, column % STRIDE_W == 0u);
}

fn filter_address(tap_h: u32, tap_w: u32, source: u32, channel: u32) -> u32 {
    return ((tap_h * KERNEL_W + tap_w) * RESULT_CHANNELS + channel) * SOURCE_CHANNELS + source;
}
// end taps
