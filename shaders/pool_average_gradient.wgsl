// dx[n, h, w, c] = epilogue(sum of dy / (inputs inside the window) over the windows that hold (h, w)).
//
// Workgroup: 64 threads, one an input. Dispatch: x, y: ceil(images * HEIGHT * WIDTH * CHANNELS / 64) groups.
// Reads: dy (binding 1), [images, OUT_HEIGHT, OUT_WIDTH, CHANNELS]. Writes: dx (3), [images, HEIGHT, WIDTH, CHANNELS].
// Each input gathers from its windows in their order: no atomics.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;
@group(0) @binding(1) var<storage, read_write> dy: array<f32>;
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

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

// Row h (column w) of the input that a tap of a window meets; in the padding it is too large, also when it wraps.
fn tap_row(output: u32, tap: u32) -> u32 { return output * STRIDE_H + tap * DILATION_H - PAD_TOP; }
fn tap_column(output: u32, tap: u32) -> u32 { return output * STRIDE_W + tap * DILATION_W - PAD_LEFT; }

// How many taps of a window meet an input, down the height (along the width).
fn inputs_down(output: u32) -> u32 {
    var count = 0u;
    for (var tap = 0u; tap < WINDOW_H; tap++) { count += u32(tap_row(output, tap) < HEIGHT); }
    return count;
}

fn inputs_along(output: u32) -> u32 {
    var count = 0u;
    for (var tap = 0u; tap < WINDOW_W; tap++) { count += u32(tap_column(output, tap) < WIDTH); }
    return count;
}

// The window whose tap meets an input; too large if there is none.
fn window_row(input: u32, tap: u32) -> u32 {
    let at = input + PAD_TOP - tap * DILATION_H;
    return select(OUT_HEIGHT, at / STRIDE_H, at % STRIDE_H == 0u);
}

fn window_column(input: u32, tap: u32) -> u32 {
    let at = input + PAD_LEFT - tap * DILATION_W;
    return select(OUT_WIDTH, at / STRIDE_W, at % STRIDE_W == 0u);
}

@compute @workgroup_size(64)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let index = (group.y * groups.x + group.x) * 64u + local;
    let images = IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH);
    if (index >= images * HEIGHT * WIDTH * CHANNELS) { return; }
    let channel = index % CHANNELS;
    let column = index / CHANNELS % WIDTH;
    let row = index / (CHANNELS * WIDTH) % HEIGHT;
    let sample = index / (CHANNELS * WIDTH * HEIGHT);
    var total = 0.0;
    for (var a = 0u; a < WINDOW_H; a++) {
        var sum = 0.0;
        for (var b = 0u; b < WINDOW_W; b++) {
            let i = window_row(row, a);
            let j = window_column(column, b);
            if (i >= OUT_HEIGHT || j >= OUT_WIDTH) { continue; }
            let at = ((sample * OUT_HEIGHT + i) * OUT_WIDTH + j) * CHANNELS + channel;
            sum += load_a(at, dy[at]) / f32(inputs_down(i) * inputs_along(j));
        }
        total += sum;
    }
    let stored = epilogue(index, total);
    if (STORE_RESULT) { result[index] = stored; }
}
