//! What a pass runs over: arrays, or a data set that is read meanwhile.

use std::sync::Arc;

use super::device::Engine;
use super::examples::{Examples, Form};
use super::options::{BATCH_SIZE, check_batch_size};
use super::streamed::Streamed;
use super::tensors::{Given, Tensors};
use crate::data::{Dataset, split_row};
use crate::error::{Error, Result};
use crate::schedule::{BindingId, ProgramId};
use crate::stream::{ReadAhead, Source, Stored, Volume};
use crate::tensor::Tensor;

/// Samples, and targets if there are any, in the form that the graph takes.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    data: Data,
    /// Whether they came as a [`Dataset`].
    is_dataset: bool,
    /// The batch size of a data set that has one.
    batch: Option<usize>,
    /// How many neighbours a shuffled order keeps together.
    block: usize,
}

#[derive(Clone, Debug)]
enum Data {
    Arrays(Examples),
    Streamed(Streamed),
}

impl Samples {
    /// Checks samples and targets for `call`.
    pub fn new(call: &str, x: Tensors, y: Tensors) -> Result<Self> {
        match (x.0, y.0) {
            (Given::Arrays(x), Given::Arrays(y)) => Ok(Self::arrays(Examples::new(call, x, y)?)),
            (Given::Dataset(x), Given::Arrays(y)) if y.is_empty() => Self::of(call, &x, true),
            (Given::Dataset(_), _) => {
                Err(Error::argument(call, "y", "given", "(): the data set has targets of its own"))
            }
            (_, Given::Dataset(_)) => {
                Err(Error::argument(call, "y", "a data set", "tensors: a data set takes the place of x"))
            }
        }
    }

    /// Checks samples for `call`; the targets of a data set are left out.
    pub fn without_targets(call: &str, x: Tensors) -> Result<Self> {
        match x.0 {
            Given::Arrays(x) => Ok(Self::arrays(Examples::samples(call, x)?)),
            Given::Dataset(x) => Self::of(call, &x, false),
        }
    }

    fn arrays(examples: Examples) -> Self {
        Self { data: Data::Arrays(examples), is_dataset: false, batch: None, block: 1 }
    }

    fn of(call: &str, dataset: &Dataset, targets: bool) -> Result<Self> {
        let source = dataset.source();
        let (batch, block) = (dataset.batch_size(), source.block());
        let data = match source.tensors() {
            None => Data::Streamed(Streamed::new(call, dataset, targets)?),
            Some(mut x) => {
                let y = x.split_off(dataset.inputs());
                let y = if targets { y } else { Vec::new() };
                Data::Arrays(Examples::new(call, x, y)?)
            }
        };
        Ok(Self { data, is_dataset: true, batch, block })
    }

    /// The same, each sample counting in the losses as much as `weights` says.
    pub fn weighted(self, call: &str, weights: Option<Tensors>) -> Result<Self> {
        let Some(weights) = weights else { return Ok(self) };
        match (self.data, weights.0) {
            (Data::Arrays(examples), Given::Arrays(weights)) if !self.is_dataset => {
                Ok(Self { data: Data::Arrays(examples.weighted(call, weights)?), ..self })
            }
            _ => {
                let expected = "none with a data set: weigh by class_weight, or give arrays";
                Err(Error::argument(call, "sample_weight", "given", expected))
            }
        }
    }

    /// The same, each sample counting as much as its class; the targets are in the form that the loss compares.
    pub fn weighted_by_class(self, classes: &[(usize, f32)]) -> Result<Self> {
        let data = match self.data {
            Data::Arrays(examples) => Data::Arrays(examples.weighted_by_class(classes)?),
            Data::Streamed(streamed) => Data::Streamed(streamed.weighted_by_class(classes)?),
        };
        Ok(Self { data, ..self })
    }

    /// The same, the targets in `form`.
    pub fn in_form(self, call: &str, form: &Form) -> Result<Self> {
        let data = match self.data {
            Data::Arrays(examples) => Data::Arrays(examples.in_form(call, form)?),
            Data::Streamed(streamed) => Data::Streamed(streamed.in_form(form)?),
        };
        Ok(Self { data, ..self })
    }

    /// The rows to train on, and the last `fraction` of them.
    pub fn part(&self, fraction: f64) -> Result<[Self; 2]> {
        match &self.data {
            Data::Arrays(examples) if !self.is_dataset => {
                let parts = examples.part(split_row(self.rows(), fraction)?)?;
                Ok(parts.map(|part| Self { data: Data::Arrays(part), ..*self }))
            }
            _ => {
                let expected = "0 with a data set: call Dataset::split, and give a part as validation_data";
                Err(Error::argument("fit", "validation_split", fraction, expected))
            }
        }
    }

    pub fn rows(&self) -> usize {
        match &self.data {
            Data::Arrays(examples) => examples.rows(),
            Data::Streamed(streamed) => streamed.rows(),
        }
    }

    /// How many neighbours a shuffled order keeps together.
    pub fn block(&self) -> usize {
        self.block
    }

    /// How samples are stored, and behind them what else the graph depends on.
    pub fn stored(&self) -> Vec<Stored> {
        self.example().stored()
    }

    /// The shapes of one sample of each input.
    pub fn row_shapes(&self) -> Vec<Vec<usize>> {
        self.example().row_shapes()
    }

    /// How much data there is.
    pub fn volume(&self) -> Volume {
        let columns = self.example().tensors();
        let bytes = |column: &Arc<Tensor>| (Stored::of(column).row_bytes() * self.rows()) as u64;
        let is_streamed = matches!(self.data, Data::Streamed(_));
        Volume { rows: self.rows(), columns: columns.iter().map(bytes).collect(), is_streamed }
    }

    fn example(&self) -> &Examples {
        match &self.data {
            Data::Arrays(examples) => examples,
            Data::Streamed(streamed) => streamed.first(),
        }
    }

    /// Whether it is a data set with a batch size of its own.
    pub fn is_batched(&self) -> bool {
        self.batch.is_some()
    }

    /// The samples in a batch: `asked`, or what the data set says, or Keras's default.
    pub fn batch_size(&self, call: &str, asked: Option<usize>) -> Result<usize> {
        if let (Some(asked), Some(own)) = (asked, self.batch) {
            let expected = format!("none: the data set is in batches of {own}");
            return Err(Error::argument(call, "batch_size", asked, expected));
        }
        let batch_size = asked.or(self.batch).unwrap_or(BATCH_SIZE);
        check_batch_size(call, batch_size)?;
        Ok(batch_size)
    }

    /// Binds `program` to these samples for `steps` steps.
    pub fn bind(&self, engine: &mut Engine, program: ProgramId, steps: usize) -> Result<BindingId> {
        match &self.data {
            Data::Arrays(examples) => engine.bind(program, &examples.tensors(), steps),
            Data::Streamed(streamed) => {
                let ahead = streamed.ahead();
                engine.bind_stream(program, ReadAhead::new(Arc::new(streamed.clone()), ahead), steps)
            }
        }
    }
}
