use serde_json::{Value, json};

use super::config::with_base;
use super::draw::Draw;
use super::{Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::{Comparison, Graph, NodeId};

/// While training, adds normal numbers of mean 0; else it changes nothing. The shape stays.
///
/// ```
/// use gradus::layers::GaussianNoise;
/// let layer = GaussianNoise::new(0.1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GaussianNoise;

/// While training, multiplies by normal numbers of mean 1 and variance rate / (1 − rate), those of dropout (Srivastava et
/// al. 2014); else it changes nothing.
///
/// ```
/// use gradus::layers::GaussianDropout;
/// let layer = GaussianDropout::new(0.3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct GaussianDropout;

/// Dropout that keeps mean and variance of what SELU gives (Klambauer et al. 2017): while training, a number becomes
/// SELU's lowest value with probability `rate`, and all are scaled and shifted; else it changes nothing.
///
/// ```
/// use gradus::layers::AlphaDropout;
/// let layer = AlphaDropout::new(0.1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AlphaDropout;

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl GaussianNoise {
    /// Noise of standard deviation `stddev`.
    pub fn new(stddev: f64) -> Noise {
        Noise::of(Form::GaussianNoise, stddev)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl GaussianDropout {
    /// Noise as strong as dropping the share `rate`, from 0 up to, but not including, 1.
    pub fn new(rate: f64) -> Noise {
        Noise::of(Form::GaussianDropout, rate)
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl AlphaDropout {
    /// Drops the share `rate`, from 0 up to, but not including, 1.
    pub fn new(rate: f64) -> Noise {
        Noise::of(Form::AlphaDropout, rate)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    GaussianNoise,
    GaussianDropout,
    AlphaDropout,
}

/// Noise while training: [`GaussianNoise`], [`GaussianDropout`] or [`AlphaDropout`].
#[derive(Clone, Debug)]
pub struct Noise {
    base: Base,
    form: Form,
    strength: f64,
    draw: Draw,
}

/// What SELU comes to far below 0: −scale · alpha.
const LOWEST: f64 = -1.758_099_340_847_376_6;

impl Noise {
    fn of(form: Form, strength: f64) -> Self {
        Self { base: Base::default(), form, strength, draw: Draw::default() }
    }

    /// The noise follows from this number, and the model's seed, whatever else the model draws: layers of one seed and
    /// class make the same. Default: each layer draws by itself.
    pub fn seed(mut self, seed: u64) -> Self {
        self.draw.seed = Some(seed);
        self
    }

    /// What an [`AlphaDropout`] drops together: for each axis, the batch first, `None` for the input's size, or `Some(1)`
    /// for one draw along all of it. Default: each number by itself.
    pub fn noise_shape(mut self, sizes: &[Option<usize>]) -> Self {
        if self.form != Form::AlphaDropout {
            let expected = "an AlphaDropout or a Dropout";
            self.base.refuse(Error::argument(self.class_name(), "noise_shape", "given", expected));
        }
        self.draw.noise_shape = Some(sizes.to_vec());
        self
    }

    /// The layer's name. Default `gaussian_noise`, `gaussian_noise_1`, … after the class.
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    pub(super) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let form = match class {
            "GaussianNoise" => Form::GaussianNoise,
            "GaussianDropout" => Form::GaussianDropout,
            _ => Form::AlphaDropout,
        };
        let base = config.base()?;
        let strength = config.number(Self::of(form, 0.0).key())?;
        let draw = if form == Form::AlphaDropout { Draw::shaped(config)? } else { Draw::seeded(config)? };
        Ok(Self { base, form, strength, draw })
    }

    /// Keras's key of the strength.
    fn key(&self) -> &'static str {
        if self.form == Form::GaussianNoise { "stddev" } else { "rate" }
    }

    fn dropped(&self, graph: &mut Graph, input: NodeId) -> Result<NodeId> {
        let rate = self.strength;
        let scale = ((1.0 - rate) * (1.0 + rate * LOWEST * LOWEST)).sqrt().recip();
        let shape = self.draw.shape(graph.shape(input));
        let draw = self.draw.uniform(graph, &shape, 0);
        let (share, lowest) = (graph.constant(rate as f32), graph.constant(LOWEST as f32));
        let kept = graph.compare(Comparison::GreaterEqual, draw, share)?;
        let mixed = graph.select(kept, input, lowest)?;
        let mixed = graph.scale(mixed, scale as f32)?;
        let shift = graph.constant((-scale * LOWEST * rate) as f32);
        graph.add(mixed, shift)
    }
}

impl Layer for Noise {
    fn class_name(&self) -> &'static str {
        match self.form {
            Form::GaussianNoise => "GaussianNoise",
            Form::GaussianDropout => "GaussianDropout",
            Form::AlphaDropout => "AlphaDropout",
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("{} {}", self.class_name(), self.strength)
    }

    fn config(&self) -> Value {
        let strength = std::iter::once((self.key().to_string(), json!(self.strength)));
        let mut own = strength.collect();
        self.draw.write(&mut own);
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.base.check(&self.place())?;
        self.draw.check(&self.place(), input)?;
        let most = if self.form == Form::GaussianNoise { f64::INFINITY } else { 1.0 };
        if (0.0..most).contains(&self.strength) {
            return Ok(input.to_vec());
        }
        let expected = format!("from 0 up to, but not including, {most}");
        Err(Error::argument(self.place(), self.key(), self.strength, expected))
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        if !context.training || self.strength == 0.0 {
            return Ok(input);
        }
        let graph = &mut *context.graph;
        if self.form == Form::AlphaDropout {
            return self.dropped(graph, input);
        }
        let shape = graph.shape(input).clone();
        let uniform = self.draw.uniform(graph, &shape, 0);
        let normal = graph.normal_of(uniform)?;
        if self.form == Form::GaussianNoise {
            let noise = graph.scale(normal, self.strength as f32)?;
            return graph.add(input, noise);
        }
        let deviation = (self.strength / (1.0 - self.strength)).sqrt();
        let (noise, one) = (graph.scale(normal, deviation as f32)?, graph.constant(1.0));
        let factor = graph.add(noise, one)?;
        graph.multiply(input, factor)
    }
}
