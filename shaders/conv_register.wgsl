// y[n, i, j, f] = epilogue(sum over (a, b, c) of x[n, row(i, a), column(j, b), c] · w(a, b, c, f)): a convolution, or by
// the section of taps of conv_input_gradient its gradient, for adapters that run on a processor.
//
// Tile: PIXELS of one row x COLUMNS channels a thread, TAPS times four source channels at a time. Workgroup: THREADS threads.
// Dispatch: x, y: ceil(images * RESULT_HEIGHT * PHASES * SEGMENTS * ceil(RESULT_CHANNELS / COLUMNS) / THREADS) groups.
// Reads: x (binding 1), w (2). Writes: y (3).
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
// The number of images is FACTOR, or FACTOR times the batch.
const IMAGES_FACTOR: u32 = 1u;
const IMAGES_BATCH: bool = true;
const PIXELS: u32 = 6u;
const COLUMNS: u32 = 8u;
const THREADS: u32 = 32u;
// Taps of a kernel's row that are worked off together: a divisor of KERNEL_W.
const TAPS: u32 = 3u;
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether a pixel read may lie outside: in the padding, or beyond the last segment.
const A_PADDED: bool = true;
const STORE_RESULT: bool = true;
// begin taps
const KERNEL_H: u32 = 3u;
const KERNEL_W: u32 = 3u;
const SOURCE_HEIGHT: u32 = 8u;
const SOURCE_WIDTH: u32 = 8u;
const SOURCE_CHANNELS: u32 = 4u;
const RESULT_HEIGHT: u32 = 6u;
const RESULT_WIDTH: u32 = 6u;
const RESULT_CHANNELS: u32 = 4u;
const STRIDE_H: u32 = 1u;
const STRIDE_W: u32 = 1u;
const DILATION_H: u32 = 1u;
const DILATION_W: u32 = 1u;
const PAD_TOP: u32 = 0u;
const PAD_LEFT: u32 = 0u;
// A thread's pixels lie PHASES apart.
const PHASES: u32 = 1u;
// Whether weights that follow each other in memory belong to neighbouring source channels.
const B_ALONG_SOURCE: bool = false;
// The source row that a tap meets; too large if there is none, as the unsigned difference is when it wraps.
fn source_row(row: u32, tap: u32) -> u32 { return row * STRIDE_H + tap * DILATION_H - PAD_TOP; }
// The source column that a tap meets from pixel `at` of a phase; too large if there is none.
fn source_column(at: u32, phase: u32, tap: u32) -> u32 { return at * STRIDE_W + tap * DILATION_W - PAD_LEFT; }
fn filter_address(tap_h: u32, tap_w: u32, source: u32, channel: u32) -> u32 {
    return ((tap_h * KERNEL_W + tap_w) * SOURCE_CHANNELS + source) * RESULT_CHANNELS + channel;
}
// end taps
const COLUMNS4: u32 = COLUMNS / 4u;
const GROUPS: u32 = (RESULT_CHANNELS + COLUMNS - 1u) / COLUMNS;
const SEGMENTS: u32 = ((RESULT_WIDTH + PHASES - 1u) / PHASES + PIXELS - 1u) / PIXELS;
const SOURCE_RAGGED: bool = SOURCE_CHANNELS % 4u != 0u;
const RESULT_RAGGED: bool = RESULT_CHANNELS % COLUMNS != 0u;
const QUADS: u32 = (SOURCE_CHANNELS + 3u) / 4u;
const STEPS: u32 = KERNEL_H * (KERNEL_W / TAPS) * QUADS;
const STEPS_A_BLOCK: u32 = 512u / (TAPS * 4u);
const MANY_BLOCKS: bool = STEPS > STEPS_A_BLOCK;
// The sums of the blocks before, for which no second set fits into registers; at the end, what is stored.
var<workgroup> totals: array<vec4<f32>, PIXELS * COLUMNS4 * THREADS>;
// begin loads
fn read_a(index: u32) -> f32 { return a[index]; }
fn read_b(index: u32) -> f32 { return b[index]; }
fn read4_a(index: u32) -> vec4<f32> { return vec4(a[index], a[index + 1u], a[index + 2u], a[index + 3u]); }
fn read4_b(index: u32) -> vec4<f32> { return vec4(b[index], b[index + 1u], b[index + 2u], b[index + 3u]); }
fn load_a(index: u32, value: f32) -> f32 { return value; }
fn load_b(index: u32, value: f32) -> f32 { return value; }
fn epilogue(index: u32, value: f32) -> f32 { return value; }

// A channel of the pixel that begins at `start`; zero outside of the image and beyond the last. Without branches: hundreds of
// them take SwiftShader minutes to compile.
fn element(start: u32, channel: u32, outside: bool) -> f32 {
    let absent = outside | (SOURCE_RAGGED & (channel >= SOURCE_CHANNELS));
    let i = start + select(channel, 0u, absent);
    return select(load_a(i, read_a(i)), 0.0, absent);
}

// Four channels of a source pixel.
fn pixel(row_start: u32, column: u32, channel: u32) -> vec4<f32> {
    let outside = A_PADDED & (column >= SOURCE_WIDTH);
    let start = (row_start + select(column, 0u, outside)) * SOURCE_CHANNELS;
    let i = start + channel;
    if (A_VECTOR) {
        let v = read4_a(i);
        let loaded = vec4(load_a(i, v.x), load_a(i + 1u, v.y), load_a(i + 2u, v.z), load_a(i + 3u, v.w));
        return select(loaded, vec4(0.0), outside);
    }
    return vec4(element(start, channel, outside), element(start, channel + 1u, outside),
        element(start, channel + 2u, outside), element(start, channel + 3u, outside));
}

