//! Optimizers: how gradients change weights.
//!
//! An update is elementwise arithmetic over the whole packed weights of a model, so that it is one kernel
//! whatever the number of layers.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use std::fmt::Debug;

use crate::error::{Error, Result};
use crate::graph::{Graph, NodeId};
use crate::train::by_name;

/// What a step leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// The new weights.
    pub weights: NodeId,
    /// The new slots, in the order of [`Optimizer::slots`].
    pub slots: Vec<NodeId>,
}

/// How gradients change weights.
pub trait Optimizer: Send + Sync + Debug {
    /// Keras's name in lower case, such as `adam`.
    fn name(&self) -> &'static str;

    /// The names of what it remembers of each weight, all zero at the start.
    fn slots(&self) -> &'static [&'static str] {
        &[]
    }

    /// The learning rate.
    fn learning_rate(&self) -> f64;

    /// Takes another learning rate, from the next step on. [`Optimizer::check`] says whether it makes sense.
    fn set_learning_rate(&mut self, rate: f64);

    /// The numbers of step `step`, counted from 1, that [`Optimizer::update`] takes as graph scalars.
    fn scalars(&self, step: u64) -> Vec<(&'static str, f32)>;

    /// Adds the arithmetic of one step. All nodes have the shape `[segments, 256]`.
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn update(
        &self,
        graph: &mut Graph,
        weights: NodeId,
        gradient: NodeId,
        slots: &[NodeId],
    ) -> Result<Update>;

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// [`Error::Argument`] that names the number and its range.
    fn check(&self) -> Result<()>;
}

type Make = fn() -> Box<dyn Optimizer>;

const NAMES: [(&str, Make); 4] = [
    ("sgd", || Box::new(Sgd::default())),
    ("adam", || Box::new(Adam::default())),
    ("SGD", || Box::new(Sgd::default())),
    ("Adam", || Box::new(Adam::default())),
];

impl TryFrom<&str> for Box<dyn Optimizer> {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        by_name("compile", "optimizer", name, &NAMES).map(|make| make())
    }
}

impl<O: Optimizer + 'static> From<O> for Box<dyn Optimizer> {
    fn from(optimizer: O) -> Self {
        Box::new(optimizer)
    }
}

/// A learning rate must be a number above zero.
fn check_rate(place: &str, rate: f64) -> Result<()> {
    if rate > 0.0 && rate.is_finite() {
        return Ok(());
    }
    Err(Error::argument(place, "learning_rate", rate, "a number above 0, such as 0.01"))
}

/// A decay rate must lie in [0, 1).
fn check_decay(place: &str, argument: &str, decay: f64) -> Result<()> {
    if (0.0..1.0).contains(&decay) {
        return Ok(());
    }
    Err(Error::argument(place, argument, decay, "a number from 0 up to, but not including, 1"))
}
