//! A hand as tapered bones under one skin. Unit: the width of the palm. The wrist is the origin, fingers point
//! along +y, the thumb lies on the side of +x, the palm faces the viewer along +z.

use crate::random::Random;
use crate::vector::{Vec3, vec3};

/// A tapered capsule.
#[derive(Clone, Copy)]
struct Bone {
    from: Vec3,
    along: Vec3,
    /// 1 / |along|².
    scale: f32,
    radius: [f32; 2],
}

impl Bone {
    fn new(from: Vec3, to: Vec3, radius: [f32; 2]) -> Self {
        let along = to - from;
        Self { from, along, scale: 1.0 / along.dot(along), radius }
    }

    /// The distance to the surface, and how far along the bone that is, 0 to 1.
    fn distance(&self, p: Vec3) -> (f32, f32) {
        let offset = p - self.from;
        let at = (offset.dot(self.along) * self.scale).clamp(0.0, 1.0);
        let distance = (offset - self.along * at).length();
        (distance - self.radius[0] - (self.radius[1] - self.radius[0]) * at, at)
    }
}

/// What the skin is like at a point.
pub struct Spot {
    /// 0 to 1 towards a fingertip, where skin is redder.
    pub tip: f32,
    /// How dark a crease is here, 0 to 1.
    pub crease: f32,
    /// Whether it is cloth.
    pub sleeve: bool,
}

/// A hand in one pose.
pub struct Hand {
    palm: Vec<Bone>,
    digits: Vec<[Bone; 3]>,
    sleeve: Option<Bone>,
}

/// Index, middle, ring and little finger.
struct Finger {
    knuckle: Vec3,
    /// Where its palm bone starts.
    root: Vec3,
    length: f32,
    radius: f32,
    spread: f32,
}

const fn finger(knuckle: [f32; 2], root: f32, length: f32, radius: f32, spread: f32) -> Finger {
    let [x, y] = knuckle;
    Finger { knuckle: vec3(x, y, 0.0), root: vec3(root, 0.06, 0.0), length, radius, spread }
}

const FINGERS: [Finger; 4] = [
    finger([0.36, 0.98], 0.17, 0.94, 0.112, 0.13),
    finger([0.12, 1.04], 0.06, 1.04, 0.117, 0.02),
    finger([-0.12, 0.99], -0.06, 0.97, 0.110, -0.10),
    finger([-0.35, 0.87], -0.17, 0.76, 0.094, -0.24),
];
/// How a finger's length is shared among its three bones.
const PHALANGES: [f32; 3] = [0.46, 0.30, 0.24];

/// Which digits are raised, the thumb first, for a count of raised fingers; the usual way for most.
fn raised_digits(count: usize, random: &mut Random) -> [bool; 5] {
    let usual = random.chance(0.85);
    let digits = match (count, usual) {
        (0, _) => "00000",
        (1, true) => "01000",
        (1, false) => ["10000", "00100", "00001"][random.below(3)],
        (2, true) => "01100",
        (2, false) => ["11000", "01001", "10001"][random.below(3)],
        (3, true) => ["01110", "11100"][random.below(2)],
        (3, false) => ["00111", "11001"][random.below(2)],
        (4, true) => "01111",
        (4, false) => ["11110", "11101"][random.below(2)],
        _ => "11111",
    };
    let mut raised = [false; 5];
    digits.bytes().zip(&mut raised).for_each(|(digit, raised)| *raised = digit == b'1');
    raised
}

impl Hand {
    /// A hand that raises `count` fingers, 0 to 5, in a random pose; `owner` decides on its build and sleeve.
    pub fn new(count: usize, random: &mut Random, owner: &mut Random) -> Self {
        let raised = raised_digits(count, random);
        let plump = owner.between(0.92, 1.1);
        let spread = random.between(0.35, 1.5);
        let mut digits = vec![thumb(raised[0], raised[1], plump, random)];
        for (finger, raised) in FINGERS.iter().zip(&raised[1..]) {
            digits.push(bend(finger, *raised, spread, plump, random));
        }
        let lean = random.around(0.0, 0.25);
        let elbow = vec3(lean, -2.6, -0.05);
        let mut palm: Vec<Bone> =
            FINGERS.iter().map(|f| Bone::new(f.root, f.knuckle, [0.15 * plump, 0.15 * plump])).collect();
        for side in [-0.09, 0.09] {
            let side = vec3(side * plump, 0.0, 0.0);
            palm.push(Bone::new(side, elbow + side * 1.6, [0.155 * plump, 0.22 * plump]));
        }
        let cuff = vec3(lean * 0.2, -owner.between(0.35, 0.8), -0.01);
        let sleeve = owner.chance(0.3).then(|| Bone::new(cuff, elbow, [0.34 * plump, 0.42 * plump]));
        Self { palm, digits, sleeve }
    }