fn weight(tap: vec2<u32>, source: u32, channel: u32) -> f32 {
    let absent = (SOURCE_RAGGED & (source >= SOURCE_CHANNELS)) | (RESULT_RAGGED & (channel >= RESULT_CHANNELS));
    let i = select(filter_address(tap.x, tap.y, source, channel), 0u, absent);
    return select(load_b(i, read_b(i)), 0.0, absent);
}

// Four weights, along the axis that is contiguous in memory.
fn weights4(tap: vec2<u32>, source: u32, channel: u32) -> vec4<f32> {
    if (B_VECTOR) {
        let absent = (SOURCE_RAGGED & (source >= SOURCE_CHANNELS)) | (RESULT_RAGGED & (channel >= RESULT_CHANNELS));
        let i = select(filter_address(tap.x, tap.y, source, channel), 0u, absent);
        let v = read4_b(i);
        let loaded = vec4(load_b(i, v.x), load_b(i + 1u, v.y), load_b(i + 2u, v.z), load_b(i + 3u, v.w));
        return select(loaded, vec4(0.0), absent);
    }
    let one = vec2(u32(B_ALONG_SOURCE), u32(!B_ALONG_SOURCE));
    return vec4(weight(tap, source, channel), weight(tap, source + one.x, channel + one.y),
        weight(tap, source + 2u * one.x, channel + 2u * one.y), weight(tap, source + 3u * one.x, channel + 3u * one.y));
}

fn store_element(index: u32, channel: u32, value: f32) {
    if (RESULT_RAGGED && channel >= RESULT_CHANNELS) { return; }
    let stored = epilogue(index + channel, value);
    if (STORE_RESULT) { result[index + channel] = stored; }
}
fn store(index: u32, channel: u32, values: vec4<f32>) {
    store_element(index, channel, values.x);
    store_element(index, channel + 1u, values.y);
    store_element(index, channel + 2u, values.z);
    store_element(index, channel + 3u, values.w);
}
// end loads

// The weights from four source channels, one a column, to four result channels.
fn weights(tap: vec2<u32>, source: u32, channel: u32) -> mat4x4<f32> {
    let one = vec2(u32(!B_ALONG_SOURCE), u32(B_ALONG_SOURCE));
    let w = mat4x4(weights4(tap, source, channel), weights4(tap, source + one.x, channel + one.y),
        weights4(tap, source + 2u * one.x, channel + 2u * one.y), weights4(tap, source + 3u * one.x, channel + 3u * one.y));
    if (B_ALONG_SOURCE) { return transpose(w); }
    return w;
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(local_invocation_index) local: u32,
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let thread = (group.y * groups.x + group.x) * THREADS + local;
    let channel = thread % GROUPS * COLUMNS;
    let first = thread / GROUPS % SEGMENTS * PIXELS;
    let phase = thread / (GROUPS * SEGMENTS) % PHASES;
    let row = thread / (GROUPS * SEGMENTS * PHASES) % RESULT_HEIGHT;
    let image = thread / (GROUPS * SEGMENTS * PHASES * RESULT_HEIGHT);
    if (image >= IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH)) { return; }

    var sums: array<array<vec4<f32>, COLUMNS4>, PIXELS>;
    for (var block = 0u; block < STEPS; block += STEPS_A_BLOCK) {
        sums = array<array<vec4<f32>, COLUMNS4>, PIXELS>();
        let stop = min(block + STEPS_A_BLOCK, STEPS);
        for (var at = block; at < stop; at++) {
            let source = at % QUADS * 4u;
            let taps = at / QUADS % (KERNEL_W / TAPS) * TAPS;
            let tap_h = at / (QUADS * (KERNEL_W / TAPS));
            let source_row = source_row(row, tap_h);
            if (source_row >= SOURCE_HEIGHT) { continue; }
            let row_start = (image * SOURCE_HEIGHT + source_row) * SOURCE_WIDTH;
            var w: array<array<mat4x4<f32>, COLUMNS4>, TAPS>;
            for (var k = 0u; k < TAPS; k++) {
                for (var c = 0u; c < COLUMNS4; c++) { w[k][c] = weights(vec2(tap_h, taps + k), source, channel + c * 4u); }
            }
            for (var p = 0u; p < PIXELS; p++) {
                for (var k = 0u; k < TAPS; k++) {
                    let x = pixel(row_start, source_column(first + p, phase, taps + k), source);
                    for (var c = 0u; c < COLUMNS4; c++) {
                        let y = w[k][c];
                        sums[p][c] = sums[p][c] + x.x * y[0] + x.y * y[1] + x.z * y[2] + x.w * y[3];
                    }
                }
            }
        }
        for (var p = 0u; p < PIXELS; p++) {
            for (var c = 0u; c < COLUMNS4; c++) {
                let at = (p * COLUMNS4 + c) * THREADS + local;
                if (MANY_BLOCKS && block > 0u) { sums[p][c] += totals[at]; }
                totals[at] = sums[p][c];
            }
        }
    }
    // From memory: compilers would unroll a loop over registers, and the epilogue with it.
    for (var j = 0u; j < PIXELS * COLUMNS4; j++) {
        let column = (first + j / COLUMNS4) * PHASES + phase;
        if (column >= RESULT_WIDTH) { break; }
        let index = ((image * RESULT_HEIGHT + row) * RESULT_WIDTH + column) * RESULT_CHANNELS;
        store(index, channel + j % COLUMNS4 * 4u, totals[j * THREADS + local]);
    }
}
