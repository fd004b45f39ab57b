//! Optimizers: how gradients change weights.
//!
//! An update is elementwise arithmetic over the whole packed weights of a model, so that it is one kernel
//! whatever the number of layers; lengths of single weights add two, and [`Muon`] products of matrices.

mod adadelta;
mod adagrad;
mod adam;
mod adamax;
mod arithmetic;
mod base;
mod ftrl;
mod lamb;
mod lion;
mod muon;
mod nadam;
mod rmsprop;
mod segments;
mod sgd;
mod step;
#[cfg(test)]
mod tests;

pub use adadelta::Adadelta;
pub use adagrad::Adagrad;
pub use adam::{Adam, AdamW};
pub use adamax::Adamax;
pub use base::Base;
pub use ftrl::Ftrl;
pub use lamb::Lamb;
pub use lion::Lion;
pub use muon::Muon;
pub use nadam::Nadam;
pub use rmsprop::RmsProp;
pub(crate) use segments::spread;
pub use sgd::Sgd;
pub(crate) use step::{add_step, average, scalars, slots};

use std::fmt::Debug;

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId, Parameter, VariableId};
use crate::train::by_name;
use crate::train::config::{Config, merged, object};

/// Something that an optimizer remembers of each weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// Its name, such as `momentum`.
    pub name: &'static str,
    /// Its value before the first step.
    pub start: f32,
}

impl Slot {
    /// A slot that starts at 0.
    pub const fn new(name: &'static str) -> Self {
        Self { name, start: 0.0 }
    }
}

/// What a step starts from: nodes of shape `[segments, 256]`.
#[derive(Clone, Copy, Debug)]
pub struct Start<'a> {
    /// The variable that the weights lie in: it knows where each parameter is.
    pub variable: VariableId,
    /// The weights.
    pub weights: NodeId,
    /// The gradient, as clipping has left it.
    pub gradient: NodeId,
    /// The slots, in the order of [`Optimizer::slots`].
    pub slots: &'a [NodeId],
}

/// What a step leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new weights.
    pub weights: NodeId,
    /// The new slots, in the order of [`Optimizer::slots`].
    pub slots: Vec<NodeId>,
}

/// How gradients change weights, with the options that [all of Keras's
/// optimizers](https://keras.io/api/optimizers/) have.
///
/// ```
/// use gradus::{Adam, Optimizer};
/// let optimizer = Adam::new(0.001).weight_decay(0.01).clipnorm(1.0);
/// ```
///
/// An optimizer of your own needs a [`Base`] and the methods without a body:
///
/// ```
/// use gradus::train::optimizers::{Base, Optimizer, Start, Update};
/// use gradus::{Result, graph::{Graph, Unary}};
///
/// #[derive(Debug)]
/// struct SignDescent(Base);
///
/// impl Optimizer for SignDescent {
///     fn class_name(&self) -> &'static str {
///         "SignDescent"
///     }
///     fn base(&self) -> &Base {
///         &self.0
///     }
///     fn base_mut(&mut self) -> &mut Base {
///         &mut self.0
///     }
///     fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update> {
///         let sign = graph.unary(Unary::Sign, start.gradient);
///         let rate = graph.scalar("learning_rate");
///         let change = graph.multiply(sign, rate)?;
///         Ok(Update { weights: graph.subtract(start.weights, change)?, slots: Vec::new() })
///     }
/// }
/// let optimizer = SignDescent(Base::new(0.01)).clipvalue(0.5);
/// ```
pub trait Optimizer: Send + Sync + Debug {
    /// Keras's name of the class, such as `Adam`.
    fn class_name(&self) -> &'static str;

    /// The options that all optimizers have.
    fn base(&self) -> &Base;

    /// The same, to be changed.
    fn base_mut(&mut self) -> &mut Base;

    /// What it remembers of each weight.
    fn slots(&self) -> Vec<Slot> {
        Vec::new()
    }

    /// How many of the first slots Keras keeps weight by weight; each of the others stands behind these, for all weights. By
    /// default all.
    fn slots_together(&self) -> usize {
        self.slots().len()
    }

    /// Whether Keras keeps slot number `slot` of `parameter`: by default all of each.
    fn keeps(&self, _slot: usize, _parameter: &Parameter) -> bool {
        true
    }

    /// Numbers that Keras keeps behind the slots after `update` updates; here they follow from `update` alone.
    fn remembered(&self, _update: u64) -> Vec<f32> {
        Vec::new()
    }

    /// Numbers of update `update`, counted from 1, that [`Optimizer::update`] takes as graph scalars besides
    /// `learning_rate`, which is `rate`.
    fn scalars(&self, _update: u64, _rate: f64) -> Vec<(&'static str, f32)> {
        Vec::new()
    }

    /// Adds the arithmetic of one step.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn update(&self, graph: &mut Graph, start: &Start<'_>) -> Result<Update>;

    /// The share of `parameter` that a step takes off, as a multiple of the learning rate.
    fn decay(&self, parameter: &Parameter) -> f64 {
        let base = self.base();
        base.weight_decay.filter(|_| base.decays(parameter)).unwrap_or(0.0)
    }

    /// Whether its own numbers make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the number and its range.
    fn check(&self) -> Result<()> {
        Ok(())
    }

    /// Its own options, under Keras's keys.
    fn options(&self) -> Value {
        json!({})
    }

