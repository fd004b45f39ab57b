use serde_json::{Value, json};

use super::activation_function::relu;
use super::config::with_base;
use super::{ActivationFunction, Base, Config, Context, Layer};
use crate::error::{Error, Result};
use crate::graph::NodeId;

/// x above a threshold, at most a maximum, and a slope below: `relu` as a layer, with its options.
///
/// ```
/// use gradus::layers::ReLU;
/// let layer = ReLU::new().max_value(6.0).negative_slope(0.1);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReLU;

/// x above 0, a multiple of x below.
///
/// ```
/// use gradus::layers::LeakyReLU;
/// let layer = LeakyReLU::new(0.3);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct LeakyReLU;

/// x above 0, alpha · (eˣ − 1) below: Clevert et al. 2016.
///
/// ```
/// use gradus::layers::ELU;
/// let layer = ELU::new(1.0);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ELU;

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl ReLU {
    /// x above 0, else 0.
    pub fn new() -> Rectifier {
        Rectifier::of(Form::Relu { max_value: None, negative_slope: 0.0, threshold: 0.0 })
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl LeakyReLU {
    /// `negative_slope` · x below 0. Keras's default is 0.3.
    pub fn new(negative_slope: f32) -> Rectifier {
        Rectifier::of(Form::LeakyRelu { negative_slope })
    }
}

#[expect(clippy::new_ret_no_self, reason = "Keras has three names for what is one layer here")]
impl ELU {
    /// −`alpha` far below 0. Keras's default is 1.
    pub fn new(alpha: f32) -> Rectifier {
        Rectifier::of(Form::Elu { alpha })
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Relu { max_value: Option<f32>, negative_slope: f32, threshold: f32 },
    LeakyRelu { negative_slope: f32 },
    Elu { alpha: f32 },
}

/// A rectifier as a layer of its own: [`ReLU`], [`LeakyReLU`] or [`ELU`]. The shape stays.
#[derive(Clone, Debug)]
pub struct Rectifier {
    base: Base,
    form: Form,
}

impl Rectifier {
    fn of(form: Form) -> Self {
        Self { base: Base::default(), form }
    }

    /// The largest output of a [`ReLU`]. Default none.
    pub fn max_value(mut self, value: f32) -> Self {
        match &mut self.form {
            Form::Relu { max_value, .. } => *max_value = Some(value),
            _ => self.refuse("max_value"),
        }
        self
    }

    /// The slope of a [`ReLU`] below its threshold. Default 0.
    pub fn negative_slope(mut self, slope: f32) -> Self {
        match &mut self.form {
            Form::Relu { negative_slope, .. } => *negative_slope = slope,
            _ => self.refuse("negative_slope"),
        }
        self
    }

    /// Where a [`ReLU`] bends. Default 0.
    pub fn threshold(mut self, value: f32) -> Self {
        match &mut self.form {
            Form::Relu { threshold, .. } => *threshold = value,
            _ => self.refuse("threshold"),
        }
        self
    }

    /// The layer's name. Default `re_lu`, `re_lu_1`, … after the class.
    pub fn name(mut self, name: &str) -> Self {
        self.base.set_name(name);
        self
    }

    fn refuse(&mut self, option: &str) {
        let class = self.class_name();
        self.base.refuse(Error::argument(class, option, "given", "a ReLU: this layer has no such option"));
    }

    pub(super) fn from_config(class: &str, config: &mut Config) -> Result<Self> {
        let base = config.base()?;
        let mut number = |key, default: f64| config.number_or(key, default).map(|n| n as f32);
        let form = match class {
            "LeakyReLU" => Form::LeakyRelu { negative_slope: number("negative_slope", 0.3)? },
            "ELU" => Form::Elu { alpha: number("alpha", 1.0)? },
            _ => Form::Relu {
                negative_slope: number("negative_slope", 0.0)?,
                threshold: number("threshold", 0.0)?,
                max_value: config.number_or_none("max_value")?.map(|n| n as f32),
            },
        };
        Ok(Self { base, form })
    }
}

impl Layer for Rectifier {
    fn class_name(&self) -> &'static str {
        match self.form {
            Form::Relu { .. } => "ReLU",
            Form::LeakyRelu { .. } => "LeakyReLU",
            Form::Elu { .. } => "ELU",
        }
    }

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn config(&self) -> Value {
        let own = match self.form {
            Form::Relu { max_value, negative_slope, threshold } => {
                json!({ "max_value": max_value, "negative_slope": negative_slope, "threshold": threshold })
            }
            Form::LeakyRelu { negative_slope } => json!({ "negative_slope": negative_slope }),
            Form::Elu { alpha } => json!({ "alpha": alpha }),
        };
        with_base(self, own)
    }

    fn output_shape(&self, input: &[usize]) -> Result<Vec<usize>> {
        let place = self.place();
        self.base.check(&place)?;
        match self.form {
            Form::Relu { negative_slope, threshold, .. } if negative_slope < 0.0 || threshold < 0.0 => {
                let found = format!("{negative_slope}, {threshold}");
                Err(Error::argument(place, "negative_slope, threshold", found, "numbers of at least 0"))
            }
            Form::Relu { max_value: Some(max), .. } if max < 0.0 => {
                Err(Error::argument(place, "max_value", max, "a number of at least 0"))
            }
            _ => Ok(input.to_vec()),
        }
    }

    fn passes_mask(&self) -> bool {
        true
    }

    fn call(&self, context: &mut Context<'_>, input: NodeId) -> Result<NodeId> {
        match self.form {
            Form::Relu { max_value: None, negative_slope: 0.0, threshold: 0.0 } => {
                context.activate(ActivationFunction::Relu, input)
            }
            Form::Relu { max_value, negative_slope, threshold } => {
                relu(context.graph, input, negative_slope, max_value, threshold)
            }
            Form::LeakyRelu { negative_slope } => {
                context.activate(ActivationFunction::LeakyRelu { negative_slope }, input)
            }
            Form::Elu { alpha } => context.activate(ActivationFunction::Elu { alpha }, input),
        }
    }
}
