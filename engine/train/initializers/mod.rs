//! First values of weights: Keras's formulas, drawn on the host from the seed and the weight's number alone.

mod config;
mod orthogonal;

use crate::error::{Error, Result};
use crate::graph::random::philox;

/// The standard deviation of a normal distribution that is cut off at two standard deviations.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;
/// The last word of the counter keeps these draws apart from those of random nodes, which have 0 there.
const DOMAIN: u32 = 1;
/// The weight's number under a seed of the initializer's own, which gives the same values to every weight.
const ANY_WEIGHT: u32 = u32::MAX;

/// How a weight starts: one of [Keras's initializers](https://keras.io/api/layers/initializers/), with its defaults by
/// name.
///
/// ```
/// use gradus::{Dense, train::initializers::Initializer};
/// let layer = Dense::new(64).kernel_initializer("lecun_normal");
/// let layer = Dense::new(64).kernel_initializer(Initializer::random_normal(0.0, 0.01).seed(7));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initializer {
    kind: Kind,
    seed: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Constant(f64),
    Identity { gain: f64 },
    Orthogonal { gain: f64 },
    Uniform { low: f64, high: f64 },
    Normal { mean: f64, deviation: f64 },
    TruncatedNormal { mean: f64, deviation: f64 },
    VarianceScaling { scale: f64, mode: Fan, distribution: Distribution },
}

/// What the variance is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fan {
    /// The number of inputs of a unit.
    In,
    /// The number of outputs.
    Out,
    /// The mean of both.
    Average,
}

/// How numbers of a given variance lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// Equally likely between two limits.
    Uniform,
    /// Normal, cut off at two standard deviations.
    TruncatedNormal,
    /// Normal.
    UntruncatedNormal,
}

impl Initializer {
    const fn of(kind: Kind) -> Self {
        Self { kind, seed: None }
    }

    const fn scaled(scale: f64, mode: Fan, distribution: Distribution) -> Self {
        Self::of(Kind::VarianceScaling { scale, mode, distribution })
    }

    /// Variance `scale` divided by the number of inputs, outputs, or their mean. Keras's defaults are 1, inputs, truncated
    /// normal.
    pub const fn variance_scaling(scale: f64, mode: Fan, distribution: Distribution) -> Self {
        Self::scaled(scale, mode, distribution)
    }

    /// Uniform within ±√(6 / (inputs + outputs)): Glorot and Bengio 2010. The default for kernels.
    pub const fn glorot_uniform() -> Self {
        Self::scaled(1.0, Fan::Average, Distribution::Uniform)
    }

    /// Normal with variance 2 / (inputs + outputs), cut off at two standard deviations: Glorot and Bengio 2010.
    pub const fn glorot_normal() -> Self {
        Self::scaled(1.0, Fan::Average, Distribution::TruncatedNormal)
    }

    /// Uniform within ±√(6 / inputs): He et al. 2015.
    pub const fn he_uniform() -> Self {
        Self::scaled(2.0, Fan::In, Distribution::Uniform)
    }

    /// Normal with variance 2 / inputs, cut off at two standard deviations: He et al. 2015.
    pub const fn he_normal() -> Self {
        Self::scaled(2.0, Fan::In, Distribution::TruncatedNormal)
    }

    /// Uniform within ±√(3 / inputs): LeCun et al. 1998.
    pub const fn lecun_uniform() -> Self {
        Self::scaled(1.0, Fan::In, Distribution::Uniform)
    }

    /// Normal with variance 1 / inputs, cut off at two standard deviations: LeCun et al. 1998.
    pub const fn lecun_normal() -> Self {
        Self::scaled(1.0, Fan::In, Distribution::TruncatedNormal)
    }

    /// Uniform between two limits. Keras's defaults are ±0.05: the default for embeddings.
    pub const fn random_uniform(low: f64, high: f64) -> Self {
        Self::of(Kind::Uniform { low, high })
    }

    /// Normal. Keras's defaults are 0 and 0.05.
    pub const fn random_normal(mean: f64, deviation: f64) -> Self {
        Self::of(Kind::Normal { mean, deviation })
    }