    /// The share of each weight that a step takes off, as a multiple of the learning rate: decoupled from the
    /// gradient (Loshchilov and Hutter 2019). Default none; 0.004 in [`AdamW`] and [`Muon`].
    fn weight_decay(mut self, decay: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().weight_decay = Some(decay);
        self
    }

    /// Weights that do not decay: those whose name, such as `dense_1/bias`, contains one of `parts`. Default none.
    fn exclude_from_weight_decay(mut self, parts: &[&str]) -> Self
    where
        Self: Sized,
    {
        self.base_mut().undecayed = parts.iter().map(|part| part.to_string()).collect();
        self
    }

    /// The largest length of the gradient of each weight. Default none.
    fn clipnorm(mut self, length: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().clipnorm = Some(length);
        self
    }

    /// The largest size of each number of a gradient. Default none.
    fn clipvalue(mut self, size: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().clipvalue = Some(size);
        self
    }

    /// The largest length of the gradient of all weights together. Default none.
    fn global_clipnorm(mut self, length: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().global_clipnorm = Some(length);
        self
    }

    /// Whether an exponential moving average of the weights is kept, which the weights become when a training ends.
    /// Default false.
    fn use_ema(mut self, use_ema: bool) -> Self
    where
        Self: Sized,
    {
        self.base_mut().use_ema = use_ema;
        self
    }

    /// How slowly the average forgets. Default 0.99.
    fn ema_momentum(mut self, momentum: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().ema_momentum = momentum;
        self
    }

    /// After how many updates the weights become the average while training goes on. Default never.
    fn ema_overwrite_frequency(mut self, updates: usize) -> Self
    where
        Self: Sized,
    {
        self.base_mut().ema_overwrite_frequency = Some(updates);
        self
    }

    /// What the loss is multiplied by before the gradients are computed, and they are divided by after, so that small ones do
    /// not vanish; a power of two leaves every digit. The loss that is reported stays as it is. Default none.
    fn loss_scale_factor(mut self, factor: f64) -> Self
    where
        Self: Sized,
    {
        self.base_mut().loss_scale_factor = Some(factor);
        self
    }

    /// How many steps make one update, with the mean of their gradients. Default 1.
    fn gradient_accumulation_steps(mut self, steps: usize) -> Self
    where
        Self: Sized,
    {
        self.base_mut().gradient_accumulation_steps = Some(steps);
        self
    }
}

/// Whether the numbers of `optimizer` make sense, its own and the common ones.
pub(crate) fn check(optimizer: &dyn Optimizer) -> Result<()> {
    optimizer.base().check(optimizer.class_name())?;
    optimizer.check()
}

/// `optimizer` as Keras's configs hold it.
///
/// ```
/// use gradus::{Adam, train::optimizers};
/// let config = optimizers::config(&Adam::new(0.01));
/// assert_eq!(config["config"]["beta_1"], 0.9);
/// assert_eq!(optimizers::config(optimizers::from_config(&config)?.as_ref()), config);
/// # Ok::<(), gradus::Error>(())
/// ```
pub fn config(optimizer: &dyn Optimizer) -> Value {
    let options = merged(optimizer.base().config(), optimizer.options());
    object("keras.optimizers", optimizer.class_name(), options)
}

/// The optimizer of a Keras config: an object with a class name and options.
///
/// # Errors
/// If there is no such class, or an option is unknown, or not of the right kind.
pub fn from_config(config: &Value) -> Result<Box<dyn Optimizer>> {
    let (class_name, config) = crate::train::config::parts(config)?;
    configured(&class_name, config)
}

fn configured(class_name: &str, mut config: Config) -> Result<Box<dyn Optimizer>> {
    let make = by_name("optimizer", "class", &class_name.to_lowercase(), &CLASSES)?;
    let optimizer = make(&mut config)?;
    config.finish()?;
    Ok(optimizer)
}

type Make = fn(&mut Config) -> Result<Box<dyn Optimizer>>;

const CLASSES: [(&str, Make); 12] = [
    ("sgd", |c| Sgd::from_config(c).map(Into::into)),
    ("adam", |c| Adam::from_config(Adam::default(), c).map(Into::into)),
    ("adamw", |c| Adam::from_config(AdamW::new(0.001), c).map(Into::into)),
    ("adamax", |c| Adamax::from_config(c).map(Into::into)),
    ("nadam", |c| Nadam::from_config(c).map(Into::into)),
    ("rmsprop", |c| RmsProp::from_config(c).map(Into::into)),
    ("adagrad", |c| Adagrad::from_config(c).map(Into::into)),
    ("adadelta", |c| Adadelta::from_config(c).map(Into::into)),
    ("ftrl", |c| Ftrl::from_config(c).map(Into::into)),
    ("lion", |c| Lion::from_config(c).map(Into::into)),
    ("lamb", |c| Lamb::from_config(c).map(Into::into)),
    ("muon", |c| Muon::from_config(c).map(Into::into)),
];

/// The optimizer of Keras's class `name`, in any case, with its defaults.
impl TryFrom<&str> for Box<dyn Optimizer> {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        configured(name, Config::new(name, &json!({}))?)
    }
}

impl<O: Optimizer + 'static> From<O> for Box<dyn Optimizer> {
    fn from(optimizer: O) -> Self {
        Box::new(optimizer)
    }
}
