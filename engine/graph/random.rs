//! Philox4x32-10: random numbers as a pure function of seed, step, stream and index, so that the CPU, the
//! GPU and a resumed run draw the same ones.
//!
//! Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).

use super::{Binary, Comparison, Graph, NodeId, Unary};
use crate::error::Result;
use crate::tensor::Shape;

/// The seed and the step that all random nodes of one run of the graph share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Key {
    /// The run's seed.
    pub seed: u64,
    /// The number of the training step.
    pub step: u32,
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];

/// Ten rounds of Philox over `counter` under `key`.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let [a, b] = [
            u64::from(MULTIPLIERS[0]) * u64::from(counter[0]),
            u64::from(MULTIPLIERS[1]) * u64::from(counter[2]),
        ];
        let high = |p: u64| (p >> 32) as u32;
        counter = [high(b) ^ counter[1] ^ key[0], b as u32, high(a) ^ counter[3] ^ key[1], a as u32];
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    counter
}

/// Element `index` of random node `stream`: one of 2²⁴ equally likely numbers in [0, 1).
pub fn uniform(key: Key, stream: u32, index: u32) -> f32 {
    four_uniform(key, stream, index / 4)[index as usize % 4]
}

/// Elements `first..` of random node `stream`, each as [`uniform`] gives it, four of one Philox.
pub fn fill_uniform(key: Key, stream: u32, first: u32, out: &mut [f32]) {
    let before = (first.wrapping_neg() as usize % 4).min(out.len());
    let (head, rest) = out.split_at_mut(before);
    let (blocks, tail) = rest.as_chunks_mut::<4>();
    let start = first.wrapping_add(before as u32);
    let last = start.wrapping_add(4 * blocks.len() as u32);
    for (first, out) in [(first, head), (last, tail)] {
        out.iter_mut()
            .enumerate()
            .for_each(|(i, out)| *out = uniform(key, stream, first.wrapping_add(i as u32)));
    }
    for (i, block) in blocks.iter_mut().enumerate() {
        *block = four_uniform(key, stream, start.wrapping_add(4 * i as u32) / 4);
    }
}

/// Elements `4·number..` of random node `stream`.
fn four_uniform(key: Key, stream: u32, number: u32) -> [f32; 4] {
    let words = philox([number, key.step, stream, 0], [key.seed as u32, (key.seed >> 32) as u32]);
    words.map(|word| (word >> 8) as f32 * (1.0 / 16_777_216.0))
}

/// The quantile of the standard normal distribution at (1 + x) / 2 is x · p(w), w = −ln(1 − x²): the polynomials below and
/// above w = 5, in w − 2.5 and √w − 3.1, fitted for the least largest relative error, 2⁻²¹. Their form is Giles's:
/// Approximating the erfinv function (GPU Computing Gems, 2011).
const CENTRE: [f32; 9] = [
    2.123_313_7,
    0.348_802_66,
    -0.005_908_171,
    -0.001_773_010_1,
    0.000_309_150_2,
    -6.217_993e-6,
    -4.990_565_4e-6,
    4.861_039_4e-7,
    4.035_463_4e-8,
];
const TAIL: [f32; 7] =
    [4.148_216_5, 1.418_953, 0.010_517_966, -0.007_968_214, 0.006_031_579, -0.004_151_900_4, 0.001_477_275_7];

impl Graph {
    /// Standard normal numbers: the quantiles of 2²⁴ equally likely numbers, within ±5.3.
    ///
    /// # Errors
    /// None for a shape that [`Graph::random`] takes.
    pub fn random_normal(&mut self, shape: &Shape) -> Result<NodeId> {
        let uniform = self.random(shape);
        self.normal_of(uniform)
    }

    /// The standard normal numbers that belong to `uniform` ones in [0, 1), as [`Graph::random_normal`].
    ///
    /// # Errors
    /// None for numbers of [`Graph::random`].
    pub fn normal_of(&mut self, uniform: NodeId) -> Result<NodeId> {
        // The middle of each of the 2²⁴ intervals, so that ±1 does not occur: exact in f32.
        const HALF_INTERVAL: f32 = f32::EPSILON / 4.0;
        let [low, last] = [2.0 * HALF_INTERVAL - 1.0, 1.0 - 2.0 * HALF_INTERVAL].map(|n| self.constant(n));
        let twice = self.scale(uniform, 2.0)?;
        let x = self.add(twice, low)?;
        // 1 − x² = 4·q·(1 − q), q being the distance to the nearer end. Drivers move constants from sum to sum, and
        // 1 − |x| would lose its last bits; the minimum holds them back.
        let mirrored = self.subtract(last, uniform)?;
        let nearer = self.binary(Binary::Minimum, uniform, mirrored)?;
        let [half, one] = [HALF_INTERVAL, 1.0].map(|n| self.constant(n));
        let q = self.add(nearer, half)?;
        let rest = self.subtract(one, q)?;
        let product = self.multiply(q, rest)?;
        let square = self.scale(product, 4.0)?;
        let log = self.unary(Unary::Log, square);
        let w = self.unary(Unary::Negate, log);
        let root = self.unary(Unary::Sqrt, w);
        let (centre, tail) = (self.polynomial(&CENTRE, w, 2.5)?, self.polynomial(&TAIL, root, 3.1)?);
        let edge = self.constant(5.0);
        let central = self.compare(Comparison::Less, w, edge)?;
        let factor = self.select(central, centre, tail)?;
        self.multiply(x, factor)
    }

    /// `c[0] + c[1]·(x − centre) + …`
    fn polynomial(&mut self, c: &[f32], x: NodeId, centre: f32) -> Result<NodeId> {
        let centre = self.constant(centre);
        let x = self.subtract(x, centre)?;
        let mut sum = self.constant(c[c.len() - 1]);
        for &c in c.iter().rev().skip(1) {
            let (product, c) = (self.multiply(sum, x)?, self.constant(c));
            sum = self.add(product, c)?;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::{Key, fill_uniform, philox, uniform};

    #[test]
    fn four_at_a_time_are_the_same() {
        let key = Key { seed: 1 << 40 | 7, step: 3 };
        for first in [0, 1, 2, 3, 4, u32::MAX - 5] {
            for count in 0..11 {
                let mut filled = vec![f32::NAN; count];
                fill_uniform(key, 5, first, &mut filled);
                let each = (0..count as u32).map(|i| uniform(key, 5, first.wrapping_add(i)));
                assert_eq!(filled, each.collect::<Vec<f32>>(), "{count} from {first} on");
            }
        }
    }

    /// The known answers of the reference implementation (Random123's kat_vectors).
    #[test]
    fn known_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        assert_eq!(
            philox(pi, [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }
}
