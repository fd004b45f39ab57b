use crate::error::{Error, Result};
use crate::train::regularizers::Regularizer;

/// What every layer has: a name, whether its weights learn, what its output adds to the loss, and the first error of its
/// construction, which is told when the layer is built, so that layers can be written one option after the other.
#[derive(Clone, Debug)]
pub struct Base {
    name: String,
    trainable: bool,
    activity_regularizer: Option<Regularizer>,
    error: Option<Error>,
}

impl Default for Base {
    fn default() -> Self {
        Self { name: String::new(), trainable: true, activity_regularizer: None, error: None }
    }
}

impl Base {
    /// The name; empty until one is given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Gives the layer a name.
    pub fn set_name(&mut self, name: &str) {
        self.name = name.to_string();
    }

    /// Whether the weights learn. Default true.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// Lets the weights learn, or keeps them as they are.
    pub fn set_trainable(&mut self, trainable: bool) {
        self.trainable = trainable;
    }

    /// What the output adds to the loss, if anything: the penalty over a batch, divided by the number of samples.
    pub fn activity_regularizer(&self) -> Option<Regularizer> {
        self.activity_regularizer
    }

    /// Lets the output add something to the loss, or nothing.
    pub fn set_activity_regularizer(&mut self, regularizer: Option<Regularizer>) {
        self.activity_regularizer = regularizer;
    }

    /// Refuses a regularizer of the output, for a layer that Keras gives none.
    pub(super) fn check_not_regularized(&self, place: &str, expected: &str) -> Result<()> {
        match self.activity_regularizer {
            None => Ok(()),
            Some(_) => Err(Error::argument(place, "activity_regularizer", "given", expected)),
        }
    }

    /// The value of an option, or `old` where it is none; the error is kept for [`Base::check`].
    pub fn option<T, V>(&mut self, old: T, value: V) -> T
    where
        V: TryInto<T>,
        V::Error: Into<Error>,
    {
        value.try_into().unwrap_or_else(|error| {
            self.refuse(error.into());
            old
        })
    }

    /// The value of an option that is absent otherwise; an error is kept for [`Base::check`].
    pub fn given<T, V>(&mut self, value: V) -> Option<T>
    where
        V: TryInto<T>,
        V::Error: Into<Error>,
    {
        value.try_into().map_err(|error| self.refuse(error.into())).ok()
    }

    /// Keeps an error for [`Base::check`], unless there is one already.
    pub fn refuse(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// The first error of the layer's construction, told at its place.
    ///
    /// # Errors
    /// That error.
    pub fn check(&self, place: &str) -> Result<()> {
        self.error.clone().map_or(Ok(()), |error| Err(error.at(place)))
    }
}
