//! What training needs besides layers: initializers, losses, metrics, optimizers, regularizers, constraints.

pub mod config;
pub mod constraints;
pub mod initializers;
pub mod losses;
pub mod metrics;
pub mod optimizers;
pub mod regularizers;
pub mod schedules;

use crate::error::{Error, Result};

/// The entry of `table` called `name`.
///
/// # Errors
/// [`Error::Argument`] that lists the names there are.
pub(crate) fn by_name<T: Clone>(place: &str, argument: &str, name: &str, table: &[(&str, T)]) -> Result<T> {
    table.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone()).ok_or_else(|| {
        let known: Vec<&str> = table.iter().map(|(known, _)| *known).collect();
        Error::argument(place, argument, format!("{name:?}"), format!("one of {}", known.join(", ")))
    })
}
