//! The one error type: what was expected, what was found, where, and what to do.

use std::path::{Path, PathBuf};

/// What every fallible function of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong on a user's input, files or machine.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor has a shape that its place does not take.
    #[error("{place}: {what} has shape {found}, expected {expected}: {remedy}")]
    Shape {
        /// Layer, operation or argument, such as `layer "dense_2" (Dense 10)`.
        place: String,
        /// Which tensor: `input`, `kernel`, `train_set_x`.
        what: String,
        /// The shape found, printed.
        found: String,
        /// The shape or rule expected.
        expected: String,
        /// What the caller should do about it.
        remedy: String,
    },
    /// An argument lies outside what is allowed.
    #[error("{place}: {argument} is {found}, expected {expected}")]
    Argument {
        /// Function, layer or optimizer.
        place: String,
        /// Name of the argument.
        argument: String,
        /// Its value, printed.
        found: String,
        /// What is allowed, and the remedy if there is one.
        expected: String,
    },
    /// A data set holds values that cannot be trained on.
    #[error("{place}: {problem}: {remedy}")]
    Data {
        /// File, data set or argument.
        place: String,
        /// What is wrong, with the first offending index and value.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A file cannot be read, written or understood.
    #[error("{}: {problem}: {remedy}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
        /// What to do about it.
        remedy: String,
    },
    /// A call came before the one that it needs, such as `fit` before `compile`.
    #[error("{call}: {problem}: {remedy}")]
    Order {
        /// The call made.
        call: String,
        /// What is missing.
        problem: String,
        /// Which call to make first.
        remedy: String,
    },
    /// No device answers, or the device cannot hold the model.
    #[error("device {device}: {problem}: {remedy}")]
    Device {
        /// The device asked for.
        device: String,
        /// What is wrong.
        problem: String,
        /// What to install, or the limit and how to stay under it.
        remedy: String,
    },
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl Error {
    /// An [`Error::Shape`].
    pub fn shape(
        place: impl Into<String>,
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
        remedy: impl Into<String>,
    ) -> Self {
        let (found, expected) = (found.to_string(), expected.to_string());
        Self::Shape { place: place.into(), what: what.into(), found, expected, remedy: remedy.into() }
    }

    /// An [`Error::Argument`].
    pub fn argument(
        place: impl Into<String>,
        argument: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        let found = found.to_string();
        Self::Argument { place: place.into(), argument: argument.into(), found, expected: expected.into() }
    }

    /// That `path` is of a kind that this build does not read or write.
    #[cfg(not(all(feature = "csv", feature = "hdf5", feature = "images")))]
    pub(crate) fn lacking(path: &Path, feature: &str) -> Self {
        let remedy = format!("build gradus with the feature `{feature}`");
        Self::file(path, "is of a kind that this build neither reads nor writes", remedy)
    }

    /// The same of an argument at `place`; any other error as it is.
    pub(crate) fn at(self, place: &str) -> Self {
        match self {
            Self::Argument { argument, found, expected, .. } => {
                Self::argument(place, argument, found, expected)
            }
            other => other,
        }
    }

    /// An [`Error::Data`].
    pub fn data(place: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Data { place: place.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// An [`Error::File`].
    pub fn file(path: impl AsRef<Path>, problem: impl std::fmt::Display, remedy: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().into(), problem: problem.to_string(), remedy: remedy.into() }
    }

    /// An [`Error::Order`].
    pub fn order(call: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Order { call: call.into(), problem: problem.into(), remedy: remedy.into() }
    }

    /// An [`Error::Device`].
    pub fn device(
        device: impl Into<String>,
        problem: impl std::fmt::Display,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Device { device: device.into(), problem: problem.to_string(), remedy: remedy.into() }
    }
}
