// dw[kh, kw, c, f] = sum over pixels (n, i, j) of x[n, i * stride - pad + kh * dilation, ..., c] · dy[n, i, j, f], and
// behind it the sums of dy, the gradient of the bias, for adapters that run on a processor.
//
// Tile: TAPS of a kernel's row x four channels x COLUMNS filters a thread. Workgroup: THREADS threads.
// Dispatch: x, y: ceil(KERNEL_H * KERNEL_W / TAPS * ceil(CHANNELS / 4) * ceil(FILTERS / COLUMNS) / THREADS) groups, with the
// bias ceil(FILTERS / COLUMNS) threads more; z: SPLITS.
// Reads: x (binding 1), dy (2). Writes: partial sums (3) [SPLITS, KERNEL_H * KERNEL_W * CHANNELS + bias, FILTERS].
// A sum runs in blocks of at most 512 pixels, whose sums are added in order.

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

// The number of images is FACTOR, or FACTOR times the batch.
const IMAGES_FACTOR: u32 = 1u;
const IMAGES_BATCH: bool = true;
const SPLITS: u32 = 1u;
const COLUMNS: u32 = 16u;
const THREADS: u32 = 16u;
// Taps of a kernel's row that are worked off together: a divisor of KERNEL_W.
const TAPS: u32 = 3u;
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether a pixel read may lie outside: in the padding.
const A_PADDED: bool = true;
// Whether there is a row for the bias.
const ONES_ROW: bool = false;
const STORE_RESULT: bool = true;

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

const COLUMNS4: u32 = COLUMNS / 4u;
const GROUPS: u32 = (FILTERS + COLUMNS - 1u) / COLUMNS;
const QUADS: u32 = (CHANNELS + 3u) / 4u;
const TAP_GROUPS: u32 = KERNEL_W / TAPS;
const BIAS_ROW: u32 = KERNEL_H * TAP_GROUPS * QUADS;
const ROWS: u32 = KERNEL_H * KERNEL_W * CHANNELS;
const CHANNELS_RAGGED: bool = CHANNELS % 4u != 0u;
const FILTERS_RAGGED: bool = FILTERS % COLUMNS != 0u;

var<workgroup> totals: array<vec4<f32>, TAPS * 4u * COLUMNS4 * THREADS>;

// begin loads
fn read_a(index: u32) -> f32 { return a[index]; }
fn read_b(index: u32) -> f32 { return b[index]; }
fn read4_a(index: u32) -> vec4<f32> { return vec4(a[index], a[index + 1u], a[index + 2u], a[index + 3u]); }
fn read4_b(index: u32) -> vec4<f32> { return vec4(b[index], b[index + 1u], b[index + 2u], b[index + 3u]); }

fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

// Elements start .. start + 3 of a pixel's `size`, the last one again beyond: nobody stores what becomes of it.
fn channels4(pixel: u32, start: u32, outside: bool) -> vec4<f32> {
    let i = pixel * CHANNELS;
    if (A_VECTOR) {
        let at = select(i + start, 0u, outside);
        let v = read4_a(at);
        let loaded = vec4(load_a(at, v.x), load_a(at + 1u, v.y), load_a(at + 2u, v.z), load_a(at + 3u, v.w));
        return select(loaded, vec4(0.0), outside);
    }
    var values: vec4<f32>;
    for (var c = 0u; c < 4u; c++) {
        let at = select(i + min(start + c, CHANNELS - 1u), 0u, outside);
        values[c] = select(load_a(at, read_a(at)), 0.0, outside);
    }
    return values;
}

fn filters4(pixel: u32, start: u32) -> vec4<f32> {
    let i = pixel * FILTERS;
    if (B_VECTOR) {
        let at = i + min(start, FILTERS - 4u);
        let v = read4_b(at);
        return vec4(load_b(at, v.x), load_b(at + 1u, v.y), load_b(at + 2u, v.z), load_b(at + 3u, v.w));
    }
    var values: vec4<f32>;
    for (var f = 0u; f < 4u; f++) {
        let at = i + min(start + f, FILTERS - 1u);
        values[f] = load_b(at, read_b(at));
    }
    return values;
}

