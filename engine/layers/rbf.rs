use serde_json::{Value, json};

use super::config::with_base;
use super::spatial::shown;
use super::{Base, Config, Context, Layer, Weight};
use crate::error::{Error, Result};
use crate::graph::{NodeId, Unary};
use crate::tensor::{Dim, Shape};
use crate::train::initializers::Initializer;

/// Radial basis functions (Broomhead and Lowe 1988): exp(−½ · (s · |x − c|)²) for each unit, with a learned centre c and a
/// learned inverse width s = 1 / σ, `[None, features]` to `[None, units]`. Keras has no such layer.
///
/// A [`Dense`](super::Dense) layer behind it makes the classic network, which tells apart what no line parts:
///
/// ```
/// use gradus::{Adam, Dense, FitOptions, Sequential, Tensor, layers::RBF};
/// let x = Tensor::f32(&[4, 2], vec![0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0])?;
/// let y = Tensor::f32(&[4, 1], vec![0.0, 1.0, 1.0, 0.0])?;
/// let mut model = Sequential::new().add(RBF::new(4)).add(Dense::new(1));
/// model.compile(Adam::new(0.05), "mean_squared_error", &[])?;
/// let history = model.fit(&x, &y, FitOptions::new().epochs(300).verbose(0))?;
/// assert!(history.get("loss").unwrap()[299] < 0.01);
/// # Ok::<(), gradus::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RBF {
    base: Base,
    units: usize,
    centers_initializer: Initializer,
    inverse_widths_initializer: Initializer,
}

impl RBF {
    /// A layer of `units` functions.
    pub fn new(units: usize) -> Self {
        Self {
            base: Base::default(),
            units,
            centers_initializer: Initializer::random_normal(0.0, 1.0),
            inverse_widths_initializer: Initializer::ones(),
        }
    }

    /// How the centres start. Default normal with variance 1, for inputs that are standardised.
    pub fn centers_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.centers_initializer = self.base.option(self.centers_initializer, initializer);
        self
    }

    /// How the inverse widths start. Default `ones`.
    pub fn inverse_widths_initializer<I>(mut self, initializer: I) -> Self
    where
        I: TryInto<Initializer, Error: Into<Error>>,
    {
        self.inverse_widths_initializer = self.base.option(self.inverse_widths_initializer, initializer);
        self
    }

    /// The layer's name. Default `rbf`, `rbf_1`, …
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    /// Whether centres and widths learn. Default true.
    pub fn trainable(mut self, trainable: bool) -> Self {
        self.base.set_trainable(trainable);
        self
    }

    pub(super) fn from_config(config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let plain = Self::new(config.count("units")?);
        Ok(Self {
            base,
            centers_initializer: config.initializer("centers_initializer", plain.centers_initializer)?,
            inverse_widths_initializer: config
                .initializer("inverse_widths_initializer", plain.inverse_widths_initializer)?,
            ..plain
        })
    }
}

impl Layer for RBF {
    fn class_name(&self) -> &'static str {
        "RBF"
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn title(&self) -> String {
        format!("RBF {}", self.units)
    }

    fn config(&self) -> Value {
        let own = json!({
            "units": self.units,
            "centers_initializer": self.centers_initializer.config(),
            "inverse_widths_initializer": self.inverse_widths_initializer.config(),
        });
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        if self.units == 0 {
            return Err(Error::argument(place, "units", 0, "at least 1"));
        }
        match *input {
            [features] if features > 0 => Ok(vec![self.units]),
            _ => Err(Error::shape(place, "input", shown(input), "[None, features]", "add Flatten before it")),
        }
    }

    fn weights(&self, input: &[usize]) -> Vec<Weight> {
        let features = input.last().copied().unwrap_or(1);
        vec![
            Weight::new("centers", &[self.units, features], self.centers_initializer),
            Weight::new("inverse_widths", &[self.units], self.inverse_widths_initializer),
        ]
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        let (centers, inverse_widths) = (context.weight(0)?, context.weight(1)?);
        let graph = &mut *context.graph;
        let x = graph.shape(input).0.clone();
        let samples = graph.reshape(input, &Shape(vec![x[0], Dim::fixed(1), x[1]]))?;
        let difference = graph.subtract(samples, centers)?;
        let square = graph.multiply(difference, difference)?;
        let distance = graph.sum(square, &[2])?;
        let distance = graph.reshape(distance, &Shape(vec![x[0], Dim::fixed(self.units)]))?;
        let scale = graph.multiply(inverse_widths, inverse_widths)?;
        let exponent = graph.multiply(distance, scale)?;
        let exponent = graph.scale(exponent, -0.5)?;
        Ok(graph.unary(Unary::Exp, exponent))
    }
}
