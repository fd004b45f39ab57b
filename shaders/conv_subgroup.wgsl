// y[n, i, j, f] = epilogue(sum over (a, b, c) of x[n, row(i, a), column(j, b), c] · w(a, b, c, f)): a convolution, or by
// the section of taps of conv_input_gradient its gradient, for adapters that run on a processor and have subgroups of 8.
//
// Tile: PIXELS of one row x COLUMNS channels a thread, four source channels at a time. The threads of a subgroup have
// neighbouring pixels and the same channels: each loads its pixels and an eighth of the weights, which the others have
// from it. Workgroup: THREADS threads. Loops over the tile must be unrolled: indexed registers are slow.
// Dispatch: x, y: ceil(ceil(images * RESULT_HEIGHT * PHASES * SEGMENTS / 8) * ceil(RESULT_CHANNELS / COLUMNS) * 8 / THREADS)
// groups.
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
const COLUMNS: u32 = 16u;
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether a pixel read may lie outside: in the padding, or beyond the last segment.
const A_PADDED: bool = true;
const STORE_RESULT: bool = true;

// Sizes, and where a tap lies: as it stands, a kernel of one row. conv_register has what is put in its place.
// begin taps
const KERNEL_H: u32 = 1u;
const KERNEL_W: u32 = 3u;
const SOURCE_HEIGHT: u32 = 8u;
const SOURCE_WIDTH: u32 = 8u;
const SOURCE_CHANNELS: u32 = 4u;
const RESULT_HEIGHT: u32 = 8u;
const RESULT_WIDTH: u32 = 6u;
const RESULT_CHANNELS: u32 = 16u;
const PHASES: u32 = 1u;
const B_ALONG_SOURCE: bool = false;
fn source_row(row: u32, tap: u32) -> u32 { return row; }
fn source_column(at: u32, phase: u32, tap: u32) -> u32 { return at + tap; }
// end taps
const LANES: u32 = 8u;
const THREADS: u32 = 16u;
const COLUMNS4: u32 = COLUMNS / 4u;
const SHARE: u32 = COLUMNS / LANES;
const GROUPS: u32 = (RESULT_CHANNELS + COLUMNS - 1u) / COLUMNS;
const SEGMENTS: u32 = ((RESULT_WIDTH + PHASES - 1u) / PHASES + PIXELS - 1u) / PIXELS;
const SOURCE_RAGGED: bool = SOURCE_CHANNELS % 4u != 0u;
const RESULT_RAGGED: bool = RESULT_CHANNELS % COLUMNS != 0u;
const QUADS: u32 = (SOURCE_CHANNELS + 3u) / 4u;
const STEPS: u32 = KERNEL_H * KERNEL_W * QUADS;
const STEPS_A_BLOCK: u32 = 128u;

// The sums of all blocks but one; at the end, those that a loop stores.
var<workgroup> totals: array<vec4<f32>, PIXELS * COLUMNS4 * THREADS>;

// What a thread holds: sums, four channels of its pixels, and its share of the weights.
var<private> sums: array<array<vec4<f32>, COLUMNS4>, PIXELS>;
var<private> x: array<vec4<f32>, PIXELS>;
var<private> y: array<vec4<f32>, SHARE>;
var<private> place: u32;

// How elements are loaded and stored: as it stands, ones. conv_register has what is put in its place.
// begin loads
fn pixel(row_start: u32, column: u32, channel: u32) -> vec4<f32> { return vec4(1.0); }
fn weights4(tap: vec2<u32>, source: u32, channel: u32) -> vec4<f32> { return vec4(1.0); }
fn store(index: u32, channel: u32, values: vec4<f32>) { result[index + channel] = values.x; }
// end loads

// Part g of a tap's weights: from one source channel to four, or from four to one.
fn part_of_weights(tap: vec2<u32>, source: u32, channel: u32, g: u32) -> vec4<f32> {
    if (B_ALONG_SOURCE) { return weights4(tap, source, channel + g); }
    return weights4(tap, source + g / COLUMNS4, channel + g % COLUMNS4 * 4u);
}

