use crate::error::{Error, Result};
use crate::graph::Parameter;
use crate::train::optimizers::{self, Optimizer};

/// An optimizer, and the layers whose weights it changes.
#[derive(Debug)]
pub struct Learner {
    pub(super) name: String,
    pub(super) optimizer: Box<dyn Optimizer>,
    /// How the names of its layers begin; all layers if there are none.
    pub(super) layers: Vec<String>,
}

impl Learner {
    /// A learner of the layers whose names begin with one of `layers`. Its loss is called `NAME_loss` in the logs.
    ///
    /// # Errors
    /// If a number of the optimizer makes no sense.
    pub fn new<O>(name: &str, optimizer: O, layers: &[&str]) -> Result<Self>
    where
        O: TryInto<Box<dyn Optimizer>, Error: Into<Error>>,
    {
        let layers = layers.iter().map(|layer| layer.to_string()).collect();
        let learner =
            Self { name: name.into(), optimizer: optimizer.try_into().map_err(Into::into)?, layers };
        if learner.has_all() {
            let expected = "the beginning of one layer's name at least";
            return Err(Error::argument(learner.place(), "layers", "[]", expected));
        }
        optimizers::check(learner.optimizer.as_ref())?;
        Ok(learner)
    }

    /// The learner of all layers.
    pub(super) fn of_all(optimizer: Box<dyn Optimizer>) -> Result<Self> {
        optimizers::check(optimizer.as_ref())?;
        Ok(Self { name: String::new(), optimizer, layers: Vec::new() })
    }

    /// Where an error lies.
    pub(super) fn place(&self) -> String {
        format!("learner {:?}", self.name)
    }

    pub(super) fn has_all(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether `parameter` is a weight of its layers.
    pub(super) fn has(&self, parameter: &Parameter) -> bool {
        self.has_all() || self.layers.iter().any(|layer| parameter.name.starts_with(layer.as_str()))
    }
}
