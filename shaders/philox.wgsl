// Philox4x32-10, the counter-based generator of Salmon and others (2011): the same words on every device.
// random_uniform(index, stream): the counter is (index / 4, step.iteration, stream, 0), the key (seed_low, seed_high);
// word index % 4, its upper 24 bits: a float in [0, 1). random_word gives the word itself.
//
// What follows the line "// Functions" is included in generated kernels, which declare `step` themselves.

struct Step {
    batch: u32, offset: u32, iteration: u32, row: u32,
    seed_low: u32, seed_high: u32, unused_a: u32, unused_b: u32,
    scalars: array<vec4<f32>, 14>,
}

@group(0) @binding(0) var<uniform> step: Step;

// Functions

// The high and the low word of a product, by 16-bit halves: WGSL has no 64-bit integer.
fn multiply_wide(a: u32, b: u32) -> vec2<u32> {
    let a_low = a & 0xffffu;
    let a_high = a >> 16u;
    let b_low = b & 0xffffu;
    let b_high = b >> 16u;
    let low = a_low * b_low;
    let middle = a_high * b_low + (low >> 16u);
    let other = a_low * b_high + (middle & 0xffffu);
    return vec2(a_high * b_high + (middle >> 16u) + (other >> 16u), a * b);
}

fn philox(start: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
    var counter = start;
    var key = seed;
    for (var round = 0u; round < 10u; round++) {
        let x = multiply_wide(0xd2511f53u, counter.x);
        let z = multiply_wide(0xcd9e8d57u, counter.z);
        counter = vec4(z.x ^ counter.y ^ key.x, z.y, x.x ^ counter.w ^ key.y, x.y);
        key += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return counter;
}

fn random_word(index: u32, stream: u32) -> u32 {
    let words = philox(vec4(index / 4u, step.iteration, stream, 0u), vec2(step.seed_low, step.seed_high));
    return words[index % 4u];
}

fn random_uniform(index: u32, stream: u32) -> f32 {
    return f32(random_word(index, stream) >> 8u) * 0x1p-24;
}
