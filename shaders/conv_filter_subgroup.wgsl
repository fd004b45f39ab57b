// dw[kh, kw, c, f] = sum over pixels (n, i, j) of x[n, i * stride - pad + kh * dilation, ..., c] · dy[n, i, j, f], and
// behind it the sums of dy, the gradient of the bias, for adapters that run on a processor and have subgroups of 8.
//
// Tile: TAPS of a kernel's row x four channels x COLUMNS filters a thread, 32 / COLUMNS pixels of a row at a time. The
// threads of a subgroup have neighbouring channels or taps and the same filters: each loads its pixels of x and a word of
// four of dy, which the others have from it. Workgroup: THREADS threads. Loops over the tile must be unrolled: indexed registers are slow.
// Dispatch: x, y: ceil(ceil(KERNEL_H * KERNEL_W / TAPS * ceil(CHANNELS / 4) / 8) * ceil(FILTERS / COLUMNS) * 8 / THREADS)
// groups; z: SPLITS.
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
// Taps of a kernel's row that are worked off together: a divisor of KERNEL_W.
const TAPS: u32 = 3u;
const A_VECTOR: bool = false;
const B_VECTOR: bool = false;
// Whether a pixel read may lie outside: in the padding, or beyond the end of a row.
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

const LANES: u32 = 8u;
const THREADS: u32 = 16u;
const COLUMNS4: u32 = COLUMNS / 4u;
const PIXELS: u32 = LANES / COLUMNS4;
const GROUPS: u32 = (FILTERS + COLUMNS - 1u) / COLUMNS;
const QUADS: u32 = (CHANNELS + 3u) / 4u;
const TAP_GROUPS: u32 = KERNEL_W / TAPS;
const TILES: u32 = KERNEL_H * TAP_GROUPS * QUADS;
const ROWS: u32 = KERNEL_H * KERNEL_W * CHANNELS;
const CHANNELS_RAGGED: bool = CHANNELS % 4u != 0u;
const FILTERS_RAGGED: bool = FILTERS % COLUMNS != 0u;
// Steps of so many pixels in a row, and in a block.
const STEPS: u32 = (OUT_WIDTH + PIXELS - 1u) / PIXELS;
const BLOCK: u32 = 512u / PIXELS;

// The sums of all blocks but one; at the end, those that a loop stores.
var<workgroup> totals: array<vec4<f32>, TAPS * 4u * COLUMNS4 * THREADS>;

// What a thread holds: sums, four channels of the pixels for each tap, and its share of dy.
var<private> sums: array<array<array<vec4<f32>, COLUMNS4>, 4>, TAPS>;
var<private> x: array<array<vec4<f32>, PIXELS>, TAPS>;
var<private> y: vec4<f32>;
var<private> place: u32;

// How elements are loaded and stored: as it stands, ones. conv_filter_register has what is put in its place.
// begin loads
fn channels4(pixel: u32, start: u32, outside: bool) -> vec4<f32> { return vec4(1.0); }
fn filters4(pixel: u32, start: u32) -> vec4<f32> { return vec4(1.0); }
fn store(row: u32, column: u32, base: u32, values: vec4<f32>) { result[base + row * FILTERS + column] = values.x; }
// end loads

fn multiply(c: u32) {
    for (var p = 0u; p < PIXELS; p++) {
        // Filters 4c .. 4c + 3 of pixel p.
        let v = subgroupShuffle(y, p * COLUMNS4 + c);
        for (var k = 0u; k < TAPS; k++) {
            for (var i = 0u; i < 4u; i++) { sums[k][i][c] += x[k][p][i] * v; }
        }
    }
}

// The sums of a block to those before.
fn settle(c: u32, first: bool) {
    for (var i = 0u; i < TAPS * 4u; i++) {
        let at = (i * COLUMNS4 + c) * THREADS + place;
        var total = sums[i / 4u][i % 4u][c];
        if (!first) { total += totals[at]; }
        totals[at] = total;
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
    let tiles = (group.y * groups.x + group.x) * (THREADS / LANES) + subgroup;
    if (tiles >= GROUPS * ((TILES + LANES - 1u) / LANES)) { return; }
    let first_filter = tiles % GROUPS * COLUMNS;
    // A thread beyond the last tile has its part of dy to tell: it takes the last one, too, and stores nothing.
    let wanted = tiles / GROUPS * LANES + lane;
    let tile = min(wanted, TILES - 1u);
    let channel = tile % QUADS * 4u;
    let taps = tile / QUADS % TAP_GROUPS * TAPS;
    let tap_h = tile / (QUADS * TAP_GROUPS);
    let steps = IMAGES_FACTOR * select(1u, step.batch, IMAGES_BATCH) * (OUT_HEIGHT * STEPS);
    let share = (steps + SPLITS - 1u) / SPLITS;
    let start = group.z * share;
    let end = min(steps, start + share);

    var bias = vec4(0.0);
    // At least once, for a part without terms is zero.
    for (var block = start; block == start || block < end; block += BLOCK) {
        sums = array<array<array<vec4<f32>, COLUMNS4>, 4>, TAPS>();
        var bias_sum = vec4(0.0);
        let stop = min(end, block + BLOCK);
        for (var at = block; at < stop; at++) {
            let out_row = at / STEPS;
            let first = at % STEPS * PIXELS;
            let row = out_row % OUT_HEIGHT * STRIDE_H + tap_h * DILATION_H - PAD_TOP;
            let row_start = (out_row / OUT_HEIGHT * HEIGHT + row) * WIDTH;
            let told = first + lane / COLUMNS4;
            let absent = told >= OUT_WIDTH;
            let v = filters4(select(out_row * OUT_WIDTH + told, 0u, absent), first_filter + lane % COLUMNS4 * 4u);
            y = select(v, vec4(0.0), absent);
            bias_sum += y;
            for (var k = 0u; k < TAPS; k++) {
                for (var p = 0u; p < PIXELS; p++) {
                    let column = (first + p) * STRIDE_W + (taps + k) * DILATION_W - PAD_LEFT;
                    let outside = A_PADDED && (row >= HEIGHT || column >= WIDTH || first + p >= OUT_WIDTH);
                    x[k][p] = channels4(row_start + column, channel, outside);
                }
            }
            multiply_all();
        }
        settle_all(block == start);
        bias += bias_sum;
    }
    let base = group.z * (ROWS + u32(ONES_ROW)) * FILTERS;
    if (ONES_ROW) {
        // Every COLUMNS4-th thread has added the same filters. A mask that is no constant breaks AMD's compiler.
        if (COLUMNS4 <= 2u) { bias += subgroupShuffleXor(bias, 2u); }
        if (COLUMNS4 <= 4u) { bias += subgroupShuffleXor(bias, 4u); }
        if (wanted < COLUMNS4) { store(ROWS, first_filter + lane * 4u, base, bias); }
    }
    if (wanted >= TILES) { return; }
    for (var j = 0u; j < TAPS * 4u * COLUMNS4; j++) {
        let row = j / COLUMNS4;
        if (CHANNELS_RAGGED && channel + row % 4u >= CHANNELS) { continue; }
        let dw_row = (tap_h * KERNEL_W + taps + row / 4u) * CHANNELS + channel + row % 4u;
        store(dw_row, first_filter + j % COLUMNS4 * 4u, base, totals[j * THREADS + place]);
    }
}
