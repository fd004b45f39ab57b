//! Points, directions and linear colours.

use std::ops::{Add, Mul, Sub};

/// Three numbers: a point, a direction, or red, green and blue.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Vec3(pub [f32; 3]);

/// Three numbers in a vector.
pub const fn vec3(x: f32, y: f32, z: f32) -> Vec3 {
    Vec3([x, y, z])
}

impl Vec3 {
    pub fn dot(self, other: Self) -> f32 {
        self.0[0] * other.0[0] + self.0[1] * other.0[1] + self.0[2] * other.0[2]
    }

    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    pub fn normalized(self) -> Self {
        self * (1.0 / self.length())
    }

    /// Each component times the other's.
    pub fn times(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] * other.0[i]))
    }

    /// From `self` at 0 to `other` at 1.
    pub fn mix(self, other: Self, at: f32) -> Self {
        self + (other - self) * at
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + other.0[i]))
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - other.0[i]))
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|x| x * factor))
    }
}

/// A rotation of space.
#[derive(Clone, Copy)]
pub struct Rotation([Vec3; 3]);

impl Rotation {
    /// Turned about the upright axis, then tilted about the horizontal one, then rolled in the picture.
    pub fn new(yaw: f32, pitch: f32, roll: f32) -> Self {
        let (sy, cy) = yaw.sin_cos();
        let (sp, cp) = pitch.sin_cos();
        let (sr, cr) = roll.sin_cos();
        Self([
            vec3(cr * cy - sr * sp * sy, -sr * cp, cr * sy + sr * sp * cy),
            vec3(sr * cy + cr * sp * sy, cr * cp, sr * sy - cr * sp * cy),
            vec3(-cp * sy, sp, cp * cy),
        ])
    }

    /// A direction turned back.
    pub fn undo(&self, v: Vec3) -> Vec3 {
        self.0[0] * v.0[0] + self.0[1] * v.0[1] + self.0[2] * v.0[2]
    }
}