    /// The distance from `p` to the hand's surface, negative inside; a little too small at worst.
    pub fn distance(&self, p: Vec3) -> f32 {
        let mut all = f32::MAX;
        for bone in &self.palm {
            all = blend(all, bone.distance(p).0, 0.10);
        }
        for bones in &self.digits {
            let digit = bones.iter().fold(f32::MAX, |near, bone| blend(near, bone.distance(p).0, 0.02));
            all = blend(all, digit, 0.035);
        }
        match &self.sleeve {
            Some(cloth) => all.min(cloth.distance(p).0),
            None => all,
        }
    }

    /// What the surface at `p` is like.
    pub fn spot(&self, p: Vec3) -> Spot {
        let sleeve = self.sleeve.is_some_and(|cloth| cloth.distance(p).0 < 0.01);
        let mut spot = Spot { tip: 0.0, crease: palm_lines(p), sleeve };
        let mut nearest = self.palm.iter().map(|bone| bone.distance(p).0).fold(f32::MAX, f32::min);
        for bones in &self.digits {
            for (joint, bone) in bones.iter().enumerate() {
                let (distance, at) = bone.distance(p);
                if distance < nearest {
                    nearest = distance;
                    let from_joint = at * bone.along.length() / 0.03;
                    spot.crease = if joint == 0 { 0.0 } else { (-from_joint * from_joint).exp() };
                    spot.tip = if joint == 2 { at } else { 0.0 };
                }
            }
        }
        spot
    }
}

/// Smooth minimum over a seam of width `seam`.
fn blend(a: f32, b: f32, seam: f32) -> f32 {
    let overlap = (seam - (a - b).abs()).max(0.0) / seam;
    a.min(b) - overlap * overlap * seam * 0.25
}

/// The heart line and the life line, as arcs.
fn palm_lines(p: Vec3) -> f32 {
    let arc = |x: f32, y: f32, radius: f32| {
        let from = (vec3(p.0[0] - x, p.0[1] - y, 0.0).length() - radius) / 0.025;
        (-from * from).exp()
    };
    if p.0[2] > 0.0 { arc(0.45, 0.22, 0.48).max(arc(-0.15, 1.75, 1.0)) } else { 0.0 }
}

fn bend(finger: &Finger, raised: bool, spread: f32, plump: f32, random: &mut Random) -> [Bone; 3] {
    let sideways = finger.spread * spread + random.around(0.0, 0.06);
    let relaxed = random.between(0.0, 0.22);
    let curls = match raised {
        true => [random.around(0.08, 0.14), relaxed, relaxed * 0.7],
        false => [random.around(1.32, 0.2), random.around(1.72, 0.12), random.around(0.95, 0.2)],
    };
    let sideways = if raised { sideways } else { sideways * 0.35 };
    let radius = |joint: usize| finger.radius * plump * [1.0, 0.93, 0.87, 0.74][joint];
    let (mut from, mut curl) = (finger.knuckle, 0.0);
    std::array::from_fn(|joint| {
        curl += curls[joint];
        let flat = curl.cos();
        let to = from
            + vec3(sideways.sin() * flat, sideways.cos() * flat, curl.sin())
                * (finger.length * PHALANGES[joint]);
        let bone = Bone::new(from, to, [radius(joint), radius(joint + 1)]);
        from = to;
        bone
    })
}

/// The thumb stands off, or lies across the palm, above the index finger if that is folded.
fn thumb(raised: bool, index_raised: bool, plump: f32, random: &mut Random) -> [Bone; 3] {
    let root = vec3(0.22, 0.2, 0.07);
    let joints = if raised {
        let out = random.around(0.85, 0.3);
        let toward = |angle: f32, length: f32| vec3(angle.sin(), angle.cos(), 0.3) * length;
        let first = root + toward(out, 0.44);
        let second = first + toward(out - 0.1, 0.36);
        [root, first, second, second + toward(out - random.between(0.0, 0.35), 0.27)]
    } else {
        let lift = if index_raised { 0.0 } else { 0.34 };
        let reach = random.around(0.0, 0.12);
        let height = random.around(0.0, 0.1);
        let first = vec3(0.44, 0.52 + height * 0.5, 0.2 + lift * 0.4);
        let second = vec3(0.24 + reach * 0.5, 0.76 + height, 0.27 + lift);
        [root, first, second, vec3(-0.02 + reach, 0.8 + height * 1.5, 0.24 + lift)]
    };
    let radius = [0.19, 0.145, 0.125, 0.088].map(|radius| radius * plump);
    std::array::from_fn(|i| Bone::new(joints[i], joints[i + 1], [radius[i], radius[i + 1]]))
}
