//! From a scene to pixels: rays marched along the distance to the hand, with shadows, and a blur at the end.

use crate::scene::Scene;
use crate::vector::{Vec3, vec3};

/// Pixels across and up.
pub const SIZE: usize = 64;
/// Rays a pixel, each way.
const RAYS: usize = 2;
/// Near enough to the surface, in palm widths.
const HIT: f32 = 0.004;
/// The farthest that anything but the forearm lies from the hand's middle.
const REACH: f32 = 3.4;
/// Pixel values are multiples of this: what the eye does not miss, and the file need not hold.
const STEP: f32 = 3.0;

/// The picture's bytes: rows from the top, red, green and blue for each pixel.
pub fn draw(scene: &Scene) -> Vec<u8> {
    let mut image = vec![Vec3::default(); SIZE * SIZE];
    for (index, pixel) in image.iter_mut().enumerate() {
        for ray in 0..RAYS * RAYS {
            let across = (index % SIZE * RAYS + ray % RAYS) as f32 + 0.5;
            let down = (index / SIZE * RAYS + ray / RAYS) as f32 + 0.5;
            let unit = 2.0 / (SIZE * RAYS) as f32;
            *pixel =
                *pixel + look(scene, across * unit - 1.0, 1.0 - down * unit) * (1.0 / (RAYS * RAYS) as f32);
        }
    }
    let rows = blur(&image, scene.blur, |at, by| at / SIZE * SIZE + clamp(at % SIZE, by));
    let image = blur(&rows, scene.blur, |at, by| clamp(at / SIZE, by) * SIZE + at % SIZE);
    image.iter().flat_map(|color| color.0.map(encode)).collect()
}

/// Linear light as an sRGB-like byte.
fn encode(linear: f32) -> u8 {
    let byte = linear.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0;
    ((byte / STEP).round() * STEP) as u8
}

fn clamp(at: usize, by: isize) -> usize {
    at.saturating_add_signed(by).min(SIZE - 1)
}

fn blur(image: &[Vec3], deviation: f32, neighbour: impl Fn(usize, isize) -> usize) -> Vec<Vec3> {
    let weights = [-2isize, -1, 0, 1, 2].map(|by| (by, (-0.5 * (by as f32 / deviation).powi(2)).exp()));
    let total: f32 = weights.iter().map(|(_, weight)| weight).sum();
    let mean = |at| {
        let sum = weights
            .iter()
            .fold(Vec3::default(), |sum, &(by, weight)| sum + image[neighbour(at, by)] * weight);
        sum * (1.0 / total)
    };
    (0..image.len()).map(mean).collect()
}

/// The light that comes to the viewer from one point of the picture.
fn look(scene: &Scene, x: f32, y: f32) -> Vec3 {
    let from = scene.to_hand(vec3(x, y, 1.5));
    let along = scene.direction_to_hand(vec3(0.0, 0.0, -1.0));
    let wall = (1.5 - scene.wall.z) / scene.scale;
    match march(scene, from, along, wall) {
        Some(far) => shade_hand(scene, from + along * far),
        None => shade_wall(scene, x, y),
    }
}

/// How far a ray goes until it meets the hand, if it does so within `limit`.
fn march(scene: &Scene, from: Vec3, along: Vec3, limit: f32) -> Option<f32> {
    let mut far = 0.0;
    while far < limit {
        let distance = scene.hand.distance(from + along * far);
        if distance < HIT {
            return Some(far);
        }
        far += distance * 0.9;
    }
    None
}

/// How much of the lamp is seen from a point: 0 in the hand's shadow, 1 in full light.
fn lit(scene: &Scene, from: Vec3) -> f32 {
    let along = scene.direction_to_hand(scene.light.direction);
    let (mut seen, mut far) = (1.0f32, 0.03);
    while far < REACH && seen > 0.0 {
        let distance = scene.hand.distance(from + along * far);
        seen = seen.min(distance / (scene.light.softness * far));
        far += distance.max(0.02);
    }
    let seen = seen.clamp(0.0, 1.0);
    seen * seen * (3.0 - 2.0 * seen)
}

