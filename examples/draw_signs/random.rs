//! Seeded random numbers (SplitMix64), so that a seed always draws the same pictures.

/// Random numbers that pictures of one take have in common, but for a little of their own.
pub struct Random {
    shared: SplitMix,
    own: SplitMix,
    /// How much of a number is the picture's own, 0 to 1.
    freedom: f32,
}

struct SplitMix(u64);

impl SplitMix {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Between 0 (inclusive) and 1 (exclusive).
    fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32
    }
}

impl Random {
    /// The numbers of picture `own` in take `shared`, all of them following from `seed`.
    pub fn new(seed: u64, shared: u64, own: u64, freedom: f32) -> Self {
        let stream = |index: u64| SplitMix(SplitMix(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95)).bits());
        Self { shared: stream(shared), own: stream(own), freedom }
    }

    /// Between 0 and 1.
    pub fn unit(&mut self) -> f32 {
        let (shared, own) = (self.shared.unit(), self.own.unit());
        shared + (own - shared) * self.freedom
    }

    /// Between `low` and `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Around `center`, within `reach`, values near the center more often.
    pub fn around(&mut self, center: f32, reach: f32) -> f32 {
        center + reach * (self.unit() + self.unit() - 1.0)
    }

    /// True with probability `chance`, alike for all pictures of a take.
    pub fn chance(&mut self, chance: f32) -> bool {
        self.shared.unit() < chance
    }

    /// Below `count`, which must not be 0, alike for all pictures of a take.
    pub fn below(&mut self, count: usize) -> usize {
        (self.shared.bits() % count as u64) as usize
    }
}