    /// Normal, cut off at two of these standard deviations. Keras's defaults are 0 and 0.05.
    pub const fn truncated_normal(mean: f64, deviation: f64) -> Self {
        Self::of(Kind::TruncatedNormal { mean, deviation })
    }

    /// Orthogonal rows or columns, whichever are fewer, times `gain`: Saxe et al. 2014. With 1, Keras's default, the default
    /// for recurrent kernels.
    pub const fn orthogonal(gain: f64) -> Self {
        Self::of(Kind::Orthogonal { gain })
    }

    /// `gain` on the diagonal of a matrix, 0 elsewhere. Keras's default is 1.
    pub const fn identity(gain: f64) -> Self {
        Self::of(Kind::Identity { gain })
    }

    /// The same number everywhere. Keras's default is 0.
    pub const fn constant(value: f64) -> Self {
        Self::of(Kind::Constant(value))
    }

    /// 0. The default for biases.
    pub const fn zeros() -> Self {
        Self::constant(0.0)
    }

    /// 1
    pub const fn ones() -> Self {
        Self::constant(1.0)
    }

    /// What random values depend on: two weights of one shape and seed start alike. Default the model's seed and the
    /// weight's number.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The values of weight number `index` of a model, of `shape`.
    ///
    /// # Errors
    /// If an identity is asked for that is no matrix, or a number makes no sense.
    pub fn values(self, shape: &[usize], seed: u64, index: u32) -> Result<Vec<f32>> {
        self.check()?;
        let count: usize = shape.iter().product();
        let (seed, index) = self.seed.map_or((seed, index), |own| (own, ANY_WEIGHT));
        let draws = Draws { key: [seed as u32, (seed >> 32) as u32], index };
        let fill = |value: &dyn Fn(usize) -> f64| (0..count).map(|i| value(i) as f32).collect();
        Ok(match self.kind {
            Kind::Constant(value) => vec![value as f32; count],
            Kind::Identity { gain } => identity(shape, gain)?,
            Kind::Orthogonal { gain } => orthogonal::values(shape, gain, |i| draws.normal(i, 0)),
            Kind::Uniform { low, high } => fill(&|i| low + draws.uniform(i) * (high - low)),
            Kind::Normal { mean, deviation } => fill(&|i| mean + draws.normal(i, 0) * deviation),
            Kind::TruncatedNormal { mean, deviation } => {
                fill(&|i| mean + draws.truncated_normal(i) * deviation)
            }
            Kind::VarianceScaling { scale, mode, distribution } => {
                let variance = scale / fan(shape, mode);
                match distribution {
                    Distribution::Uniform => {
                        let limit = (3.0 * variance).sqrt();
                        fill(&|i| (2.0 * draws.uniform(i) - 1.0) * limit)
                    }
                    Distribution::TruncatedNormal => {
                        let deviation = variance.sqrt() / TRUNCATED_DEVIATION;
                        fill(&|i| draws.truncated_normal(i) * deviation)
                    }
                    Distribution::UntruncatedNormal => fill(&|i| draws.normal(i, 0) * variance.sqrt()),
                }
            }
        })
    }

    fn check(self) -> Result<()> {
        let (argument, number, least) = match self.kind {
            Kind::Normal { deviation, .. } | Kind::TruncatedNormal { deviation, .. } => {
                ("stddev", deviation, 0.0)
            }
            Kind::VarianceScaling { scale, .. } => ("scale", scale, f64::MIN_POSITIVE),
            Kind::Uniform { low, high } => ("maxval", high, low),
            Kind::Constant(number) => ("value", number, f64::MIN),
            Kind::Identity { gain } | Kind::Orthogonal { gain } => ("gain", gain, f64::MIN),
        };
        if number >= least && number.is_finite() {
            return Ok(());
        }
        Err(Error::argument("initializer", argument, number, format!("a number of at least {least}")))
    }
}

fn identity(shape: &[usize], gain: f64) -> Result<Vec<f32>> {
    let &[rows, columns] = shape else {
        let expected = "that of a matrix: an identity has two axes";
        return Err(Error::argument("initializer \"identity\"", "shape", format!("{shape:?}"), expected));
    };
    let value = |i: usize| if i / columns == i % columns { gain as f32 } else { 0.0 };
    Ok((0..rows * columns).map(value).collect())
}

