//! First values of weights: Keras's formulas, drawn on the host from the seed and the weight's number alone.

mod orthogonal;

use crate::error::{Error, Result};
use crate::graph::random::philox;
use crate::train::by_name;

/// The standard deviation of a normal distribution that is cut off at two standard deviations.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;
/// The last word of the counter keeps these draws apart from those of random nodes, which have 0 there.
const DOMAIN: u32 = 1;

/// How a weight starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Initializer {
    /// Uniform within ±√(6 / (inputs + outputs)): Glorot and Bengio 2010. The default for kernels.
    GlorotUniform,
    /// Normal with variance 2 / inputs, cut off at two standard deviations: He et al. 2015.
    HeNormal,
    /// Orthogonal rows or columns, whichever are fewer: Saxe et al. 2014. The default for recurrent kernels.
    Orthogonal,
    /// Uniform within ±0.05. The default for embeddings.
    RandomUniform,
    /// 0. The default for biases.
    Zeros,
    /// 1
    Ones,
}

const NAMES: [(&str, Initializer); 14] = [
    ("orthogonal", Initializer::Orthogonal),
    ("Orthogonal", Initializer::Orthogonal),
    ("OrthogonalInitializer", Initializer::Orthogonal),
    ("random_uniform", Initializer::RandomUniform),
    ("uniform", Initializer::RandomUniform),
    ("RandomUniform", Initializer::RandomUniform),
    ("glorot_uniform", Initializer::GlorotUniform),
    ("he_normal", Initializer::HeNormal),
    ("zeros", Initializer::Zeros),
    ("ones", Initializer::Ones),
    ("GlorotUniform", Initializer::GlorotUniform),
    ("HeNormal", Initializer::HeNormal),
    ("Zeros", Initializer::Zeros),
    ("Ones", Initializer::Ones),
];

impl TryFrom<&str> for Initializer {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("initializer", "name", name, &NAMES)
    }
}

impl Initializer {
    /// Keras's name of the class, as configs hold it.
    pub fn class_name(self) -> &'static str {
        match self {
            Self::GlorotUniform => "GlorotUniform",
            Self::HeNormal => "HeNormal",
            Self::Orthogonal => "Orthogonal",
            Self::RandomUniform => "RandomUniform",
            Self::Zeros => "Zeros",
            Self::Ones => "Ones",
        }
    }

    /// The values of weight number `index` of a model, of `shape`.
    pub fn values(self, shape: &[usize], seed: u64, index: u32) -> Vec<f32> {
        let count = shape.iter().product();
        let (inputs, outputs) = fans(shape);
        let draws = Draws { key: [seed as u32, (seed >> 32) as u32], index };
        match self {
            Self::Zeros => vec![0.0; count],
            Self::Ones => vec![1.0; count],
            Self::GlorotUniform => {
                let limit = (6.0 / (inputs + outputs)).sqrt();
                (0..count).map(|i| ((2.0 * draws.uniform(i) - 1.0) * limit) as f32).collect()
            }
            Self::RandomUniform => {
                (0..count).map(|i| ((2.0 * draws.uniform(i) - 1.0) * 0.05) as f32).collect()
            }
            Self::Orthogonal => orthogonal::values(shape, |i| draws.normal(i, 0)),
            Self::HeNormal => {
                let deviation = (2.0 / inputs).sqrt() / TRUNCATED_DEVIATION;
                (0..count).map(|i| (draws.truncated_normal(i) * deviation) as f32).collect()
            }
        }
    }
}

/// The numbers of inputs and outputs that one unit sees, a convolution's receptive field counted in.
fn fans(shape: &[usize]) -> (f64, f64) {
    let (inputs, outputs) = match *shape {
        [] => (1, 1),
        [n] => (n, n),
        [ref field @ .., inputs, outputs] => {
            let field: usize = field.iter().product();
            (field * inputs, field * outputs)
        }
    };
    (inputs.max(1) as f64, outputs.max(1) as f64)
}

/// The random numbers of one weight.
struct Draws {
    key: [u32; 2],
    index: u32,
}

impl Draws {
    fn words(&self, element: usize, attempt: u32) -> [u32; 4] {
        philox([element as u32, attempt, self.index, DOMAIN], self.key)
    }

    /// One of 2³² equally likely numbers in (0, 1).
    fn uniform(&self, element: usize) -> f64 {
        unit(self.words(element, 0)[0])
    }

    /// A standard normal number, by Box and Muller's transform.
    fn normal(&self, element: usize, attempt: u32) -> f64 {
        let [a, b, ..] = self.words(element, attempt);
        (-2.0 * unit(a).ln()).sqrt() * (std::f64::consts::TAU * unit(b)).cos()
    }

    /// A standard normal number within ±2: what lies outside is drawn again.
    fn truncated_normal(&self, element: usize) -> f64 {
        let mut attempt = 0;
        loop {
            let z: f64 = self.normal(element, attempt);
            if z.abs() <= 2.0 {
                return z;
            }
            attempt += 1;
        }
    }
}

fn unit(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 4_294_967_296.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance within five standard errors of those of Keras's distribution.
    fn check(values: &[f32], variance: f64, fourth_moment: f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
        let square = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / n;
        assert!(mean.abs() <= 5.0 * (variance / n).sqrt(), "mean {mean}");
        let error = ((fourth_moment - variance * variance) / n).sqrt();
        assert!((square - variance).abs() <= 5.0 * error, "variance {square}, expected {variance}");
    }

    #[test]
    fn glorot_uniform_has_keras_statistics() {
        let values = Initializer::GlorotUniform.values(&[3, 3, 32, 64], 7, 0);
        let limit = (6.0 / (9.0 * 96.0_f64)).sqrt();
        assert!(values.iter().all(|&v| f64::from(v).abs() <= limit));
        check(&values, limit.powi(2) / 3.0, limit.powi(4) / 5.0);
    }

    #[test]
    fn he_normal_has_keras_statistics() {
        let values = Initializer::HeNormal.values(&[100, 300], 7, 1);
        let cut = 2.0 * (2.0 / 100.0_f64).sqrt() / TRUNCATED_DEVIATION;
        assert!(values.iter().all(|&v| f64::from(v).abs() <= cut * (1.0 + 1e-6)));
        // The cut-off distribution's kurtosis is below the normal's 3.
        check(&values, 0.02, 3.0 * 0.02 * 0.02);
    }

    #[test]
    fn values_depend_on_seed_and_index_alone() {
        let draw = |seed, index| Initializer::GlorotUniform.values(&[4, 5], seed, index);
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
        assert_ne!(draw(1, 2), draw(1 + (1 << 40), 2));
    }

    #[test]
    fn unknown_names_list_the_known_ones() {
        let message = Initializer::try_from("glorot").unwrap_err().to_string();
        assert!(message.contains("\"glorot\"") && message.contains("he_normal"), "{message}");
    }
}