fn store_element(row: u32, column: u32, base: u32, value: f32) {
    if (FILTERS_RAGGED && column >= FILTERS) { return; }
    let index = base + row * FILTERS + column;
    let stored = epilogue(index, value);
    if (STORE_RESULT) { result[index] = stored; }
}

fn store(row: u32, column: u32, base: u32, values: vec4<f32>) {
    store_element(row, column, base, values.x);
    store_element(row, column + 1u, base, values.y);
    store_element(row, column + 2u, base, values.z);
    store_element(row, column + 3u, base, values.w);
}
// end loads

// Adds a block's sum to those before: second registers for them would be too many, and few sums have a second block.
// With an assignment in each branch lavapipe takes a second longer to compile.
fn carry(at: u32, sum: vec4<f32>, first: bool) {
    var total = sum;
    if (!first) { total += totals[at]; }
    totals[at] = total;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let thread = (group.y * groups.x + group.x) * THREADS + local;
    let first_filter = thread % GROUPS * COLUMNS;
    let tile = thread / GROUPS;
    if (tile >= BIAS_ROW + u32(ONES_ROW)) { return; }
    let is_bias = ONES_ROW && tile == BIAS_ROW;
    let channel = tile % QUADS * 4u;
    let taps = tile / QUADS % TAP_GROUPS * TAPS;
    let tap_h = select(tile / (QUADS * TAP_GROUPS), 0u, is_bias);
    let pixels = IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH) * (OUT_HEIGHT * OUT_WIDTH);
    let share = (pixels + SPLITS - 1u) / SPLITS;
    let end = min(pixels, (group.z + 1u) * share);

    let start = group.z * share;
    var sums: array<array<array<vec4<f32>, COLUMNS4>, 4>, TAPS>;
    // At least once, for a part without terms is zero.
    for (var block = start; block == start || block < end; block += 512u) {
        sums = array<array<array<vec4<f32>, COLUMNS4>, 4>, TAPS>();
        let stop = min(end, block + 512u);
        for (var pixel = block; pixel < stop; pixel++) {
            let row = pixel / OUT_WIDTH % OUT_HEIGHT * STRIDE_H + tap_h * DILATION_H - PAD_TOP;
            let row_start = (pixel / (OUT_WIDTH * OUT_HEIGHT) * HEIGHT + row) * WIDTH;
            let first = pixel % OUT_WIDTH * STRIDE_W - PAD_LEFT;
            var y: array<vec4<f32>, COLUMNS4>;
            for (var f = 0u; f < COLUMNS4; f++) { y[f] = filters4(pixel, first_filter + f * 4u); }
            for (var k = 0u; k < TAPS; k++) {
                let at = first + (taps + k) * DILATION_W;
                let outside = A_PADDED && (row >= HEIGHT || at >= WIDTH);
                let x = select(channels4(row_start + at, channel, outside), vec4(1.0), is_bias);
                for (var c = 0u; c < 4u; c++) {
                    for (var f = 0u; f < COLUMNS4; f++) { sums[k][c][f] += x[c] * y[f]; }
                }
            }
        }
        for (var k = 0u; k < TAPS; k++) {
            for (var c = 0u; c < 4u; c++) {
                for (var f = 0u; f < COLUMNS4; f++) {
                    let at = ((k * 4u + c) * COLUMNS4 + f) * THREADS + local;
                    carry(at, sums[k][c][f], block == start);
                }
            }
        }
    }
    let base = group.z * (ROWS + u32(ONES_ROW)) * FILTERS;
    // From memory: compilers would unroll a loop over registers, and the epilogue with it.
    for (var j = 0u; j < TAPS * 4u * COLUMNS4; j++) {
        let k = j / (4u * COLUMNS4);
        let c = j / COLUMNS4 % 4u;
        if ((CHANNELS_RAGGED && channel + c >= CHANNELS) || (is_bias && k + c > 0u)) { continue; }
        let row = select((tap_h * KERNEL_W + taps + k) * CHANNELS + channel + c, ROWS, is_bias);
        store(row, first_filter + j % COLUMNS4 * 4u, base, totals[j * THREADS + local]);
    }
}