fn fan(shape: &[usize], mode: Fan) -> f64 {
    let (inputs, outputs) = fans(shape);
    match mode {
        Fan::In => inputs,
        Fan::Out => outputs,
        Fan::Average => (inputs + outputs) / 2.0,
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
    fn values_depend_on_seed_and_index_alone() {
        let draw = |seed, index| Initializer::glorot_uniform().values(&[4, 5], seed, index).unwrap();
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

    /// Every random initializer with its mean, its variance, the limit of its values, and a bound of its fourth moment as
    /// a multiple of the variance's square: 3 for normal numbers, cut off or not, 9/5 for uniform ones.
    #[test]
    fn statistics_are_those_of_keras() {
        // A kernel of 9 taps, 20 inputs and 40 outputs.
        let (shape, inputs, outputs) = ([3, 3, 20, 40], 180.0_f64, 360.0);
        let mean = (inputs + outputs) / 2.0;
        let truncated = |variance: f64| 2.0 * variance.sqrt() / TRUNCATED_DEVIATION;
        let uniform = |variance: f64| (3.0 * variance).sqrt();
        let untruncated = Initializer::variance_scaling(3.0, Fan::Out, Distribution::UntruncatedNormal);
        let cut = 0.2 * TRUNCATED_DEVIATION;
        let cases = [
            (Initializer::glorot_uniform(), 0.0, 1.0 / mean, uniform(1.0 / mean), 1.8),
            (Initializer::glorot_normal(), 0.0, 1.0 / mean, truncated(1.0 / mean), 3.0),
            (Initializer::he_uniform(), 0.0, 2.0 / inputs, uniform(2.0 / inputs), 1.8),
            (Initializer::he_normal(), 0.0, 2.0 / inputs, truncated(2.0 / inputs), 3.0),
            (Initializer::lecun_uniform(), 0.0, 1.0 / inputs, uniform(1.0 / inputs), 1.8),
            (Initializer::lecun_normal(), 0.0, 1.0 / inputs, truncated(1.0 / inputs), 3.0),
            (untruncated, 0.0, 3.0 / outputs, f64::INFINITY, 3.0),
            (Initializer::random_uniform(-1.0, 3.0), 1.0, 16.0 / 12.0, 2.0, 1.8),
            (Initializer::random_normal(0.5, 0.2), 0.5, 0.04, f64::INFINITY, 3.0),
            (Initializer::truncated_normal(-1.0, 0.2), -1.0, cut * cut, 0.4, 3.0),
        ];
        for (initializer, mean, variance, limit, kurtosis) in cases {
            let values = initializer.values(&shape, 11, 2).unwrap();
            let centred: Vec<f32> = values.iter().map(|&v| (f64::from(v) - mean) as f32).collect();
            assert!(centred.iter().all(|&v| f64::from(v).abs() <= limit * (1.0 + 1e-6)), "{initializer:?}");
            let largest = centred.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            assert!(limit.is_infinite() || f64::from(largest) > 0.9 * limit, "{initializer:?}: {largest}");
            check(&centred, variance, kurtosis * variance * variance);
        }
    }

    #[test]
    fn values_that_are_not_random() {
        let values = |initializer: Initializer| initializer.values(&[2, 3], 1, 0).unwrap();
        assert_eq!(values(Initializer::constant(0.25)), [0.25; 6]);
        assert_eq!(values(Initializer::identity(2.0)), [2.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
        let message = Initializer::identity(1.0).values(&[3], 1, 0).unwrap_err().to_string();
        assert!(message.contains("matrix"), "{message}");
        let message = Initializer::random_normal(0.0, -1.0).values(&[3], 1, 0).unwrap_err().to_string();
        assert!(message.contains("stddev is -1"), "{message}");
        let half = Initializer::orthogonal(0.5);
        let whole = values(Initializer::orthogonal(1.0));
        assert_eq!(values(half), whole.iter().map(|v| v / 2.0).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_of_its_own_forgets_the_weight() {
        let draw =
            |own: u64, seed, index| Initializer::he_normal().seed(own).values(&[4, 5], seed, index).unwrap();
        assert_eq!(draw(3, 1, 2), draw(3, 5, 6));
        assert_ne!(draw(3, 1, 2), draw(4, 1, 2));
    }
}
