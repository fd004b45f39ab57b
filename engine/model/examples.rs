//! Data sets as the steps take them: checked once, in the form that the loss compares.

use std::sync::Arc;

use super::lower::Stored;
use crate::data::{check_finite, check_labels};
use crate::error::{Error, Result};
use crate::layers::shown;
use crate::tensor::{Tensor, Values};
use crate::train::losses::{Loss, Targets};

/// Samples, and the targets if there are any.
#[derive(Clone, Debug)]
pub(super) struct Examples {
    pub x: Arc<Tensor>,
    pub y: Option<Arc<Tensor>>,
}

impl Examples {
    /// Checks samples for `call`.
    pub fn samples(call: &str, x: Arc<Tensor>) -> Result<Self> {
        if x.shape().is_empty() || x.rows() == 0 {
            let (found, remedy) = (format!("{:?}", x.shape()), "give at least one sample");
            return Err(Error::shape(call, "x", found, "[samples, …]", remedy));
        }
        check_finite(&format!("{call}: x"), &x)?;
        Ok(Self { x, y: None })
    }

    /// Checks samples and targets for `call`.
    pub fn new(call: &str, x: Arc<Tensor>, y: &Arc<Tensor>) -> Result<Self> {
        if y.shape().is_empty() || y.rows() != x.rows() {
            let (found, expected) = (format!("{:?}", y.shape()), format!("{} rows, as x", x.rows()));
            return Err(Error::shape(call, "y", found, expected, "give one target for each sample"));
        }
        let examples = Self::samples(call, x)?;
        check_finite(&format!("{call}: y"), y)?;
        Ok(Self { y: Some(Arc::clone(y)), ..examples })
    }

    /// The same, the targets in the form that `loss` compares with outputs of shape `output`.
    pub fn for_loss(self, call: &str, loss: &dyn Loss, output: &[usize]) -> Result<Self> {
        let Some(y) = &self.y else { return Ok(self) };
        let y = match loss.targets() {
            Targets::Values => values(call, loss, y, output)?,
            Targets::Labels => labels(call, y, output)?,
        };
        Ok(Self { y: Some(y), ..self })
    }

    pub fn rows(&self) -> usize {
        self.x.rows()
    }

    pub fn stored(&self) -> Stored {
        Stored::of(&self.x)
    }

    /// The tensors in the order of the graph's inputs.
    pub fn tensors(&self) -> Vec<Arc<Tensor>> {
        std::iter::once(&self.x).chain(&self.y).cloned().collect()
    }
}

/// Floats of the output's shape. One number a sample may come without its axis.
fn values(call: &str, loss: &dyn Loss, y: &Arc<Tensor>, output: &[usize]) -> Result<Arc<Tensor>> {
    let row = y.shape().get(1..).unwrap_or_default();
    if row != output && !(row.is_empty() && output == [1]) {
        let remedy = match row {
            [] | [1] => {
                "one-hot encode class numbers (data::one_hot), or use sparse_categorical_crossentropy"
            }
            _ => "make the last layer as large as a target",
        };
        let expected = format!("{}, as the model's output, for {}", shown(output), loss.name());
        return Err(Error::shape(call, "y", shown(row), expected, remedy));
    }
    if row == output && matches!(y.values(), Values::F32(_)) {
        return Ok(Arc::clone(y));
    }
    Tensor::f32(&[&[y.rows()], output].concat(), y.to_f32()).map(Arc::new)
}

/// Class numbers, one for each row of scores.
fn labels(call: &str, y: &Arc<Tensor>, output: &[usize]) -> Result<Arc<Tensor>> {
    let Some((&classes, places)) = output.split_last() else {
        let remedy = "end the model with as many outputs as there are classes";
        return Err(Error::shape(call, "the model's output", "[None]", "[None, classes]", remedy));
    };
    let row = y.shape().get(1..).unwrap_or_default();
    if row != places && row != [places, &[1]].concat() {
        let remedy = "give class numbers, or use categorical_crossentropy for one-hot targets";
        return Err(Error::shape(
            call,
            "y",
            shown(row),
            format!("{}, one class number each", shown(places)),
            remedy,
        ));
    }
    let count = y.rows() * y.row_len();
    let flat = Tensor::new(&[count], whole(y))?;
    let numbers = check_labels(&format!("{call}: y"), &flat, classes)?;
    Tensor::u32(&[&[y.rows()], places, &[1]].concat(), numbers).map(Arc::new)
}

/// Class numbers that came as floats, as NumPy's often do, where every one is whole.
fn whole(y: &Tensor) -> Values {
    match y.values() {
        Values::F32(v) if v.iter().all(|&x| x >= 0.0 && x.fract() == 0.0 && x < 16_777_216.0) => {
            Values::U32(v.iter().map(|&x| x as u32).collect())
        }
        other => other.clone(),
    }
}