fn told(g: u32) -> vec4<f32> { return subgroupShuffle(y[g / LANES], g % LANES); }

// The weights from four source channels, one a column, to result channels 4c .. 4c + 3.
fn columns_of_weights(c: u32) -> mat4x4<f32> {
    if (B_ALONG_SOURCE) {
        return transpose(mat4x4(told(c * 4u), told(c * 4u + 1u), told(c * 4u + 2u), told(c * 4u + 3u)));
    }
    return mat4x4(told(c), told(c + COLUMNS4), told(c + 2u * COLUMNS4), told(c + 3u * COLUMNS4));
}

fn multiply(c: u32) {
    let v = columns_of_weights(c);
    for (var p = 0u; p < PIXELS; p++) {
        sums[p][c] = sums[p][c] + x[p].x * v[0] + x[p].y * v[1] + x[p].z * v[2] + x[p].w * v[3];
    }
}

// The sums of a block to those before.
fn settle(c: u32, first: bool) {
    for (var p = 0u; p < PIXELS; p++) {
        let at = (p * COLUMNS4 + c) * THREADS + place;
        if (!first) { sums[p][c] += totals[at]; }
        totals[at] = sums[p][c];
    }
}

// Compilers unroll no loop as long as these.
fn multiply_all() {
// begin multiply
    multiply(0u);
    multiply(1u);
    multiply(2u);
    multiply(3u);
// end multiply
}

fn settle_all(first: bool) {
// begin settle
    settle(0u, first);
    settle(1u, first);
    settle(2u, first);
    settle(3u, first);
// end settle
}

@compute @workgroup_size(THREADS)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    place = subgroup * LANES + lane;
    let tile = (group.y * groups.x + group.x) * (THREADS / LANES) + subgroup;
    let channel = tile % GROUPS * COLUMNS;
    let all = IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH) * (RESULT_HEIGHT * PHASES * SEGMENTS);
    if (tile / GROUPS * LANES >= all) { return; }
    // A thread beyond the last segment has its weights to tell: it takes the last one, too, and stores nothing.
    let wanted = tile / GROUPS * LANES + lane;
    let segment = min(wanted, all - 1u);
    let first = segment % SEGMENTS * PIXELS;
    let phase = segment / SEGMENTS % PHASES;
    let row = segment / (SEGMENTS * PHASES) % RESULT_HEIGHT;
    let image = segment / (SEGMENTS * PHASES * RESULT_HEIGHT);

    for (var block = 0u; block < STEPS; block += STEPS_A_BLOCK) {
        sums = array<array<vec4<f32>, COLUMNS4>, PIXELS>();
        let stop = min(block + STEPS_A_BLOCK, STEPS);
        for (var at = block; at < stop; at++) {
            let source = at % QUADS * 4u;
            let tap = vec2(at / (QUADS * KERNEL_W), at / QUADS % KERNEL_W);
            let source_row = source_row(row, tap.x);
            let outside = A_PADDED & (source_row >= SOURCE_HEIGHT);
            let row_start = (image * SOURCE_HEIGHT + select(source_row, 0u, outside)) * SOURCE_WIDTH;
            for (var j = 0u; j < SHARE; j++) { y[j] = part_of_weights(tap, source, channel, j * LANES + lane); }
            for (var p = 0u; p < PIXELS; p++) {
                x[p] = pixel(row_start, select(source_column(first + p, phase, tap.y), SOURCE_WIDTH, outside), source);
            }
            multiply_all();
        }
        settle_all(block == 0u);
    }
    if (wanted >= all) { return; }
    for (var j = 0u; j < PIXELS * COLUMNS4; j++) {
        let column = (first + j / COLUMNS4) * PHASES + phase;
        if (column >= RESULT_WIDTH) { break; }
        let index = ((image * RESULT_HEIGHT + row) * RESULT_WIDTH + column) * RESULT_CHANNELS;
        store(index, channel + j % COLUMNS4 * 4u, totals[j * THREADS + place]);
    }
}