fn shade_wall(scene: &Scene, x: f32, y: f32) -> Vec3 {
    let wall = &scene.wall;
    let slope = 0.5 + 0.5 * (wall.slope[0] * x + wall.slope[1] * y);
    let color = wall.colors[0].mix(wall.colors[1], slope.clamp(0.0, 1.0));
    let grain = noise(scene.noise + vec3(x * wall.grain[0], y * wall.grain[1], 0.0))
        + 0.5 * noise(scene.noise + vec3(x * wall.grain[0] * 2.3, y * wall.grain[1] * 2.3, 7.0));
    let p = scene.to_hand(vec3(x, y, wall.z));
    let near = (scene.hand.distance(p) / 0.6).clamp(0.0, 1.0);
    let lamp = scene.light.color * (scene.light.direction.0[2] * lit(scene, p));
    color.times(lamp + scene.light.ambient * (0.7 + 0.3 * near)) * (1.0 + wall.texture * grain)
}

fn shade_hand(scene: &Scene, p: Vec3) -> Vec3 {
    let normal = normal(scene, p);
    let spot = scene.hand.spot(p);
    let color = if spot.sleeve {
        scene.cloth
    } else {
        let blotches = 1.0 + 0.10 * noise(p * 4.0 + scene.noise);
        let red = vec3(1.06, 0.86, 0.84);
        scene.skin.mix(scene.skin.times(red), spot.tip.max(spot.crease))
            * (blotches * (1.0 - 0.2 * spot.crease))
    };
    let lamp = normal.dot(scene.direction_to_hand(scene.light.direction));
    // Light goes a little way through skin, red the farthest.
    let through = if spot.sleeve { vec3(0.05, 0.05, 0.05) } else { vec3(0.28, 0.14, 0.10) };
    let diffuse = through.0.map(|wrap| ((lamp + wrap) / (1.0 + wrap)).max(0.0));
    let seen = 0.12 + 0.88 * lit(scene, p + normal * 0.02);
    let open = openness(scene, p, normal);
    color.times(scene.light.color.times(Vec3(diffuse)) * seen + scene.light.ambient * open)
}

/// How much of the light from all sides reaches a point: less in folds and between fingers.
fn openness(scene: &Scene, p: Vec3, normal: Vec3) -> f32 {
    let closed: f32 =
        [0.06, 0.14, 0.28].iter().map(|&far| (far - scene.hand.distance(p + normal * far)) * 0.9).sum();
    (1.0 - closed.max(0.0) * 1.6).clamp(0.15, 1.0)
}

fn normal(scene: &Scene, p: Vec3) -> Vec3 {
    const CORNERS: [Vec3; 4] =
        [vec3(1.0, -1.0, -1.0), vec3(-1.0, -1.0, 1.0), vec3(-1.0, 1.0, -1.0), vec3(1.0, 1.0, 1.0)];
    let slope = |corner: Vec3| corner * scene.hand.distance(p + corner * 0.004);
    CORNERS.into_iter().map(slope).fold(Vec3::default(), |sum, part| sum + part).normalized()
}

/// Smooth noise between -1 and 1, one bump a unit.
fn noise(p: Vec3) -> f32 {
    let cell = p.0.map(f32::floor);
    let at: [f32; 3] = std::array::from_fn(|i| {
        let t = p.0[i] - cell[i];
        t * t * (3.0 - 2.0 * t)
    });
    let mut sum = 0.0;
    for corner in 0..8u32 {
        let offset: [u32; 3] = std::array::from_fn(|axis| corner >> axis & 1);
        let weight: f32 = (0..3).map(|i| if offset[i] == 1 { at[i] } else { 1.0 - at[i] }).product();
        let [x, y, z]: [u32; 3] = std::array::from_fn(|i| (cell[i] as i32 as u32).wrapping_add(offset[i]));
        sum += weight * hash(x, y, z);
    }
    sum
}

fn hash(x: u32, y: u32, z: u32) -> f32 {
    let mut bits = x.wrapping_mul(0x9e37_79b1) ^ y.wrapping_mul(0x85eb_ca77) ^ z.wrapping_mul(0xc2b2_ae3d);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2c1b_3c6d);
    bits = (bits ^ (bits >> 12)).wrapping_mul(0x297a_2d39);
    (bits >> 8) as f32 / (1u32 << 23) as f32 - 1.0
}
