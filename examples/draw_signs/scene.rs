//! What surrounds a hand in one picture: where it is, its skin, the wall behind it, the light and the lens.

use crate::hand::Hand;
use crate::random::Random;
use crate::vector::{Rotation, Vec3, vec3};

/// Everything that one picture shows. The picture spans -1 to 1 across and up; +z points at the viewer.
pub struct Scene {
    pub hand: Hand,
    pub rotation: Rotation,
    /// The middle of the hand in the picture.
    pub center: Vec3,
    /// Picture units a palm width.
    pub scale: f32,
    /// -1 shows a hand's mirror image: the other hand.
    pub side: f32,
    pub skin: Vec3,
    pub cloth: Vec3,
    pub wall: Wall,
    pub light: Light,
    /// Standard deviation of the lens's blur, in pixels.
    pub blur: f32,
    /// Where the noise of skin and wall is taken from.
    pub noise: Vec3,
}

/// The wall, upright behind the hand.
pub struct Wall {
    pub z: f32,
    pub colors: [Vec3; 2],
    /// The direction in which one colour turns into the other.
    pub slope: [f32; 2],
    /// Contrast of its texture, and the texture's frequencies across and up.
    pub texture: f32,
    pub grain: [f32; 2],
}

/// A lamp far away, and the light from all sides.
pub struct Light {
    pub direction: Vec3,
    pub color: Vec3,
    pub ambient: Vec3,
    /// How wide the lamp looks: small throws sharp shadows.
    pub softness: f32,
}

/// The point of the hand that is put at the scene's center.
const MIDDLE: Vec3 = vec3(0.0, 0.85, 0.1);

impl Scene {
    /// A scene with a hand that raises `count` fingers: one source decides on its pose, one on whose hand it is,
    /// one on where it is.
    pub fn new(count: usize, pose: &mut Random, person: &mut Random, place: &mut Random) -> Self {
        let rotation = Rotation::new(pose.around(0.0, 0.35), pose.around(0.0, 0.22), pose.around(0.0, 0.45));
        Self {
            rotation,
            center: vec3(pose.around(0.0, 0.12), pose.around(-0.08, 0.10), 0.0),
            scale: pose.between(0.58, 0.72),
            side: if pose.chance(0.5) { -1.0 } else { 1.0 },
            hand: Hand::new(count, pose, person),
            skin: skin(person),
            cloth: vec3(person.between(0.03, 0.5), person.between(0.03, 0.4), person.between(0.05, 0.5)),
            wall: Wall::new(place),
            light: Light::new(place),
            blur: place.between(0.5, 0.85),
            noise: vec3(place.between(0.0, 99.0), place.between(0.0, 99.0), place.between(0.0, 99.0)),
        }
    }

    /// From the picture into the hand's own space.
    pub fn to_hand(&self, p: Vec3) -> Vec3 {
        self.direction_to_hand(p - self.center) * (1.0 / self.scale) + MIDDLE
    }

    /// The same for a direction, which keeps its length.
    pub fn direction_to_hand(&self, v: Vec3) -> Vec3 {
        let v = self.rotation.undo(v);
        vec3(v.0[0] * self.side, v.0[1], v.0[2])
    }
}

/// Reflectance of skin between light (0) and dark (1).
fn skin(random: &mut Random) -> Vec3 {
    const TONES: [Vec3; 4] =
        [vec3(0.62, 0.35, 0.25), vec3(0.50, 0.27, 0.18), vec3(0.36, 0.185, 0.115), vec3(0.23, 0.115, 0.075)];
    let at = random.unit() * 2.999;
    let tone = TONES[at as usize].mix(TONES[at as usize + 1], at.fract());
    tone.times(vec3(1.0, random.around(1.0, 0.08), random.around(1.0, 0.1)))
}

/// Darker than any hand and brighter than any hand, warmer and cooler: no point of a picture tells by its
/// brightness or hue alone whether a finger is there.
const PAINTS: [Vec3; 12] = [
    vec3(0.025, 0.04, 0.12),
    vec3(0.04, 0.04, 0.045),
    vec3(0.02, 0.07, 0.04),
    vec3(0.09, 0.02, 0.06),
    vec3(0.02, 0.10, 0.11),
    vec3(0.08, 0.04, 0.025),
    vec3(0.12, 0.02, 0.02),
    vec3(0.88, 0.74, 0.52),
    vec3(0.85, 0.60, 0.36),
    vec3(0.85, 0.56, 0.50),
    vec3(0.88, 0.58, 0.18),
    vec3(0.88, 0.86, 0.83),
];

impl Wall {
    fn new(random: &mut Random) -> Self {
        let paint = PAINTS[random.below(PAINTS.len())];
        let color = |random: &mut Random| {
            let tint = vec3(random.around(1.0, 0.1), random.around(1.0, 0.1), random.around(1.0, 0.1));
            paint.times(tint) * random.between(0.85, 1.1)
        };
        let (first, second) = (color(random), color(random));
        let angle = random.between(0.0, std::f32::consts::TAU);
        let fine = random.between(1.5, 5.0);
        let grain = match random.below(3) {
            0 => [fine, fine],
            1 => [fine * 3.0, fine * 0.3],
            _ => [fine * 0.3, fine * 3.0],
        };
        Self {
            z: -random.between(0.3, 0.7),
            colors: [first, second],
            slope: [angle.cos(), angle.sin()],
            texture: random.between(0.0, 0.12),
            grain,
        }
    }
}

impl Light {
    fn new(random: &mut Random) -> Self {
        let angle = random.between(0.0, std::f32::consts::TAU);
        let slant = random.between(0.35, 0.95);
        let direction = vec3(angle.cos() * slant, angle.sin() * slant * 0.6 + 0.35, 1.0).normalized();
        let warmth = random.around(0.0, 0.1);
        let strength = random.between(0.42, 0.58);
        let ambient = random.between(0.52, 0.62);
        Self {
            direction,
            color: vec3(1.0 + warmth, 1.0, 1.0 - warmth) * strength,
            ambient: vec3(1.0 - warmth * 0.5, 1.0, 1.0 + warmth * 0.5) * ambient,
            softness: random.between(0.25, 0.6),
        }
    }
}
