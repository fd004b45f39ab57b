// dx[n, h, w, c] = epilogue(dy of the window whose first greatest input is (h, w), or 0), as TensorFlow, for windows that
// do not overlap: what pool_max_gradient gives, with each input read once instead of once for each input of its window.
//
// Workgroup: 64 threads, one a block of STRIDE_H x STRIDE_W inputs, at the upper left of which a window begins, in one channel.
// Dispatch: x, y: ceil(images * BLOCKS_H * BLOCKS_W * CHANNELS / 64) groups.
// Reads: x (binding 1), [images, HEIGHT, WIDTH, CHANNELS]; dy (2), [images, OUT_HEIGHT, OUT_WIDTH, CHANNELS].
// Writes: dx (3), as x.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
// bindings of the hooks

// The number of images is FACTOR, or FACTOR times the batch.
const IMAGES_FACTOR: u32 = 1u;
const IMAGES_BATCH: bool = true;
const HEIGHT: u32 = 8u;
const WIDTH: u32 = 8u;
const CHANNELS: u32 = 4u;
const OUT_HEIGHT: u32 = 4u;
const OUT_WIDTH: u32 = 4u;
const WINDOW_H: u32 = 2u;
const WINDOW_W: u32 = 2u;
const STRIDE_H: u32 = 2u;
const STRIDE_W: u32 = 2u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
const PAD_TOP: u32 = 0u;
const PAD_LEFT: u32 = 0u;
const STORE_RESULT: bool = true;

// A window lies in its block. Inputs that no window holds lie between its taps, below it, beside it, or in other blocks.
const BLOCKS_H: u32 = (HEIGHT + PAD_TOP + STRIDE_H - 1u) / STRIDE_H;
const BLOCKS_W: u32 = (WIDTH + PAD_LEFT + STRIDE_W - 1u) / STRIDE_W;

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

// Whether a later value takes the place of the best so far: greater, or the first NaN. NaN by its bits, because
// WGSL lets a compiler assume that there is none.
fn beats(value: f32, best: f32) -> bool {
    let value_is_nan = (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
    let best_is_nan = (bitcast<u32>(best) & 0x7fffffffu) > 0x7f800000u;
    return !best_is_nan && (value_is_nan || value > best);
}

const NONE: u32 = 0xffffffffu;

// Where the first greatest input of the window at (h, w) lies, as an index of x. Padding wraps to what is too large.
fn winner(sample: u32, top: u32, left: u32, channel: u32) -> u32 {
    var best = 0.0;
    var first = NONE;
    for (var a = 0u; a < WINDOW_H; a++) {
        for (var b = 0u; b < WINDOW_W; b++) {
            let h = top + a * DILATION_H;
            let w = left + b * DILATION_W;
            if (h >= HEIGHT || w >= WIDTH) { continue; }
            let at = ((sample * HEIGHT + h) * WIDTH + w) * CHANNELS + channel;
            let value = load_a(at, x[at]);
            if (first == NONE || beats(value, best)) {
                best = value;
                first = at;
            }
        }
    }
    return first;
}

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let thread = (group.y * groups.x + group.x) * 64u + local;
    let images = IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH);
    if (thread >= images * BLOCKS_H * BLOCKS_W * CHANNELS) { return; }
    let channel = thread % CHANNELS;
    let j = thread / CHANNELS % BLOCKS_W;
    let i = thread / (CHANNELS * BLOCKS_W) % BLOCKS_H;
    let sample = thread / (CHANNELS * BLOCKS_W * BLOCKS_H);
    let top = i * STRIDE_H - PAD_TOP;
    let left = j * STRIDE_W - PAD_LEFT;
    var first = NONE;
    var gradient = 0.0;
    if (i < OUT_HEIGHT && j < OUT_WIDTH) {
        first = winner(sample, top, left, channel);
        let at = ((sample * OUT_HEIGHT + i) * OUT_WIDTH + j) * CHANNELS + channel;
        gradient = load_b(at, dy[at]);
    }
    for (var a = 0u; a < STRIDE_H; a++) {
        for (var b = 0u; b < STRIDE_W; b++) {
            let h = top + a;
            let w = left + b;
            if (h >= HEIGHT || w >= WIDTH) { continue; }
            let index = ((sample * HEIGHT + h) * WIDTH + w) * CHANNELS + channel;
            let stored = epilogue(index, select(0.0, gradient, index == first));
            if (STORE_RESULT) { result[index] = stored; }
        }
    }
}
